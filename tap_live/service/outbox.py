"""What waits for one subscriber: bounded, and what a newer message replaces goes first."""

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

CAPACITY = 256  # messages
CAPACITY_BYTES = 1 << 20
CROWDED = 0.75  # of the capacity, which coalescing has to get below


@dataclass(frozen=True, slots=True)
class Message:
    """One message for many: its bytes as they go over the wire."""

    frame: bytes
    channel: str
    key: Hashable = None  # a newer message of this key makes this one obsolete; None: nothing does
    lasting: bool = True  # never left out

    @property
    def payload(self) -> bytes:
        """What the frame carries: after its length in 0, 2 or 8 bytes (RFC 6455, 5.2)."""
        return self.frame[{126: 4, 127: 10}.get(self.frame[1], 2) :]


class Outbox:
    """A queue that leaves out what is obsolete when it is full, and nothing else.

    A reader who cannot follow even so is told by `put`. What is replayed to one who was
    away does not count: it is held in common, and only referred to.
    """

    def __init__(self, capacity: int = CAPACITY, capacity_bytes: int = CAPACITY_BYTES) -> None:
        self.coalesced = 0
        self._capacity, self._capacity_bytes = capacity, capacity_bytes
        self._queue: deque[Message | deque[Message]] = deque()
        self._bytes = 0
        self._replay: deque[Message] = deque()  # the last one

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, message: Message) -> bool:
        """Queue a message; False if the reader cannot follow and has to be cut off."""
        self._queue.append(message)
        self._bytes += len(message.frame)
        if len(self._queue) <= self._capacity and self._bytes <= self._capacity_bytes:
            return True
        self._coalesce()
        return (
            len(self._queue) <= CROWDED * self._capacity
            and self._bytes <= CROWDED * self._capacity_bytes
        )

    def replay(self, messages: Iterable[Message]) -> None:
        """Send these after what is queued now; what is left of an earlier replay is left out."""
        self._replay.clear()
        self._replay = deque(messages)
        self._queue.append(self._replay)

    def take(self, most: int) -> bytes:
        """Remove and return messages, joined: at least one, and no more once over `most` bytes."""
        if len(self._queue) == 1 and isinstance(only := self._queue[0], Message):
            self._queue.clear()  # the usual case, of a reader who follows
            self._bytes = 0
            return only.frame
        taken: list[bytes] = []
        size = 0
        while size < most and self._queue:
            head = self._queue[0]
            if isinstance(head, Message):
                self._queue.popleft()
                self._bytes -= len(head.frame)
                taken.append(head.frame)
            elif head:
                taken.append(head.popleft().frame)
            else:
                self._queue.popleft()
                continue
            size += len(taken[-1])
        return b"".join(taken)

    def _coalesce(self) -> None:
        """Keep what lasts, and the newest of every key."""
        kept: deque[Message | deque[Message]] = deque()
        seen: set[Hashable] = set()
        for item in reversed(self._queue):
            if not isinstance(item, Message):
                kept.appendleft(item)
                continue
            if item.lasting or item.key not in seen:
                kept.appendleft(item)
            else:
                self.coalesced += 1
                self._bytes -= len(item.frame)
            seen.add(item.key)
        self._queue = kept
