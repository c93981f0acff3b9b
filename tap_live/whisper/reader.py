"""A decoder that reads rows of tokens on the device where its caches lie.

    reader = model.reader(encoded, prompt, rules)
    chosen = reader.read(tokens, 1, said, 1)

Letters in shapes as in `model.py`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tap_live.binding import Part
from tap_live.whisper.resident import Chosen, Ints, Opened, Resident, Said
from tap_live.whisper.rules import Rules


class Reader:
    """A decoder that reads several rows at once, each from its own audio.

    Every row has its own columns in the caches, from the first place on. Beside rows with a
    prompt one without begins to read before that place, where nobody looks.
    """

    def __init__(
        self,
        resident: Resident,
        opening: Sequence[int],
        cross: tuple[Any, Any],
        prompt: tuple[NDArray[np.float32], NDArray[np.bool_]],
        rules: Rules,
        vocabulary: int,
    ) -> None:
        """
        Args:
            opening: tokens that a prompt puts in front; none where no row has one.
            cross: keys and values, (Ld, B, H, T, D) each.
            prompt: the decoder's, (B, Ld, P, W), and which rows have one.
        """
        self._resident, self._number = resident, resident.begin()
        placed = [value if hasattr(value, "data_ptr") else resident.put(value) for value in cross]
        self._cross = {
            f"cross_{kind}.{layer}": Part(value, layer)
            for kind, value in zip("kv", placed, strict=True)
            for layer in range(len(resident.cache) // 2)
        }
        self._given = prompt
        self._prompt = self._placed(*prompt)
        self._rules = {
            name: resident.put(value) for name, value in rules.tensors(vocabulary).items()
        }
        self.rows = len(prompt[1])
        self._opening = [*opening]  # until it is read
        self._own = np.where(prompt[1], 0, -len(opening))
        self._here, self._there = resident.caches(self.rows)

    @property
    def own(self) -> Ints:
        """(B,) columns of each row, its prompt's included."""
        return self._own.copy()

    @property
    def room(self) -> int:
        """Columns that a row may have."""
        return self._resident.positions

    def read(
        self, tokens: Any, columns: int, said: Said, wanted: int, idle: Sequence[int] = ()
    ) -> Chosen:
        """Read (B, N) tokens and choose what follows the last `wanted` of the N `columns`.

        Args:
            idle: rows that are done: what they read is written over what they said.
        """
        self._own[list(idle)] = 0
        logits, look = self._decoded(tokens, columns, wanted)
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
        sets = self._resident.caches(len(rows))
        if sets[1][0].whole is self._here[0].whole:
            sets.reverse()
        self._resident.pick(rows, self._here, sets[1])
        self._there, self._here = sets
        self._own = self._own[list(rows)]
        if len(rows) != self.rows:
            (soft, on), first = self._given, [0] * len(rows)
            self._given = soft[first], on[first]
            self._prompt = self._placed(*self._given)
        self.rows = len(rows)

    def _placed(self, soft: NDArray[np.float32], on: NDArray[np.bool_]) -> dict[str, Any]:
        return {"prompt": self._resident.put(soft), "prompt_on": self._resident.put(on)}

    def _decoded(self, tokens: Any, columns: int, wanted: int) -> tuple[Any, Any]:
        """The logits of the last `wanted` columns and where all looked, on the device."""
        assert self._number == self._resident.readers, "another reader has taken the caches"
        if self._opening:
            opening = np.tile(self._opening, (self.rows, 1))
            tokens = np.concatenate([opening, tokens], axis=1)
            columns += opening.shape[1]
            self._opening = []
        feeds = {
            "tokens": tokens,
            "last": np.array([wanted]),
            "position": self._own,
            **self._prompt,
            **self._cross,
        }
        logits, look = self._resident.decode(feeds, self._here, self._there)
        self._here, self._there = self._there, self._here
        self._own = self._own + columns
        return logits, look

    def logits(self, tokens: Ints) -> NDArray[np.float32]:
        """Read (B, N) tokens; the logits of what follows the last, (B, V), as an array."""
        found: NDArray[np.float32] = self._decoded(tokens, tokens.shape[1], 1)[0].numpy()[:, -1]
        self.done(found)
        return found

    def done(self, found: ArrayLike) -> None:
        """Say that the search is over: if nothing in what was found is NaN, the caches are good."""
        if not np.isnan(found).any():
            self._resident.vouch()

    def keep(self, own: Ints) -> None:
        """Forget what each row read after so many columns of its own: it is written over."""
        self._own = own.copy()
