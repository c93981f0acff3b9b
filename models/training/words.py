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
ENGLISH_VOCABULARY = 51864
"""Tokens of an English-only model; a multilingual one has more."""
IGNORED = -100  # of labels, as torch has it


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


def check_labels(path: Path) -> None:
    """Raises: FileNotFoundError saying how labels are made."""
    if not path.is_file():
        raise FileNotFoundError(
            f"wanted the words of the training speech in {path}, found none: "
            "make them with python -m tap_live.export.prompt_labels SPEECH OUT.jsonl"
        )


def read_labels(path: Path) -> dict[str, Label]:
    """Read a file of labels, by file name; clips that were not to be trusted are left out.

    Raises: FileNotFoundError as `check_labels` does.
    """
    check_labels(path)
    labels = map(Label.read, path.read_text(encoding="utf-8").splitlines())
    return {label.file: label for label in labels if label.words}


def mended(tokenizer: str) -> str:
    """Put back the first merge of a multilingual Whisper's tokenizer.json, which copies lack.

    Without it ` the`, and all else that begins with ` t`, falls into tokens that Whisper never
    writes: teaching them is teaching mistakes.
    """
    content = json.loads(tokenizer)
    known, merges = content["model"].get("vocab", {}), content["model"].get("merges", [])
    pairs = merges and isinstance(merges[0], list)  # since tokenizers 0.20, else "a b"
    first = ["Ġ", "t"] if pairs else "Ġ t"
    if "Ġt" in known and first not in merges:
        merges.insert(0, first)
    return json.dumps(content)


class Row(NamedTuple):
    """What the decoder reads for one mixture, and what is to follow each token."""

    tokens: list[int]  # start, words, end
    labels: list[int]  # `IGNORED` where it is left open
    followed: list[bool]  # whether plain Whisper on the voice alone says what follows


class Script:
    """Write what the decoder is to say, as tokens of one Whisper.

    Raises: ValueError if the tokenizer is not a Whisper's.
    """

    def __init__(self, tokenizer: Path, vocabulary: int) -> None:
        """`tokenizer` is the model's tokenizer.json; `vocabulary` its number of tokens."""
        self._model = Tokenizer.from_str(mended(tokenizer.read_text(encoding="utf-8")))
        self.eot = self._special("endoftext")
        self.previous = self._special("startofprev")
        marks = ["startoftranscript"]
        if vocabulary > ENGLISH_VOCABULARY:
            marks += ["en", "transcribe"]
        self._start = [self._special(mark) for mark in marks]
        self._timeless = self._special("notimestamps")

    @property
    def no_speech(self) -> int:
        """What follows the start where nobody speaks; its probability is how Whisper says so."""
        return self._timeless - 1

    @property
    def times(self) -> int:
        """The first of the tokens for times: 0.00 s."""
        return self._timeless + 1

    def row(self, words: Sequence[Word], *, timestamps: bool) -> Row:
        """Write words, with or without the times at which they begin and end; none are silence.

        Times themselves are left open: plain Whisper says how it would write them.
        """
        start = [*self._start, *([] if timestamps else [self._timeless])]
        if not words:
            labels = [self.no_speech, *[IGNORED] * (len(start) - 2), self.eot, IGNORED]
            if len(start) == 1:  # one mark, and it asks whether anybody speaks
                labels = [self.no_speech, IGNORED]
            return Row([*start, self.eot], labels, [False] * len(labels))
        said = self._model.encode("".join(w.text for w in words), add_special_tokens=False).ids
        begin, end = ([self._time(t)] * timestamps for t in (words[0].start, words[-1].end))
        tokens = [*start, *begin, *said, *end, self.eot]
        spoken = len(start) + len(begin)  # the first of what is said
        labels = [IGNORED] * (spoken - 1) + said + [self.eot if not timestamps else IGNORED]
        labels += [IGNORED] * (len(tokens) - len(labels))
        return Row(tokens, labels, [True] * (len(tokens) - 1) + [False])

    def context(self, words: Sequence[Word], length: int) -> list[int]:
        """Words as a text before, of 1 + `length` tokens; repeated where they are too few."""
        said = self._model.encode("".join(w.text for w in words), add_special_tokens=False).ids
        return [self.previous, *(said * -(-length // len(said)))[:length]]

    def read(self, tokens: Iterable[int]) -> str:
        """Return the text of tokens, without marks and times."""
        return str(self._model.decode([token for token in tokens if token < self.eot])).strip()

    def _time(self, seconds: float) -> int:
        return self.times + round(seconds / TIMESTAMP_S)

    def _special(self, name: str) -> int:
        token = self._model.token_to_id(f"<|{name}|>")
        if token is None:
            raise ValueError(f"wanted the tokenizer of a Whisper, found one without <|{name}|>")
        return int(token)
