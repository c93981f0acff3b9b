"""Prove bf16 graphs where no card is: with the same roundings, computed in fp32.

ONNX Runtime multiplies no bf16 matrices on a CPU. So a copy of the very graph is run in which
every value that is bf16 is an fp32 number that bf16 holds: operands are rounded to bf16, multiplied
and summed in fp32, and the result is rounded to bf16. These are the roundings of a card whose
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
from tap_live.export.precision import BF16_PRODUCTS
from tap_live.providers import Device, Where
from tap_live.runtime import Engine

MOVES = ("Gather",)
"""What bf16 graphs do to bf16 values beside multiplying and casting them: nothing is rounded."""


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


def told(what: str, precision: str) -> str:
    """What a model card says, with how it was proved where that was by emulation."""
    return f"{what} ({EMULATED})" if by_emulation(precision) else what


def engine_of(
    bundle: Bundle, graph: str, precision: str, *, threads: int = 1, optimise: bool = True
) -> Engine:
    """What proves one graph of a bundle. Raises: as `Engine`."""
    if not by_emulation(precision):
        device = device_of(precision)
        return Engine(bundle, graph, device=device, threads=threads, optimise=optimise)
    file = bundle.graph(graph).file
    with tempfile.TemporaryDirectory() as folder:
        made = Bundle(Path(folder), bundle.manifest)
        onnx.save(emulated(onnx.load(bundle.path(file))), made.path(file))
        return Engine(made, graph, threads=threads, optimise=False)  # all roundings stay


def emulate_files(graphs: Iterable[Path], folder: Path) -> None:
    """Put emulated graphs into a folder under their own names, each with its weights beside it."""
    for path in graphs:
        (folder / f"{path.stem}.bin").unlink(missing_ok=True)  # it would be written on
        onnx.save(
            emulated(onnx.load(path)),
            folder / path.name,
            save_as_external_data=True,
            location=f"{path.stem}.bin",
        )


def emulated(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with bf16 values as fp32 numbers, rounded where a card would round them."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    low = {t.name for t in made.graph.initializer if t.data_type == TensorProto.BFLOAT16}
    weights = [_widened(tensor) for tensor in made.graph.initializer]
    nodes: list[onnx.NodeProto] = []
    for node in made.graph.node:
        nodes.append(node)
        if _casts_down(node) or (node.op_type in BF16_PRODUCTS and low & set(node.input)):
            low.add(node.output[0])
            nodes += _rounding(node)
        elif node.op_type in MOVES and low & set(node.input):
            low.add(node.output[0])
        else:
            assert node.op_type == "Cast" or not low & set(node.input), f"{node.op_type} in bf16"
    del made.graph.node[:], made.graph.initializer[:], made.graph.value_info[:]
    made.graph.node.extend(nodes)
    made.graph.initializer.extend(weights)
    return made


def _casts_down(node: onnx.NodeProto) -> bool:
    to = [attribute.i for attribute in node.attribute if attribute.name == "to"]
    return node.op_type == "Cast" and to == [TensorProto.BFLOAT16]


def _rounding(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """What has to follow a node, whose output it takes over: down to bf16, and up to fp32."""
    name = node.output[0]
    exact, rounded = f"{name}_exact", f"{name}_rounded"
    up = helper.make_node("Cast", [rounded], [name], to=TensorProto.FLOAT)
    if node.op_type == "Cast":
        node.output[0] = rounded
        return [up]
    node.output[0] = exact
    return [helper.make_node("Cast", [exact], [rounded], to=TensorProto.BFLOAT16), up]


def _widened(tensor: TensorProto) -> TensorProto:
    if tensor.data_type != TensorProto.BFLOAT16:
        return tensor
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name)
