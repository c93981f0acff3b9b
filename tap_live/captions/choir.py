"""Several voices of one stream captioned at once, over each other too.

Each has a captioner of its own, whose gate lets only that voice in and whose recogniser hears
only it. What all of them ask of the same audio, whether somebody speaks and how that voice
looks to the speaker encoder, is found out once.
"""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tap_live.captions.numbering import Numbering
from tap_live.captions.vad import WINDOW, Probabilities
from tap_live.events import Caption
from tap_live.processor import Audio, Processor
from tap_live.voices.encoder import SpeakerEncoder

Heard = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


class Choir:
    """Turn 16 kHz audio into the captions of several captioners; a Processor.

    Captions are numbered anew, in the order in which they begin to be shown.
    """

    def __init__(self, captioners: Sequence[Processor[list[Caption]]], first_id: int = 0) -> None:
        self.lookahead = max(captioner.lookahead for captioner in captioners) + WINDOW
        self._captioners = captioners
        self._first_id = first_id
        self._waiting: Audio
        self._restart()

    def push(self, block: Audio) -> list[Caption]:
        self._waiting = np.concatenate([self._waiting, block])
        whole = len(self._waiting) // WINDOW * WINDOW
        ready, self._waiting = self._waiting[:whole], self._waiting[whole:]
        captions: list[Caption] = []
        for window in ready.reshape(-1, WINDOW):  # one window each in turn: they share its answers
            captions += self._numbered([voice.push(window) for voice in self._captioners])
        return captions

    def flush(self) -> list[Caption]:
        rest = self._waiting
        captions = self._numbered([voice.push(rest) for voice in self._captioners])
        captions += self._numbered([voice.flush() for voice in self._captioners])
        self._restart()
        return captions

    def _restart(self) -> None:
        self._waiting = np.zeros(0, np.float32)
        self._numbering = Numbering(self._first_id)

    def _numbered(self, said: Sequence[list[Caption]]) -> list[Caption]:
        """Join what each voice says, under ids that no two of them share."""
        return [
            self._numbering.of(voice, caption) for voice, its in enumerate(said) for caption in its
        ]


class Ear:
    """One of several listeners to one detector of speech: what one has asked, all are answered."""

    def __init__(self, vad: Processor[Probabilities], ears: list["Ear"]) -> None:
        """Join `ears`, all of which ask about the same audio in the same order."""
        self.lookahead = vad.lookahead
        self._vad, self._ears = vad, ears
        self._known: deque[Probabilities] = deque()
        ears.append(self)

    def push(self, audio: Audio) -> Probabilities:
        return self._answer(lambda: self._vad.push(audio))

    def flush(self) -> Probabilities:
        return self._answer(self._vad.flush)

    def _answer(self, find_out: Callable[[], Probabilities]) -> Probabilities:
        if not self._known:
            answer = find_out()
            for ear in self._ears:
                ear._known.append(answer)
        return self._known.popleft()


def ears(vad: Processor[Probabilities], count: int) -> list[Ear]:
    """Listeners for so many captioners of the same audio."""
    made: list[Ear] = []
    for _ in range(count):
        Ear(vad, made)
    return made


class RememberingEncoder(SpeakerEncoder):
    """A speaker encoder that is asked the same by several gates, one after the other."""

    _asked: Heard | None = None
    _answer: Heard | None = None

    def advance(
        self, mel: NDArray[np.float32], hidden: NDArray[np.float32], cell: NDArray[np.float32]
    ) -> Heard:
        asked = (mel, hidden, cell)
        if self._asked is None or not all(map(np.array_equal, asked, self._asked)):
            self._asked, self._answer = asked, super().advance(*asked)
        assert self._answer is not None
        return self._answer
