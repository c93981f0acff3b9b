"""Make a bundle of prompts, which tell a Whisper whom to transcribe, and prove it.

    python -m tap_live.export.prompts RUN/best.pt tiny.en OUT --figures evaluation.md

The prompts are those of a training run, or a file in the layout of the method's authors. They
are kept in fp16; graphs and network are compared with what is kept.
"""

from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
import torch
import typer
from safetensors.torch import save_file

from tap_live.bundle import FORMAT, Bundle, Manifest, file_spec, open_bundle, write_manifest
from tap_live.errors import ParityError
from tap_live.export.task import Conversation, clip, conversation
from tap_live.models.training.prompt_files import whisper_folder
from tap_live.models.ts_whisper import (
    FRAMES_A_POSITION,
    Prompts,
    TargetSpeakerWhisper,
    open_whisper,
    prompts_of,
    read_prompts,
)
from tap_live.models.whisper import Whisper as Network
from tap_live.processor import Embedding
from tap_live.voices.encoder import SpeakerEncoder
from tap_live.whisper.decoding import tokenizer_of
from tap_live.whisper.features import RATE, log_mel
from tap_live.whisper.model import Float32, Whisper
from tap_live.whisper.prompts import FILE, KIND, VoicePrompts

TOLERANCE = 1e-3
LICENCE = "Apache-2.0"
SOURCES = (
    "OpenAI's Whisper, MIT: what the prompts were trained against; no weight of it is in here",
    "Resemblyzer's speaker encoder, Apache-2.0: whose embeddings they take",
    "LibriSpeech CC BY 4.0, VCTK CC BY 4.0, Asterisk core sounds CC BY-SA 3.0, Free Spoken Digits "
    "CC BY-SA 4.0, LJ Speech public domain: training voices",
)
USES = {
    True: "`--captions both`: they learned from what an extractor keeps of mixtures.",
    False: "`--captions prompt`: they learned from mixtures as they are.",
}
NOT_MEASURED = "Not measured on the evaluation lists.\n"
CARD = """\
# {name}

Soft prompts and a linear layer for the speaker embedding, which tell OpenAI's Whisper {whisper}
whom to transcribe where voices overlap ({length} prompts a layer and side, embeddings of {speaker}
numbers, {parameters:,} parameters in fp16). Whisper itself is not changed and not in here.

- **Method:** Ma et al., arXiv:2312.08079; our own code (`models/ts_whisper.py`).
- **Made by:** `{made_by}` from `{source}`, trained by `models/training` (`fit --kind prompts`).
- **Checked:** {graphs} give the network's logits to {worst:.0e} ({tolerance:.0e} allowed), with
  rows of different voices and of none in one batch.
- **For:** {use}
- **Limits:** English read speech; one enrolment is one vector, so like voices are mixed up.

## Figures

{figures}"""


class Exported(NamedTuple):
    """A bundle and what its proof found."""

    bundle: Bundle
    worst: float  # difference of a logit


def export(
    prompts: Path,
    whisper: str,
    network: Network,
    live: Whisper,
    folder: Path,
    figures: str = NOT_MEASURED,
) -> Exported:
    """Write a bundle and compare the live engine with the network it was made of.

    Args:
        prompts: best.pt of a run, or the authors' layout.
        whisper: name of the model that they are for.
        live: the same model in fp32, as the live engine runs it.
    Raises: ValueError if the prompts are not for it; ParityError if the two disagree.
    """
    made_by = "python -m tap_live.export.prompts"
    manifest, rounded = write(prompts, whisper, network, folder, made_by)
    worst = parity(TargetSpeakerWhisper(network, rounded), live, VoicePrompts.open(folder))
    return Exported(seal(folder, manifest, prompts.name, rounded, worst, figures), worst)


def write(
    prompts: Path, whisper: str, network: Network, folder: Path, made_by: str
) -> tuple[Manifest, Prompts]:
    """Write a bundle that lacks its card; return the prompts as they are kept, too.

    Raises: ValueError if they are not for this Whisper.
    """
    settled = prompts_of(read_prompts(prompts), network.dims).settled()
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: part.half().contiguous() for name, part in settled.items()}, folder / FILE)
    rounded = prompts_of(read_prompts(folder / FILE), network.dims)
    manifest = Manifest(
        format=FORMAT,
        name=f"prompts-{whisper}",
        kind=KIND,
        licence=LICENCE,
        made_by=made_by,
        sources=SOURCES,
        files={FILE: file_spec(folder / FILE)},
        settings={
            "whisper": whisper,
            "length": rounded.length,
            "speaker": rounded.speaker_width,
            "extracted": learned_extracted(prompts),
        },
    )
    write_manifest(folder, manifest)
    return manifest, rounded


def learned_extracted(prompts: Path) -> bool:
    """Whether prompts were trained behind an extractor; a file that does not say so were not."""
    if prompts.suffix == ".safetensors":
        return False
    content = torch.load(prompts, map_location="cpu", weights_only=True)
    return bool(content.get("about", {}).get("extractor"))


