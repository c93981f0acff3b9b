"""What the product makes of whole recordings, for measurements: enrolled, asked for and extracted
as `tap-live extract` does, with a bundle in the live engine.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tap_live.bundle import read_manifest
from tap_live.catalogue import BUNDLES
from tap_live.cues.audio import AudioCues
from tap_live.cues.features import RATE as SOUND_RATE
from tap_live.cues.text import TextCues
from tap_live.errors import BundleError
from tap_live.extraction import Extraction, Wanted
from tap_live.extractors.network import Network
from tap_live.extractors.offline import extractor_of
from tap_live.models.training.evaluate import VoiceMeter
from tap_live.models.training.sound_evaluate import WAYS, SoundMeter, Way
from tap_live.processor import Audio, Embedding, Extractor
from tap_live.targets import EmbeddedCue
from tap_live.voices.enrolment import Enroller
from tap_live.voices.features import RATE as SPEECH_RATE

VOICE = "voice:asked"


def kept(extractor: Extractor, cues: Sequence[EmbeddedCue], mixture: Audio, rate: int) -> Audio:
    """The targets of a whole mixture and nothing of the rest, (T,), as long as the mixture."""
    return played(extractor, [*map(Wanted, cues)], 0.0, mixture, rate)


def played(
    extractor: Extractor, wanted: Sequence[Wanted], rest_gain: float, mixture: Audio, rate: int
) -> Audio:
    """What is heard of a whole mixture, (T,), as long as the mixture."""
    extraction = Extraction(extractor, wanted, rest_gain=rest_gain, rate=rate)
    return np.concatenate([extraction.push(mixture).output, extraction.flush().output])


def kept_voices(
    network: Network, embeddings: Sequence[Embedding], mixture: Audio, *, live: bool
) -> Audio:
    """The voices of these embeddings in a whole mixture, (T,) at 16 kHz."""
    cues = [
        EmbeddedCue(f"voice:{number}", "voice", embedding, np.zeros(0, np.float32))
        for number, embedding in enumerate(embeddings)
    ]
    return kept(_extractor_of_voices(network, live), cues, mixture, SPEECH_RATE)


def heard_voice(network: Network, embedding: Embedding, mixture: Audio, *, live: bool) -> Audio:
    """What captions hear of the voice of this embedding in a whole mixture, (T,) at 16 kHz."""
    cue = EmbeddedCue(VOICE, "voice", embedding, np.zeros(0, np.float32))
    extractor = _extractor_of_voices(network, live, for_ears=False)
    extraction = Extraction(extractor, [Wanted(cue)], rest_gain=0.0, rate=SPEECH_RATE)
    return np.concatenate(
        [mixed.voice(VOICE) for mixed in (extraction.push(mixture), extraction.flush())]
    )


def _extractor_of_voices(network: Network, live: bool, for_ears: bool = True) -> Extractor:
    return extractor_of({"voice": network}, SPEECH_RATE, live=live, for_ears=for_ears)


def kept_sound(network: Network, sides: Embedding, mixture: Audio, *, live: bool) -> Audio:
    """One sound of a whole mixture, (T,) at 32 kHz; `sides`: what is kept, then what is not.

    What is not is a target as well, as `--suppress` has it; alone it leaves all but itself.
    """
    kept_side, other_side = np.split(sides, 2)
    wanted = []
    if kept_side.any():
        wanted.append(Wanted(EmbeddedCue("text:kept", "sound", kept_side, other_side)))
    if other_side.any():
        nothing = np.zeros_like(other_side)
        away = EmbeddedCue("text:away", "sound", other_side, nothing)
        wanted.append(Wanted(away, gain=0.0))
    extractor = extractor_of({"sound": network}, SOUND_RATE, live=live)
    rest_gain = 0.0 if kept_side.any() else 1.0
    return played(extractor, wanted, rest_gain, mixture, SOUND_RATE)


def enrolled(enroller: Enroller, clip: Audio) -> Embedding:
    """(256,) of a clip at 16 kHz; one that a user would be refused is taken too."""
    voice = enroller.enrol("target", clip, SPEECH_RATE, source="list", day="").voice
    return np.asarray(voice.embedding, np.float32)


class BundleVoices(VoiceMeter):
    """`VoiceMeter` for a bundle."""

    def __init__(
        self,
        network: Network,
        enroller: Enroller,
        mos: Callable[[Any], float] | None = None,
        *,
        live: bool = False,
    ) -> None:
        """`live`: as a stream is extracted, not as a recording."""
        self._network, self._enroller, self._mos, self._live = network, enroller, mos, live

    def extract(self, mixture: NDArray[np.float32], enrolment: NDArray[np.float32]) -> Tensor:
        embedding = enrolled(self._enroller, enrolment)
        return torch.from_numpy(kept_voices(self._network, [embedding], mixture, live=self._live))


class ShippedCues:
    """`Encoders` of sounds: those that ship."""

    def __init__(self, *, any_word: bool = False) -> None:
        """`any_word`: embed words, too, that users are told are unknown: lists name files."""
        self._words, self._clips, self._any = TextCues.open(), AudioCues.open(), any_word

    def of_text(self, text: str) -> Tensor:
        return torch.from_numpy(self._words.embed(text, any_word=self._any))

    def of_clip(self, audio: Tensor) -> Tensor:
        return torch.from_numpy(self._words.moved(self._clips.embed(audio.numpy(), SOUND_RATE)))


class BundleSounds(SoundMeter):
    """`SoundMeter` for a bundle."""

    def __init__(
        self,
        network: Network,
        cues: ShippedCues | None = None,
        ways: Sequence[Way] = WAYS,
        *,
        live: bool = False,
    ) -> None:
        """`live`: as a stream is extracted. Raises: BundleError if it is one of voices."""
        if network.kind != "sound":
            raise BundleError(
                f"wanted an extractor of sounds, {network.name!r} is one of {network.kind}s"
            )
        self._network, self._cues, self._ways = network, cues or ShippedCues(), ways
        self._live = live

    def extract(self, mixture: Tensor, cues: Tensor) -> Tensor:
        # Each question by itself: of several at once, none may have what another takes.
        heard = mixture.numpy()
        found = [kept_sound(self._network, side, heard, live=self._live) for side in cues.numpy()]
        return torch.from_numpy(np.stack(found))


def fingerprint(*bundles: Path) -> str:
    """Tell bundles from others: 12 digits of a hash of their files, all but cards."""
    digest = hashlib.sha256()
    for folder in bundles:
        files = read_manifest(folder).files
        for name in sorted(files.keys() - {"README.md"}):
            digest.update(f"{name} {files[name].sha256}\n".encode())
    return digest.hexdigest()[:12]


def folder_of(bundle: Path | str) -> Path:
    """A bundle's folder, also by the name of one that ships. Raises: BundleError."""
    for folder in (Path(bundle), BUNDLES / bundle):
        if folder.is_dir():
            return folder
    raise BundleError(f"wanted a bundle's folder or the name of one that ships, found no {bundle}")
