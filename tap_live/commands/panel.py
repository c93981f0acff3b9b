"""`tap-live panel`: the control panel."""

from importlib.util import find_spec
from typing import Annotated

import typer

from tap_live.errors import RuntimeMissingError


def panel(
    connect: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Steer an engine that `run --serve` started. [default: one of its own]",
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="TAP_LIVE_TOKEN", help="With --connect to another machine: its control token."
        ),
    ] = None,
    setup: Annotated[
        str | None, typer.Option(help="A profile that was saved in the panel, by name.")
    ] = None,
) -> None:
    """Open the control panel: hear it, read it, steer it."""
    if find_spec("PyQt6") is None or find_spec("pyqtgraph") is None:
        raise RuntimeMissingError(
            "wanted PyQt6 and pyqtgraph for the panel, found neither or one; install them with "
            "`pip install 'tap-live[ui]'`"
        )
    from tap_live.ui.app import run_panel

    raise typer.Exit(run_panel(connect, token, setup))
