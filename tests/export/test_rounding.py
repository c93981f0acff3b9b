"""Weights in 8-bit steps: near to what they were, and packed again without a change."""

import numpy as np
import pytest

from tap_live.export.rounding import packed, repacked, unpacked


def rows(largest: float) -> np.ndarray:
    drawn = np.random.default_rng(0).standard_normal((40, 64)).astype(np.float32)
    return drawn * np.float32(largest) / np.abs(drawn).max(axis=1, keepdims=True)


@pytest.mark.parametrize("largest", [0.0, 1e-4, 1e-3, 1.5e-3, 1e-2, 0.2, 3.0])
def test_what_was_packed_is_packed_again_as_it_is(largest: float) -> None:
    once = unpacked(*packed(rows(largest)))
    assert np.array_equal(unpacked(*packed(once)), once)
    assert repacked(once) is not None
    assert np.abs(once - rows(largest)).max() <= max(largest / 127, 2.0**-14) * 0.51


def test_a_matrix_of_other_numbers_is_not_repacked() -> None:
    assert repacked(rows(0.2)) is None
