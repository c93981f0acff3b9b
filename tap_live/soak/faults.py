"""Which faults happen when: drawn from a seed."""

from dataclasses import dataclass

import numpy as np

FIRST_S = 4.0
BREAK_S = (3.0, 6.0)  # between two faults while each happens for the first time
LONG_BREAK_S = (8.0, 30.0)  # later
OVERLOAD_EVERY_S = 600.0

LASTING: dict[str, tuple[float, float]] = {  # seconds of the stream, from and to
    "microphone stalls": (0.3, 0.7),
    "microphone sticks": (2.0, 4.0),
    "microphone pulled out": (2.0, 6.0),
    "microphone runs fast": (2.0, 4.0),
    "captions overloaded": (40.0, 45.0),
    "captioner slow": (0.0, 0.0),
    "captioner raises": (0.0, 0.0),
    "extractor slow": (0.0, 0.0),
    "extractor gives NaN": (0.0, 0.0),
    "extractor hangs": (0.0, 0.0),
    "subscriber never reads": (2.0, 10.0),
    "subscriber sends garbage": (0.0, 0.0),
    "subscriber leaves in mid-frame": (0.0, 0.0),
    "subscriber floods": (0.0, 0.0),
    "good reader comes back": (0.0, 0.0),
    "recording begun and ended": (4.0, 12.0),
    "recording's folder goes": (2.0, 4.0),
}
ONCE = ("captioner raises", "extractor gives NaN", "extractor hangs")  # the third time stays off


@dataclass(frozen=True)
class Fault:
    """One fault, in seconds of the stream."""

    kind: str
    start: float
    stop: float


def plan(seed: int, seconds: float) -> list[Fault]:
    """Draw faults for a stream: each kind once in some order, then those that may return."""
    rng = np.random.default_rng(seed)
    faults: list[Fault] = []
    waiting = [str(kind) for kind in rng.permutation(list(LASTING))]
    at, again, overloaded = FIRST_S, False, 0.0
    while True:
        if not waiting:
            again = True
            kinds = [kind for kind in LASTING if kind not in ONCE]
            waiting = [str(kind) for kind in rng.permutation(kinds)]
        kind = waiting.pop()
        lasts = rng.uniform(*LASTING[kind])
        if kind == "captions overloaded":
            if again and at - overloaded < OVERLOAD_EVERY_S:
                continue
            overloaded = at
        if at + lasts + BREAK_S[1] > seconds:
            return faults
        faults.append(Fault(kind, at, at + lasts))
        at += lasts + rng.uniform(*(LONG_BREAK_S if again else BREAK_S))
