"""Whisper where it runs: caches, logits and the choice of tokens stay on the device.

    chosen = resident.choose(logits, look, said, rules)
    found = chosen.fetched()
    found.token, found.logprob     (B, N) each: all that leaves the device, and where it looked

A second small graph, `choice.onnx`, takes the logits where the decoder left them. A loop inside one
graph would not be quicker: ONNX Runtime decides on the CPU whether a loop goes on.

Caches have a place for every position from the start, so that no shape changes from token to
token and nothing is allocated for them. There are two sets: a step reads one and writes the other.
On the CPU they grow instead (`model.py`): attention over 448 places costs more there.

For CUDA and TensorRT. Tested in the CPU's memory, which takes the same calls; not yet run on a
card.
Letters in shapes as in `model.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live.binding import Front, memory_of, run_bound
from tap_live.providers import Device, place

CHOICE, RANKING, PICK = (
    Path(__file__).with_name(f"{name}.onnx") for name in ("choice", "ranking", "pick")
)

Ints = NDArray[np.int64]
Caches: TypeAlias = Sequence[Front]
"""Keys and values of each layer, (B, H, positions, D), in the order of the graph."""


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
    """The sessions of a Whisper, run with everything in their device's memory.

    It has caches for one reader: whoever `begin`s last.
    """

    def __init__(self, encoder: Any, decoder: Any, device: str) -> None:
        """The sessions are ONNX Runtime's, the decoder's caches static. Raises: as `place`."""
        self.memory = memory_of(device)
        # a graph of no weights: what builds engines would only build one for every length
        on: Device = "cuda" if self.memory == "cuda" else "cpu"
        self._choice, self._ranking, self._pick = (
            place(graph, on).session for graph in (CHOICE, RANKING, PICK)
        )
        self._encoder, self._decoder = encoder, decoder
        caches = [one for one in decoder.get_inputs() if one.name.startswith("self_")]
        self.cache = [one.name for one in caches]
        self._shape = caches[0].shape[1:]  # H, positions, D
        self._held: list[list[Any]] = [[], []]
        self._rows = self.readers = 0
        self._vouched = True  # that all numbers in the caches are finite

    @property
    def positions(self) -> int:
        """Columns for which a row has room."""
        return int(self._shape[1])

    def begin(self) -> int:
        """Give the caches to a new reader; return its number.

        They are made anew unless it was vouched for them: a mask is added, and nought times NaN is
        NaN, so what a failed step left in places that nobody is shown would spoil every answer.
        """
        if not self._vouched:
            self._held, self._rows = [[], []], 0
        self._vouched = False
        self.readers += 1
        return self.readers

    def vouch(self) -> None:
        """Say that the newest reader's search ended, and that nothing in it was NaN."""
        self._vouched = True

    def caches(self, rows: int) -> list[Caches]:
        """Two sets of caches, which hold numbers that nobody is shown."""
        if rows > self._rows:
            empty = np.zeros((rows, *self._shape), np.float32)
            self._held = [[self.put(empty.copy()) for _ in self.cache] for _ in self._held]
            self._rows = rows
        return [[Front(value, rows) for value in held] for held in self._held]

    def encode(self, feeds: Mapping[str, Any]) -> list[Any]:
        """`hidden, cross_k, cross_v`, left where they were made."""
        outputs = ["hidden", "cross_k", "cross_v"]
        return run_bound(self._encoder, feeds, [], outputs, self.memory)

    def decode(self, feeds: Mapping[str, Any], before: Caches, after: Caches) -> list[Any]:
        """`logits, align`; what `before` holds with what was read is written to `after`."""
        given = {**feeds, **dict(zip(self.cache, before, strict=True))}
        into = {f"{name}.next": value for name, value in zip(self.cache, after, strict=True)}
        return run_bound(self._decoder, given, [], ["logits", "align"], self.memory, into)

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

    def pick(self, rows: Sequence[int], before: Caches, after: Caches) -> None:
        """Write these rows of caches to others."""
        chosen = np.array(rows, np.int64)
        for value, picked in zip(before, after, strict=True):
            feeds = {"value": value, "rows": chosen}
            run_bound(self._pick, feeds, [], [], self.memory, {"picked": picked})

    def put(self, array: NDArray[Any]) -> Any:
        """Copy an array to the device, once for many calls."""
        from onnxruntime import OrtValue

        return OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), self.memory, 0)
