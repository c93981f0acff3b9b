"""Take targets out of a recording, stretch by stretch.

Of a recording it is known what follows. Once it is known who speaks beside a voice, or what sounds
beside a sound, a network that can be told is told so and asked anew; where that is wanted, it is
asked for the other one too, and what there is is divided between the two. Networks that hear what
follows are shown some of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tap_live.captions.vad import Vad
from tap_live.cues.audio import AudioCues
from tap_live.cues.beside import SoundBeside
from tap_live.errors import ConfigError
from tap_live.extractors.compact import CompactExtractor, Followed
from tap_live.extractors.network import Network
from tap_live.extractors.refined import Refined
from tap_live.extractors.spectra import Spectrum, divided, widened
from tap_live.processor import Audio, Cue, Embedding, TargetKind
from tap_live.runtime import State
from tap_live.signs import Telling
from tap_live.targets import EmbeddedCue
from tap_live.voices.beside import VoiceBeside
from tap_live.voices.encoder import SpeakerEncoder

HOPS = 250  # of a stretch, where no network says otherwise: 4 s
SAME = 0.9  # cosine; what is beside a target is still what was known before


class Beside(Protocol):
    """Tells what is heard beside a target."""

    def hear(self, rest: Audio, share: float) -> Embedding:
        """Take the next stretch of what is left, (T,), and its share of the energy."""


@dataclass
class Other:
    """What is beside a target: what it is, and what the network that follows it remembers."""

    cue: Cue  # of the target
    beside: Beside | None  # None: a user said what it is
    known: Embedding  # zeros while nothing is
    state: State

    def is_of(self, cue: Cue) -> bool:
        sides = ((self.cue.positive, cue.positive), (self.cue.negative, cue.negative))
        return all(np.array_equal(before, now) for before, now in sides)


class OfflineExtractor(CompactExtractor):
    """An `Extractor` that gives each stretch some seconds after it came; the rest is as live.

    Args:
        networks, rate: as `CompactExtractor`.
        divide: between a voice and who speaks beside it; else the network is only told who that is.
            A sound is divided from what a user asked away, and from nothing else.
    Raises: as that, but for what hears what follows; ConfigError if stretches differ; BundleError,
        RuntimeMissingError.
    """

    _spectra: list[Spectrum]  # those whose targets were not given yet
    _given: int  # hops of the stretch that is being given
    _masks: dict[str, Spectrum]  # (hops, bins) of that stretch, by target
    _others: dict[str, Other]  # by target

    def __init__(
        self, networks: Mapping[TargetKind, Network], rate: int, *, divide: bool = True
    ) -> None:
        stretches = {(one.hops, one.ahead) for one in networks.values() if one.ahead}
        if len(stretches) > 1:
            raise ConfigError(
                f"wanted networks of one stretch, found {sorted(stretches)}: "
                "take extractors that were made together"
            )
        self._hops, ahead = stretches.pop() if stretches else (HOPS, 0)
        self._late = self._hops + ahead - 1
        self._divide = divide
        self._rate = rate
        if "voice" in networks:
            self._encoder, self._vad = SpeakerEncoder.open(), Vad.open()
        if "sound" in networks:
            self._clips = AudioCues.open()
        super().__init__(networks, rate)

    def set_cues(self, cues: Sequence[Cue]) -> None:
        """As `CompactExtractor.set_cues`; a new target is silent until the next stretch."""
        super().set_cues(cues)
        names = {asked.name for asked in self._asked}
        self._masks = {name: found for name, found in self._masks.items() if name in names}
        self._others = {name: other for name, other in self._others.items() if name in names}

    def restart(self) -> None:
        super().restart()
        self._spectra = []
        self._given = 0
        self._masks = {}
        self._others = {}

    def _found(self, spectrum: Spectrum) -> Spectrum:
        """The targets' spectra of the hop that is due now; silence before the first is."""
        self._spectra.append(spectrum)
        if len(self._spectra) <= self._late:  # before the first
            return np.zeros((len(self._asked), len(spectrum)), np.complex64)
        if self._given == 0:
            heard = np.stack(self._spectra)
            self._masks = {asked.name: self._masks_of(asked, heard) for asked in self._asked}
        due = self._spectra.pop(0)
        masks = np.zeros((len(self._asked), len(due)), np.complex64)
        for row, asked in enumerate(self._asked):
            if asked.name in self._masks:
                masks[row] = widened(self._masks[asked.name][self._given], len(due))
        self._given = (self._given + 1) % self._hops
        return self._apply(masks, due)

    def _masks_of(self, asked: Followed, heard: Spectrum) -> Spectrum:
        """(hops, bins) of the stretch that begins what was heard and not given."""
        if self._is_kept_apart(asked):
            return self._apart(asked, heard)
        self._others.pop(asked.name, None)
        masks, asked.state = self._asked_for(asked.network, asked.cue, heard, asked.state)
        return masks

    def _is_kept_apart(self, asked: Followed) -> bool:
        if asked.network.kind == "voice":
            return self._divide or asked.network.told
        return bool(asked.cue.positive.any())

    def _apart(self, asked: Followed, heard: Spectrum) -> Spectrum:
        """(hops, bins) of a target that is kept apart from what is beside it."""
        network, target, before = asked.network, asked.cue.positive, asked.state
        other = self._others.get(asked.name)
        if other is None or not other.is_of(asked.cue):
            other = self._others[asked.name] = self._other(asked)
        its_own = _cue(network.kind, target, other.known)
        masks, asked.state = self._asked_for(network, its_own, heard, before)
        if other.beside is not None:
            known, other.known = other.known, other.beside.hear(*self._rest(masks, heard))
            is_told = network.told or network.kind == "sound"
            if is_told and other.known.any() and known @ other.known < SAME:
                its_own = _cue(network.kind, target, other.known)
                masks, asked.state = self._asked_for(network, its_own, heard, before)
        # A sound is divided only from what a user asked away: what was heard is less sure.
        divide = self._divide if network.kind == "voice" else other.beside is None
        if not divide or not other.known.any():
            return masks
        its_own = _cue(network.kind, other.known, target)
        others, other.state = self._asked_for(network, its_own, heard, other.state)
        return divided(masks, others)

    def _other(self, asked: Followed) -> Other:
        """What is beside a target: what was asked away, or what can be heard."""
        cue, network = asked.cue, asked.network
        beside: Beside | None
        if network.kind == "voice":
            beside = VoiceBeside(self._encoder, self._vad, cue.positive, self._rate)
        elif cue.negative.any():
            beside = None
        else:
            beside = SoundBeside(self._clips, cue.positive, self._rate)
        known = np.zeros_like(cue.positive) if beside else cue.negative
        return Other(cue, beside, known, network.start())

    def _asked_for(
        self, network: Network, cue: Cue, heard: Spectrum, state: State
    ) -> tuple[Spectrum, State]:
        """(hops, bins) of a stretch and the state after it."""
        vector = network.vector(cue)
        if network.ahead:
            return network.masks(heard, vector, state)
        masks = np.empty((self._hops, network.bins), np.complex64)
        for hop, spectrum in enumerate(heard[: self._hops]):
            masks[hop], state = network.mask(network.look(spectrum), vector, state)
        return masks, state

    def _rest(self, masks: Spectrum, heard: Spectrum) -> tuple[Audio, float]:
        """What these masks leave of a stretch, and its share of the energy."""
        heard = heard[: len(masks)]
        left = np.stack(
            [one - widened(mask, len(one)) * one for mask, one in zip(masks, heard, strict=True)]
        )
        tails = self._no_tails(1)
        audio = [self._windows.synthesise(one[None], tails)[0] for one in left]
        powers = [float(np.square(np.abs(part)).sum()) for part in (left, heard)]
        return np.concatenate(audio), powers[0] / (powers[1] + 1e-12)


def _cue(kind: TargetKind, target: Embedding, beside: Embedding) -> EmbeddedCue:
    return EmbeddedCue("", kind, target, beside)


def extractor_of(
    networks: Mapping[TargetKind, Network], rate: int, *, live: bool = True, for_ears: bool = True
) -> Telling:
    """The extractor that goes with networks.

    Args:
        live: for a stream; a recording's targets are kept apart from what is beside them.
        for_ears: of a recording, somebody listens to what is kept: it is divided, and refined.
    """
    if live and not any(network.ahead for network in networks.values()):
        return CompactExtractor(networks, rate)
    extractor = OfflineExtractor(networks, rate, divide=for_ears)
    return Refined(extractor, rate) if for_ears else extractor
