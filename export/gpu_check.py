"""Check everything that only a GPU can show, and print one table.

    python -m tap_live.export.gpu_check [--json]

Parity of the networks in PyTorch on CUDA, of graphs through ONNX Runtime's CUDA and TensorRT
providers, of a native engine; DESIGN 7's targets for GPUs, and how much of the card's memory each
model takes, with random weights of the real sizes. What this machine lacks is "not yet run". Exit
code 0: all that ran is as it should be; 1: something is not; 2: there is no GPU.
"""

import copy
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from tap_live.bundle import Bundle
from tap_live.engine_cache import this_machine
from tap_live.errors import RuntimeMissingError, TapError
from tap_live.export import compact
from tap_live.export.clapsep_graphs import separator_graphs
from tap_live.export.compact_graph import build
from tap_live.export.exporters import FIXED
from tap_live.export.gpu_memory import USES, memory_of
from tap_live.export.gpu_models import CLAPSEP, WHISPER, Models
from tap_live.export.gpu_search import search_on
from tap_live.export.gpu_targets import (
    CONTEXT_MS,
    SPEAKERS,
    STRIDE_S,
    TIMES_EAGER,
    caption_target,
    context_target,
)
from tap_live.export.tensorrt_build import build_engines
from tap_live.export.verify import compare
from tap_live.models.clapsep import Separator
from tap_live.models.compact import CompactExtractor, Dims
from tap_live.models.whisper import Whisper
from tap_live.providers import Device
from tap_live.runtime import Engine, Tensors

State: TypeAlias = Literal["ok", "FAILED", "not yet run"]
Given: TypeAlias = tuple[nn.Module, list[Tensor]]
PROVIDERS: tuple[Device, ...] = ("cuda", "tensorrt")
SEARCHES = 5  # that are timed
TOLERANCES = {torch.float32: 1e-3, torch.float16: 3e-2, torch.bfloat16: 1e-1}


class Row(msgspec.Struct, frozen=True):
    """One thing that was checked."""

    what: str
    wanted: str
    found: str
    state: State


@dataclass(frozen=True)
class Check:
    """One thing to check: `run` says what it found, and whether that is right."""

    what: str
    wanted: str
    run: Callable[[], tuple[str, bool]]

    def row(self) -> Row:
        """Run it; what cannot run here is said, never guessed."""
        try:
            found, right = self.run()
        except (RuntimeMissingError, ImportError) as error:
            return Row(self.what, self.wanted, str(error), "not yet run")
        except TapError as error:
            return Row(self.what, self.wanted, str(error), "FAILED")
        return Row(self.what, self.wanted, found, "ok" if right else "FAILED")


def checks(device: torch.device, folder: Path) -> Iterator[Check]:
    """Everything that is to be checked; `folder` is for graphs, engines and weights."""
    for name, network in NETWORKS.items():
        for dtype, tolerance in TOLERANCES.items():
            kind = str(dtype).removeprefix("torch.")
            what = f"{name}, PyTorch {kind} on {device.type} against fp32 on the CPU"
            yield Check(what, f"{tolerance:.0e}", partial(in_torch, network, device, dtype))
    yield from _graph_checks(folder)
    yield from _search_checks()
    models = Models(folder)
    yield from _targets(device, models)
    for name, use in USES.items():
        for one in PROVIDERS:
            yield Check(
                f"memory of the card, {name} on {one}", "told", partial(memory_of, use, models, one)
            )


def _compact() -> Given:
    net = CompactExtractor(Dims()).eval()
    return _Mask(net), [torch.randn(8, 1, net.dims.bins, 2), torch.randn(1, net.dims.cue)]


def _clapsep(name: str) -> Given:
    graph = separator_graphs(Separator(CLAPSEP).eval())[name]
    return graph.module, [*graph.inputs.values()]


def _whisper() -> Given:
    return Whisper(WHISPER).encoder.eval(), [torch.randn(1, 80, 3000)]


NETWORKS: dict[str, Callable[[], Given]] = {
    "compact": _compact,
    "CLAPSep, encoder": partial(_clapsep, "hear"),
    "CLAPSep, decoder": partial(_clapsep, "find"),
    "Whisper, encoder": _whisper,
}
"""Networks of the real sizes with random weights, and inputs."""


class _Mask(nn.Module):
    """The compact network from its first state on: only what it says, not what it remembers."""

    def __init__(self, net: CompactExtractor) -> None:
        super().__init__()
        self.net = net

    def forward(self, spectrum: Tensor, cue: Tensor) -> Tensor:
        start = type(self.net.initial_state())(
            *(part.to(spectrum.device) for part in self.net.initial_state())
        )
        mask: Tensor = self.net(spectrum, cue, start)[0]
        return mask


