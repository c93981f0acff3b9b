"""Re-make voices of a stream with the generative model, chunk by chunk.

Every hop the newest context is heard as a whole; its newest hop of positions, faded into those of
the context before, goes on a line of all that was heard of a voice. From this line the flow
draws the next mel frames, each from the noise of its own place in the stream and with as much
beside it as it depends on: what is drawn does not depend on how the stream was cut. The frames
follow each other into a vocoder that carries its state.

    ─────────────── context ─────────────┐
                       │ hop │fade│ ahead│ compute ─▶ positions ─▶ frames ─▶ samples

A chunk is computed on a thread of its own and is due a fixed number of samples after its context;
if it is not there by then, `push` waits for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live.audio.resample import StreamResampler
from tap_live.extractors.chunked import ChunkConfig, allowed
from tap_live.extractors.computing import Computing
from tap_live.extractors.gentse_frames import MelStream
from tap_live.extractors.gentse_network import POSITION, GenNetwork
from tap_live.extractors.gentse_plan import GenPlan
from tap_live.extractors.gentse_voice import Voice
from tap_live.extractors.rows import Newest, Rows
from tap_live.processor import Audio, Cue, Targets
from tap_live.whisper.features import RATE

Spoken: TypeAlias = dict[str, Audio]
"""What each target says in a chunk, at the vocoder's rate."""


class GenExtractor:
    """An `Extractor` of voices at any stream rate; `Remaking`, `Lengthy`."""

    remakes = True

    _voices: dict[str, Voice]
    _pending: "_Pending | None"

    def __init__(
        self,
        network: GenNetwork,
        rate: int,
        config: ChunkConfig | None = None,
        steps: int | None = None,
        clips: Mapping[str, Audio] | None = None,
    ) -> None:
        """Cut a stream for a network.

        Args:
            steps: of the flow; None: as many as the bundle was made for.
            clips: enrolment audio at 16 kHz, by the names of cues, where it is at hand: the store
                of voices keeps none.
        Raises: as `GenPlan.of`.
        """
        self._network, self._clips = network, clips or {}
        steps = network.steps if steps is None else steps
        self.plan = GenPlan.of(config or ChunkConfig(), network, steps)
        self.step_s = allowed(self.plan.hop * POSITION / RATE, network.compute_s)
        own = network.form.rate
        self._inward, self._vocoder = StreamResampler(rate, RATE), StreamResampler(rate, own)
        self._outward = Rows(own, rate)
        withheld = max(self._inward.lookahead, self._vocoder.lookahead)
        outward = StreamResampler(own, rate).lookahead * rate // own
        self._piece = max(1, self.plan.hop * POSITION * rate // RATE // 4)
        self.lookahead = int(self.plan.delay_s * rate) + self._piece + withheld + outward + 1
        self._cues: list[tuple[str, NDArray[np.float32]]] = []
        self._pending = None
        self.restart()

    def set_cues(self, cues: Sequence[Cue]) -> None:
        """Re-make these from the next chunk on. Raises: BundleError if one is no such voice."""
        asked = [(cue.name, self._network.vector(cue)) for cue in cues]
        rows = {name: row for row, (name, _) in enumerate(self._cues)}
        self._outward.arrange([rows.get(name) for name, _ in asked])
        self._cues = asked

    def push(self, block: Audio) -> Targets:
        self._taken += len(block)
        pieces = [
            self._hear(block[start : start + self._piece])
            for start in range(0, len(block), self._piece)
        ]
        given = self._outward.push(np.concatenate([self._nothing(), *pieces], axis=1))
        self._given += given.shape[1]
        return given

    def flush(self) -> Targets:
        return np.concatenate(list(self.rest()), axis=1)

    def rest(self) -> Iterator[Targets]:
        """Yield what `flush` returns; no part waits for more than one chunk."""
        due = self._taken - self._given
        while due > 0:
            given = self.push(np.zeros(self._piece, np.float32))[:, :due]
            due -= given.shape[1]
            yield given
        yield self._nothing()
        self.restart()

    def restart(self) -> None:
        """Forget the stream, not the cues; the next sample is the first.

        A chunk that is being computed is waited for: two never are at once.
        """
        if self._pending:
            self._pending.computing.leave()
        self._inward.flush()
        self._vocoder.flush()
        self._outward.restart(len(self._cues))
        self._mixture = Newest(POSITION * (self._network.positions + 2 * self.plan.hop))
        self._mel = MelStream(self.plan.form)
        self._voices, self._pending = {}, None
        self._chunk = 0  # the next to be begun
        self._taken = self._given = 0  # at the stream rate

    def _nothing(self) -> Targets:
        return np.empty((len(self._cues), 0), np.float32)

    def _hear(self, piece: Audio) -> Targets:
        """Hear a piece of a hop; give what is due, and begin the chunk that can begin."""
        self._mixture.write(self._inward.push(piece))
        self._mel.push(self._vocoder.push(piece))
        parts = [self._nothing()]
        if self._pending and self._mixture.end >= self._pending.due:
            parts.append(self._join(self._pending.computing.result()))
            self._pending = None
        if not self._pending and self._can_begin():
            self._begin()
        return np.concatenate(parts, axis=1)

    def _can_begin(self) -> bool:
        plan, chunk = self.plan, self._chunk
        context = self._mixture.end >= plan.end(chunk) * POSITION
        return context and self._mel.heard.end >= plan.heard(chunk)

    def _begin(self) -> None:
        plan, chunk = self.plan, self._chunk
        self._voices = {
            name: self._known(name, speaker)
            or Voice(self._network, plan, speaker, chunk, self._clips.get(name))
            for name, speaker in self._cues
        }
        end = plan.end(chunk) * POSITION
        context = self._mixture.read(end, self._network.positions * POSITION)
        self._mel.forget(plan.drawn(chunk - 1) - plan.before)
        voices, heard = dict(self._voices), self._mel.heard

        def spoken() -> Spoken:
            return {name: voice.go_on(chunk, context, heard) for name, voice in voices.items()}

        self._pending = _Pending(Computing(spoken, "chunk"), end + plan.compute)
        self._chunk += 1

    def _known(self, name: str, speaker: NDArray[np.float32]) -> Voice | None:
        """The one that goes on under a name, unless the name stands for another voice by now."""
        voice = self._voices.get(name)
        return voice if voice and np.array_equal(voice.speaker, speaker) else None

    def _join(self, spoken: Spoken) -> Targets:
        """(K, T) at the vocoder's rate, from its sample 0 on; silence for who was not asked for."""
        plan, chunk = self.plan, self._chunk - 1
        first, last = (max(0, plan.drawn(c) - plan.reach) for c in (chunk - 1, chunk))
        rows = np.zeros((len(self._cues), (last - first) * plan.form.hop), np.float32)
        for row, (name, _) in enumerate(self._cues):
            if name in spoken:
                rows[row] = spoken[name][len(spoken[name]) - rows.shape[1] :]
        return rows


@dataclass(frozen=True)
class _Pending:
    """A chunk that is being computed."""

    computing: Computing[Spoken]
    due: int  # sample at 16 kHz
