"""Check everything that only a GPU can show, line by line.

    python -m tap_live.export.gpu_check [--json] [--out TABLE.md]

Parity of every network in PyTorch on CUDA, of graphs through ONNX Runtime's CUDA and TensorRT
providers, of a native engine; how long what is right takes; DESIGN 7's targets for GPUs; how much
of the card's memory each model takes, with random weights of the real sizes. A line is printed
(and with --out written) as it comes. What this machine lacks is "not yet run", what goes wrong is
what its line says. Exit code 0: all that ran is as it should be; 1: something is not; 2: there is
no GPU.

From a bare checkout, with a PyTorch that is there and no package index:

    pip install --no-deps --no-build-isolation -e .

PyTorch's lines need torch, transformers, onnx, scipy (CLAPSep), peft (gentse) and typer; those of
ONNX Runtime also its GPU wheel and what TAP Live needs anyway: msgspec, platformdirs, soundfile,
soxr, tokenizers.
"""

import gc
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Annotated, TextIO

import torch
import typer

from tap_live.errors import RuntimeMissingError, TapError
from tap_live.export import gpu_torch
from tap_live.export.gpu_context import Contexts
from tap_live.export.gpu_networks import Networks
from tap_live.export.gpu_rows import Check, Found, Row

PACKAGES = ("torch", "onnxruntime-gpu", "onnxruntime", "tensorrt-cu13", "tensorrt", "cuda-bindings")


def checks(
    device: torch.device, folder: Path, networks: Networks | None = None, runs: int = gpu_torch.RUNS
) -> Iterator[Check]:
    """Everything that is to be checked; `folder` is for graphs, engines and weights."""
    networks = networks or Networks()
    contexts = Contexts(device, networks, runs)
    yield from gpu_torch.checks(device, networks, runs)
    yield from contexts.checks()
    try:
        from tap_live.export import gpu_graphs
        from tap_live.export.gpu_models import Models
    except (ImportError, OSError) as error:  # a package, or a library that it wants
        yield contexts.target()
        yield Check("everything through ONNX Runtime and TensorRT", "", _missing(error))
        return
    yield from gpu_graphs.checks(Models(folder, networks), contexts)


def _missing(error: Exception) -> Callable[[], Found]:
    def run() -> Found:
        raise RuntimeMissingError(str(error)) from error

    return run


def machine() -> str:
    """The card, its driver, and the packages that count. Without a card, what is missing."""
    if not torch.cuda.is_available():
        return f"no GPU: PyTorch {torch.__version__} finds no card"
    found = [f"{name} {version}" for name in PACKAGES if (version := _version(name))]
    return ", ".join([torch.cuda.get_device_name(), f"driver {_driver()}", *found])


def _driver() -> str:
    try:
        from tap_live.engine_cache import this_machine

        return this_machine().driver
    except (ImportError, TapError):  # not all is installed, or no tool of the driver is there
        return "unknown"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


class Teller:
    """Print lines as they come, for people or for programs, and write them as a table."""

    def __init__(self, in_json: bool, out: TextIO | None) -> None:
        self._in_json, self._out = in_json, out

    def begin(self, machine: str) -> None:
        typer.echo(json.dumps({"machine": machine}) if self._in_json else machine)
        self._write(machine, "", "| what | wanted | found | |", "|---|---|---|---|")

    def tell(self, row: Row) -> None:
        wanted = f" (wanted: {row.wanted})" if row.wanted else ""
        plain = f"{row.state:<12} {row.what}: {row.found}{wanted}"
        typer.echo(json.dumps(asdict(row)) if self._in_json else plain)
        cells = (row.what, row.wanted, row.found, row.state)
        self._write(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")

    def _write(self, *lines: str) -> None:
        if self._out:
            self._out.writelines(f"{line}\n" for line in lines)
            self._out.flush()


def main(
    in_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, a line each, for programs.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the lines to this file too, as a Markdown table.")
    ] = None,
) -> None:
    """Check, and print one table line by line."""
    here, failed = torch.cuda.is_available(), False
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        file = stack.enter_context(out.open("w", encoding="utf-8")) if out else None
        teller = Teller(in_json, file)
        teller.begin(machine())
        for check in checks(torch.device("cuda"), Path(folder)):
            row = check.row() if here else check.unrun()
            teller.tell(row)
            failed = failed or row.state == "FAILED"
            _give_back(here)
    if code := int(failed) if here else 2:
        raise typer.Exit(code)


def _give_back(here: bool) -> None:
    """What a check left, one that failed too: the next begins with a card as empty as it can be."""
    gc.collect()
    if here:
        torch.cuda.empty_cache()


if __name__ == "__main__":
    typer.run(main)
