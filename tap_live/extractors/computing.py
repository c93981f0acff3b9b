"""Work of a stream that is done beside it, on a thread of its own, and waited for when due."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Generic, TypeVar

Found = TypeVar("Found")


class Computing(Generic[Found]):
    """Something that is being computed, from the moment at which this is made."""

    def __init__(self, work: Callable[[], Found], name: str) -> None:
        self._future: Future[Found] = Future()
        self._work = work
        # a model that never returns must not keep the program from ending
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def result(self) -> Found:
        """What was found, as soon as it is there. Raises: what the work raises."""
        self._thread.join()
        return self._future.result()

    def ended(self, patience_s: float) -> bool:
        """Whether it ends within some seconds; waits for so long at most."""
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    def leave(self) -> None:
        """Wait until nothing is computed any more, and do without the result."""
        self._thread.join()

    def _run(self) -> None:
        try:
            self._future.set_result(self._work())
        except Exception as error:  # raised again where the result is wanted
            self._future.set_exception(error)
