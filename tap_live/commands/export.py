"""`tap-live export`: a checkpoint to a bundle for the live engine, proved against PyTorch.

What computes is in `tap_live.export`, and needs torch; it is imported when the command runs.
"""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from tap_live.commands.captioning import progress_bar
from tap_live.commands.options import Json
from tap_live.commands.warning import warn
from tap_live.errors import ConfigError, RuntimeMissingError
from tap_live.events import Progress as Told
from tap_live.events import encode
from tap_live.export.exporters import (
    EMULATED,
    EXPORTERS,
    OPTIONS,
    Job,
    Precision,
    Target,
    Tell,
    module_of,
)

if TYPE_CHECKING:
    from tap_live.export.export_report import Report

TASK = "export"
MOST_OPERATORS = 6  # of a graph that the table names
NEEDED = ("torch", "onnx", "onnxscript", "transformers")


def export(
    model: Annotated[str, typer.Argument(help=f"{', '.join(EXPORTERS)}.")],
    checkpoint: Annotated[
        str, typer.Option(help="Weights: a file or a folder; for Whisper also a name, base.en.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the bundle; an earlier export is replaced.")],
    to: Annotated[Target, typer.Option(help="What is made; `tensorrt` needs the card.")] = "onnx",
    precision: Annotated[
        Precision, typer.Option(help="What is computed in; bf16 is for GPUs.")
    ] = "fp32",
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="What one model takes beside that. Repeatable. "
            + "; ".join(f"{model}: {', '.join(names)}" for model, names in OPTIONS.items())
            + ".",
        ),
    ] = None,
    threads: Annotated[int, typer.Option(help="While it is measured.", min=1)] = 1,
    json: Json = False,
) -> None:
    """Make a bundle of a checkpoint, and prove that nothing was lost.

    Exit code 1 if it computes something else than PyTorch, or the task's figure is worse than
    allowed; nothing is left behind then. With --json progress comes line by line, the report last.
    """
    module_of(model)
    job = Job(
        model=model,
        checkpoint=checkpoint,
        out=out,
        to=to,
        precision=precision,
        options=dict(_pair(one) for one in option or ()),
        threads=threads,
    )
    _check_installed()
    from tap_live.export.given import check_given

    check_given(job)
    make = _maker()
    with _told_in_json() if json else progress_bar() as tell:
        report = make(job, tell)
    if json:
        typer.echo(msgspec.json.encode(report))
    else:
        _show(report)
    for fault in report.faults:
        warn(fault)
    if report.faults:
        raise typer.Exit(1)


def _check_installed() -> None:
    """Raises: RuntimeMissingError naming the extra to install."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise RuntimeMissingError(
            f"exporting wants PyTorch and ONNX, {', '.join(missing)} not found: "
            "pip install 'tap-live[export]'"
        )


def _maker() -> "Callable[[Job, Tell], Report]":
    from tap_live.export.making import make

    return make


def _pair(option: str) -> tuple[str, str]:
    name, equals, value = option.partition("=")
    if not equals:
        raise ConfigError(f"wanted --option NAME=VALUE, found {option!r}")
    return name, value


@contextmanager
def _told_in_json() -> Iterator[Tell]:
    """Print progress as events, a line each."""

    def tell(stage: str, done: int, total: int) -> None:
        typer.echo(encode(Told(id=TASK, done=done, total=total, text=stage)))

    yield tell


def _show(report: "Report") -> None:
    console = Console()
    console.print(_graphs(report), _parity(report), sep="\n")
    if report.task:
        task = report.task
        console.print(
            f"{task.name}: {task.exported:.2f} {task.unit}, PyTorch {task.pytorch:.2f} "
            f"(loss {task.loss:.2f}, {report.allowed_loss:g} allowed)"
        )
    for one in report.speed:
        console.print(f"{one.graph}: {one.ratio:.2f} times as fast as PyTorch eager, here and now")
    if report.kept_in_fp32:
        console.print(f"kept in fp32: {', '.join(report.kept_in_fp32)}")
    if report.emulated:
        console.print(f"{report.precision}: {EMULATED}")
    for engine in report.engines:
        console.print(f"engine: {engine}", soft_wrap=True, markup=False)
    if not report.faults:
        console.print(f"{report.model} is in {report.folder}", soft_wrap=True, markup=False)


def _graphs(report: "Report") -> Table:
    title = f"{report.model}, {report.precision}: {report.parameters:,} parameters"
    table = Table("graph", "nodes", "MB", "operators", title=title, title_justify="left", box=None)
    for graph in report.graphs:
        some = [f"{count} {kind}" for kind, count in graph.operators.items()][:MOST_OPERATORS]
        more = ["…"] if len(graph.operators) > MOST_OPERATORS else []
        size = f"{graph.bytes / 1e6:.2f}"
        table.add_row(graph.name, str(graph.nodes), size, ", ".join([*some, *more]))
    return table


def _parity(report: "Report") -> Table:
    table = Table("output", "largest", "mean", f"allowed {report.tolerance:.0e}", box=None)
    for one in report.parity:
        verdict = "" if one.largest <= report.tolerance else "FAILED"
        table.add_row(f"{one.graph}/{one.name}", f"{one.largest:.1e}", f"{one.mean:.1e}", verdict)
    return table
