"""What Whisper's graphs are made of: nodes, and weights that lie in another file.

Letters in shapes as in `models.whisper`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tap_live.whisper.table import BFLOAT16, FORMS, WeightSpec, WeightTable

WEIGHTS = "weights.bin"
OPSET, IR_VERSION = 20, 10
ALIGNMENT = 64  # bytes, of every weight in the file


How: TypeAlias = Literal["float", "half", "brain", "rows"]
"""How matrices are stored and multiplied.

`float`: float32, standard operators only. `half`: likewise, products with weights and those of
the encoder's attention in float16, everything between them in float32. `brain`: products with
matrices in bfloat16, but for those of the encoder's self-attention, in which tiny.en lost too much
in single numbers (0.12 to 0.2 of the largest; 0.03 without), and for convolutions, which take it
from opset 22 on only. `rows`: 8 bits with one scale for each output, and one for each row of the
input, found as it comes; ONNX Runtime's own operators.
"""
RECIPES: dict[str, How] = {"fp32": "float", "fp16": "half", "bf16": "brain", "int8": "rows"}
STORED: dict[How, str] = {"half": "float16", "brain": BFLOAT16}
SHIPPED_IN = ("fp32", "int8")


class Weights:
    """The weights that graphs ask for, each at its place in one file."""

    def __init__(self) -> None:
        self._specs: dict[str, WeightSpec] = {}
        self._end = 0

    def place(self, variable: str, form: str, dtype: str, shape: Sequence[int]) -> WeightSpec:
        assert form in FORMS, form
        name = f"{variable} ({form})"
        if name not in self._specs:
            spec = WeightSpec(name, variable, form, dtype, tuple(shape), self._end)
            self._specs[name] = spec
            self._end = -(-(spec.offset + spec.bytes) // ALIGNMENT) * ALIGNMENT
        return self._specs[name]

    def table(self) -> WeightTable:
        return WeightTable(self._end, tuple(self._specs.values()))


class Graph:
    """Nodes in the order in which they were asked for."""

    def __init__(self, name: str, weights: Weights, how: How) -> None:
        self._name = name
        self.how = how
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._initialisers: dict[str, TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._contrib = False

    def input(self, name: str, dtype: str, shape: Sequence[int | str]) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, _onnx_type(dtype), shape))
        return name

    def output(self, value: str, name: str, dtype: str, shape: Sequence[int | str]) -> None:
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, _onnx_type(dtype), shape))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, results: int, *inputs: str, **attributes: Any) -> list[str]:
        names = [f"{kind}_{len(self._nodes)}_{n}" for n in range(results)]
        domain = attributes.pop("domain", "")
        self._contrib |= bool(domain)
        self._nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names

    def constant(self, value: Any, dtype: str = "int64") -> str:
        array = np.array(value, dtype)
        name = f"{dtype}:{array.tolist()}"
        self._initialisers.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def weight(self, variable: str, form: str, dtype: str, *shape: int) -> str:
        spec = self._weights.place(variable, form, dtype, shape)
        tensor = TensorProto(name=spec.name, data_type=_onnx_type(dtype), dims=spec.shape)
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": WEIGHTS, "offset": spec.offset, "length": spec.bytes}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self._initialisers[spec.name] = tensor
        return spec.name

    def model(self) -> onnx.ModelProto:
        graph = helper.make_graph(
            self._nodes, self._name, self._inputs, self._outputs, [*self._initialisers.values()]
        )
        opsets = [helper.make_opsetid("", OPSET)]
        if self._contrib:
            opsets.append(helper.make_opsetid("com.microsoft", 1))
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="tap-live"
        )

    # What both networks are made of.

    def size(self, value: str, axis: int) -> str:
        """One axis of a shape, (1,)."""
        return self.op("Shape", value, start=axis, end=axis + 1)

    def norm(self, x: str, variable: str, width: int) -> str:
        gamma = self.weight(f"{variable}/gamma", "same", "float32", width)
        beta = self.weight(f"{variable}/beta", "same", "float32", width)
        return self.op("LayerNormalization", x, gamma, beta, axis=-1, epsilon=1e-5)

    def linear(
        self,
        x: str,
        variable: str,
        inputs: int,
        outputs: int,
        *,
        bias: bool = True,
        exact: bool = False,
    ) -> str:
        """(..., inputs) -> (..., outputs); `exact` keeps it out of bfloat16."""
        matrix = f"{variable}/weight"
        if self.how == "rows":
            y = self._rows(x, matrix, inputs, outputs)
        elif exact and self.how == "brain":
            form = self.weight(matrix, "transposed", "float32", inputs, outputs)
            y = self.op("MatMul", x, form)
        else:
            form = self.weight(matrix, "transposed", self.stored, inputs, outputs)
            y = self.narrow("MatMul", x, form)
        if not bias:
            return y
        return self.op("Add", y, self.weight(f"{variable}/bias", "same", "float32", outputs))

    def _rows(self, x: str, matrix: str, inputs: int, outputs: int) -> str:
        """Each row is brought into [-1, 1] first, so that none drowns in another's scale."""
        largest = self.op("ReduceMax", self.op("Abs", x), self.constant([-1]), keepdims=1)
        largest = self.op("Max", largest, self.constant(1e-9, "float32"))
        y = self.op(
            "DynamicQuantizeMatMul",
            self.op("Div", x, largest),
            self.weight(matrix, "codes", "int8", inputs, outputs),
            self.weight(matrix, "scale", "float32", outputs),
            domain="com.microsoft",
        )
        return self.op("Mul", y, largest)

    def heads(self, x: str, heads: int, width: int) -> str:
        """(B, N, W) -> (B, H, N, D)."""
        shape = self.constant([0, 0, heads, width // heads])
        return self.op("Transpose", self.op("Reshape", x, shape), perm=[0, 2, 1, 3])

    @property
    def stored(self) -> str:
        """The type of the matrices, but for those of `rows`."""
        return STORED.get(self.how, "float32")

    def low(self, x: str) -> str:
        """The same in the type of the matrices."""
        return self.op("Cast", x, to=_onnx_type(self.stored)) if self.how in STORED else x

    def high(self, x: str) -> str:
        """The same in float32."""
        return self.op("Cast", x, to=TensorProto.FLOAT) if self.how in STORED else x

    def convolve(self, x: str, variable: str, shape: Sequence[int], stride: int) -> str:
        """A kernel of three places over (A, channels, F), with a bias."""
        exact = self.how == "brain"
        stored = "float32" if exact else self.stored
        kernel = self.weight(f"{variable}/weight", "same", stored, *shape)
        bias = self.weight(f"{variable}/bias", "same", stored, shape[0])
        y = self.op(
            "Conv", x if exact else self.low(x), kernel, bias, pads=[1, 1], strides=[stride]
        )
        return y if exact else self.high(y)

    def narrow(self, kind: str, x: str, matrix: str, *more: str, **attributes: Any) -> str:
        """A product with a matrix that lies in its own type: float32 in, float32 out."""
        return self.high(self.op(kind, self.low(x), matrix, *more, **attributes))

    def attend(
        self, q: str, k: str, v: str, width: int, bias: str | None, *, low: bool = False
    ) -> tuple[str, str]:
        """Return (B, H, N, D) mixed values and (B, H, N, S) weights; `width` is D.

        `low` multiplies in the type of the matrices: for keys that are not kept.
        """
        turned = self.op("Transpose", k, perm=[0, 1, 3, 2])
        if low:
            q = self.op("Mul", q, self.constant(width**-0.5, "float32"))
            scores = self.narrow("MatMul", q, self.low(turned))
        else:
            scores = self.op("MatMul", q, turned)
            scores = self.op("Mul", scores, self.constant(width**-0.5, "float32"))
        if bias is not None:
            scores = self.op("Add", scores, bias)
        weights = self.op("Softmax", scores, axis=-1)
        if low:
            return self.narrow("MatMul", weights, self.low(v)), weights
        return self.op("MatMul", weights, v), weights

    def perceptron(self, x: str, variable: str, width: int) -> str:
        y = self.norm(x, f"{variable}/ffn/layer_norm", width)
        y = self.linear(y, f"{variable}/ffn/linear_0", width, 4 * width)
        y = self.op("Gelu", y)
        return self.op("Add", x, self.linear(y, f"{variable}/ffn/linear_1", 4 * width, width))


def _onnx_type(dtype: str) -> int:
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def tensors(values: Iterable[onnx.ValueInfoProto]) -> list[tuple[str, str, tuple[int | str, ...]]]:
    """Say name, type and shape of a graph's inputs or outputs."""
    described = []
    for value in values:
        kind = value.type.tensor_type
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type).name
        shape = tuple(axis.dim_param or axis.dim_value for axis in kind.shape.dim)
        described.append((value.name, dtype, shape))
    return described
