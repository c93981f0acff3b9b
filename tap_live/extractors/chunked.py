"""Take targets out of a stream with a full model, context by context.

Every hop the newest context is heard as a whole and its newest hop given, cross-faded into
the one before. A context is computed on a thread of its own while the stream goes on; its
result is due a fixed number of samples after the last that it hears, so with a given hop what
comes out does not depend on how fast the machine is. If it is not there by then, `push` waits.

    ──────────────── context ────────────────┐
                        │ fade │ hop │ ahead │ compute ─▶ given
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tap_live.audio.resample import StreamResampler
from tap_live.errors import ConfigError
from tap_live.extractors.computing import Computing
from tap_live.extractors.context import COPY, RATE, ContextNetwork
from tap_live.extractors.context_spectra import Copy48
from tap_live.extractors.rows import Newest, Rows
from tap_live.processor import Audio, Cue, Targets

HEADROOM = 1.25  # of the time that a context took, for those that take longer
SHORTEST_S, LONGEST_S = 0.05, 5.0  # hops
FASTEST_S = 0.25  # hop that is chosen by itself
STEADY_S = 1.0
SLOWER = 4.0  # than when it was warmed up may a context be, on a machine that is busy


@dataclass(frozen=True, kw_only=True)
class ChunkConfig:
    """How a stream is cut.

    Attributes:
        hop_s: what a context gives; None: as fast as the engine allows, or if `steady` one that
            does not depend on the machine: what comes out then does not either.
        ahead_s: the end of a context that is heard and not given.
        fade_s: over which one context's result becomes the next one's.
    """

    hop_s: float | None = None
    ahead_s: float = 0.25
    fade_s: float = 0.02
    steady: bool = False

    def __post_init__(self) -> None:
        if self.hop_s is not None and not SHORTEST_S <= self.hop_s <= LONGEST_S:
            raise ConfigError(
                f"wanted a hop of {SHORTEST_S} to {LONGEST_S} s, found {self.hop_s:g} s"
            )
        if not 0 <= self.ahead_s <= LONGEST_S:
            raise ConfigError(f"wanted 0 to {LONGEST_S} s heard ahead, found {self.ahead_s:g} s")
        if not 0 <= self.fade_s <= SHORTEST_S:
            raise ConfigError(f"wanted a fade of 0 to {SHORTEST_S} s, found {self.fade_s:g} s")

    def slow(self, name: str, compute_s: float) -> str:
        """What to say if a context takes longer than the hop that was asked for; or nothing."""
        if self.hop_s is None or self.hop_s >= compute_s:
            return ""
        return (
            f"a context of {name} takes {compute_s:.2f} s here, which a hop of {self.hop_s:g} s "
            f"does not leave: sound will pass as it is. Ask for {name}@{HEADROOM * compute_s:.2f} "
            f"or more, or for {name} alone, whose hop is what the machine allows"
        )

    def for_engine(self, compute_s: float, heard_s: float) -> "Plan":
        """Fix lengths in samples at 32 kHz, for a context of `heard_s` that takes `compute_s`.

        Raises: ConfigError if the hop is longer than the context allows.
        """
        needed, longest = HEADROOM * compute_s, heard_s - self.fade_s - self.ahead_s
        fastest = STEADY_S if self.steady else max(FASTEST_S, np.ceil(100 * needed) / 100)
        hop_s = min(LONGEST_S, longest, fastest) if self.hop_s is None else self.hop_s
        if not SHORTEST_S <= hop_s <= longest + 1 / RATE:
            raise ConfigError(
                f"the model hears {heard_s:g} s at a time, {self.ahead_s:g} s of them ahead: "
                f"wanted a hop of {SHORTEST_S} to {longest:.2f} s, found {hop_s:g} s"
            )
        return Plan(
            hop=round(hop_s * RATE),
            ahead=round(self.ahead_s * RATE),
            fade=round(self.fade_s * RATE),
            compute=min(round(needed * RATE), round(hop_s * RATE) - 1),
        )


@dataclass(frozen=True)
class Plan:
    """Samples at 32 kHz."""

    hop: int
    ahead: int
    fade: int
    compute: int

    @property
    def delay(self) -> int:
        """From a sample to the result that has it, at most."""
        return self.hop + self.fade + self.ahead + self.compute


class ChunkedExtractor:
    """An `Extractor` at any stream rate, around a network with a context; `Sparing`, `Lengthy`.

    `lookahead` is hop, fade, what a context hears beyond them, compute, and what resamplers
    withhold.
    """

    _pending: "list[_Pending]"  # at most one: a context is due before the next one ends

    def __init__(
        self, network: ContextNetwork, rate: int, config: ChunkConfig | None = None
    ) -> None:
        """Raises: ConfigError if the hop does not fit into the network's context."""
        self._network = network
        self._plan = (config or ChunkConfig()).for_engine(network.compute_s, network.samples / RATE)
        self._rate = rate
        self.step_s = allowed(self._plan.hop / RATE, network.compute_s)
        self._inward, self._outward = StreamResampler(rate, RATE), Rows(RATE, rate)
        inward, outward = self._inward.lookahead, StreamResampler(RATE, rate).lookahead
        delay = self._plan.delay + Copy48.lookahead + outward
        self.lookahead = inward - (-delay * rate // RATE)
        self._copier = Copy48()
        self._cues: list[tuple[str, NDArray[np.float32]]] = []
        self._spared = frozenset[str]()
        self._tails = np.zeros((0, self._plan.fade), np.float32)
        self._pending = []
        self.restart()

    def set_cues(self, cues: Sequence[Cue]) -> None:
        """Extract these from the next context on; new rows fade in, gone ones out.

        Raises: BundleError if a cue is of another encoder.
        """
        asked = [(cue.name, self._network.vector(cue)) for cue in cues]
        rows = {name: row for row, (name, _) in enumerate(self._cues)}
        kept = [rows.get(name) for name, _ in asked]
        tails = np.zeros((len(asked), self._plan.fade), np.float32)
        for row, old in enumerate(kept):
            if old is not None:
                tails[row] = self._tails[old]
        self._pending = [one.of(kept) for one in self._pending]
        self._outward.arrange(kept)
        self._cues, self._tails = asked, tails

    def spare(self, names: frozenset[str]) -> None:
        """Do not compute these from the next context on: they fade to silence."""
        self._spared = names

    def push(self, block: Audio) -> Targets:
        self._taken += len(block)
        ready = self._advance(self._inward.push(block))
        given = self._outward.push(ready)
        self._given += given.shape[1]
        return given

    def flush(self) -> Targets:
        return np.concatenate(list(self.rest()), axis=1)

    def rest(self) -> Iterator[Targets]:
        """Yield what `flush` returns; no part waits for more than one context."""
        due, rest = self._taken - self._given, self._inward.flush()
        end = self._mixture.end + len(rest)
        contexts, hop = -(-end // self._plan.hop), self._plan.hop
        until = self._end(contexts - 1) + Copy48.lookahead + self._plan.compute
        silence = np.zeros(until - end if contexts else 0, np.float32)
        mixture = np.concatenate([rest, silence])
        for start in range(0, len(mixture), hop):  # in which one context is due
            ready = self._advance(mixture[start : start + hop])
            ready = ready[:, : max(0, ready.shape[1] - max(0, self._done - end))]
            given = self._outward.push(ready)[:, :due]
            due -= given.shape[1]
            yield given
        given = self._outward.flush()[:, :due]
        yield np.pad(given, ((0, 0), (0, due - given.shape[1])))
        self.restart()

    def restart(self) -> None:
        """Forget the stream, not the cues; the next sample is the first.

        A context that is being computed is waited for: two never are at once.
        """
        for one in self._pending:
            one.computing.leave()
        self._inward.flush()
        self._copier.flush()
        self._outward.restart(len(self._cues))
        spare = self._network.samples + 2 * Copy48.lookahead
        self._mixture = Newest(spare)
        self._copy = Newest(spare * COPY // RATE)
        self._done = 0  # samples at 32 kHz that were given
        self._started = 0  # contexts
        self._taken = self._given = 0  # at the stream rate
        self._pending = []
        self._tails = np.zeros((len(self._cues), self._plan.fade), np.float32)

    def _advance(self, mixture: Audio) -> Targets:
        """Hear samples at 32 kHz, step by step to where a context ends or is due."""
        parts = [np.empty((len(self._cues), 0), np.float32)]
        while True:
            end = self._end(self._started) + Copy48.lookahead
            due = self._pending[0].due if self._pending else end
            step = min(end, due) - self._mixture.end
            self._hear(mixture[:step])
            if step > len(mixture):
                return np.concatenate(parts, axis=1)
            mixture = mixture[step:]
            if self._pending and self._mixture.end == due:
                parts.append(self._join(self._pending.pop(0)))
            if self._mixture.end == end:
                self._begin(end + self._plan.compute)

    def _end(self, number: int) -> int:
        """Where context `number` ends: it gives [number hop, (number + 1) hop) and a fade."""
        return (number + 1) * self._plan.hop + self._plan.fade + self._plan.ahead

    def _hear(self, mixture: Audio) -> None:
        self._mixture.write(mixture)
        self._copy.write(self._copier.push(mixture))

    def _begin(self, due: int) -> None:
        """Start on the context that has ended; the copy of it has come in by now too."""
        network, end = self._network, self._end(self._started)
        mixture = self._mixture.read(end, network.samples)
        copy = self._copy.read(end * COPY // RATE, network.samples * COPY // RATE)
        stop = network.samples - self._plan.ahead
        start = stop - self._plan.hop - self._plan.fade
        heard = [name for name, _ in self._cues if name not in self._spared]
        vectors = [vector for name, vector in self._cues if name not in self._spared]
        work = partial(network.targets, mixture, copy, vectors, start, stop)
        rows = tuple(heard.index(n) if n in heard else None for n, _ in self._cues)
        self._pending.append(_Pending(Computing(work, "context"), due, rows))
        self._started += 1

    def _join(self, pending: "_Pending") -> Targets:
        """Fade from the context before into this one: (K, hop)."""
        fade, found = self._plan.fade, pending.result()
        rising = (0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / fade)).astype(np.float32)
        if self._done == 0:
            rising[:] = 1.0
        found[:, :fade] = rising * found[:, :fade] + (1 - rising) * self._tails
        self._tails = found[:, self._plan.hop :]
        self._done += self._plan.hop
        return found[:, : self._plan.hop]


def allowed(hop_s: float, compute_s: float) -> float:
    """How long a context may take: its hop, or what one took and as much more as is excused."""
    return max(hop_s, SLOWER * compute_s)


@dataclass(frozen=True)
class _Pending:
    """A context that is being computed; `rows` says which of its targets are still wanted."""

    computing: Computing[Targets]
    due: int
    rows: tuple[int | None, ...]

    def of(self, kept: Sequence[int | None]) -> "_Pending":
        rows = tuple(None if k is None else self.rows[k] for k in kept)
        return _Pending(self.computing, self.due, rows)

    def result(self) -> Targets:
        """(K, T); silence for those that were not asked for when it began."""
        found = self.computing.result()
        given = np.zeros((len(self.rows), found.shape[1]), np.float32)
        for row, old in enumerate(self.rows):
            if old is not None:
                given[row] = found[old]
        return given
