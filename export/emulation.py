"""Prove products in bf16 and fp16 where no card is: with the same roundings, computed in fp32.

ONNX Runtime multiplies no bf16 matrices on a CPU, and those of fp16 in fp32, where it leaves out
the roundings on both sides, with or without graph optimisation. So a copy of the very graph is run
in which every value that is bf16 (or fp16) is an fp32 number that bf16 holds: operands are rounded,
multiplied and summed in fp32, and the result is rounded. These are the roundings of a card whose
products are summed in fp32; in which order it sums, only the card shows.
"""

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tap_live.bundle import Bundle
from tap_live.engine_cache import this_machine
from tap_live.errors import BundleError
from tap_live.export.exporters import EMULATED
from tap_live.export.precision import PRODUCTS
from tap_live.export.storing import save
from tap_live.providers import Device, Where
from tap_live.runtime import Engine

LOW = (TensorProto.BFLOAT16, TensorProto.FLOAT16)
MOVES = ("Gather",)
"""What is done to such values beside multiplying and casting them: nothing is rounded."""


def by_emulation(precision: str) -> bool:
    """Whether a precision can be proved by nothing else here."""
    return precision == "bf16" and device_of(precision) == "cpu"


def device_of(precision: str) -> Device:
    """Where graphs are proved: bf16 on a card, if there is one."""
    if precision == "bf16" and Where("cuda").first() == "cuda":
        with suppress(BundleError):  # no driver
            this_machine()
            return "cuda"
    return "cpu"


def optimised(precision: str) -> bool:
    """Whether graphs are proved as ONNX Runtime rewrites them, which leaves out roundings of fp16
    ones on a CPU, and of emulations.
    """
    return precision != "fp16" and not by_emulation(precision)


def told(what: str, precision: str) -> str:
    """What a model card says, with how it was proved where that was by emulation."""
    return f"{what} ({EMULATED})" if by_emulation(precision) else what


def engine_of(
    bundle: Bundle, graph: str, precision: str, *, threads: int = 1, optimise: bool = True
) -> Engine:
    """What proves one graph of a bundle. Raises: as `Engine`."""
    device, optimise = device_of(precision), optimise and optimised(precision)
    if not by_emulation(precision):
        return Engine(bundle, graph, device=device, threads=threads, optimise=optimise)
    file = bundle.graph(graph).file
    with tempfile.TemporaryDirectory() as folder:
        made = Bundle(Path(folder), bundle.manifest)
        save(emulated(onnx.load(bundle.path(file))), made.path(file))
        return Engine(made, graph, threads=threads, optimise=optimise)


def emulate_files(graphs: Iterable[Path], folder: Path) -> None:
    """Put emulated graphs into a folder under their own names."""
    for path in graphs:
        save(emulated(onnx.load(path)), folder / path.name)


def emulated(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with low values as fp32 numbers, rounded where a card would round them."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    low = {t.name: t.data_type for t in made.graph.initializer if t.data_type in LOW}
    weights = [_widened(tensor) for tensor in made.graph.initializer]
    nodes: list[onnx.NodeProto] = []
    for node in made.graph.node:
        nodes.append(node)
        kind = next((low[name] for name in node.input if name in low), None)
        if node.op_type == "Cast":
            kind = helper.get_node_attr_value(node, "to")
        if kind in LOW and node.op_type in ("Cast", *PRODUCTS):
            nodes += _rounding(node, kind)
        if kind in LOW:
            assert node.op_type in ("Cast", *PRODUCTS, *MOVES), f"{node.op_type} in low precision"
            low[nodes[-1].output[0]] = kind
    del made.graph.node[:], made.graph.initializer[:], made.graph.value_info[:]
    made.graph.node.extend(nodes)
    made.graph.initializer.extend(weights)
    return made


def _rounding(node: onnx.NodeProto, kind: int) -> list[onnx.NodeProto]:
    """What has to follow a node, whose output it takes over: down to a type, and up to fp32."""
    name = node.output[0]
    exact, rounded = f"{name}_exact", f"{name}_rounded"
    up = helper.make_node("Cast", [rounded], [name], to=TensorProto.FLOAT)
    if node.op_type == "Cast":
        node.output[0] = rounded
        return [up]
    node.output[0] = exact
    return [helper.make_node("Cast", [exact], [rounded], to=kind), up]


def _widened(tensor: TensorProto) -> TensorProto:
    if tensor.data_type not in LOW:
        return tensor
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name)
