"""A Whisper with its tokenizer, for training: in a pack, at a path, or as the live engine names it.

Nothing here imports PyTorch.
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_live.whisper.sources import Found

TOKENIZER = "tokenizer.json"
WHISPER = "whisper"  # of a pack: a CTranslate2 folder


def whisper_folder(wanted: str | None, data: Path, cache: Path) -> Path:
    """Raises: FileNotFoundError if it is not on this machine."""
    if (given := _given(wanted, data)) is not None:
        return given
    assert wanted is not None
    return _gathered(wanted, cache / f"whisper-{wanted}")


def check_whisper(wanted: str | None, data: Path, cache: Path) -> None:
    """Raises: FileNotFoundError as `whisper_folder` does; nothing is copied."""
    if _given(wanted, data) is None:
        assert wanted is not None
        if not (cache / f"whisper-{wanted}" / TOKENIZER).is_file():
            _local(wanted)


def _given(wanted: str | None, data: Path) -> Path | None:
    """The folder of a path or a pack; None for a name."""
    path = Path(wanted) if wanted else data / WHISPER
    if path.is_dir():
        if (path / TOKENIZER).is_file():
            return path
        raise FileNotFoundError(f"wanted {TOKENIZER} beside the weights, found none in {path}")
    if wanted is None:
        raise FileNotFoundError(f"wanted --whisper NAME or FOLDER, found none in {data} either")
    return None


def _gathered(name: str, folder: Path) -> Path:
    """Put the weights of a name together where nothing else lies."""
    if (folder / TOKENIZER).is_file():
        return folder
    found, tokenizer = _local(name)
    folder.mkdir(parents=True, exist_ok=True)
    joined = found.join(folder)
    if joined.parent == folder:
        joined.rename(folder / "model.bin")
    else:
        shutil.copyfile(joined, folder / "model.bin")
    shutil.copyfile(tokenizer, folder / TOKENIZER)  # last: it says that all is there
    return folder


def _local(name: str) -> "tuple[Found, Path]":
    """The weights of a name, and the tokenizer that lies beside them."""
    from tap_live.errors import BundleError
    from tap_live.whisper.sources import entry_of, local

    try:
        entry = entry_of(name)
    except BundleError as error:
        raise FileNotFoundError(str(error)) from None
    for found in local(entry):
        tokenizers = [part.parent / TOKENIZER for part in found.parts]
        tokenizer = next((path for path in tokenizers if path.is_file()), None)
        if tokenizer is not None:
            return found, tokenizer
    raise FileNotFoundError(
        f"wanted the weights of Whisper {name} with their {TOKENIZER}, found none: "
        f"tap-live models pull {name}, or give a CTranslate2 or Hugging Face folder"
    )
