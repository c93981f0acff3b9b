"""Take targets out of a recording with networks that hear what follows, stretch by stretch."""

from collections.abc import Mapping, Sequence

import numpy as np

from tap_live.errors import ConfigError
from tap_live.extractors.compact import CompactExtractor, Followed
from tap_live.extractors.network import Network
from tap_live.extractors.spectra import Spectrum, widened
from tap_live.processor import Cue, TargetKind


class OfflineExtractor(CompactExtractor):
    """An `Extractor` that gives each stretch some seconds after it came; the rest is as live.

    Networks that are causal may be among its own: their masks wait for the others'.

    Args:
        networks, rate: as `CompactExtractor`.
    Raises: as that, but for what hears what follows; ConfigError if none does, or their stretches
        differ.
    """

    _spectra: list[Spectrum]  # those whose targets were not given yet
    _given: int  # hops of the stretch that is being given
    _masks: dict[str, Spectrum]  # (hops, bins) of that stretch, by target

    def __init__(self, networks: Mapping[TargetKind, Network], rate: int) -> None:
        stretches = {(one.hops, one.ahead) for one in networks.values() if one.ahead}
        if len(stretches) != 1:
            raise ConfigError(
                f"wanted networks of one stretch, found {sorted(stretches) or 'none'}: "
                "take extractors that were made together"
            )
        self._hops, ahead = stretches.pop()
        self._late = self._hops + ahead - 1
        super().__init__(networks, rate)

    def set_cues(self, cues: Sequence[Cue]) -> None:
        """As `CompactExtractor.set_cues`; a new target is silent until the next stretch."""
        super().set_cues(cues)
        names = {asked.name for asked in self._asked}
        self._masks = {name: found for name, found in self._masks.items() if name in names}

    def restart(self) -> None:
        super().restart()
        self._spectra = []
        self._given = 0
        self._masks = {}

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
        network = asked.network
        if network.ahead:
            masks, asked.state = network.masks(heard, asked.vector, asked.state)
            return masks
        masks = np.empty((self._hops, network.bins), np.complex64)
        for hop, spectrum in enumerate(heard[: self._hops]):
            seen = network.look(spectrum)
            masks[hop], asked.state = network.mask(seen, asked.vector, asked.state)
        return masks


def extractor_of(networks: Mapping[TargetKind, Network], rate: int) -> CompactExtractor:
    """The extractor that goes with networks: one for recordings if any of them is."""
    offline = any(network.ahead for network in networks.values())
    return OfflineExtractor(networks, rate) if offline else CompactExtractor(networks, rate)
