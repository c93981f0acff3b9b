"""Turn `--target voice:ana --others hide` into a gate for the captioner."""

from collections.abc import Callable, Sequence

from tap_live.errors import ConfigError
from tap_live.voices.encoder import SpeakerEncoder
from tap_live.voices.gate import GateConfig, Others, VoiceGate
from tap_live.voices.scoring import Scorer
from tap_live.voices.store import Voice, VoiceStore
from tap_live.voices.verification import THRESHOLD as WHOLE
from tap_live.voices.verification import Verifier

PREFIX = "voice:"
THRESHOLD = GateConfig().threshold


def voice_names(targets: Sequence[str]) -> list[str]:
    """Return the names of all `voice:NAME[@GAIN]` among targets, each once.

    Raises: ConfigError if one has no name.
    """
    names = [target[len(PREFIX) :].partition("@")[0] for target in targets if is_voice(target)]
    if "" in names:
        raise ConfigError("wanted a name after 'voice:', found none: --target voice:ana")
    return list(dict.fromkeys(names))


def is_voice(target: str) -> bool:
    """Whether a target is an enrolled voice rather than a sound."""
    return target.startswith(PREFIX)


def gate_maker(
    targets: Sequence[str],
    others: Others | None = None,
    *,
    threshold: float | None = None,
    store: VoiceStore | None = None,
) -> Callable[[], VoiceGate] | None:
    """Return what makes a gate for each captioner, or None if no voice is asked for.

    Args:
        others: what becomes of everybody else; left out when voices are asked for and
            nothing is said.
        threshold: log-likelihood ratio from which a name is given; higher is stricter. None
            is the one that was calibrated.
    Raises: VoiceError if a voice is not enrolled; ConfigError if `others` is given
        or `threshold` is given without a voice; BundleError.
    """
    names = voice_names(targets)
    if not names:
        if others is not None:
            raise ConfigError("--others says what becomes of other voices: add --target voice:NAME")
        if threshold is not None:
            raise ConfigError("--voice-threshold is about a voice: add --target voice:NAME")
        return None
    store = store or VoiceStore()
    return gate_of([store.load(name) for name in names], others or "hide", threshold=threshold)


def gates_apart(
    targets: Sequence[str], *, threshold: float | None = None
) -> dict[str, Callable[[], VoiceGate]]:
    """Return what makes a gate of each voice alone, by target, for who hears it extracted.

    Raises: VoiceError if a voice is not enrolled; BundleError.
    """
    voices = [VoiceStore().load(name) for name in voice_names(targets)]
    if not voices:
        return {}
    make = _maker("hide", threshold)
    return {PREFIX + voice.name: make([voice]) for voice in voices}


def verifiers(targets: Sequence[str], *, threshold: float | None = None) -> dict[str, Verifier]:
    """Return what knows each voice, by its name, in what is extracted of it of a recording.

    Raises: VoiceError if a voice is not enrolled; BundleError.
    """
    voices = [VoiceStore().load(name) for name in voice_names(targets)]
    return verifiers_of(voices, threshold=threshold) if voices else {}


def verifiers_of(voices: Sequence[Voice], *, threshold: float | None = None) -> dict[str, Verifier]:
    """Load what verification needs once; return what knows each of the voices, by name."""
    encoder, scorer = SpeakerEncoder.open(), Scorer.open()
    ratio = WHOLE if threshold is None else threshold
    return {
        voice.name: Verifier(encoder, scorer, scorer.print_of(voice.state), ratio)
        for voice in voices
    }


def gate_of(
    voices: Sequence[Voice], others: Others, *, threshold: float | None = None
) -> Callable[[], VoiceGate]:
    """Load what a gate needs once; return what makes one."""
    return _maker(others, threshold)(voices)


def _maker(
    others: Others, threshold: float | None
) -> Callable[[Sequence[Voice]], Callable[[], VoiceGate]]:
    config = GateConfig(others=others, threshold=THRESHOLD if threshold is None else threshold)
    encoder, scorer = SpeakerEncoder.open(), Scorer.open()

    def make(voices: Sequence[Voice]) -> Callable[[], VoiceGate]:
        prints = {voice.name: scorer.print_of(voice.state) for voice in voices}
        return lambda: VoiceGate(encoder, scorer, prints, config)

    return make
