"""What a user gave that cannot be is said in a line, for all training commands at once."""

import logging
import sys
from collections.abc import Callable

import typer

log = logging.getLogger(__name__)


def plainly(command: Callable[[], object], *also: type[Exception]) -> None:
    """Run a command; an error about files or values ends in its message, exit code 1.

    Args:
        also: other errors that are told so.
    """
    told: tuple[type[Exception], ...] = (OSError, ValueError, *also)
    try:
        command()
    except told as error:
        log.debug("where it was raised", exc_info=error)
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
