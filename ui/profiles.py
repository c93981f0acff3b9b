"""Setups on disk: TOML files in the platform's configuration folder.

`last` is what the panel was left with; others are what a user saved by name.
"""

import json
import math
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from tap_live.errors import ConfigError, StorageError
from tap_live.ui.setup import Setup

LAST = "last"
_NAME = re.compile(r"[^\W_][\w .-]{0,38}")


class Profiles:
    """The profiles in one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or platformdirs.user_config_path("tap-live") / "panel"

    def names(self) -> list[str]:
        """List those that were saved by name, in order."""
        return sorted(path.stem for path in self.folder.glob("*.toml") if path.stem != LAST)

    def load(self, name: str = LAST) -> Setup | None:
        """Read a profile; None if there is none of that name. Raises: ConfigError."""
        path = self._path(name)
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
            return msgspec.convert(_with_nothing(tables), Setup)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, msgspec.ValidationError) as error:
            raise ConfigError(f"cannot read profile {path}: {error}") from error

    def save(self, setup: Setup, name: str = LAST) -> Path:
        """Write a profile, whole or not at all. Raises: ConfigError, StorageError."""
        path = self._path(name)
        part = path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part.write_text(as_toml(setup), encoding="utf-8")
            part.replace(path)
        except OSError as error:
            raise StorageError(f"cannot keep the profile {path}: {error.strerror}") from error
        return path

    def delete(self, name: str) -> None:
        """Raises: StorageError."""
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot remove {name!r}: {error.strerror}") from error

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"a profile cannot be called {name!r}: want up to 39 letters, digits, spaces"
            )
        return self.folder / f"{name}.toml"


def as_toml(setup: Setup) -> str:
    """Write a setup; what is None is left out, but a gain of nothing is -inf."""
    fields = msgspec.to_builtins(setup)
    targets = fields.pop("targets")
    lines = _table(fields)
    for target in targets:
        lines += ["", "[[targets]]", *_table(target)]
    return "\n".join(lines) + "\n"


def _table(fields: dict[str, Any]) -> list[str]:
    return [
        f"{name} = {'-inf' if value is None else _value(value)}"
        for name, value in fields.items()
        if value is not None or name in ("gain", "rest")
    ]


def _value(value: Any) -> str:
    if isinstance(value, str):  # TOML's strings are JSON's
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def _with_nothing(value: Any) -> Any:
    """Turn -inf into None, as levels have it everywhere else."""
    if isinstance(value, dict):
        return {name: _with_nothing(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_nothing(one) for one in value]
    return None if isinstance(value, float) and math.isinf(value) else value
