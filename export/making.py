"""Turn a checkpoint into a bundle, stage by stage, and prove it: what `tap-live export` does.

The folder appears whole and proved, or not at all: it is made beside its place and renamed.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import msgspec
import torch

from tap_live.bundle import MANIFEST, read_manifest
from tap_live.engine_cache import this_machine
from tap_live.errors import BundleError, ConfigError, StorageError
from tap_live.export.emulation import by_emulation, device_of
from tap_live.export.engine_check import compare_engines
from tap_live.export.export_report import Report, graph_of, outputs_of, speeds_of
from tap_live.export.exporters import Job, Subject, Tell, check_target, open_subject
from tap_live.export.tensorrt_build import build_engines, tensorrt
from tap_live.native import FOLDER
from tap_live.providers import GPU_INSTALL
from tap_live.whisper.assemble import Record
from tap_live.whisper.model import RECORD

CARD = "README.md"
VERSIONS = ("torch", "onnx", "onnxruntime", "onnxruntime-gpu", "tensorrt")


def make(job: Job, tell: Tell) -> Report:
    """Export, prove and put in place; a report with faults has left nothing behind.

    Raises: ConfigError if the job cannot be; BundleError or StorageError if its folder cannot
        be written; what opening the checkpoint raises.
    """
    check(job)
    torch.set_num_threads(job.threads)
    tell("opening", 0, 1)
    with torch.inference_mode(), _beside(job) as folder:
        subject = open_subject(job)
        tell("opening", 1, 1)
        report = _made(subject, folder, job, tell)
        if not report.faults:
            _put(folder, job.out)
    return report


def check(job: Job) -> None:
    """Raises: ConfigError if this machine cannot make it, or the folder is not a bundle's;
    RuntimeMissingError without TensorRT; BundleError without a card.
    """
    check_target(job)
    if job.to == "tensorrt":
        if by_emulation(job.precision):
            raise ConfigError(
                "bf16 engines are held against their graphs on the card, which takes ONNX "
                f"Runtime's CUDA provider, found none: {GPU_INSTALL}"
            )
        tensorrt()
        this_machine()
    _spare_others(job.out)


def _made(subject: Subject, folder: Path, job: Job, tell: Tell) -> Report:
    graphs = subject.write(folder, job, tell)
    tell("parity", 0, 1)
    compared = subject.compare(folder, job)
    tell("parity", 1, 1)
    tell("task", 0, 1)
    task = subject.task(folder, job)
    tell("task", 1, 1)
    emulated = by_emulation(job.precision)
    report = Report(
        model=job.model,
        to=job.to,
        precision=job.precision,
        folder=str(job.out),
        made_by=job.command,
        parameters=subject.parameters,
        graphs=[graph_of(name, path) for name, path in graphs.items()],
        parity=outputs_of(compared),
        tolerance=subject.bounds.parity[job.precision],
        speed=[] if emulated else speeds_of(compared),
        task=task,
        allowed_loss=subject.bounds.task[job.precision],
        kept_in_fp32=list(subject.kept),
        versions=dict(_versions()),
        emulated=emulated,
    )
    if report.faults:
        return report
    subject.seal(folder, job, compared)
    if job.to == "onnx":
        return report
    return _built(report, graphs, subject, folder, job, tell)


def _built(
    report: Report, graphs: Mapping[str, Path], subject: Subject, folder: Path, job: Job, tell: Tell
) -> Report:
    """Build engines, and hold them against the graphs: what they compute is part of the proof."""
    engines = build_engines(graphs, folder, subject.ranges, tell)
    tell("engines, parity", 0, 1)
    given = subject.given(folder, job)
    compared = compare_engines(graphs, folder, given, device_of(job.precision))
    tell("engines, parity", 1, 1)
    built = outputs_of({f"{name}, TensorRT": its for name, its in compared.items()})
    names = [str(job.out / engine.relative_to(folder)) for engine in engines]
    return msgspec.structs.replace(report, engines=names, parity=[*report.parity, *built])


def _versions() -> Iterator[tuple[str, str]]:
    for name in VERSIONS:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue


def _spare_others(out: Path) -> None:
    """Raises: ConfigError unless a folder is new, empty, or an export with nothing beside it."""
    if not out.exists():
        return
    there = {path.name for path in out.iterdir()} if out.is_dir() else {out.name}
    if others := sorted(there - _of_export(out)):
        raise ConfigError(
            f"wanted a new folder or one that holds an export, found others' files in {out}: "
            f"{', '.join(others[:3])}"
        )


def _of_export(folder: Path) -> set[str]:
    """What an export put into a folder; a manifest of another program says nothing."""
    try:
        if (folder / RECORD).is_file():
            record = msgspec.json.decode((folder / RECORD).read_bytes(), type=Record)
            files = record.files
        else:
            files = read_manifest(folder).files
    except (BundleError, OSError, msgspec.DecodeError):
        return set()
    return {MANIFEST, RECORD, CARD, FOLDER, *(Path(file).parts[0] for file in files)}


@contextmanager
def _beside(job: Job) -> Iterator[Path]:
    """Make a folder beside its place; gone afterwards if it was not moved."""
    out = job.out
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise StorageError(f"cannot write in {out.parent}: {error.strerror or error}") from error
    try:
        making.chmod(0o755)
        yield making
    except OSError as error:
        raise StorageError(f"cannot make {out}: {error}") from error
    finally:
        for folder in (making, job.scratch):
            shutil.rmtree(folder, ignore_errors=True)


def _put(made: Path, out: Path) -> None:
    """Rename it; an earlier export goes only when this one is there."""
    _spare_others(out)
    old = made.with_name(f"{made.name}-old")
    if out.exists():
        out.rename(old)
    made.rename(out)
    shutil.rmtree(old, ignore_errors=True)
