"""Do something that takes long on a thread, and take the result on the interface's."""

import logging
from collections.abc import Callable
from threading import Thread
from typing import Any

from PyQt6 import sip
from PyQt6.QtCore import QObject, pyqtSignal

from tap_live.errors import TapError

_log = logging.getLogger(__name__)


class Background(QObject):
    """One task at a time; `done` has its result, `failed` why there is none."""

    done = pyqtSignal(object)
    failed = pyqtSignal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: Thread | None = None

    @property
    def busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def run(self, work: Callable[[], Any]) -> bool:
        """Begin, unless something is under way; return whether it was begun."""
        if self.busy:
            return False
        self._thread = Thread(target=self._work, args=(work,), name="panel-task", daemon=True)
        self._thread.start()
        return True

    def wait(self) -> None:
        """Wait until nothing is under way."""
        if self._thread is not None:
            self._thread.join()

    def _work(self, work: Callable[[], Any]) -> None:
        failure, result = "", None
        try:
            result = work()
        except TapError as error:
            failure = str(error)
        except Exception as error:  # or whoever asked would wait for ever
            _log.exception("a task of the panel failed")
            failure = f"the panel itself failed at this: {error!r}; the log says where"
        if sip.isdeleted(self):  # with the dialog that asked
            return
        if failure:
            self.failed.emit(failure)
        else:
            self.done.emit(result)
