"""Prove that an export computes what its model computes.

One stream goes through two backends, step by step, each with its own state: an error in how
state is carried shows only after the first step. (Or both with one state: a single step's error.)
"""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from tap_live.errors import ParityError
from tap_live.runtime import Backend, Tensors


@dataclass(frozen=True)
class Parity:
    """How far two backends were apart over a stream, for one output."""

    output: str
    steps: int
    largest: float  # of all absolute differences, over the scale below
    mean: float  # likewise
    scale: float  # the largest magnitude that the reference gave, at least 1e-6
    worst_step: int


@dataclass(frozen=True)
class Compared:
    """Two backends over one stream: how far apart, and how long a step took (the median)."""

    parities: list[Parity]
    reference_s: float  # 0: not measured
    candidate_s: float

    @property
    def largest(self) -> float:
        return max(parity.largest for parity in self.parities)

    def only(self, outputs: Collection[str]) -> "Compared":
        """Leave the rest out: states of a rounded network wander, what it says does not."""
        kept = [parity for parity in self.parities if parity.output in outputs]
        return replace(self, parities=kept)

    def check(self, tolerance: float) -> None:
        """Raises: ParityError naming the output and the step that was furthest off."""
        for one in self.parities:
            if not one.largest <= tolerance:  # NaN fails too
                raise ParityError(one.output, one.worst_step, one.largest, tolerance)


def verify(
    reference: Backend, candidate: Backend, stream: Iterable[Tensors], *, tolerance: float = 1e-4
) -> list[Parity]:
    """Run one stream through both backends and compare every output and state.

    Args:
        reference: the model as trained.
        candidate: the export.
        stream: inputs, a mapping a step; at least one.
        tolerance: largest difference allowed, relative to the reference's largest magnitude.

    Returns: one `Parity` an output, those of states named by their input.
    Raises: ParityError naming the output and the step that was furthest off; as `compare`.
    """
    compared = compare(reference, candidate, stream)
    compared.check(tolerance)
    return compared.parities


def compare(
    reference: Backend, candidate: Backend, stream: Iterable[Tensors], *, together: bool = False
) -> Compared:
    """Run one stream through both backends, step by step in turn.

    Args:
        together: both begin every step with the reference's state, so that one step is compared
            and not what rounding grows to over many.
    Raises: ValueError if the stream is empty or the backends name different outputs.
    """
    totals: dict[str, _Total] = {}
    times: list[tuple[float, float]] = []
    expected_state, found_state = reference.initial_state(), candidate.initial_state()
    for step, inputs in enumerate(stream):
        if together:
            found_state = expected_state
        begun = time.perf_counter()
        expected, expected_state = reference.step(inputs, expected_state)
        between = time.perf_counter()
        found, found_state = candidate.step(inputs, found_state)
        times.append((between - begun, time.perf_counter() - between))
        _compare({**expected, **expected_state}, {**found, **found_state}, step, totals)
    if not totals:
        raise ValueError("the stream is empty: nothing was compared")
    parities = [total.parity(name) for name, total in totals.items()]
    taken = times[1:] or times  # the first step is the slow one
    return Compared(parities, median(one for one, _ in taken), median(one for _, one in taken))


class _Total:
    """Differences of one output, added up over the steps."""

    def __init__(self) -> None:
        self.largest = 0.0
        self.worst_step = 0
        self.scale = 1e-6
        self._sum = 0.0
        self._count = 0
        self._steps = 0

    def add(self, expected: np.ndarray, found: np.ndarray, step: int) -> None:
        self._steps += 1
        if expected.size == 0:
            return
        difference = np.abs(expected.astype(np.float64) - found.astype(np.float64))
        largest = float(difference.max())
        if np.isnan(largest) or largest > self.largest:
            self.largest, self.worst_step = largest, step
        self.scale = max(self.scale, float(np.abs(expected).max()))
        self._sum += float(difference.sum())
        self._count += expected.size

    def parity(self, name: str) -> Parity:
        mean = self._sum / max(1, self._count)
        largest = self.largest / self.scale
        return Parity(name, self._steps, largest, mean / self.scale, self.scale, self.worst_step)


def _compare(expected: Tensors, found: Tensors, step: int, totals: dict[str, _Total]) -> None:
    if expected.keys() != found.keys():
        raise ValueError(f"outputs differ: {sorted(expected)} against {sorted(found)}")
    for name, value in expected.items():
        if value.shape != found[name].shape:
            raise ValueError(f"{name!r} is {found[name].shape}, {value.shape} expected")
        totals.setdefault(name, _Total()).add(value, found[name], step)
