"""The command line, one command a file.

Exit codes: 0 done; 1 failed, or what was asked for is not there (a file, a device, a voice, a
bundle); 2 wrong arguments: what `typer` refuses, and every `ConfigError`.
"""

import signal
import sys
from types import FrameType

from tap_live.errors import ConfigError, TapError


def main() -> None:
    """Run `tap-live`; an error is one line on stderr, never a traceback."""
    from tap_live.commands.app import app

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except TapError as error:
        print(f"tap-live: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except BrokenPipeError:  # whoever read our output has gone
        sys.stderr.close()
        sys.exit(1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Let SIGTERM end a command the way Ctrl-C does: cleanly."""
    raise KeyboardInterrupt
