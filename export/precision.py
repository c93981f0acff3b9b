"""Give a graph another precision: fp16, bf16, or 8 bits.

Precision is in the graph itself, as strongly typed engines want it: no engine is told to
compute in less than the graph says. What goes in and comes out stays fp32.
"""

import copy
import logging
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from tap_live.errors import ParityError
from tap_live.export.inner_notes import unheard
from tap_live.export.storing import large, save, without_weights
from tap_live.runtime import Backend, Tensors

PRODUCTS = ("MatMul", "Gemm", "Conv")
"""What computing is: everything else costs little, and stays as exact as it was."""

BF16_PRODUCTS = ("MatMul", "Gemm")
"""Those that ONNX has in bf16 in the opsets of our graphs: convolutions from opset 22 on only, for
which ONNX Runtime's CUDA provider lacks other kernels."""

EXACT = ("Constant", "ConstantOfShape", "Range", "CastLike", "Resize", "Trilu", "CumSum")
"""What counts and places, and is never worth rounding."""

_log = logging.getLogger(__name__)


def half(
    model: onnx.ModelProto, difference: Callable[[onnx.ModelProto], float], tolerance: float
) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """Compute in fp16, but for the kinds of operators that lose too much, found by measurement.

    Where all of it in fp16 is too far off, the kinds go back to fp32 one after the other, that
    one first without which the difference is least, until it is within `tolerance`.

    Args:
        difference: of a graph from its network, over the largest magnitude.

    Returns: the graph, and the kinds that stayed in fp32.
    Raises: ParityError if no mixture is near enough.
    """
    kept: list[str] = []
    found = halved(model)
    worst = difference(found)
    kinds = sorted({node.op_type for node in model.graph.node} - set(EXACT))
    found_without = {
        kind: difference(halved(model, [kind])) for kind in (() if worst <= tolerance else kinds)
    }
    for kind in sorted(found_without, key=lambda kind: np.nan_to_num(found_without[kind], nan=1e9)):
        kept.append(kind)
        found = halved(model, kept)
        worst = difference(found)
        _log.info("%s in fp32: %.1e apart", ", ".join(kept), worst)
        if worst <= tolerance:
            break
    if not worst <= tolerance:
        raise ParityError("fp16", 0, worst, tolerance)
    return found, tuple(kept)


def halved(model: onnx.ModelProto, kept: Collection[str] = ()) -> onnx.ModelProto:
    """The same graph computing in fp16, but for the `kept` kinds of operators."""
    return _Narrowing(model, TensorProto.FLOAT16, {*EXACT, *kept}).made()


