"""Captions of a stream while it is being said.

captioner = StreamingCaptioner(recogniser, Vad.open())
captions = captioner.push(block) + ... + captioner.flush()

Speech is read again and again, one pass every `interval` of new speech: each pass hears
the audio since the last cut, is told which words of it are final already, and says what
follows them. Words that two passes agree on become final; so does all the rest when the
region of speech ends. When the audio of a pass has grown to `window`, it is cut between two
final words, so that a pass never costs more than that.

Passes are scheduled by the stream's positions, never by a clock: the same stream gives
the same captions however it comes.
"""

import numpy as np

from tap_live.captions.config import StreamingConfig
from tap_live.captions.context import Context
from tap_live.captions.gate import Everyone, Gate
from tap_live.captions.language import Language
from tap_live.captions.recogniser import Recogniser
from tap_live.captions.region import Numbers, Region
from tap_live.captions.vad import RATE, WINDOW, Edge, Probabilities, Segmenter
from tap_live.events import Caption
from tap_live.processor import Audio, Processor
from tap_live.ring import RingBuffer

__all__ = ["RATE", "StreamingCaptioner", "StreamingConfig"]

HELD_S = 30  # seconds of audio kept, more than any pass hears


class StreamingCaptioner:
    """Turn 16 kHz audio into captions; a Processor.

    A final has the id of the partials before it and holds the words that became final
    together. A partial without words takes back the one before it.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        vad: Processor[Probabilities],
        *,
        config: StreamingConfig | None = None,
        gate: Gate | None = None,
        start: float = 0.0,
        first_id: int = 0,
    ) -> None:
        """Begin at `start` seconds of the stream, with captions numbered from `first_id`.

        Raises: ConfigError if the model does not know the language that is asked for.
        """
        self._config = config or StreamingConfig()
        self._recogniser = recogniser
        self._vad = vad
        self._gate = gate or Everyone()
        self._segmenter = Segmenter(self._config.segmenter)
        self._origin = (start, first_id)
        self._hold = max(round(self._config.hold * RATE), self._gate.lookahead)
        self.lookahead = round(2 * self._config.interval * RATE) + self._hold + vad.lookahead
        self._waiting: Audio
        self._restart()

    def push(self, block: Audio) -> list[Caption]:
        self._waiting = np.concatenate([self._waiting, block])
        whole = len(self._waiting) // WINDOW * WINDOW
        ready, self._waiting = self._waiting[:whole], self._waiting[whole:]
        captions: list[Caption] = []
        for window in ready.reshape(-1, WINDOW):  # (n, 512)
            captions += self._step(window)
        return captions

    def flush(self) -> list[Caption]:
        captions: list[Caption] = []
        if len(self._waiting):
            captions += self.push(np.zeros(WINDOW - len(self._waiting), np.float32))
        for edge in self._gate.flush(self._segmenter.flush()):
            captions += self._turn(edge)
        self._vad.flush()
        self._restart()
        return captions

    def _restart(self) -> None:
        self._waiting = np.zeros(0, np.float32)
        self._held = RingBuffer(HELD_S * RATE)
        self._numbers = Numbers(*self._origin)
        self._language = Language(self._recogniser, self._config.language)
        self._region: Region | None = None
        self._past: Region | None = None

    def _step(self, window: Audio) -> list[Caption]:
        """Hear 32 ms: first what changed, then the pass that is due, if one is."""
        self._held.write(window)
        edges = self._segmenter.push(self._vad.push(window))
        captions: list[Caption] = []
        for edge in self._gate.push(window, edges):
            captions += self._turn(edge)
        if self._region is not None:
            captions += self._region.step(self._held.end)
        return captions

    def _turn(self, edge: Edge) -> list[Caption]:
        if edge.kind == "start":
            assert self._region is None, "regions do not overlap"
            self._region = self._begin(edge)
            return []
        assert self._region is not None, "a region begins with its start"
        if edge.kind == "pause":
            return self._region.pause(edge.position)
        if edge.kind == "resume":
            self._region.resume(edge)
            return []
        captions = self._region.end(edge.position)
        self._past, self._region = self._region, None
        return captions

    def _begin(self, edge: Edge) -> Region:
        alone = context = Context(self._held, edge.position)
        if self._past is not None and self._past.speaker == edge.speaker:
            before = self._past.context
            gap = edge.position - self._past.heard
            if before.words and gap <= self._config.carry * RATE:
                before.silence(self._past.heard, edge.position)
                if edge.position - before.cut >= self._config.window * RATE:
                    before.shorten(())
                context = before
        return Region(
            edge, self._recogniser, self._config, self._language, self._numbers,
            alone, context, self._hold,
        )  # fmt: skip
