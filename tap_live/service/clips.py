"""Files that a message may name: those of one folder of the user's, and nothing else."""

from pathlib import Path

import platformdirs

from tap_live.errors import ConfigError


def data_folder() -> Path:
    """Where recordings, clips and voices are kept."""
    return platformdirs.user_data_path("tap-live")


def inside(folder: Path, name: str) -> Path:
    """The file of a plain name in a folder. Raises: ConfigError if it could lie elsewhere."""
    if name != Path(name).name or name.startswith(".") or "\\" in name or "\0" in name:
        raise ConfigError(f"wanted the name of a file in {folder}, found {name!r}")
    path = folder / name
    if path.resolve().parent != folder.resolve():
        raise ConfigError(f"{name!r} leads out of {folder}")
    return path
