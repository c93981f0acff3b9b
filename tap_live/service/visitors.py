"""Who is connected, how many may be, and who is turned away; all of it on the event loop."""

import sys
from collections.abc import Iterator

from tap_live.service.connection import Connection
from tap_live.service.hub import Hub

RESERVED_FILES = 200  # that the rest of the program may have open


class Visitors:
    """The connections that there are.

    Args:
        most: connections in all.
        most_of_one: from one address that is not this machine.
    """

    def __init__(self, hub: Hub, most: int, most_of_one: int) -> None:
        self._hub = hub
        self._most = min(most, max(1, _open_files() - RESERVED_FILES))
        self._most_of_one = most_of_one
        self._connections: set[Connection] = set()

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._connections)

    def __len__(self) -> int:
        return len(self._connections)

    def admit(self, connection: Connection) -> bool:
        """Count a connection in, unless there are too many."""
        others = sum(other.who == connection.who for other in self._connections)
        if len(self) >= self._most or (others >= self._most_of_one and not connection.local):
            self.refuse("connections", connection)
            return False
        self._connections.add(connection)
        return True

    def forget(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def refuse(self, reason: str, connection: Connection) -> None:
        """Count a refusal, and log it unless it was lately."""
        self._hub.refuse(reason, connection.who)


def _open_files() -> int:
    """How many files, and so connections, the system lets this program have."""
    if sys.platform == "win32":
        return 1 << 16
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
