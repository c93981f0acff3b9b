"""What training prompts needs beside a corpus: a Whisper with its tokenizer, and labels."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from .corpus import training_voices
from .data import read_clips
from .words import LABELS, Word, read_labels

TOKENIZER = "tokenizer.json"
WHISPER = "whisper"  # of a pack: a CTranslate2 folder


def known_words(data: Path, labels: Path | None) -> dict[int, tuple[Word, ...]]:
    """The words of the clips that voices are trained on, by their number in the corpus' store.

    Raises: FileNotFoundError if there are no labels in `labels`, or in the folder of speech.
    """
    speech = data / "speech"
    found = read_labels(labels or speech / LABELS)
    clips = training_voices(read_clips(speech))
    names = [str(clip.file.relative_to(speech)) for clip in clips]
    return {number: found[name].words for number, name in enumerate(names) if name in found}


def whisper_folder(wanted: str | None, data: Path, cache: Path) -> Path:
    """Find a Whisper with its tokenizer: in a pack, at a path, or as the live engine names it.

    Raises: FileNotFoundError if it is not on this machine.
    """
    path = Path(wanted) if wanted else data / WHISPER
    if path.is_dir():
        if (path / TOKENIZER).is_file():
            return path
        raise FileNotFoundError(f"wanted {TOKENIZER} beside the weights, found none in {path}")
    if wanted is None:
        raise FileNotFoundError(f"wanted --whisper NAME or FOLDER, found none in {data} either")
    return _gathered(wanted, cache / f"whisper-{wanted}")


def _gathered(name: str, folder: Path) -> Path:
    """Put the weights of a name together where nothing else lies."""
    from tap_live.whisper.sources import entry_of, local

    if (folder / TOKENIZER).is_file():
        return folder
    for found in local(entry_of(name)):
        tokenizers = [part.parent / TOKENIZER for part in found.parts]
        tokenizer = next((path for path in tokenizers if path.is_file()), None)
        if tokenizer is not None:
            folder.mkdir(parents=True, exist_ok=True)
            joined = found.join(folder)
            if joined.parent == folder:
                joined.rename(folder / "model.bin")
            else:
                shutil.copyfile(joined, folder / "model.bin")
            shutil.copyfile(tokenizer, folder / TOKENIZER)  # last: it says that all is there
            return folder
    raise FileNotFoundError(
        f"wanted the weights of Whisper {name} with their {TOKENIZER}, found none: "
        f"tap-live models pull {name}, or give a CTranslate2 or Hugging Face folder"
    )


def words_in(words: Mapping[int, tuple[Word, ...]]) -> str:
    """Say how much there is to learn from."""
    seconds = sum(its[-1].end - its[0].start for its in words.values())
    return f"{len(words)} clips with words, {seconds / 60:.0f} minutes"
