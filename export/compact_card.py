"""What is written beside a compact extractor: its name, its sources, its model card."""

from dataclasses import dataclass, replace
from textwrap import fill

import numpy as np

from tap_live.catalogue import BUNDLES
from tap_live.export.compact_graph import AHEAD, HOPS
from tap_live.export.emulation import told
from tap_live.export.rounding import Bits
from tap_live.export.verify import Parity
from tap_live.extractors.network import OFFLINE
from tap_live.models.compact import Dims
from tap_live.models.speaker import WIDTH
from tap_live.models.training.labels import Kinds
from tap_live.signs import Thresholds

PRESENCE = "## Whether it is there\n\n"
NOT_MEASURED = "Not measured: `python -m tap_live.export.evaluate` makes them."
NOT_KEPT = "The commands of its training were not kept."
ROOMS = "rooms: synthetic impulse responses, CC0"


@dataclass(frozen=True)
class Recipe:
    """What is the same for every network of one kind of target."""

    name: str
    kind: str
    rate: int  # Hz, of the audio that it is trained and proved on
    cues: tuple[str, ...]  # bundles whose embeddings it takes
    sources: tuple[str, ...]
    does: str
    limits: str
    presence: Thresholds  # of what ships; `presence_eval` chooses them


VOICE = Recipe(
    name="voice-compact",
    kind="voice-extractor",
    rate=16_000,
    cues=("speaker",),
    sources=(
        "speech, CC BY 4.0: LibriSpeech, LibriTTS, VCTK, Multilingual LibriSpeech",
        "speech, public domain: LJSpeech, LibriVox",
        "speech, CC BY-SA: Asterisk prompts (3.0), Free Spoken Digit Dataset (4.0)",
        "speech, synthesised: Kokoro-82M, Apache-2.0",
        "noise: ESC-10, OLPC/Berklee, noise-of-life, blanket, sonic-pi, librosa and others, "
        "CC0, MIT, CC BY, CC BY-SA",
        ROOMS,
        "cues in training: the speaker encoder of Resemblyzer 0.1.4, Apache-2.0",
    ),
    does="Extracts one enrolled voice from a mixture. The cue is its embedding, 256 numbers.",
    limits="Trained on mostly read English. A voice that is like another, a noisy or short "
    "enrolment, and several talkers\n  at once make it pick the wrong one; where the voice does "
    "not speak, others leak. It knows voices only,\n  not sounds. Cues are voiceprints: "
    "biometric data.",
    presence=Thresholds(on=-10.0, off=-12.0, like=0.6, appears=0.2, leaves=1.0),
)
RECORDED = replace(
    VOICE,
    name="voice-offline",
    kind=f"{OFFLINE}voice-extractor",
    does="Extracts one enrolled voice from a recording: it hears what follows too. The cue is its\n"
    "embedding, 256 numbers.",
)
SOUND = Recipe(
    name="sound-compact",
    kind="sound-extractor",
    rate=32_000,
    cues=("text-cue", "audio-cue"),
    sources=(
        "sounds: ESC-10 (CC BY 3.0), OLPC/Berklee (CC BY 3.0), OpenSoundEffects (CC BY 4.0), "
        "noise-of-life, blanket, librosa, sonic-pi, Scratch, FluidR3 renders and others, "
        "CC0, MIT, CC BY, CC BY-SA",
        "speech as one of the sounds: as for voice-compact",
        ROOMS,
        "cues in training: the audio encoder of `audio-cue` and sentences embedded by MiniLM "
        "(Apache-2.0)",
    ),
    does="Extracts one sound from a mixture, asked for in words or by an example. The cue is what\n"
    "is kept, 128 numbers, and what is not, 128 more, zeros where nothing is said.",
    limits="Some thousands of short clips were all that it heard: what is not like one of them "
    "it does\n  not know, and like sounds it cannot tell apart. It is told English words only.",
    presence=Thresholds(on=-6.0, off=-8.0, like=0.4, appears=0.2, leaves=1.0),
)
RECORDED_SOUND = replace(
    SOUND,
    name="sound-offline",
    kind=f"{OFFLINE}sound-extractor",
    does="Extracts one sound from a recording, asked for in words or by an example: it hears what\n"
    "follows too. The cue is what is kept, 128 numbers, and what is not, 128 more, zeros where\n"
    "nothing is said.",
)


@dataclass(frozen=True)
class Proof:
    """What was found when a bundle was made."""

    parity: list[Parity]
    rounding: float | None  # dB, the output over what rounding weights changes; None: unknown
    allowed: float = 1e-4

    @property
    def worst(self) -> float:
        return max(part.largest for part in self.parity)

    @property
    def compared(self) -> str:
        masks = "masks over the whole of it"
        return masks if len(self.parity) == 1 else f"{masks}, states hop by hop"


def recipe_of(dims: Dims) -> Recipe:
    """What is the same for every network of its kind. Raises: KeyError of another."""
    recipes = {"voice": (VOICE, RECORDED), "sound": (SOUND, RECORDED_SOUND)}
    return recipes[dims.kind][dims.future]


