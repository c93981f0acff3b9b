"""What a user sets once: a TOML file with a table a command.

[run]
input = "pulse"
whisper = "base.en"
"""

import tomllib
from pathlib import Path
from typing import Any

import platformdirs

from tap_live.errors import ConfigError


def default_path() -> Path:
    """Where the profile lies unless another is named."""
    return platformdirs.user_config_path("tap-live") / "profile.toml"


def load_profile(path: Path | None = None) -> dict[str, dict[str, Any]]:
    """Read a profile: a table of settings for each command.

    Without `path` the default one is read if it is there.

    Raises: ConfigError if it cannot be read or is no such TOML.
    """
    chosen = path or default_path()
    if path is None and not chosen.exists():
        return {}
    try:
        profile = tomllib.loads(chosen.read_text(encoding="utf-8"))
    except OSError as error:
        why = error.strerror or error
        raise ConfigError(f"cannot read profile {chosen}: {why}; name one that is there") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"cannot read profile {chosen}: {error}") from error
    for command, settings in profile.items():
        if not isinstance(settings, dict):
            raise ConfigError(
                f"profile {chosen}: wanted a table [{command}] of a command's settings, "
                f"found {command} = {settings!r}"
            )
    return profile
