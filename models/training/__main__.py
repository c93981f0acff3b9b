"""Commands: python -m tap_live.models.training fit | evaluate | pack | curve."""

from .commands import app

app()
