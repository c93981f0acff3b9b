"""Whisper's weights as they are published, read with numpy alone.

Whatever the format, the result has CTranslate2's names and shapes (`names.py`), in
floating point. OpenAI's `.pt` files are pickles: nothing here opens them, `export` does.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live.errors import BundleError
from tap_live.whisper.names import from_hugging_face

Array: TypeAlias = NDArray[Any]
Variables: TypeAlias = dict[str, Array]

MODEL_BIN = "model.bin"
BINARY_VERSION = 6  # of CTranslate2's format; 4 and 5 read alike
SPEC = "WhisperSpec"
_TYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}  # 5, bfloat16, numpy has not
_SAFETENSORS_TYPES = {"F32": "<f4", "F16": "<f2", "BF16": "bf16", "I64": "<i8", "I32": "<i4"}
HINT = "download it again, or give another folder"


def read_weights(source: Path) -> Variables:
    """Read a CTranslate2 folder, its `model.bin`, or a Hugging Face folder.

    Returns: float32 or float16 arrays, many of them views of the mapped file.
    Raises: BundleError if it is none of these, truncated, or not a Whisper.
    """
    if source.is_dir():
        if (source / MODEL_BIN).exists():
            return read_ctranslate2(source / MODEL_BIN)
        parts = sorted(source.glob("*.safetensors"))
        if parts:
            try:
                return from_hugging_face(_merged(parts))
            except KeyError as error:
                raise BundleError(f"{source} holds no Whisper: {error} is missing") from error
        raise BundleError(
            f"wanted {MODEL_BIN} (CTranslate2) or *.safetensors (Hugging Face) in {source}, "
            "found neither"
        )
    if source.suffix == ".pt":
        raise BundleError(
            f"{source} is a pickle, which TAP Live does not load: convert it once with "
            f"`python -m tap_live.export.whisper convert {source} FOLDER`"
        )
    if not source.exists():
        raise BundleError(f"no weights at {source}: give a CTranslate2 or Hugging Face folder")
    return read_ctranslate2(source)


def read_ctranslate2(path: Path) -> Variables:
    """Read a CTranslate2 `model.bin`; int8 and int16 weights are multiplied out.

    Raises: BundleError if it is truncated, foreign or no Whisper.
    """
    cursor = _Cursor(path)
    version = cursor.number("I")
    if not 4 <= version <= BINARY_VERSION:
        raise BundleError(
            f"wanted a CTranslate2 model.bin of format 4 to {BINARY_VERSION}, "
            f"{path} has {version}: {HINT}"
        )
    spec = cursor.text()
    cursor.number("I")  # revision of the spec
    if spec != SPEC:
        raise BundleError(f"wanted Whisper weights, {path} holds a {spec or 'nameless model'}")
    stored = dict(_variables(cursor))
    for _ in range(cursor.number("I")):
        alias = cursor.text()
        name = cursor.text()
        if name not in stored:
            raise BundleError(f"{path} names {name!r}, which it does not hold: {HINT}")
        stored[alias] = stored[name]
    if cursor.left:
        raise BundleError(f"{path} has {cursor.left} bytes too many: {HINT}")
    return {
        name: _multiplied_out(value, stored.get(f"{name}_scale"))
        for name, value in stored.items()
        if not name.endswith("_scale")
    }


def read_safetensors(path: Path) -> Variables:
    """Read one `.safetensors` file; arrays are views of the mapped file.

    Raises: BundleError if it is truncated or holds a type that weights do not have.
    Source: https://huggingface.co/docs/safetensors, "Format".
    """
    cursor = _Cursor(path)
    header = cursor.bytes(cursor.number("Q"))
    try:
        entries: dict[str, Any] = json.loads(header.tobytes())
        entries.pop("__metadata__", None)
        return {name: _tensor(cursor.rest, entry, path) for name, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{path} is no safetensors file ({error}): {HINT}") from error


class _Cursor:
    """Read a mapped file from its start to its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._data: NDArray[np.uint8] = np.memmap(path, np.uint8, "r")
        except (OSError, ValueError) as error:  # ValueError: the file is empty
            raise BundleError(f"cannot read {path}: {error}; {HINT}") from error
        self._at = 0

    @property
    def left(self) -> int:
        return self._data.size - self._at

    @property
    def rest(self) -> NDArray[np.uint8]:
        return self._data[self._at :]

    def bytes(self, count: int) -> NDArray[np.uint8]:
        if count > self.left:
            raise BundleError(
                f"{self._path} ends {count - self.left} bytes too early "
                f"({self._data.size} bytes): {HINT}"
            )
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, kind: str) -> int:
        """Read one little-endian number, `kind` as in `struct`."""
        size = struct.calcsize(f"<{kind}")
        return int(struct.unpack(f"<{kind}", self.bytes(size).tobytes())[0])

    def text(self) -> str:
        """Read a length, so many bytes, the last of them 0."""
        return self.bytes(self.number("H")).tobytes()[:-1].decode(errors="replace")


def _variables(cursor: _Cursor) -> Iterator[tuple[str, Array]]:
    for _ in range(cursor.number("I")):
        name = cursor.text()
        shape = [cursor.number("I") for _ in range(cursor.number("B"))]
        kind = cursor.number("B")
        data = cursor.bytes(cursor.number("I"))
        if kind == 5:
            yield name, _from_bfloat16(data.view("<u2")).reshape(shape)
            continue
        dtype = np.dtype(_TYPES.get(kind, np.void))
        if data.size != dtype.itemsize * int(np.prod(shape)):
            raise BundleError(f"{name!r} of type {kind} and shape {shape} is broken: {HINT}")
        yield name, data.view(dtype).reshape(shape)


def _tensor(data: NDArray[np.uint8], entry: Mapping[str, Any], path: Path) -> Array:
    start, stop = entry["data_offsets"]
    kind = _SAFETENSORS_TYPES[entry["dtype"]]
    if stop > data.size:
        raise BundleError(f"{path} ends {stop - data.size} bytes too early: {HINT}")
    if kind == "bf16":
        return _from_bfloat16(data[start:stop].view("<u2")).reshape(entry["shape"])
    return data[start:stop].view(kind).reshape(entry["shape"])


def _merged(parts: list[Path]) -> Variables:
    merged: Variables = {}
    for part in parts:
        merged.update(read_safetensors(part))
    return merged


def _from_bfloat16(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def bfloat16_bits(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Finite numbers rounded to bfloat16, halves to even, as its bits: numpy has no such type."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    even = (bits >> 16) & 1
    return ((bits + 0x7FFF + even) >> 16).astype(np.uint16)


def _multiplied_out(value: Array, scale: Array | None) -> Array:
    """CTranslate2 stores 127 / max of each row beside int8 codes, one number beside int16."""
    if scale is None or value.dtype.kind == "f":
        return value
    per_row = scale.reshape(-1, *[1] * (value.ndim - 1)) if scale.ndim else scale
    return (value / per_row.astype(np.float32)).astype(np.float32)
