"""The table of a Whisper bundle: which weight lies where in `weights.bin`, made from what.

The graphs hold no weights; their initialisers point into a file that is assembled on the
user's machine from published weights, by this table.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tap_live.errors import BundleError
from tap_live.whisper.weights import bfloat16_bits

Array = NDArray[Any]
BFLOAT16 = "bfloat16"


class WeightSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One initialiser: `form` of `variable`, at `offset` of the weights file."""

    name: str
    variable: str  # CTranslate2's name
    form: str  # a key of FORMS
    dtype: str  # numpy's name, or BFLOAT16
    shape: tuple[int, ...]
    offset: int

    @property
    def bytes(self) -> int:
        size = 2 if self.dtype == BFLOAT16 else np.dtype(self.dtype).itemsize
        return size * int(np.prod(self.shape))


class WeightTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything in one weights file."""

    bytes: int
    weights: tuple[WeightSpec, ...]


def made(spec: WeightSpec, variables: Mapping[str, Array]) -> Array:
    """Make one initialiser from published weights; one of bfloat16 as its bits.

    Raises: BundleError if the variable is missing or has another shape.
    """
    try:
        value = variables[spec.variable]
    except KeyError:
        raise BundleError(
            f"wanted {spec.variable!r} in the weights, found none: these are not the weights "
            "of this bundle, give those of the model it is named for"
        ) from None
    result = FORMS[spec.form](np.asarray(value, np.float32))
    if result.shape != spec.shape:
        raise BundleError(
            f"{spec.variable!r} gives {result.shape}, wanted {spec.shape}: these are the weights "
            "of another model"
        )
    if spec.dtype == BFLOAT16:
        return bfloat16_bits(result)
    return np.ascontiguousarray(result, spec.dtype)


def _same(value: Array) -> Array:
    return value


def _transposed(value: Array) -> Array:
    return value.T


def _scale(value: Array) -> Array:
    """One scale for each output: (N, K) -> (N,)."""
    scale: Array = np.maximum(np.abs(value).max(axis=1), 1e-12) / 127
    return scale


def _codes(value: Array) -> Array:
    """Eight bits with a sign, inputs first: (N, K) -> (K, N)."""
    codes: Array = np.rint(value / _scale(value)[:, None]).T
    return codes


FORMS: dict[str, Callable[[Array], Array]] = {
    "same": _same,
    "transposed": _transposed,
    "codes": _codes,
    "scale": _scale,
}
