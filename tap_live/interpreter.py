"""How threads share Python's interpreter while audio runs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

TURN_S = 0.0005


@contextmanager
def short_turns() -> Iterator[None]:
    """Let a thread that waits for the interpreter have it after half a millisecond.

    By itself Python hands it over every 5 ms: a third of a hop, which extraction waits when it
    comes back from its network while another thread writes to hundreds of subscribers.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, TURN_S))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
