"""One engine that TensorRT's provider is to build: what a process of its own is handed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tap_live.engine_cache import contexts
from tap_live.errors import BundleError
from tap_live.loading import NAMES, Loading
from tap_live.profiles import Ranges, Shapes

CARD: Mapping[str, object] = {"device_id": 0}
_DTYPES = {
    "tensor(bool)": "bool",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}


@dataclass(frozen=True)
class Job:
    """A graph, the provider's options for it, and what it takes."""

    loading: Loading
    options: Mapping[str, object]
    folder: Path  # where what is built lies
    shapes: Mapping[str, Shapes]
    ranges: Ranges

    def build(self) -> bool:
        """Open a session, which builds, run it once, and try the context that was written.

        Returns: whether there is TensorRT: ONNX Runtime does without where its libraries fail.
        Raises: BundleError if TensorRT cannot take the graph, or run what it built.
        """
        session = self.loading.on_tensorrt(self.loading.graph, self.options)
        if NAMES["tensorrt"] not in session.get_providers():
            return False
        _run(session, {one.name: self._usual(one) for one in session.get_inputs()})
        names = _names(session)
        del session  # the card may have no room for both
        for context in contexts(self.folder):
            if not self._fits(context, names):
                context.unlink()  # engines are found without it
        return True

    def _usual(self, one: Any) -> Any:
        """Zeros; of what shapes depend on, what it usually says."""
        value = self.ranges[one.name][1] if one.name in self.ranges else 0
        return np.full(self.shapes[one.name].usual, value, _DTYPES[one.type])

    def _fits(self, context: Path, names: list[str]) -> bool:
        """Whether a context can be loaded, and is of the whole graph, not of a part of it."""
        try:
            return _names(self.loading.on_tensorrt(context, CARD)) == names
        except BundleError:
            return False


def _run(session: Any, feeds: Mapping[str, Any]) -> None:
    """Raises: BundleError if TensorRT cannot run what it built."""
    try:
        session.run(None, feeds)
    except Exception as error:  # ONNX Runtime's own exceptions share no base
        raise BundleError(f"TensorRT built an engine and cannot run it: {error}") from error


def _names(session: Any) -> list[str]:
    """What goes in and comes out."""
    return [one.name for one in (*session.get_inputs(), *session.get_outputs())]
