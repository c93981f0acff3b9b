"""A warning as every command prints it: one line on stderr, for standard output may be read."""

import typer


def warn(text: str) -> None:
    """Say that something is not as it should be, and the command goes on."""
    typer.echo(f"warning: {text}", err=True)
