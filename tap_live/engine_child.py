"""TensorRT's engines are built in a process of their own: `python -m tap_live.engine_child`.

Building is one call that takes minutes. Here it can be ended, and a crash takes nothing with it.
Spawned and not forked: neither threads nor what lies on a card survive a fork. Both ends are in
this file: the process is handed a `Job` on its standard input, which then stays open and says
nothing more. When that ends whoever began it is gone, however that went, and it ends too.
"""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Thread
from typing import IO

from tap_live.engine_job import Job
from tap_live.errors import BundleError, TapError
from tap_live.waiting import Waiting

COMMAND = (sys.executable, "-m", "tap_live.engine_child")
BUILT, FAILED, ABSENT = 0, 1, 3  # how it leaves; any other way is a crash
PATIENCE_S = 3.0
TAIL, LAST_WORDS = 4096, 3  # bytes of what it said that are read, lines of a crash that are told


def build_apart(job: Job, waiting: Waiting) -> bool:
    """Have `job.build` done, telling how long it takes.

    Returns: what it does.
    Raises: BundleError with what the process said if it fails, and how it ended if it crashes;
        CancelledError. Whatever is raised, the process is gone.
    """
    graph = job.loading.graph
    with tempfile.TemporaryFile() as said:
        child = _begin(graph, said)
        try:
            _hand_over(job, child)
            waiting.until(partial(_over, child), f"building TensorRT's engine of {graph.name}")
        finally:
            _end(child)
        if child.returncode not in (BUILT, ABSENT):
            raise BundleError(_why(graph, child.returncode, _last_lines(said)))
    return child.returncode == BUILT


def _begin(graph: Path, said: IO[bytes]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=said, stderr=said)
    except OSError as error:
        raise BundleError(
            f"no process can be started to build TensorRT's engine of {graph}: {error}"
        ) from error


def _hand_over(job: Job, child: "subprocess.Popen[bytes]") -> None:
    assert child.stdin is not None
    with suppress(BrokenPipeError):  # it has ended, and what it said tells why
        child.stdin.write(pickle.dumps(job))
        child.stdin.flush()


def _over(child: "subprocess.Popen[bytes]", seconds: float) -> bool:
    with suppress(subprocess.TimeoutExpired):
        child.wait(seconds)
    return child.returncode is not None


def _end(child: "subprocess.Popen[bytes]") -> None:
    """See to it that it is gone; nothing of it has to be cleared up."""
    if child.poll() is None:
        child.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            child.wait(PATIENCE_S)
    finally:
        child.kill()  # which does nothing to one that has ended
        child.wait()
        assert child.stdin is not None
        with suppress(BrokenPipeError):
            child.stdin.close()


def _last_lines(said: IO[bytes]) -> list[str]:
    said.seek(max(0, said.seek(0, os.SEEK_END) - TAIL))
    lines = said.read().decode(errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _why(graph: Path, code: int, lines: list[str]) -> str:
    if code == FAILED and lines:
        return lines[-1]
    last = f"; it said last: {'; '.join(lines[-LAST_WORDS:])}" if lines else ""
    return f"the process that built TensorRT's engine of {graph} {_how(code)}{last}"


def _how(code: int) -> str:
    if code >= 0:
        return f"crashed with code {code:#x}"  # Windows has its errors there
    number = -code
    name = signal.Signals(number).name if number in [*signal.Signals] else f"signal {number}"
    short = name == "SIGKILL"
    return f"was ended by {name}" + (", as when memory is short: free some" if short else "")


def main() -> None:
    """Do the job that standard input holds.

    What libraries do when Python ends is of no use here, and may crash or hang: so it never does.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both: who began it ends it
    job: Job = pickle.load(sys.stdin.buffer)
    Thread(target=_end_with_parent, daemon=True).start()
    code = FAILED
    try:
        code = BUILT if job.build() else ABSENT
    except TapError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
    except BaseException:  # there is nobody above
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)


def _end_with_parent() -> None:
    """ONNX Runtime lets other threads run while it makes a session, or runs one."""
    os.read(sys.stdin.fileno(), 1)  # comes back when there is nobody left to write
    os._exit(FAILED)


if __name__ == "__main__":
    main()
