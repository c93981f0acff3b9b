"""Commands: python -m tap_live.models.training fit | fit-cues | evaluate | pack | curve."""

from .commands import app
from .plain_errors import plainly

plainly(app)
