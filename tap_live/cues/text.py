"""Words as a cue: a table of word pieces, whose weighted sum lies where MiniLM's sentence would.

That sum is then moved towards clips of the kinds of sound whose names lie near it: a network that
hears finds more in what a kind sounds like than in where its name lies. So are example clips, one
of which says less of its kind than many do.

cues = TextCues.open()
cues.embed("a dog barking")    (128,), a unit vector
cues.embed("zxqv")             CueError, naming the word
"""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers.models import WordPiece

from tap_live.bundle import open_bundle
from tap_live.errors import BundleError, CueError
from tap_live.processor import Embedding

BUNDLE = Path(__file__).parents[1] / "bundles" / "text-cue"
LONGEST = 50  # words
JOINED = 3  # letters of a word that goes on another, too: "templebell"
GENERIC = {"a", "an", "the", "of", "sound", "sounds"}  # tell no sound from another
SPREAD = 0.05  # cosine; sayings so much further than the nearest count 1 / e
# Cosine to the nearest way of saying a kind. Of captions of training clips, each judged by the
# others, 31 % below it find their kind and 85 % above; of those that mean no known kind 44 % lie
# below.
FAR = 0.6
SENTENCE = 12  # words; a sound is said in fewer
_UNKNOWN = "[unknown]"
_KNOWN_LETTERS = 3  # a word that must be put together has so many a piece on average


class Understood(NamedTuple):
    """What words are taken for.

    Attributes:
        saying: how the nearest kind of sound is said.
        likeness: cosine to the nearest of all ways to say it.
        words: how many were given.
    """

    saying: str
    likeness: float
    words: int

    @property
    def remark(self) -> str:
        """What somebody should know who asked so; nothing if all is plain."""
        if self.words > SENTENCE:
            return (
                f"a sentence of {self.words} words, taken for {self.saying!r}: what is extracted "
                "may be anything that is heard; name one sound in a few words, another one as "
                "another target"
            )
        if self.likeness < FAR:
            return (
                f"far from every sound that is known, taken for {self.saying!r}: what is extracted "
                "may be anything that is heard; say it in other words, or give an example with "
                "clip:FILE"
            )
        return ""


class TextCues:
    """Embed short English descriptions of sounds."""

    def __init__(
        self,
        pieces: list[str],
        vectors: NDArray[np.float32],
        sayings: NDArray[np.float32],
        kinds: NDArray[np.int16],
        clips: NDArray[np.float32],
        said: list[str],
    ) -> None:
        """Take a table and what kinds of sound are like.

        Args:
            vectors: (N, D) what each piece adds to the sum.
            sayings, kinds: (S, D) ways to say kinds, and (S,) which kind each says.
            clips: (K, D) the mean cue of each kind's clips.
            said: K times how a kind is said, in words.
        """
        numbers = {piece: number for number, piece in enumerate([*pieces, _UNKNOWN])}
        joined = {
            f"##{piece}": number
            for piece, number in numbers.items()
            if len(piece) >= JOINED and piece.isalpha()
        }
        self._model = WordPiece({**joined, **numbers}, unk_token=_UNKNOWN)
        self._vectors = vectors
        self._sayings, self._kinds, self._clips, self._said = sayings, kinds, clips, said

    @classmethod
    def open(cls, folder: Path = BUNDLE) -> "TextCues":
        """Load the bundle. Raises: BundleError."""
        bundle = open_bundle(folder, "text-cue")
        try:
            pieces, said = (
                bundle.path(name).read_text(encoding="utf-8").splitlines()
                for name in ("pieces.txt", "sayings.txt")
            )
            with np.load(bundle.path("table.npz")) as table:
                vectors = _unpacked(table)
            with np.load(bundle.path("likes.npz")) as likes:
                sayings, kinds = _unpacked(likes), likes["kinds"]
                clips = likes["clips"].astype(np.float32)
        except (OSError, ValueError, KeyError) as error:
            raise BundleError(f"cannot read the tables in {folder}: {error}") from error
        width = (vectors.shape[1],)
        if clips.ndim != 2 or not len(sayings) or not sayings.shape[1:] == clips.shape[1:] == width:
            raise BundleError(f"{folder} has kinds of sound of another width than its words")
        named = kinds.dtype.kind == "i" and set(kinds.ravel().tolist()) <= set(range(len(said)))
        if kinds.shape != (len(sayings),) or not named or len(clips) != len(said):
            raise BundleError(f"{folder} has sayings of other kinds of sound than it has clips of")
        if len(vectors) != len(pieces):
            raise BundleError(f"{folder} has {len(pieces)} word pieces and {len(vectors)} vectors")
        return cls(pieces, vectors, sayings, kinds, clips, said)

    def embed(self, text: str, *, any_word: bool = False) -> Embedding:
        """Embed words: (D,), a unit vector.

        Args:
            any_word: take words that are not known, too, if there are pieces of them.
        Raises: CueError if there are no words, far too many, or some that are not known.
        """
        return self.moved(self._summed(text, any_word))

    def moved(self, cue: Embedding) -> Embedding:
        """Move a cue, (D,) of words or of a clip, towards clips of the kinds that it lies near.

        Returns: (D,), a unit vector.
        """
        near = self._sayings @ cue
        shares = np.exp((near - near.max()) / SPREAD)
        return _unit(cue + shares @ self._clips[self._kinds] / shares.sum())

    def understand(self, text: str) -> Understood:
        """Say what words are taken for. Raises: as `embed`."""
        near = self._sayings @ self._summed(text)
        nearest = int(near.argmax())
        said = self._said[self._kinds[nearest]]
        return Understood(said, float(near[nearest]), len(words_of(text)))

    def _summed(self, text: str, any_word: bool = False) -> Embedding:
        words = words_of(text)
        if not words:
            raise CueError(f"no words in {text!r}: describe a sound, as in 'a dog barking'")
        if len(words) > LONGEST:
            raise CueError(f"a cue has at most {LONGEST} words, found {len(words)}: say it shorter")
        pieces = [self._pieces(word, any_word) for word in words]
        if unknown := [word for word, its in zip(words, pieces, strict=True) if not its]:
            named = ", ".join(repr(word) for word in dict.fromkeys(unknown))
            raise CueError(f"unknown in {text!r}: {named}; use plain English words")
        telling = [its for word, its in zip(words, pieces, strict=True) if word not in GENERIC]
        total = self._vectors[[piece for its in telling or pieces for piece in its]].sum(axis=0)
        return _unit(total)

    def _pieces(self, word: str, any_word: bool) -> list[int]:
        """The pieces of a word; none if it has none or, unless any word is taken, only crumbs."""
        if not word.isascii():
            return []
        found = self._model.tokenize(word)
        crumbs = not any_word and len(found) > 1 and len(word) < _KNOWN_LETTERS * len(found)
        return [] if crumbs or found[0].value == _UNKNOWN else [piece.id for piece in found]


def _unit(vector: NDArray[np.float32]) -> Embedding:
    return np.asarray(vector / (np.linalg.norm(vector) + 1e-12), np.float32)


def _unpacked(stored: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """(N, D) numbers that lie as 8-bit steps of (N,) scales."""
    steps, scales = stored["steps"].astype(np.float32), stored["scales"].astype(np.float32)
    return np.asarray(steps * scales[:, None], np.float32)


def words_of(text: str) -> list[str]:
    """Lower-case words and single digits, without accents; all else parts them."""
    plain = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.findall(r"[^\W\d_]+|\d", plain)