@torch.inference_mode()
def in_torch(
    make: Callable[[], Given], device: torch.device, dtype: torch.dtype
) -> tuple[str, bool]:
    """Largest difference from fp32 on the CPU, over the largest magnitude."""
    torch.manual_seed(0)
    network, inputs = make()
    expected = _first(network(*inputs))
    moved = copy.deepcopy(network).to(device)
    given = [one.to(device) for one in inputs]
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        found = _first(moved(*given)).float().cpu()
    apart = float((found - expected).abs().max() / expected.abs().max())
    return f"{apart:.1e}", apart <= TOLERANCES[dtype]


def _graph_checks(folder: Path) -> Iterator[Check]:
    net = CompactExtractor(Dims()).eval()
    bundle: list[Bundle] = []

    def made() -> Bundle:
        """The bundle of all checks, made when the first of them runs."""
        if not bundle:
            rounded = compact.round_to_half(net)
            model = build(rounded, stored_as_half=False)
            bundle.append(compact.write(folder / "compact", model, net.dims, "gpu_check", False))
        return bundle[0]

    def through(device: Device) -> tuple[str, bool]:
        engine = Engine(made(), "step", device=device, strict=True)
        return _parity(net, engine)

    def native() -> tuple[str, bool]:
        graph = made().path(compact.GRAPH)
        build_engines({"step": graph}, made().folder, FIXED, lambda *_: None)
        return through("tensorrt")

    for one in PROVIDERS:
        what = f"compact, ONNX Runtime on {one} against PyTorch on the CPU"
        yield Check(what, "1e-03", partial(through, one))
    yield Check("compact, native TensorRT engine with a CUDA graph, likewise", "1e-03", native)


def _search_checks() -> Iterator[Check]:
    for one in PROVIDERS:
        what = f"Whisper, greedy search of {SPEAKERS} rows with its state kept on {one}"
        yield Check(what, "the CPU's tokens", partial(search_on, one, SPEAKERS, SEARCHES))


def _parity(net: CompactExtractor, engine: Engine) -> tuple[str, bool]:
    stream: list[Tensors] = [*compact.hops(net.dims, *compact.real_speech(net.dims))]
    found = compare(compact.TorchBackend(compact.round_to_half(net)), engine, stream)
    worst = found.only(["mask"]).largest
    return f"{worst:.1e}, {1e3 * found.candidate_s:.2f} ms a hop on {engine.device}", worst <= 1e-3


def _targets(device: torch.device, models: Models) -> Iterator[Check]:
    yield Check(
        "CLAPSep fp16, one 10 s context, batch 1: the fastest way here",
        f"{CONTEXT_MS:g} ms, {TIMES_EAGER:g} times eager fp32",
        partial(context_target, device, models),
    )
    yield Check(
        f"captions: the product's search, {SPEAKERS} speakers, {STRIDE_S:g} s of new audio each",
        f"{1000 * STRIDE_S:g} ms",
        partial(caption_target, models.captioner, PROVIDERS),
    )


def table(rows: Sequence[Row], machine: str) -> Table:
    made = Table("what", "wanted", "found", "", title=machine, box=None)
    for row in rows:
        made.add_row(row.what, row.wanted, row.found, row.state)
    return made


def _first(found: object) -> Tensor:
    part = found[0] if isinstance(found, tuple | list) else found
    assert isinstance(part, Tensor)
    return part.float()


def main(json: Annotated[bool, typer.Option(help="Print JSON, for programs.")] = False) -> None:
    """Check, and print one table."""
    try:
        found = this_machine()
        machine = f"{found.gpu}, driver {found.driver}, PyTorch {torch.__version__}"
        here = torch.cuda.is_available()
    except TapError as error:
        machine, here = f"no GPU: {error}", False
    with tempfile.TemporaryDirectory() as folder:
        every = checks(torch.device("cuda"), Path(folder))
        rows = [
            one.row() if here else Row(one.what, one.wanted, "", "not yet run") for one in every
        ]
    if json:
        typer.echo(msgspec.json.encode({"machine": machine, "rows": rows}))
    else:
        Console().print(table(rows, machine))
    if code := 2 if not here else int(any(row.state == "FAILED" for row in rows)):
        raise typer.Exit(code)


if __name__ == "__main__":
    typer.run(main)
