"""A profile's settings as commands take them: a name that no command knows is refused."""

from collections.abc import Iterable, Mapping
from typing import Any

from typer.core import TyperGroup

from tap_live.errors import ConfigError


def settings_of(profile: Mapping[str, Mapping[str, Any]], group: TyperGroup) -> dict[str, Any]:
    """Return what the commands of a group take from a profile; hyphens stand for underscores.

    Raises: ConfigError if there is no such command or setting.
    """
    found: dict[str, Any] = {}
    for name, settings in profile.items():
        command = group.commands.get(name)
        if command is None:
            raise ConfigError(_unknown("command", f"[{name}]", group.commands))
        if isinstance(command, TyperGroup):
            found[name] = settings_of(settings, command)
            continue
        options = {option.name for option in command.params if option.name}
        found[name] = {key.replace("-", "_"): value for key, value in settings.items()}
        for key in found[name]:
            if key not in options:
                raise ConfigError(_unknown(f"setting of [{name}]", key, options))
    return found


def _unknown(what: str, found: str, there: Iterable[str]) -> str:
    return f"profile: wanted a {what}, found {found}; there are {', '.join(sorted(there))}"
