"""`--captions`: whether captions hear the mixture or what is extracted, plainly or prompted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tap_live.captions.choir import Choir, RememberingEncoder, ears
from tap_live.captions.recording import Alone
from tap_live.captions.stream import MakeCaptioner
from tap_live.captions.streaming import StreamingCaptioner, StreamingConfig
from tap_live.captions.vad import Probabilities, Vad
from tap_live.captions.whisper import WhisperRecogniser
from tap_live.commands.captioning import Captioning, captioning, load_whisper
from tap_live.commands.extracting import Asking, Extracting, not_installed
from tap_live.commands.options import DEFAULT_WHISPER, CaptionsBy
from tap_live.commands.warning import warn
from tap_live.errors import ConfigError
from tap_live.processor import Processor
from tap_live.providers import CPU, Where
from tap_live.voices.gate import GateConfig, Others, VoiceGate
from tap_live.voices.scoring import Scorer
from tap_live.voices.store import Voice, VoiceStore
from tap_live.voices.targets import PREFIX, THRESHOLD, verifiers_of, voice_names
from tap_live.voices.verification import Verifier
from tap_live.whisper.model import Whisper
from tap_live.whisper.prompts import VoicePrompts

# Log-likelihood ratio from which a voice is transcribed in a mixture: one that is talked over
# sounds less like itself. Of two training voices of LibriSpeech over each other at 0 dB (22 asked
# for, 11 others asked for; the gate is open for so much of the time, there and absent): 1.0: 35
# and 0 %; -1: 43 and 0; -2: 49 and 1; -4: 63 and 7; -6: 76 and 25; -8: 84 and 51. Prompts
# are to say themselves that a voice is absent; those that ship have hardly learned it.
TALKED_OVER = -4.0


@dataclass(frozen=True)
class Hearing:
    """What captions are made of.

    Attributes:
        extracted: the voices that are kept, rather than the mixture.
        prompts: what tells Whisper whom to transcribe; None: whoever a gate lets through.
    """

    extracted: bool
    prompts: VoicePrompts | None


def hearing(
    by: CaptionsBy | None,
    folder: Path | None,
    asked: Asking,
    plan: Extracting | None,
    others: Others | None,
    whisper: str | None,
    language: str | None,
) -> Hearing:
    """Decide what captions hear; `auto` is `by_itself`.

    Raises: ConfigError if no voice is asked for, others are to be shown, or prompts are given
        that nothing would hear by; BundleError if what it takes is not installed.
    """
    if folder and by in ("auto", "extract"):
        raise ConfigError(f"--captions {by} takes no --prompts: ask for prompt or both")
    given = VoicePrompts.open(folder) if folder else None
    own = ("both" if given.extracted else "prompt") if given else "auto"
    chosen = by or own
    hidden = others in (None, "hide")
    if chosen == "auto":
        return by_itself(plan, asked.voices, others, whisper, language)
    if not asked.voices:
        raise ConfigError(f"--captions {chosen} follows a voice: add --target voice:NAME")
    if not hidden:
        raise ConfigError(f"--captions {chosen} hears no other voices: leave --others {others}")
    if chosen in ("extract", "both") and plan is None:
        raise not_installed(next(one for one in asked.asked if one.kind == "voice"))
    if chosen == "extract":
        return Hearing(True, None)
    prompts = given or VoicePrompts.of_whisper(whisper or DEFAULT_WHISPER)
    if prompts.extracted and chosen == "prompt":
        warn(f"{prompts.name} was trained for --captions both: on a mixture it helps little")
    return Hearing(chosen == "both", prompts)


def by_itself(
    plan: Extracting | None,
    voices: Sequence[str],
    others: Others | None,
    whisper: str | None,
    language: str | None,
) -> Hearing:
    """What captions hear if nobody says: the extracted voice where a network is installed that
    captions may hear, prompted if prompts ship that learned from such, else the mixture.

    Prompts learned English. Settled on mixtures of training voices: extracted and prompted had
    fewer wrong words than extracted, and fewer of voices that were absent (`docs/prompts.md`).
    """
    extracted = plan is not None and plan.captions and others in (None, "hide")
    prompts = None
    if extracted and voices and language == "en":
        prompts = VoicePrompts.shipped(whisper or DEFAULT_WHISPER)
    return Hearing(extracted, prompts if prompts and prompts.extracted else None)


def listening(
    heard: Hearing,
    whisper: str | None,
    language: str | None,
    targets: Sequence[str],
    others: Others | None,
    threshold: float | None = None,
    where: Where = CPU,
) -> Captioning:
    """Load what captions need. Raises: as `captioning`."""
    if heard.prompts is None:
        return captioning(whisper, language, targets, others, threshold, where=where)
    if threshold is not None and not heard.extracted:
        raise ConfigError("--voice-threshold is not for prompts on a mixture: leave one of them")
    name, store = whisper or DEFAULT_WHISPER, VoiceStore()
    voices = [store.load(voice) for voice in voice_names(targets)]
    model = load_whisper(name, where=where)
    heard.prompts.check(model.dims)
    usual = THRESHOLD if heard.extracted else TALKED_OVER
    ratio = usual if threshold is None else threshold
    choirs = Choirs(model, heard.prompts, voices, language, threshold=ratio)
    bundles = (f"whisper-{name}", heard.prompts.name, "vad", "voices")
    alone = choirs.alone(verifiers_of(voices, threshold=threshold))
    return Captioning(model, choirs.make, bundles, choirs.apart(), alone)


class Choirs:
    """Make choirs of the same voices; networks are loaded once and warmed up."""

    def __init__(
        self,
        model: Whisper,
        prompts: VoicePrompts,
        voices: Sequence[Voice],
        language: str | None = None,
        *,
        threshold: float,
    ) -> None:
        """`threshold` is the ratio from which a voice is transcribed."""
        self._threshold = threshold
        self._config = StreamingConfig(language=language)
        self._encoder, scorer = RememberingEncoder.open(), Scorer.open()
        self._scorer = scorer
        self._prints = {voice.name: scorer.print_of(voice.state) for voice in voices}
        self._prompts = {
            voice.name: prompts.of([np.array(voice.embedding, np.float32)]) for voice in voices
        }
        self._recognisers = {
            name: WhisperRecogniser(model, prompt) for name, prompt in self._prompts.items()
        }
        self._recognisers[voices[0].name].warm_up(language)

    def make(self, start: float, first_id: int) -> Choir:
        """Begin at `start` seconds of the stream, with captions numbered from `first_id`."""
        listeners = zip(self._prints, ears(Vad.open(), len(self._prints)), strict=True)
        return Choir([self._captioner(name, ear, start) for name, ear in listeners], first_id)

    def apart(self) -> dict[str, MakeCaptioner]:
        """Makers of a captioner for each voice, who hears it extracted; by targets' names."""
        return {f"{PREFIX}{name}": partial(self._alone, name) for name in self._prints}

    def alone(self, known: Mapping[str, Verifier]) -> dict[str, Alone]:
        """How each voice is heard in what is extracted of it of a recording; by its name."""
        return {name: Alone(prompt, known[name].knows) for name, prompt in self._prompts.items()}

    def _alone(self, name: str, start: float, first_id: int) -> StreamingCaptioner:
        return self._captioner(name, Vad.open(), start, first_id)

    def _captioner(
        self, name: str, vad: Processor[Probabilities], start: float, first_id: int = 0
    ) -> StreamingCaptioner:
        return StreamingCaptioner(
            self._recognisers[name],
            vad,
            config=self._config,
            gate=self._gate(name),
            start=start,
            first_id=first_id,
        )

    def _gate(self, name: str) -> VoiceGate:
        gates = GateConfig(others="hide", threshold=self._threshold)
        return VoiceGate(self._encoder, self._scorer, {name: self._prints[name]}, gates)
