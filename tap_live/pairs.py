"""A page to hear and see what extraction did: before and after, pair by pair, in one folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from itertools import count
from pathlib import Path
from string import Template
from urllib.parse import quote

import msgspec

from tap_live.errors import StorageError
from tap_live.spectrogram import seconds_of
from tap_live.timeline import clock, pictures, ticks

PAGE, INDEX = "report.html", "pairs.json"
NAMES = "before", "after"


class Pair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two files of a folder, by their names; `key` tells what they were made of."""

    title: str
    note: str
    before: str
    after: str
    key: str = ""


@dataclass(frozen=True)
class Pairs:
    """Some of them in a page about more, under a heading."""

    heading: str
    text: Sequence[str]  # paragraphs
    pairs: Sequence[Pair]


def make_folder(folder: Path) -> None:
    """Make sure that it is there. Raises: StorageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make the folder {folder}: {error.strerror}") from error


def plan_pair(folder: Path, name: str, note: str, key: str = "") -> Pair:
    """Name the files of a pair, and make the folder.

    What was there of that name is replaced if it has the same key; else the name gets a number.

    Raises: StorageError.
    """
    make_folder(folder)
    taken = {pair.title: pair.key for pair in _pairs_of(folder)}
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    title = next(one for one in names if taken.get(one, key) == key)
    return Pair(title, note, f"{title}-before.flac", f"{title}-after.flac", key)


def add_pair(folder: Path, pair: Pair) -> Path:
    """Add a pair, whose files are written, to the folder's page; return the page.

    Raises: StorageError if the folder cannot be written, or its list of pairs is broken.
    """
    pairs = [*(other for other in _pairs_of(folder) if other.title != pair.title), pair]
    try:
        page = render(folder, pairs)
        (folder / INDEX).write_bytes(msgspec.json.format(msgspec.json.encode(pairs), indent=1))
        (folder / PAGE).write_text(page, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror}") from error
    return folder / PAGE


def _pairs_of(folder: Path) -> list[Pair]:
    """Those that the folder's page has. Raises: StorageError if its list of them is broken."""
    index = folder / INDEX
    try:
        return msgspec.json.decode(index.read_bytes(), type=list[Pair]) if index.exists() else []
    except msgspec.DecodeError as error:
        raise StorageError(f"{index} is no list of pairs: {error}; take another folder") from error
    except OSError as error:
        raise StorageError(f"cannot read {index}: {error.strerror}") from error


def render(folder: Path, pairs: list[Pair]) -> str:
    """Return the page for pairs that lie in `folder`, which needs their files beside it."""
    template = Template((files("tap_live") / "pairs.html").read_text(encoding="utf-8"))
    how_many = f"{len(pairs)} pair{'' if len(pairs) == 1 else 's'}"
    return template.substitute(
        count=how_many, pairs="".join(section(folder, pair) for pair in pairs)
    )


def section(folder: Path, pair: Pair) -> str:
    """Return players and pictures of a pair, for a page in `folder`."""
    before, after = folder / pair.before, folder / pair.after
    drawn, _ = pictures(before, after, NAMES)
    seconds = seconds_of(before)
    players = "".join(
        f"<label>{name}<audio controls preload='metadata' src='./{quote(file)}'></audio></label>"
        for name, file in zip(NAMES, (pair.before, pair.after), strict=True)
    )
    return (
        f"<section><h2>{escape(pair.title)}</h2>"
        f"<p class='soft'>{escape(pair.note)} · {clock(seconds)}</p>"
        f"<div class='players'>{players}</div>{drawn}"
        f"<div class='ticks' aria-hidden='true'>{ticks(seconds)}</div></section>"
    )
