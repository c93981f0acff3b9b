"""Find training clips in the folder layouts that corpora come in.

Four layouts give the same list of `Clip`s:

    folder/manifest.jsonl            one clip a line: file, speaker or label, split, ...
    folder/train-clean-100/19/198/*  LibriSpeech: subset / speaker / chapter / utterance
    folder/train-100/s1/*.wav        LibriMix: subset / source / utterance_utterance
    folder/dog barking/*.wav         a folder per class (ESC-50, FSD50K style)
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import soundfile as sf

SUFFIXES = {".ogg", ".opus", ".flac", ".wav", ".mp3"}


@dataclass(frozen=True)
class Clip:
    """One recording: whose voice, or what sound, and whether it may be trained on."""

    file: Path
    name: str  # the speaker of a voice, the label of a sound
    seconds: float
    split: str  # only "train" is trained on
    source: str = ""
    caption: str = ""
    text: str = ""  # what is said, where somebody wrote it down
    language: str = "en"


def read_clips(folder: Path) -> list[Clip]:
    """List the clips of a folder, whichever of the layouts it has.

    Raises: FileNotFoundError if the folder holds no audio in any of them.
    """
    if (folder / "manifest.jsonl").is_file():
        clips = list(_from_manifest(folder))
    elif any(_is_librispeech(path) for path in folder.glob("*/*/*/*.*")):
        clips = list(_from_librispeech(folder))
    elif any(_librimix_speaker(path) for path in folder.glob("*/s[1-9]/*.*")):
        clips = list(_from_librimix(folder))
    else:
        clips = list(_from_class_folders(folder))
    if not clips:
        raise FileNotFoundError(
            f"wanted a manifest.jsonl, LibriSpeech or LibriMix folders or a folder per class, "
            f"found no audio in {folder}"
        )
    return clips


def _from_manifest(folder: Path) -> Iterator[Clip]:
    for number, line in enumerate((folder / "manifest.jsonl").read_text().splitlines(), 1):
        row = json.loads(line)
        file = folder / row["file"]
        if not file.is_file():
            raise FileNotFoundError(f"{file} is named in line {number} of manifest.jsonl")
        yield Clip(
            file=file,
            name=row.get("speaker") or row.get("label") or file.stem,
            seconds=row["seconds"],
            split=row.get("split", "train"),
            source=row.get("source", ""),
            caption=row.get("caption", ""),
            text=(row.get("text") or "") if row.get("text_source") == "official" else "",
            language=row.get("lang") or "en",
        )


def _is_librispeech(path: Path) -> bool:
    """Whether a file is named speaker-chapter-utterance, in folders that agree."""
    match = re.fullmatch(r"(\d+)-(\d+)-\d+", path.stem)
    return match is not None and path.parts[-3:-1] == match.groups()


def _from_librispeech(folder: Path) -> Iterator[Clip]:
    for path in sorted(folder.glob("*/*/*/*.*")):
        if path.suffix in SUFFIXES and _is_librispeech(path):
            subset, speaker = path.parts[-4], path.parts[-3]
            seconds, said = sf.info(path).duration, _texts(path.parent).get(path.stem, "")
            yield Clip(path, f"ls{speaker}", seconds, _split_of(subset), subset, text=said)


@lru_cache(maxsize=1)
def _texts(chapter: Path) -> dict[str, str]:
    """What is said in each utterance of a chapter, if LibriSpeech's transcript lies there."""
    lines = [line for file in chapter.glob("*.trans.txt") for line in file.read_text().splitlines()]
    return dict(line.split(" ", 1) for line in lines)


def _librimix_speaker(path: Path) -> str:
    """Who speaks in a source of a mixture: s2/1-11-111_2-22-222.wav holds 2-22-222; or nobody."""
    utterances = path.stem.split("_")
    source = int(path.parent.name[1:])
    if len(utterances) < source or not re.fullmatch(r"\d+-\d+-\d+", utterances[source - 1]):
        return ""
    return utterances[source - 1].split("-")[0]


def _from_librimix(folder: Path) -> Iterator[Clip]:
    for path in sorted(folder.glob("*/s[1-9]/*.*")):
        if path.suffix in SUFFIXES and (speaker := _librimix_speaker(path)):
            subset = path.parts[-3]
            yield Clip(path, f"ls{speaker}", sf.info(path).duration, _split_of(subset), subset)


def _split_of(subset: str) -> str:
    return "train" if subset.startswith("train") else "dev"


def _from_class_folders(folder: Path) -> Iterator[Clip]:
    for path in sorted(folder.glob("*/*")):
        if path.suffix in SUFFIXES:
            label = path.parent.name.replace("_", " ")
            yield Clip(path, label, sf.info(path).duration, "train", folder.name)
