"""What training prompts needs beside a corpus: a Whisper with its tokenizer, and labels."""

from collections.abc import Mapping
from pathlib import Path

from .corpus import training_voices
from .data import read_clips
from .whisper_files import TOKENIZER as TOKENIZER
from .whisper_files import WHISPER as WHISPER
from .whisper_files import whisper_folder as whisper_folder
from .words import LABELS, Word, read_labels


def known_words(data: Path, labels: Path | None) -> dict[int, tuple[Word, ...]]:
    """The words of the clips that voices are trained on, by their number in the corpus' store.

    Raises: FileNotFoundError if there are no labels in `labels`, or in the folder of speech.
    """
    speech = data / "speech"
    found = read_labels(labels or speech / LABELS)
    clips = training_voices(read_clips(speech))
    names = [str(clip.file.relative_to(speech)) for clip in clips]
    return {number: found[name].words for number, name in enumerate(names) if name in found}


def words_in(words: Mapping[int, tuple[Word, ...]]) -> str:
    """Say how much there is to learn from."""
    seconds = sum(its[-1].end - its[0].start for its in words.values())
    return f"{len(words)} clips with words, {seconds / 60:.0f} minutes"
