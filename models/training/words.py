"""The words of training speech, when each was said, and the tokens that Whisper writes for them.

A file of labels has one JSON object a line: `file` (below the folder of speech), `logprob`
(how sure Whisper was, a token) and `words`, each its text with the space before it, start and
end in seconds. A clip without words was not to be trusted.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from tokenizers import Tokenizer

LABELS = "words.jsonl"
TIMESTAMP_S = 0.02


class Word(NamedTuple):
    """One word as Whisper writes it, and when it was said, in seconds of its clip."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Label:
    """What is said in one clip."""

    file: str  # below the folder of speech
    logprob: float
    words: tuple[Word, ...]

    @classmethod
    def read(cls, line: str) -> "Label":
        row = json.loads(line)
        return cls(row["file"], row["logprob"], tuple(Word(*word) for word in row["words"]))

    def written(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def read_labels(path: Path) -> dict[str, Label]:
    """Read a file of labels, by file name; clips that were not to be trusted are left out.

    Raises: FileNotFoundError saying how labels are made.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"wanted the words of the training speech in {path}, found none: "
            "make them with python -m tap_live.export.prompt_labels SPEECH OUT.jsonl"
        )
    labels = map(Label.read, path.read_text(encoding="utf-8").splitlines())
    return {label.file: label for label in labels if label.words}


class Script:
    """Write what the decoder is to say, as tokens of one Whisper.

    Raises: ValueError if the tokenizer is not a Whisper's.
    """

    def __init__(self, tokenizer: Path, vocabulary: int) -> None:
        """`tokenizer` is the model's tokenizer.json; `vocabulary` its number of tokens."""
        self._model = Tokenizer.from_file(str(tokenizer))
        self.eot = self._special("endoftext")
        self.previous = self._special("startofprev")
        marks = ["startoftranscript"]
        if vocabulary > 51864:  # a multilingual model
            marks += ["en", "transcribe"]
        self._start = [self._special(mark) for mark in marks]
        self._timeless = self._special("notimestamps")

    def write(
        self, words: Sequence[Word], *, placeholders: int, timestamps: bool
    ) -> tuple[list[int], int]:
        """Return tokens and how many of them come before the first that is to be said.

        A prompted sequence begins with the mark of a text before and `placeholders` tokens.
        Nothing said is the end at once.
        """
        opening = [self.previous] * (1 + placeholders) if placeholders else []
        start = [*opening, *self._start, *([] if timestamps else [self._timeless])]
        said = self._model.encode("".join(w.text for w in words), add_special_tokens=False).ids
        if timestamps and words:
            said = [self._time(words[0].start), *said, self._time(words[-1].end)]
        return [*start, *said, self.eot], len(start)

    def read(self, tokens: Iterable[int]) -> str:
        """Return the text of tokens, without marks and times."""
        return str(self._model.decode([token for token in tokens if token < self.eot])).strip()

    def _time(self, seconds: float) -> int:
        return self._timeless + 1 + round(seconds / TIMESTAMP_S)

    def _special(self, name: str) -> int:
        token = self._model.token_to_id(f"<|{name}|>")
        if token is None:
            raise ValueError(f"wanted the tokenizer of a Whisper, found one without <|{name}|>")
        return int(token)
