"""Whisper's tokens: text, special marks and times as numbers, and back.

A timestamp is a number beyond the vocabulary of `tokenizer.json`: `<|0.00|>` is the
token after `<|notimestamps|>`, and each further one is 20 ms later.
"""

import string
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from tokenizers import Tokenizer as TokenizersModel

from tap_live.errors import BundleError, ConfigError

Task = Literal["transcribe", "translate"]

TIMESTAMP_SECONDS = 0.02
REPLACEMENT = "\ufffd"  # what an incomplete UTF-8 sequence is decoded to
SPACELESS = frozenset({"zh", "ja", "th", "lo", "my", "yue"})  # written without spaces

# What Whisper never writes unless it hears noise: speaker tags, sound descriptions, lyrics marks.
_ANNOTATIONS = [
    *'"#()*+/:;<=>@[\\]^_`{|}~「」『』',
    *("<<", ">>", "<<<", ">>>", "--", "---", "-(", "-[", "('", '("', "((", "))", "(((", ")))"),
    *("[[", "]]", "{{", "}}", "♪♪", "♪♪♪"),
]
# Notes share their first two bytes; the first token is enough to keep them all out.
_NOTES = "♩♪♫♬♭♮♯"


class Tokenizer:
    """Read and write the tokens of one Whisper model.

    Raises: BundleError if `folder` holds no tokenizer.json of a Whisper model.
    """

    def __init__(self, folder: Path, *, multilingual: bool) -> None:
        self.multilingual = multilingual
        self._path = folder / "tokenizer.json"
        try:
            self._model = TokenizersModel.from_file(str(self._path))
        except Exception as error:  # the library raises bare Exceptions
            raise BundleError(
                f"wanted Whisper's tokenizer in {self._path}, found none: {error}; "
                "fetch the bundle again"
            ) from error
        self.eot = self._special("endoftext")
        self.sot = self._special("startoftranscript")
        self.previous = self._special("startofprev")
        self.no_timestamps = self._special("notimestamps")
        self.first_timestamp = self.no_timestamps + 1

    @property
    def no_speech(self) -> int:
        """The token whose probability says that nobody speaks."""
        return self.no_timestamps - 1

    @cached_property
    def languages(self) -> dict[str, int]:
        """Every language that the model knows, and its token."""
        if not self.multilingual:
            return {"en": self._special("en")}
        ids = range(self.sot + 1, self._special("translate"))
        return {str(self._model.id_to_token(i)).strip("<|>"): i for i in ids}

    @cached_property
    def never(self) -> tuple[int, ...]:
        """Tokens that Whisper never says: annotations, and marks that are not content."""
        marks = ["transcribe", "translate", "startoftranscript", "startofprev", "startoflm"]
        specials = {self._special(mark) for mark in marks} | {self.no_speech}
        return tuple(sorted({*self._annotations(), *specials}))

    @cached_property
    def blank(self) -> tuple[int, ...]:
        """Tokens that cannot come first: a space, and the end."""
        return (*self.encode(" "), self.eot)

    def start(self, language: str, task: Task, *, timestamps: bool) -> tuple[int, ...]:
        """Return the tokens that every transcription begins with.

        Raises: ConfigError if the model does not know `language`.
        """
        if language not in self.languages:
            raise ConfigError(
                f"wanted language {language!r}, this model knows {some_of(list(self.languages))}"
            )
        marks = [self.sot]
        if self.multilingual:
            marks += [self.languages[language], self._special(task)]
        return tuple(marks) if timestamps else (*marks, self.no_timestamps)

    def encode(self, text: str) -> list[int]:
        """Return the tokens of `text`, specials not recognised."""
        return list(self._model.encode(text, add_special_tokens=False).ids)

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of `tokens`, without marks and times.

        A sequence that ends inside a character ends with U+FFFD.
        """
        return str(self._model.decode([t for t in tokens if t < self.eot]))

    def seconds(self, timestamp: int) -> float:
        """Return the time that a timestamp token stands for."""
        return round((timestamp - self.first_timestamp) * TIMESTAMP_SECONDS, 2)

    def words(self, tokens: Sequence[int], language: str) -> list[list[int]]:
        """Split text tokens into words; where no spaces are written, into characters.

        Together they are `tokens`. A space belongs to the word that follows.
        """
        characters = self._characters(tokens)
        if language in SPACELESS:
            return characters
        words: list[list[int]] = []
        for group in characters:
            text = self.decode(group)
            if not words or text.startswith(" ") or text.strip() in string.punctuation:
                words.append(group)
            else:
                words[-1] = words[-1] + group
        return words

    def _characters(self, tokens: Sequence[int]) -> list[list[int]]:
        """Group tokens so that each group is whole characters."""
        whole = self.decode(tokens)
        groups: list[list[int]] = []
        current: list[int] = []
        position = 0
        for token in tokens:
            current.append(token)
            text = self.decode(current)
            broken = text.find(REPLACEMENT)
            # U+FFFD that the whole text has in this place too is no cut but bad bytes.
            if broken < 0 or whole[position + broken : position + broken + 1] == REPLACEMENT:
                groups.append(current)
                current = []
                position += len(text)
        return [*groups, current] if current else groups

    def _annotations(self) -> set[int]:
        # Hyphens and apostrophes are kept inside words, not where a word begins.
        tokens = {self.encode(" -")[0], self.encode(" '")[0]}
        for text in [*_ANNOTATIONS, *_NOTES]:
            for spelling in (text, " " + text):
                ids = self.encode(spelling)
                if len(ids) == 1 or text in _NOTES:
                    tokens.add(ids[0])
        return tokens

    def _special(self, name: str) -> int:
        token = self._model.token_to_id(f"<|{name}|>")
        if token is None:
            raise BundleError(
                f"wanted the tokenizer of a Whisper model in {self._path}, "
                f"found one without <|{name}|>; fetch the bundle again"
            )
        return int(token)


def some_of(names: Sequence[str]) -> str:
    """Name the first five and count the rest."""
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
