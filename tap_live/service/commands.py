"""Carry out commands on threads of their own, and answer each `ok` or `error`.

What is quick is done one after the other, in the order in which it came. What takes long has
threads beside it, so that `stop` or `cancel` need not wait for it: one for what listens to the
stream, which one task can at a time, and some for the rest.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeAlias

from tap_live.errors import TapError
from tap_live.events import (
    AnyCommand,
    AnyEvent,
    CheckVoice,
    Doctor,
    Enrol,
    Export,
    Failed,
    Ok,
    Progress,
    Pull,
)

LISTENING = (Enrol, CheckVoice)
LONG = (Pull, Export, Doctor)
LONG_AT_ONCE = 3
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

    def drop(self, clip: str) -> None:
        """Remove what came of a clip whose sender is gone; runs on a worker thread."""
        ...

    def close(self) -> None:
        """Let what takes long end."""
        ...


class Commands:
    """Run a control's commands."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._quick, self._listening, self._long = self._pools = tuple(
            ThreadPoolExecutor(threads, thread_name_prefix=f"commands-{name}")
            for name, threads in (("quick", 1), ("listening", 1), ("long", LONG_AT_ONCE))
        )
        self._waiting = 0

    async def carry_out(self, command: AnyCommand, tell: Tell) -> AnyEvent:
        """Return the answer to a command."""
        if self._waiting >= MOST_WAITING:
            text = f"{MOST_WAITING} commands are waiting already"
            return Failed(code="busy", text=text, id=command.id)
        self._waiting += 1
        try:
            result = await asyncio.get_running_loop().run_in_executor(
                self._pool_of(command), self._control.execute, command, tell
            )
        except TapError as error:
            return Failed(code=code_of(error), text=str(error), id=command.id)
        except Exception:  # whatever a command does, the service goes on
            _log.exception("%s failed", type(command).__name__)
            return Failed(code="internal", text="that failed: the log says why", id=command.id)
        finally:
            self._waiting -= 1
        return Ok(id=command.id, result=result)

    async def drop(self, clip: str) -> None:
        """Remove what came of a clip whose sender is gone, after the parts that wait."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._quick, self._control.drop, clip)

    def close(self) -> None:
        """Drop what has not begun, and wait for the rest."""
        self._control.close()
        for pool in self._pools:
            pool.shutdown(cancel_futures=True)

    def _pool_of(self, command: AnyCommand) -> ThreadPoolExecutor:
        if isinstance(command, LISTENING):
            return self._listening
        return self._long if isinstance(command, LONG) else self._quick


def code_of(error: TapError) -> str:
    """Name an error for programs: NotPossibleError is `not-possible`."""
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
