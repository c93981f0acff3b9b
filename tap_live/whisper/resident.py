"""Whisper where it runs: caches, logits and the choice of tokens stay on the device.

    reader = resident.reader(encoded, prompt, rules)
    chosen = reader.read(tokens, 1, said)
    token, logprob = chosen.token, chosen.logprob     (B, 1) each, all that leaves the device

A second small graph, `choice.onnx`, takes the logits where the decoder left them. A loop inside one
graph would not be quicker: ONNX Runtime decides on the CPU whether a loop goes on.

For CUDA and TensorRT. Tested in the CPU's memory, which takes the same calls; not yet run on a
card.
Letters in shapes as in `model.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tap_live.binding import Part, memory_of, run_bound
from tap_live.providers import Device, place
from tap_live.whisper.rules import Rules

CHOICE, RANKING, PICK = (
    Path(__file__).with_name(f"{name}.onnx") for name in ("choice", "ranking", "pick")
)

Ints = NDArray[np.int64]


class Said(NamedTuple):
    """What each column ends with, (B, N) each, arrays or where the device left them; -1: nothing.

    Attributes:
        last, before: the last token said, and the one before it.
        newest: the latest timestamp.
        asked: a token whose log-probability is wanted.
    """

    last: Any
    before: Any
    newest: Any
    asked: Any


@dataclass(frozen=True)
class Chosen:
    """What follows the columns that were asked for; on the device until it is fetched."""

    token: Any  # (B, L)
    logprob: Any
    newest: Any
    asked_logprob: Any
    silence: Any  # log-probability that nobody speaks
    look: Any  # (B, heads, N, T) where every column looked

    def fetched(self, *, opening: bool = False) -> "Chosen":
        """With arrays of what a search wants to know; of an opening more."""
        names = ["token", "logprob", "look", *(["asked_logprob", "silence"] if opening else [])]
        return replace(self, **{name: getattr(self, name).numpy() for name in names})


class Opened(NamedTuple):
    """What is known when a beam search begins: K tokens that may follow, (B, K), the best first."""

    chosen: Chosen
    tokens: Ints
    logprobs: NDArray[np.float32]


class Resident:
    """The sessions of a Whisper, run with everything in their device's memory."""

    def __init__(self, encoder: Any, decoder: Any, layers: int, device: str) -> None:
        """The sessions are ONNX Runtime's. Raises: as `place`."""
        self.memory = memory_of(device)
        # a graph of no weights: what builds engines would only build one for every length
        on: Device = "cuda" if self.memory == "cuda" else "cpu"
        self._choice, self._ranking, self._pick = (
            place(graph, on).session for graph in (CHOICE, RANKING, PICK)
        )
        self._encoder, self._decoder = encoder, decoder
        self.cache = [f"self_{kind}.{layer}" for layer in range(layers) for kind in "kv"]
        self._kept = ["logits", "align", *(f"{name}.next" for name in self.cache)]

    def encode(self, feeds: Mapping[str, Any]) -> list[Any]:
        """`hidden, cross_k, cross_v`, left where they were made."""
        outputs = ["hidden", "cross_k", "cross_v"]
        return run_bound(self._encoder, feeds, [], outputs, self.memory)

    def decode(self, feeds: Mapping[str, Any]) -> list[Any]:
        """`logits, align`, and the caches after it."""
        return run_bound(self._decoder, feeds, [], self._kept, self.memory)

    def choose(self, logits: Any, look: Any, said: Said, rules: Mapping[str, Any]) -> Chosen:
        """The likeliest token of each column, and what else is known of it."""
        outputs = ["token", "logprob", "newest.next", "asked_logprob", "silence"]
        feeds = {"logits": logits, **said._asdict(), **rules}
        token, logprob, newest, asked, silence = run_bound(
            self._choice, feeds, [], outputs, self.memory
        )
        return Chosen(token, logprob, newest, asked, silence, look)

    def rank(
        self, logits: Any, said: Said, rules: Mapping[str, Any], count: int
    ) -> tuple[Ints, NDArray[np.float32]]:
        """The likeliest tokens of each column and how likely they are, (B, N, count) arrays."""
        feeds = {"logits": logits, **said._asdict(), **rules, "count": np.array([count])}
        del feeds["asked"]
        tokens, logprobs = run_bound(self._ranking, feeds, ["tokens", "logprobs"], [], self.memory)
        return tokens, logprobs

    def pick(self, value: Any, rows: Sequence[int]) -> Any:
        """These rows of a cache, left on the device."""
        feeds = {"value": value, "rows": np.array(rows, np.int64)}
        return run_bound(self._pick, feeds, [], ["picked"], self.memory)[0]

    def put(self, array: NDArray[Any]) -> Any:
        """Copy an array to the device, once for many calls."""
        from onnxruntime import OrtValue

        return OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), self.memory, 0)


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
