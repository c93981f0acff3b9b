"""What an export was: what was written, what it lost, how fast it is."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec
import onnx

from tap_live.errors import ParityError
from tap_live.export.verify import Compared


class Graph(msgspec.Struct, frozen=True):
    """One ONNX file."""

    name: str
    nodes: int
    operators: dict[str, int]  # how many of each, the most frequent first
    bytes: int  # with the weights that lie beside it


class Output(msgspec.Struct, frozen=True):
    """One output of a graph against PyTorch's, over its largest magnitude."""

    graph: str
    name: str
    largest: float
    mean: float
    step: int  # where it was furthest off


class Speed(msgspec.Struct, frozen=True):
    """One step of a graph, beside PyTorch eager in the same run; times are of a busy machine."""

    graph: str
    pytorch_ms: float
    exported_ms: float

    @property
    def ratio(self) -> float:
        """How many times as fast as PyTorch."""
        return self.pytorch_ms / self.exported_ms


class Task(msgspec.Struct, frozen=True):
    """What the model is for, before and after."""

    name: str
    unit: str
    pytorch: float
    exported: float
    higher_is_better: bool

    @property
    def loss(self) -> float:
        """The change for the worse; below zero it is for the better."""
        change = self.exported - self.pytorch
        return -change if self.higher_is_better else change


class Report(msgspec.Struct, frozen=True):
    """Everything that `tap-live export` tells."""

    model: str
    to: str
    precision: str
    folder: str
    made_by: str
    parameters: int
    graphs: list[Graph]
    parity: list[Output]
    tolerance: float
    speed: list[Speed]
    task: Task | None
    allowed_loss: float
    kept_in_fp32: list[str]
    versions: dict[str, str]
    engines: list[str] = []  # of TensorRT, by their files
    emulated: bool = False  # what is compared is an emulation of the graphs: see `emulation`

    @property
    def faults(self) -> list[str]:
        """What is not as it must be; an empty list is a proof."""
        faults = [
            str(ParityError(f"{one.graph}/{one.name}", one.step, one.largest, self.tolerance))
            for one in self.parity
            if not one.largest <= self.tolerance  # NaN fails too
        ]
        if self.task and not self.task.loss <= self.allowed_loss:
            faults.append(
                f"{self.task.name} is {self.task.exported:.2f} {self.task.unit}, PyTorch's "
                f"{self.task.pytorch:.2f}: {self.allowed_loss:g} may be lost"
            )
        return faults


def outputs_of(compared: Mapping[str, Compared]) -> list[Output]:
    return [
        Output(graph, one.output, one.largest, one.mean, one.worst_step)
        for graph, its in compared.items()
        for one in its.parities
    ]


def speeds_of(compared: Mapping[str, Compared]) -> list[Speed]:
    return [
        Speed(graph, 1e3 * its.reference_s, 1e3 * its.candidate_s)
        for graph, its in compared.items()
        if its.candidate_s
    ]


def graph_of(name: str, path: Path) -> Graph:
    """Count what is in a graph."""
    model = onnx.load(path, load_external_data=False)
    operators = Counter(node.op_type for node in model.graph.node)
    outside = sum(
        int(entry.value)
        for tensor in model.graph.initializer
        for entry in tensor.external_data
        if entry.key == "length"
    )
    size = path.stat().st_size + outside
    return Graph(name, len(model.graph.node), dict(operators.most_common()), size)
