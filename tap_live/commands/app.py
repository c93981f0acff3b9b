"""All commands in one place; each imports what it needs when it is called."""

from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from tap_live import __version__
from tap_live.commands.bench import bench
from tap_live.commands.demo import demo
from tap_live.commands.devices import devices
from tap_live.commands.doctor import doctor
from tap_live.commands.enrol import enrol
from tap_live.commands.export import export
from tap_live.commands.extract import extract
from tap_live.commands.link import link
from tap_live.commands.models import models
from tap_live.commands.panel import panel
from tap_live.commands.run import run
from tap_live.commands.settings import settings_of
from tap_live.commands.soak import soak
from tap_live.commands.transcribe import transcribe
from tap_live.commands.virtual_mic import virtual_mic
from tap_live.commands.voices import voices
from tap_live.profile import load_profile

app = typer.Typer(
    name="tap-live",
    rich_markup_mode="markdown",  # else [default: …] of a help text is taken for a style
    help="Hear, and read, only what you ask for.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tap-live {__version__}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    profile: Annotated[
        Path | None,
        typer.Option(help="TOML file with a table of settings for each command."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Settings of a profile stand in for options that are not given."""
    wanted = load_profile(profile)
    assert isinstance(context.command, TyperGroup)
    context.default_map = settings_of(wanted, context.command)


for command in (
    demo,
    run,
    panel,
    link,
    extract,
    transcribe,
    enrol,
    devices,
    virtual_mic,
    bench,
    export,
    soak,
    doctor,
):
    app.command(command.__name__.replace("_", "-"))(command)
app.add_typer(voices, name="voices")
app.add_typer(models, name="models")
