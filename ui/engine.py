"""What the panel draws and steers, here or on another machine."""

from enum import Enum
from typing import Protocol

from tap_live.events import AnyCommand, AnyEvent


class Phase(Enum):
    """What an engine is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    PREVIEW = "preview"  # only shows how loud the input is
    RUNNING = "running"
    STOPPING = "stopping"
    LOST = "lost"  # cannot be reached; it is tried again


class Engine(Protocol):
    """Takes commands and tells events; nothing here ever waits but `close`.

    Every command is answered, by an `ok` or `error` with its id among the events.
    """

    @property
    def where(self) -> str:
        """For people."""
        ...

    @property
    def remote(self) -> bool: ...

    @property
    def phase(self) -> Phase: ...

    def send(self, command: AnyCommand) -> None: ...

    def poll(self) -> list[AnyEvent]:
        """Return what happened since the last time; one thread only.

        Finals, warnings and answers are all there, however late that is asked.
        """
        ...

    def close(self) -> None:
        """End what this engine owns, and wait: what was captured is kept."""
        ...
