"""Turn a checkpoint into a bundle, stage by stage, and prove it: what `tap-live export` does.

The folder appears whole and proved, or not at all: it is made beside its place and renamed.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import msgspec
import torch

from tap_live.engine_cache import this_machine
from tap_live.errors import ConfigError, StorageError
from tap_live.export.export_report import Report, graph_of, outputs_of, speeds_of
from tap_live.export.exporters import Job, Subject, Tell, open_subject
from tap_live.export.tensorrt_build import build_engines, tensorrt
from tap_live.providers import Where

STAGES = ("opening", "graphs", "parity", "task", "engines")
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
    if job.precision == "bf16" and Where("cuda").first() == "cpu":
        raise ConfigError(
            "bf16 is for GPUs: ONNX Runtime multiplies no bf16 matrices on a CPU, so nothing "
            "could be proved here; take fp32 or int8 for a CPU, fp16 for any GPU"
        )
    if job.to == "tensorrt":
        tensorrt()
        this_machine()
    if job.out.exists() and not _is_made(job.out):
        raise ConfigError(
            f"wanted a new folder or one that holds an export, found others' files in {job.out}"
        )


def _made(subject: Subject, folder: Path, job: Job, tell: Tell) -> Report:
    graphs = subject.write(folder, job, tell)
    tell("parity", 0, 1)
    compared = subject.compare(folder, job)
    tell("parity", 1, 1)
    tell("task", 0, 1)
    task = subject.task(folder, job)
    tell("task", 1, 1)
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
        speed=speeds_of(compared),
        task=task,
        allowed_loss=subject.bounds.task[job.precision],
        kept_in_fp32=list(subject.kept),
        versions=dict(_versions()),
    )
    if report.faults:
        return report
    subject.seal(folder, job, compared)
    if job.to == "onnx":
        return report
    engines = build_engines(graphs, folder, subject.ranges, tell)
    names = [str(job.out / engine.relative_to(folder)) for engine in engines]
    return msgspec.structs.replace(report, engines=names)


def _versions() -> Iterator[tuple[str, str]]:
    for name in VERSIONS:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue


def _is_made(folder: Path) -> bool:
    made = ("manifest.json", "assembled.json")
    return folder.is_dir() and (
        not any(folder.iterdir()) or any((folder / file).is_file() for file in made)
    )


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
        raise StorageError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        for folder in (making, job.scratch):
            shutil.rmtree(folder, ignore_errors=True)


def _put(made: Path, out: Path) -> None:
    if out.exists():
        shutil.rmtree(out)
    made.rename(out)
