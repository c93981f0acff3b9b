"""A decoder that reads rows of tokens on the device where its caches lie.

    reader = model.reader(encoded, prompt, rules)
    chosen = reader.read(tokens, 1, said, 1)

Letters in shapes as in `model.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tap_live.binding import Part
from tap_live.whisper.resident import Chosen, Ints, Opened, Resident, Said
from tap_live.whisper.rules import Rules


@dataclass(frozen=True)
class Sizes:
    """Of a decoder's cache, and of the columns that a prompt puts in front."""

    heads: int
    width: int  # of a head
    layers: int
    opening: tuple[int, ...]  # tokens; none where no row has a prompt


class Reader:
    """A decoder that reads several rows at once, each from its own audio; it goes forwards only.

    Rows are aligned at their ends: a shorter one has columns in front that nobody looks at, as
    rows without a prompt have beside those with one.
    """

    def __init__(
        self,
        resident: Resident,
        sizes: Sizes,
        cross: tuple[Any, Any],
        prompt: tuple[NDArray[np.float32], NDArray[np.bool_]],
        rules: Rules,
        vocabulary: int,
    ) -> None:
        """
        Args:
            cross: keys and values, (Ld, B, H, T, D) each.
            prompt: the decoder's, (B, Ld, P, W), and which rows have one.
        """
        self._resident, self._sizes = resident, sizes
        placed = [value if hasattr(value, "data_ptr") else resident.put(value) for value in cross]
        self._cross = {
            f"cross_{kind}.{layer}": Part(value, layer)
            for kind, value in zip("kv", placed, strict=True)
            for layer in range(sizes.layers)
        }
        self._given = prompt
        self._prompt = self._placed(*prompt)
        self._rules = {
            name: resident.put(value) for name, value in rules.tensors(vocabulary).items()
        }
        self.rows = len(prompt[1])
        self._spare = np.where(prompt[1], 0, len(sizes.opening))  # columns in front, of each row
        self._columns = 0
        empty = np.zeros((self.rows, sizes.heads, 0, sizes.width), np.float32)
        self._cache: list[Any] = [empty] * len(resident.cache)

    @property
    def own(self) -> Ints:
        """(B,) columns of each row, its prompt's included."""
        return np.asarray(self._columns - self._spare, np.int64)

    def read(
        self, tokens: Any, columns: int, said: Said, wanted: int, idle: Sequence[int] = ()
    ) -> Chosen:
        """Read (B, N) tokens and choose what follows the last `wanted` of the N `columns`.

        Args:
            idle: rows that are done: they read without getting longer.
        """
        logits, look = self._decoded(tokens, columns, wanted)
        self._spare[list(idle)] += columns
        return self._resident.choose(logits, look, said, self._rules)

    def open(self, tokens: Any, columns: int, said: Said, wanted: int, count: int) -> Opened:
        """Begin a beam search: what `read` says, and `count` tokens after the last column."""
        logits, look = self._decoded(tokens, columns, wanted)
        chosen = self._resident.choose(logits, look, said, self._rules)
        ranked = self._resident.rank(logits, said, self._rules, count)
        return Opened(chosen, ranked[0][:, -1], ranked[1][:, -1])

    def rank(self, tokens: Any, said: Said, count: int) -> tuple[Ints, NDArray[np.float32]]:
        """Read a token a row; the likeliest that follow, (B, count), and how likely they are."""
        logits, _ = self._decoded(tokens, 1, 1)
        ranked = self._resident.rank(logits, said, self._rules, count)
        return ranked[0][:, 0], ranked[1][:, 0]

    def reorder(self, rows: Sequence[int]) -> None:
        """Go on with these rows, any of them more than once; all are of one window."""
        if [*rows] == [*range(self.rows)]:
            return
        self._cache = [self._resident.pick(value, rows) for value in self._cache]
        self._spare = self._spare[list(rows)]
        if len(rows) != self.rows:
            (soft, on), first = self._given, [0] * len(rows)
            self._given = soft[first], on[first]
            self._prompt = self._placed(*self._given)
        self.rows = len(rows)

    def _placed(self, soft: NDArray[np.float32], on: NDArray[np.bool_]) -> dict[str, Any]:
        return {"prompt": self._resident.put(soft), "prompt_on": self._resident.put(on)}

    def _decoded(self, tokens: Any, columns: int, wanted: int) -> tuple[Any, Any]:
        """The logits of the last `wanted` columns and where all looked, on the device."""
        if not self._columns and self._sizes.opening:
            opening = np.tile(np.array(self._sizes.opening), (self.rows, 1))
            tokens = np.concatenate([opening, tokens], axis=1)
            columns += opening.shape[1]
        feeds = {
            "tokens": tokens,
            "last": np.array([wanted]),
            "position": self.own,
            **self._prompt,
            **self._cross,
            **dict(zip(self._resident.cache, self._cache, strict=True)),
        }
        logits, look, *self._cache = self._resident.decode(feeds)
        self._columns += columns
        return logits, look

    def keep(self, own: Ints) -> None:
        """Forget what each row read after so many columns of its own.

        Rows that end at different columns are moved, which no device is asked to do.
        """
        if np.array_equal(own, self.own):
            return
        longest = int(own.max())
        moved = []
        for value in self._cache:
            old = value.numpy()
            new = np.zeros((self.rows, self._sizes.heads, longest, self._sizes.width), np.float32)
            for row, (spare, count) in enumerate(zip(self._spare, own, strict=True)):
                new[row, :, longest - count :] = old[row, :, spare : spare + count]
            moved.append(new)
        self._cache, self._columns, self._spare = moved, longest, longest - own
