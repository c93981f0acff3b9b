"""An engine in this process, kept off the interface's thread.

`send`, `poll` and `close` run on the interface's thread; commands on the threads of
`Commands`, which tells a `LoopThread` when they are done.
"""

import logging
from queue import Empty, SimpleQueue

from tap_live.events import AnyCommand, AnyEvent, Failed, Stop
from tap_live.service.commands import Commands
from tap_live.ui.desk import Desk
from tap_live.ui.engine import Phase
from tap_live.ui.loop import LoopThread

_log = logging.getLogger(__name__)


class LocalEngine:
    """An `Engine` that runs streams here."""

    remote = False
    where = "this computer"

    def __init__(self, desk: Desk | None = None) -> None:
        self._desk = desk or Desk()
        self._commands = Commands(self._desk)
        self._loop = LoopThread("panel-commands")
        self._answers: SimpleQueue[AnyEvent] = SimpleQueue()
        self._clearing = False

    @property
    def phase(self) -> Phase:
        return self._desk.phase

    def send(self, command: AnyCommand) -> None:
        if isinstance(command, Stop):  # a start that is under way comes before it
            self._desk.give_up()
        self._loop.begin(self._carry_out(command))

    def poll(self) -> list[AnyEvent]:
        over = self._desk.over()  # asked first: then all that it told can be taken
        events = self._desk.take()
        if over and not self._clearing:
            self._clearing = True
            self._loop.begin(self._clear())
        return events + self._answered()

    def close(self) -> None:
        self._commands.close()
        self._loop.close()

    def _answered(self) -> list[AnyEvent]:
        answers: list[AnyEvent] = []
        try:
            while True:
                answers.append(self._answers.get_nowait())
        except Empty:
            return answers

    async def _carry_out(self, command: AnyCommand) -> None:
        self._answers.put(await self._commands.carry_out(command, self._answers.put))

    async def _clear(self) -> None:
        why: Failed | None
        try:
            why = await self._loop.loop.run_in_executor(None, self._desk.clear)
        except Exception as error:  # or nobody would know that the stream is over
            _log.exception("a stream was not put away")
            text = f"the stream ended, and the panel itself failed at this: {error!r}"
            why = Failed(code="engine-ended", text=f"{text}; the log says where")
        self._clearing = False
        if why is not None:
            self._answers.put(why)
