"""What every output of a stream has in common."""

from types import TracebackType
from typing import Protocol, Self

from tap_live.processor import Audio


class Output(Protocol):
    """Takes the stream at the stream rate, inside a `with`; after it no thread is left."""

    @property
    def name(self) -> str: ...

    @property
    def delay(self) -> float:
        """Seconds that a sample waits here before it is heard, as far as that is known."""
        ...

    def write(self, block: Audio) -> None:
        """Take (T,) samples, and never wait for a device. One thread only."""
        ...

    def turn(self, on: bool) -> None:
        """Fade out what is heard while the input is gone or muted, or in again; any thread.

        A file is not heard: it keeps what is written.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None: ...


class NullOutput:
    """Nobody listens."""

    name = "none"
    delay = 0.0

    def write(self, block: Audio) -> None:
        pass

    def turn(self, on: bool) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        pass
