"""The command line, one command a file.

Exit codes: 0 done, 1 failed, 2 wrong arguments.
"""

import signal
import sys
from types import FrameType

from tap_live.errors import TapError


def main() -> None:
    """Run `tap-live`; an error is one line on stderr, never a traceback."""
    from tap_live.commands.app import app

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except TapError as error:
        print(f"tap-live: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # whoever read our output has gone
        sys.stderr.close()
        sys.exit(1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Let SIGTERM end a command the way Ctrl-C does: cleanly."""
    raise KeyboardInterrupt