def _kept_as(precision: str, bits: Bits) -> str:
    if precision == "fp32":
        disk = "fp16" if bits == 16 else "matrices as 8-bit steps of a scale for each output"
        return f"{disk} on disk, fp32 when run"
    return told(f"computed in {precision}", precision)


def _rounding(proof: Proof) -> str:
    if proof.rounding is None:
        return ""
    return f"  What rounding weights changed in the output lies {proof.rounding:.0f} dB below it.\n"


def _known(recipe: Recipe) -> str:
    """The kinds of sound that it was trained on, as one asks for them."""
    if recipe not in (SOUND, RECORDED_SOUND):
        return ""
    with np.load(BUNDLES / "text-cue" / "likes.npz") as likes:
        heard = likes["clips"].any(axis=1)  # the others have no clips to learn from
    kinds = zip(Kinds.open().kinds, heard, strict=True)
    sayings = sorted(kind.sayings[0] for kind, there in kinds if there)
    heading = f"## The {len(sayings)} kinds of sound that it was trained on"
    told = "Other words are moved towards those of these that lie near."
    return "\n".join(["", heading, "", told, "", fill("; ".join(sayings) + ".", 110), ""])


def _beside(dims: Dims) -> str:
    """What a network is told beside its target."""
    if dims.kind == "sound" and dims.future:
        return (
            "\nWhere nothing was asked away, the second side is what is heard beside the sound in\n"
            "what is left of a recording; what was is asked for as well, and the two are divided."
        )
    if dims.kind != "voice" or dims.cue == WIDTH:
        return ""
    return (
        "\nIt is followed by the embedding of who speaks beside it, found in what is left:\n"
        f"zeros while nobody is known{'' if dims.future else ', and always in a stream'}."
    )


def _checked(dims: Dims, proof: Proof) -> str:
    return f"{proof.parity[0].steps} {'stretches' if dims.future else 'hops'}"


def _how(dims: Dims) -> str:
    top_khz = dims.bins / (2 * dims.hop_s) / 1000
    sees = f"{dims.bins} bins below {top_khz:g} kHz at any stream rate"
    if dims.future:
        return f"""\
A network for recordings, on a CPU: it looks at short-time spectra, a hop every
{1000 * dims.hop_s:g} ms, {sees},
and gives complex masks: of {dims.hop_s * HOPS:g} s at once, after it has heard
{dims.hop_s * AHEAD:.2g} s more. What it remembers of what was before goes in and out."""
    return f"""\
A causal network for a CPU: every {1000 * dims.hop_s:g} ms it looks at a short-time spectrum,
{sees}, and gives a complex mask. Latency
{1000 * (dims.hop_s + dims.fade_s):g} ms. State goes in and out."""


def card(
    recipe: Recipe,
    dims: Dims,
    proof: Proof,
    *,
    parameters: int,
    size: int,
    bits: Bits,
    made_by: str,
    figures: str,
    trained: str = NOT_KEPT,
    presence: str = "",
    precision: str = "fp32",
) -> str:
    """Write the model card; `size` is the graph's, in bytes, `figures` and those below Markdown."""
    sources = "\n".join(f"  - {source}" for source in recipe.sources)
    return f"""\
# {recipe.name}

{recipe.does}{_beside(dims)}

{_how(dims)}

- **Size:** {parameters:,} parameters, {size:,} bytes, {_kept_as(precision, bits)}.
- **Made by:** `{made_by}`, from a checkpoint of
  `python -m tap_live.models.training` (`models/training/README.md`); see Training.
- **From:** our own weights, trained from nothing on mixtures made of
{sources}
- **Checked:** this graph against PyTorch over {_checked(dims, proof)} of real speech,
  {proof.compared}: {proof.worst:.1e} apart at most ({proof.allowed:.0e} allowed).
{_rounding(proof)}- **Limits:** {recipe.limits}
{_known(recipe)}
## Training

{trained.strip()}

## Figures

Improvements are over the mixture, in dB; 95 % bootstrap intervals in brackets.

{figures.strip()}

{PRESENCE}{presence or unmeasured(recipe)}
"""


def presence_of(text: str) -> str:
    """What a card says of presence, at its end; nothing if it says nothing."""
    return text.partition(PRESENCE)[2].strip()


def with_presence(text: str, presence: str) -> str:
    """A card that says this of presence, in the place of what it said."""
    return f"{text.partition(PRESENCE)[0].rstrip()}\n\n{PRESENCE}{presence.strip()}\n"


def unmeasured(recipe: Recipe) -> str:
    """What is said of presence before it was measured."""
    return (
        f"{told_presence(recipe.presence)}\n\nNot measured with these weights: "
        "`python -m tap_live.export.presence_eval` does, and chooses others."
    )


def told_presence(its: Thresholds) -> str:
    """By which signs a target is said to be there, in words."""
    like = (
        ""
        if its.like is None
        else f"and the cosine of its newest second, embedded, with the cue is over {its.like:g}, "
    )
    return (
        f"A target is said to be there when what is extracted lies over {its.on:g} dB beside the "
        f"mixture {like}for {its.appears:g} s, and gone\nafter {its.leaves:g} s at which that is "
        f"not so (under {its.off:g} dB once it is there; under {its.quietest:g} dBFS is nothing)."
    )
