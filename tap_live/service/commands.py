"""Carry out commands on threads of their own, and answer each `ok` or `error`.

What is quick is done one after the other, in the order in which it came; what takes long
has a thread beside it, so that `stop` or `cancel` need not wait for it.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeAlias

from tap_live.errors import TapError
from tap_live.events import AnyCommand, AnyEvent, CheckVoice, Enrol, Failed, Ok, Progress, Pull

LONG = (Enrol, Pull, CheckVoice)
MOST_WAITING = 32
_log = logging.getLogger(__name__)

Tell: TypeAlias = Callable[[Progress], object]
"""Takes how far a long command is; any thread."""


class Control(Protocol):
    """What an engine can be told."""

    def execute(self, command: AnyCommand, tell: Tell) -> Any:
        """Carry out one command; return the result, that JSON can hold.

        Runs on a worker thread. Raises: TapError if it cannot be done.
        """
        ...

    def close(self) -> None:
        """Let what takes long end."""
        ...


class Commands:
    """Run a control's commands."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._quick, self._long = (
            ThreadPoolExecutor(1, thread_name_prefix=f"commands-{name}")
            for name in ("quick", "long")
        )
        self._waiting = 0

    async def carry_out(self, command: AnyCommand, tell: Tell) -> AnyEvent:
        """Return the answer to a command."""
        if self._waiting >= MOST_WAITING:
            text = f"{MOST_WAITING} commands are waiting already"
            return Failed(code="busy", text=text, id=command.id)
        pool = self._long if isinstance(command, LONG) else self._quick
        self._waiting += 1
        try:
            result = await asyncio.get_running_loop().run_in_executor(
                pool, self._control.execute, command, tell
            )
        except TapError as error:
            return Failed(code=code_of(error), text=str(error), id=command.id)
        except Exception:  # whatever a command does, the service goes on
            _log.exception("%s failed", type(command).__name__)
            return Failed(code="internal", text="that failed: the log says why", id=command.id)
        finally:
            self._waiting -= 1
        return Ok(id=command.id, result=result)

    def close(self) -> None:
        """Drop what has not begun, and wait for the rest."""
        self._control.close()
        for pool in (self._quick, self._long):
            pool.shutdown(cancel_futures=True)


def code_of(error: TapError) -> str:
    """Name an error for programs: NotPossibleError is `not-possible`."""
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