def seal(
    folder: Path,
    manifest: Manifest,
    source: str,
    rounded: Prompts,
    worst: float,
    figures: str = NOT_MEASURED,
    tolerance: float = TOLERANCE,
    graphs: str = "the graphs",
) -> Bundle:
    """Write the card of prompts that were proved."""
    card = CARD.format(
        name=manifest.name,
        whisper=manifest.settings["whisper"],
        length=rounded.length,
        speaker=rounded.speaker_width,
        parameters=sum(part.numel() for part in rounded.settled().values()),
        made_by=manifest.made_by,
        source=source,
        worst=worst,
        tolerance=tolerance,
        graphs=graphs,
        use=USES[bool(manifest.settings["extracted"])],
        figures=figures,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    files = {file: file_spec(folder / file) for file in (FILE, "README.md")}
    write_manifest(folder, msgspec.structs.replace(manifest, files=files))
    return open_bundle(folder, KIND)


def parity(network: TargetSpeakerWhisper, live: Whisper, prompts: VoicePrompts) -> float:
    """Largest difference of a logit. Raises: ParityError if it is above `TOLERANCE`."""
    worst = max(float(np.abs(a - b).max()) for a, b in logits_of_both(network, live, prompts))
    if not worst <= TOLERANCE:
        raise ParityError("logits", 0, worst, TOLERANCE)
    return worst


@torch.no_grad()
def logits_of_both(
    network: TargetSpeakerWhisper, live: Whisper, prompts: VoicePrompts
) -> list[tuple[Float32, Float32]]:
    """The live engine's logits and the network's, (N, V) each, for what the demo's two say over
    each other: for each of them and for nobody, who are one batch for the engine and alone for
    the network.

    Raises: BundleError if the prompts are for another Whisper, or its tokenizer is none.
    """
    prompts.check(live.dims)
    length = network.prompts.length
    spoken = talked_over()
    mel = log_mel(spoken.audio, bands=live.dims.n_mels)[None]
    tokenizer = tokenizer_of(live)
    start = tokenizer.start("en", "transcribe", timestamps=False)
    said = np.array([[*start, *tokenizer.encode(f" {spoken.text}")]])
    opening = np.full((1, 1 + length), live.dims.previous)
    lead = FRAMES_A_POSITION * (1 + length)
    heard, plain = (np.pad(mel, ((0, 0), (0, 0), sides)) for sides in ((lead, 0), (0, lead)))
    voices = [_voice(file, network.prompts.speaker_width) for file in ("maya.ogg", "ben.ogg")]
    whom = [voices[0], None, voices[1]]
    mixed = prompts.of(whom)
    encoded = live.encode(np.concatenate([heard, plain, heard]), mixed)
    found = live.decode(np.repeat(said, 3, axis=0), live.start(encoded, mixed))[0]  # (3, N, V)
    both = []
    for row, voice in enumerate(whom):
        speaker = None if voice is None else torch.from_numpy(voice)[None]
        states = network.encode(torch.from_numpy(mel), speaker, heard.shape[-1])
        tokens = said if voice is None else np.concatenate([opening, said], axis=1)
        logits = network.logits(torch.from_numpy(tokens), states, speaker)[0, -said.shape[1] :]
        both.append((found[row], logits.numpy()))
    return both


def talked_over() -> Conversation:
    """The demo's first turn, which is Maya's, with Ben reading something else over it."""
    said = conversation(RATE, seconds=7.0)
    other = clip("ben.ogg", RATE)[: len(said.audio)]
    level = np.std(said.audio[: len(other)]) / np.std(other)
    over = np.pad(other * level, (0, len(said.audio) - len(other)))
    return Conversation((said.audio + over).astype(np.float32), said.text)


def _voice(file: str, width: int) -> Embedding:
    """Who speaks in a recording, as long as prompts want it: theirs may be another encoder."""
    return np.resize(SpeakerEncoder.open().embed(clip(file, RATE)), width)


def main(
    prompts: Annotated[Path, typer.Argument(help="best.pt, or the authors' layout")],
    whisper: Annotated[str, typer.Argument(help="name of the Whisper that they are for")],
    out: Annotated[Path, typer.Argument(help="folder of the bundle")],
    figures: Annotated[Path | None, typer.Option(help="Markdown for the card")] = None,
    cache: Annotated[Path, typer.Option(help="weights put together")] = Path("runs/cache"),
) -> None:
    """Make the bundle and prove it against PyTorch."""
    network = open_whisper(whisper_folder(whisper, cache, cache))
    live = Whisper.open(whisper, precision="fp32")
    text = figures.read_text(encoding="utf-8") if figures else NOT_MEASURED
    made = export(prompts, whisper, network, live, out, text)
    size = sum(file.bytes for file in made.bundle.manifest.files.values())
    typer.echo(f"{out}: {size / 1e6:.2f} MB, parity {made.worst:.1e}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    typer.run(main)
