"""Where graphs are written: one file each, or two where one would be too large.

A message of protobuf ends at 2 GB. So above `LIMIT` the weights lie in a file beside the graph,
under its name, where ONNX Runtime and TensorRT look for them by themselves.
"""

import copy
from pathlib import Path

import onnx
from onnx import TensorProto, helper
from onnx.external_data_helper import convert_model_to_external_data, write_external_data_tensors

from tap_live.bundle import sha256

LIMIT = 1 << 30  # bytes of weights
SMALL = 1024  # bytes; what is smaller stays in the graph
SUFFIX = ".bin"
SEAL = "sha256 of the weights"


def save(model: onnx.ModelProto, path: Path, *, limit: int = LIMIT) -> None:
    """Write a graph; the model is left as it was.

    Weights that lie beside it are sealed in it, so that it is another graph with other weights:
    engines that were built of it are known by the graph's own sha256.
    """
    weights = path.with_suffix(SUFFIX)
    weights.unlink(missing_ok=True)  # it would be written on
    if not large(model, limit):
        onnx.save(model, path)
        return
    made = copy.deepcopy(model)
    convert_model_to_external_data(made, location=weights.name, size_threshold=SMALL)
    write_external_data_tensors(made, str(path.parent))
    helper.set_model_props(made, {SEAL: sha256(weights)})
    onnx.save(made, path)


def files_of(graph: Path) -> list[str]:
    """The names of a graph's files, for a manifest."""
    return [file.name for file in (graph, graph.with_suffix(SUFFIX)) if file.is_file()]


def bytes_of(graph: Path) -> int:
    """How large a graph is, with its weights."""
    return sum(graph.with_name(name).stat().st_size for name in files_of(graph))


def large(model: onnx.ModelProto, limit: int = LIMIT) -> bool:
    """Whether the weights of a graph lie in a file of their own."""
    return sum(len(tensor.raw_data) for tensor in model.graph.initializer) > limit


def without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph, of any size, small enough to be asked for its shapes: large weights have
    no numbers.
    """
    graph = model.graph
    light = helper.make_graph(
        graph.node,
        graph.name,
        graph.input,
        graph.output,
        [_without_numbers(tensor) for tensor in graph.initializer],
        value_info=graph.value_info,
    )
    opsets, version = list(model.opset_import), model.ir_version
    return helper.make_model(light, ir_version=version, opset_imports=opsets)


def _without_numbers(tensor: TensorProto) -> TensorProto:
    if len(tensor.raw_data) < SMALL:
        return tensor
    kind, outside = tensor.data_type, TensorProto.EXTERNAL
    return TensorProto(name=tensor.name, data_type=kind, dims=tensor.dims, data_location=outside)
