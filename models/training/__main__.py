"""Commands: python -m tap_live.models.training fit | fit-cues | evaluate | pack | curve."""

from .commands import app

app()
