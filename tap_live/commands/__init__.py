"""The command line, one command a file.

Exit codes: 0 done; 1 failed or interrupted, or what was asked for is not there (a file, a device,
a voice, a bundle); 2 wrong arguments: what `typer` refuses, and every `ConfigError`.
"""

import signal
import sys
from types import FrameType
from typing import NoReturn

from tap_live.errors import ConfigError, TapError

INTERRUPTED = 130  # how `typer` leaves then


def main() -> None:
    """Run `tap-live`; an error is one line on stderr, never a traceback."""
    interrupt = _Interrupt()
    try:
        from tap_live.commands.app import app

        app()
    except KeyboardInterrupt:
        _stopped()
    except SystemExit as left:
        if left.code == INTERRUPTED:
            _stopped()
        raise
    except BrokenPipeError:  # whoever read our output has gone
        sys.stderr.close()
        sys.exit(1)
    except TapError as error:
        if interrupt.came and isinstance(error, ImportError):
            _stopped()
        print(f"tap-live: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except Exception:
        if not interrupt.came:
            raise
        _stopped()


class _Interrupt:
    """Let SIGTERM end a command the way Ctrl-C does, and remember that one of them came.

    An import that is cut short may say that something is not there, or is broken.
    """

    def __init__(self) -> None:
        self.came = False
        signal.signal(signal.SIGTERM, self)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored
            signal.signal(signal.SIGINT, self)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        raise KeyboardInterrupt


def _stopped() -> NoReturn:
    print("tap-live: stopped", file=sys.stderr)
    sys.exit(1)
