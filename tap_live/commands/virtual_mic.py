"""`tap-live virtual-mic`: a microphone for other programs that hears what TAP Live plays."""

from typing import Annotated

import typer

from tap_live.outputs.virtual_mic import HOW_TO_SELECT, NAME, create
from tap_live.outputs.virtual_mic import remove as remove_it


def virtual_mic(
    remove: Annotated[bool, typer.Option("--remove", help="Remove it again.")] = False,
) -> None:
    """Create a virtual microphone, for meetings and recorders (Linux).

    It stays until it is removed or the sound server ends.
    """
    if remove:
        was_there = remove_it()
        typer.echo(f"{NAME!r} is removed" if was_there else f"{NAME!r} was not there")
        return
    new = create()
    typer.echo(f"{NAME!r} is {'ready' if new else 'there already'}; {HOW_TO_SELECT}")
    typer.echo("play into it with: tap-live run --output virtual-mic")
