"""Take targets out of a stream with compact networks, hop by hop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tap_live.errors import BundleError, ConfigError
from tap_live.extractors.network import Network
from tap_live.extractors.spectra import Spectrum, Windows, share, widened
from tap_live.processor import Audio, Cue, TargetKind, Targets
from tap_live.runtime import State
from tap_live.signs import Signs


@dataclass
class Followed:
    """One target: how it is asked for, and what its network remembers."""

    cue: Cue
    network: Network
    vector: NDArray[np.float32]
    state: State

    @property
    def name(self) -> str:
        return self.cue.name


class CompactExtractor:
    """An `Extractor` at any stream rate; every target has a state of its own.

    Args:
        networks: by the kind of target that they are for; their windows must be the same.
        rate: of the stream, Hz.
    Raises: ConfigError if there is no network, their windows differ, or one hears what follows.
    """

    _late = 0  # how many hops after its own a mask is found

    def __init__(self, networks: Mapping[TargetKind, Network], rate: int) -> None:
        sizes = {(network.hop_s, network.fade_s) for network in networks.values()}
        if len(sizes) != 1:
            raise ConfigError(
                f"wanted networks of one hop, found {sorted(sizes) or 'none'}: "
                "take extractors that were made together"
            )
        self._windows = Windows(*sizes.pop(), rate)
        if not self._late and any(network.ahead for network in networks.values()):
            raise ConfigError(
                "wanted causal networks, found one that hears what follows: it is for recordings"
            )
        self.lookahead = (1 + self._late) * self._windows.hop + self._windows.fade
        self._networks = networks
        self._asked: list[Followed] = []
        self._tails = self._no_tails(0)
        self._heard = np.zeros(2 * self._windows.hop, np.float32)  # the hop before, the newest
        self.restart()

    def set_cues(self, cues: Sequence[Cue]) -> None:
        """Extract these from the next hop on.

        Who was asked for before goes on with what is remembered, also if the numbers of its cue
        are others now; a row whose target changes
        cross-fades from one to the other, a new row fades in.

        Raises: BundleError if there is no network for a cue.
        """
        before = {asked.name: asked for asked in self._asked}
        rows = {asked.name: row for row, asked in enumerate(self._asked)}
        asked = [self._ask(cue, before.get(cue.name)) for cue in cues]
        names = {cue.name for cue in cues}
        tails = self._no_tails(len(asked))
        for row, one in enumerate(asked):
            if one.name in rows:
                tails[row] = self._tails[rows[one.name]]
            elif row < len(self._asked) and self._asked[row].name not in names:
                tails[row] = self._tails[row]
        self._asked, self._tails = asked, tails

    def signs(self, cue: Cue) -> Signs:
        return self._networks[cue.kind].signs(cue)

    def push(self, block: Audio) -> Targets:
        hop = self._windows.hop
        hops = (self._filled + len(block)) // hop
        ready = np.empty((len(self._asked), hops * hop), np.float32)
        done = taken = 0
        while taken < len(block):
            length = min(hop - self._filled, len(block) - taken)
            start = hop + self._filled
            self._heard[start : start + length] = block[taken : taken + length]
            taken += length
            self._filled += length
            if self._filled == hop:
                ready[:, done : done + hop] = self._hop()
                done += hop
        first = min(self._early, done)
        self._early -= first
        self._due += len(block) - (done - first)
        return ready[:, first:]

    def flush(self) -> Targets:
        hop, due = self._windows.hop, self._due
        rest = [np.empty((len(self._asked), 0), np.float32)]
        while self._due > 0:  # silence until all that was heard has left
            self._due -= hop - self._filled  # which is not owed
            rest.append(self.push(np.zeros(hop - self._filled, np.float32)))
        self.restart()
        return np.concatenate(rest, axis=1)[:, :due]

    def _hop(self) -> Targets:
        """Extract from the hop that is full now."""
        spectrum = self._windows.analyse(self._heard)
        targets = self._windows.synthesise(self._found(spectrum), self._tails)
        hop = self._windows.hop
        self._heard[:hop] = self._heard[hop:]
        self._filled = 0
        return targets

    def _found(self, spectrum: Spectrum) -> Spectrum:
        """The targets' spectra, (K, bins), of the newest hop's."""
        masks = np.empty((len(self._asked), len(spectrum)), np.complex64)
        for row, asked in enumerate(self._asked):
            seen = asked.network.look(spectrum)
            mask, asked.state = asked.network.mask(seen, asked.vector, asked.state)
            masks[row] = widened(mask, len(spectrum))
        return self._apply(masks, spectrum)

    def _apply(self, masks: Spectrum, spectrum: Spectrum) -> Spectrum:
        masks = share(masks)
        masks *= spectrum
        return masks

    def _ask(self, cue: Cue, before: Followed | None) -> Followed:
        network = self._networks.get(cue.kind)
        if network is None:
            raise BundleError(f"{cue.name!r} is a {cue.kind}: there is no extractor for those")
        state = before.state if before else network.start()
        return Followed(cue, network, network.vector(cue), state)

    def _no_tails(self, count: int) -> Targets:
        return np.zeros((count, self._windows.fade), np.float32)

    def restart(self) -> None:
        """Forget the stream, not the cues; the next sample is the first."""
        self._heard[:] = 0
        self._filled = 0  # samples of the newest hop
        # samples before the first that are still to be left out
        self._early = self._windows.fade + self._late * self._windows.hop
        self._due = 0  # samples heard and not given
        self._tails[:] = 0
        for asked in self._asked:
            asked.state = asked.network.start()