def brained(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with products of matrices in bf16, whose range is fp32's: for GPUs."""
    others = {node.op_type for node in model.graph.node} - set(BF16_PRODUCTS)
    return _Narrowing(model, TensorProto.BFLOAT16, others).made()


class _Narrowing:
    """Rewrite a graph, node by node: what is not `exact` computes in the type `low`."""

    def __init__(self, model: onnx.ModelProto, low: int, exact: Collection[str]) -> None:
        self._model, self._low, self._exact = model, low, exact
        graph = onnx.shape_inference.infer_shapes(without_weights(model)).graph
        values = [*graph.input, *graph.value_info, *graph.output]
        self._wide = {v.name for v in values if v.type.tensor_type.elem_type == TensorProto.FLOAT}
        self._weights = {
            t.name: t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT
        }
        self._results = {value.name for value in graph.output}
        floats = [*self._wide, *self._weights]
        self._types: dict[str, int] = {name: TensorProto.FLOAT for name in floats}
        self._cast: dict[tuple[str, int], str] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._added: list[TensorProto] = []

    def made(self) -> onnx.ModelProto:
        for node in self._model.graph.node:
            self._take(copy.deepcopy(node))
        graph = copy.deepcopy(self._model.graph)
        used = {name for node in self._nodes for name in node.input}
        weights = [tensor for tensor in [*graph.initializer, *self._added] if tensor.name in used]
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(self._nodes)
        graph.initializer.extend(weights)
        opsets, version = list(self._model.opset_import), self._model.ir_version
        return helper.make_model(graph, ir_version=version, opset_imports=opsets)

    def _take(self, node: onnx.NodeProto) -> None:
        kind = TensorProto.FLOAT if node.op_type in self._exact else self._low
        inputs = [self._as(name, kind) for name in node.input]
        outputs = list(node.output)
        node.name = f"{node.op_type}_{len(self._nodes)}"
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = kind
        del node.input[:], node.output[:]
        node.input.extend(inputs)
        node.output.extend(self._written(name, kind) for name in outputs)
        self._nodes.append(node)
        for name, made in zip(outputs, node.output, strict=True):
            if made != name:
                self._nodes.append(helper.make_node("Cast", [made], [name], to=TensorProto.FLOAT))

    def _written(self, name: str, kind: int) -> str:
        """What an output is called: the graph's own results stay as they are, in fp32."""
        if name not in self._wide or kind == TensorProto.FLOAT:
            return name
        if name in self._results:
            self._cast[name, kind] = f"{name}_low"
            return f"{name}_low"
        self._types[name] = kind
        return name

    def _as(self, name: str, kind: int) -> str:
        """The name under which a value is there in a type; cast the first time."""
        if self._types.get(name, kind) == kind:
            return name
        if (name, kind) not in self._cast:
            made = f"{name}_as_{TensorProto.DataType.Name(kind).lower()}"
            self._cast[name, kind] = made
            if name in self._weights:
                self._added.append(_rounded(self._weights[name], kind, made))
            else:
                self._nodes.append(helper.make_node("Cast", [name], [made], to=kind))
        return self._cast[name, kind]


def _rounded(tensor: TensorProto, kind: int, name: str) -> TensorProto:
    values = numpy_helper.to_array(tensor)
    return numpy_helper.from_array(values.astype(helper.tensor_dtype_to_np_dtype(kind)), name)


def quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights of matrix products in 8 bits, their inputs rounded as they come: for CPUs."""
    with _files(model) as (given, made), unheard():
        quantize_dynamic(
            given,
            made,
            op_types_to_quantize=["MatMul", "Gemm"],
            nodes_to_exclude=_stacks(model),
            per_channel=True,
            weight_type=QuantType.QInt8,
            use_external_data_format=large(model),
        )
        return onnx.load(made)


def calibrated(model: onnx.ModelProto, feeds: Sequence[Tensors]) -> onnx.ModelProto:
    """Products in 8 bits, with the ranges that `feeds` had: explicit, for GPUs and TensorRT."""
    with _files(model) as (given, made), unheard():
        quantize_static(
            given,
            made,
            _Feeds(feeds),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(PRODUCTS),
            nodes_to_exclude=_stacks(model),
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            use_external_data_format=large(model),
            extra_options={"ActivationSymmetric": True},
        )
        return onnx.load(made)


def _stacks(model: onnx.ModelProto) -> list[str]:
    """Products with stacks of matrices, which take no scale for each column; none is large."""
    stacked = {tensor.name for tensor in model.graph.initializer if len(tensor.dims) > 2}
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "MatMul" and stacked & set(node.input)
    ]


def feeds_of(backend: Backend, stream: Sequence[Tensors]) -> list[Tensors]:
    """What a graph is given over a stream: inputs, and the state as it was before each step."""
    feeds: list[Tensors] = []
    state = backend.initial_state()
    for inputs in stream:
        feeds.append({**inputs, **state})
        _, state = backend.step(inputs, state)
    return feeds


class _Feeds:
    """Real inputs, one after the other: ONNX Runtime's `CalibrationDataReader`."""

    def __init__(self, feeds: Sequence[Tensors]) -> None:
        self._left = iter(feeds)

    def get_next(self) -> dict[str, np.ndarray] | None:
        feed = next(self._left, None)
        return None if feed is None else dict(feed)


@contextmanager
def _files(model: onnx.ModelProto) -> Iterator[tuple[Path, Path]]:
    """Where a graph lies and where another is to be written: what quantises works on files."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "given.onnx", Path(folder) / "made.onnx"
        save(model, given)
        yield given, made
