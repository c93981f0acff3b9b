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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live.audio.resample import StreamResampler
from tap_live.errors import ConfigError
from tap_live.extractors.chunked import HEADROOM, LONGEST_S, ChunkConfig
from tap_live.extractors.computing import Computing
from tap_live.extractors.gentse_frames import (
    POSITION_S,
    Frames,
    MelForm,
    MelStream,
    Stretch,
    frames_before,
    noise_at,
    places,
    read_at,
)
from tap_live.extractors.gentse_network import POSITION, GenNetwork
from tap_live.extractors.rows import Newest, Rows
from tap_live.processor import Audio, Cue, Targets
from tap_live.whisper.features import RATE

SEED = 20_230_919  # of the noise: the same in every run
SHORTEST = 25  # positions of a hop that is chosen by speed
LEAST_BEHIND = 3  # positions behind a hop: a mel frame reaches 32 ms beyond its middle

Spoken: TypeAlias = dict[str, Audio]
"""What each target says in a chunk, at the vocoder's rate."""


@dataclass(frozen=True)
class GenPlan:
    """How a stream is cut, in positions of 20 ms; `before`, `after` and `reach` in mel frames."""

    form: MelForm
    hop: int
    fade: int
    ahead: int
    compute: int  # samples at 16 kHz
    steps: int
    before: int
    after: int
    reach: int

    @classmethod
    def of(cls, config: ChunkConfig, network: GenNetwork, steps: int) -> "GenPlan":
        """Fix it for a machine on which a context takes `network.compute_s`.

        Raises: ConfigError if the hop is longer than what the network hears.
        """
        needed = HEADROOM * network.compute_s
        fastest = min(LONGEST_S / POSITION_S, max(SHORTEST, np.ceil(needed / POSITION_S)))
        hop = max(1, round(config.hop_s / POSITION_S) if config.hop_s else int(fastest))
        fade = max(1, round(config.fade_s / POSITION_S))
        ahead = max(LEAST_BEHIND - fade, round(config.ahead_s / POSITION_S))
        if hop + fade + ahead > network.positions:
            longest = (network.positions - fade - ahead) * POSITION_S
            raise ConfigError(
                f"bundle {network.name!r} hears {network.positions * POSITION_S:g} s at a time: "
                f"wanted a hop of {longest:g} s or less, found {hop * POSITION_S:g} s"
            )
        return cls(
            form=network.form,
            hop=hop,
            fade=fade,
            ahead=ahead,
            compute=min(round(needed * RATE), hop * POSITION - 1),
            steps=steps,
            before=steps * network.before,
            after=steps * network.after,
            reach=network.reach,
        )

    def end(self, chunk: int) -> int:
        """The position at which the context of a chunk ends."""
        return (chunk + 1) * self.hop + self.fade + self.ahead

    def heard(self, chunk: int) -> int:
        """Frames for which positions are known after a chunk."""
        return frames_before((chunk + 1) * self.hop - 1, self.form)

    def drawn(self, chunk: int) -> int:
        """Frames that are drawn for good after a chunk."""
        return max(0, self.heard(chunk) - self.after) if chunk >= 0 else 0

    @property
    def delay_s(self) -> float:
        """From a sample to the chunk that has it, at most."""
        frames = 1.5 + self.after + self.reach
        positions = self.hop + 1 + self.fade + self.ahead
        return frames * self.form.seconds + positions * POSITION_S + self.compute / RATE


class Voice:
    """What was heard and drawn of one target so far; all but the making runs on chunks' threads."""

    def __init__(
        self, network: GenNetwork, plan: GenPlan, speaker: NDArray[np.float32], first: int
    ) -> None:
        """`first` is the chunk with which it begins."""
        self._network, self._plan, self.speaker = network, plan, speaker
        self._enrolled = network.enrolled(None)  # the store of voices keeps no audio
        self._start = first * plan.hop  # the position of the first that is held
        self._begin = frames_before(self._start, plan.form)  # its first frame
        self._tokens = np.empty((0, 0), np.float32)
        self._tail = np.empty((0, 0), np.float32)  # to be faded into the next hop
        self._state = network.silence()

    def go_on(self, chunk: int, context: Audio, heard: Stretch) -> Audio:
        """Samples of the frames that a chunk is the first to draw for good, `reach` frames late.

        Args:
            context: of the mixture, at 16 kHz.
            heard: the mixture's mel frames, at least those that are reached.
        """
        plan = self._plan
        self._hear(context)
        first, last = plan.drawn(chunk - 1), plan.drawn(chunk)
        if last == first:
            return np.empty(0, np.float32)
        mel = np.zeros((last - first, self._network.bands), np.float32)
        mine = max(first, self._begin)
        if last > mine:
            start = max(self._begin, first - plan.before)
            drawn = self._draw(heard.part(start, plan.heard(chunk)))
            mel[mine - first :] = drawn[mine - start : last - start]
        there = np.arange(first, last) >= self._begin
        audio, self._state = self._network.speak(mel, there, self._state)
        given = np.arange(first, last) - plan.reach >= self._begin
        self._forget(last)
        return np.asarray(audio * np.repeat(given, plan.form.hop), np.float32)

    def _hear(self, context: Audio) -> None:
        """Add a hop of positions, its beginning faded with what the context before had there."""
        plan = self._plan
        hidden = self._network.hear(context, self.speaker, self._enrolled)
        stop = len(hidden) - plan.ahead
        newest = hidden[stop - plan.fade - plan.hop : stop].copy()
        if len(self._tail):
            share = ((np.arange(plan.fade) + 0.5) / plan.fade).astype(np.float32)[:, None]
            newest[: plan.fade] = share * newest[: plan.fade] + (1 - share) * self._tail
        self._tail = newest[plan.hop :]
        held = self._tokens.reshape(-1, hidden.shape[1])
        self._tokens = np.concatenate([held, newest[: plan.hop]])

    def _draw(self, heard: Stretch) -> Frames:
        form, count = self._plan.form, len(heard.mel)
        tokens = read_at(self._tokens, self._start, places(heard.start, count, form))
        noise = noise_at(SEED, heard.start, count, self._network.bands)
        return self._network.draw(
            tokens, heard.mel, heard.level, self.speaker, noise, self._plan.steps
        )

    def _forget(self, drawn: int) -> None:
        """Drop the positions that no frame to come depends on."""
        oldest = int(places(max(0, drawn - self._plan.before), 1, self._plan.form)[0])
        spare = min(len(self._tokens), max(0, oldest - self._start))
        self._tokens, self._start = self._tokens[spare:], self._start + spare


class GenExtractor:
    """An `Extractor` of voices at any stream rate."""

    _voices: dict[str, Voice]
    _pending: "_Pending | None"

    def __init__(
        self,
        network: GenNetwork,
        rate: int,
        config: ChunkConfig | None = None,
        steps: int | None = None,
    ) -> None:
        """`steps` of the flow; None: as many as the bundle was made for."""
        self._network = network
        self.plan = GenPlan.of(config or ChunkConfig(), network, steps or network.steps)
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
        due, parts = self._taken - self._given, [self._nothing()]
        while self._taken and sum(part.shape[1] for part in parts) < due:
            parts.append(self.push(np.zeros(self._piece, np.float32)))
        found = np.concatenate(parts, axis=1)[:, :due]
        self.restart()
        return found

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
            name: self._known(name, speaker) or Voice(self._network, plan, speaker, chunk)
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
