"""Whisper's graphs as an export is proved with them: its own, or their emulation."""

import shutil
from pathlib import Path
from typing import Any

from tap_live.export.emulation import device_of, emulate_files, optimised
from tap_live.export.exporters import Job
from tap_live.export.whisper_sessions import InPlaces
from tap_live.providers import place
from tap_live.whisper.assemble import TOKENIZER
from tap_live.whisper.model import DIMS, STATIC, Whisper

ROUNDED = "all roundings"
"""What is told apart of fp16 graphs: as a card rounds, not as ONNX Runtime runs them on a CPU."""


def graphs_of(job: Job) -> tuple[str, ...]:
    """What is exported: on a card caches are static, on a CPU they grow; 8 bits are the CPU's."""
    return ("encoder", "decoder") if job.precision == "int8" else ("encoder", "decoder", STATIC)


def proved_in(folder: Path, job: Job) -> Path:
    """Where the graphs lie that prove an export: its own, or, once made, their emulation."""
    if optimised(job.precision):
        return folder
    made = _emulation(job)
    if not made.is_dir():
        made.mkdir(parents=True)
        for file in (DIMS, TOKENIZER):
            shutil.copyfile(folder / file, made / file)
        emulate_files((folder / f"{name}.onnx" for name in graphs_of(job)), made)
    return made


def _emulation(job: Job) -> Path:
    return job.scratch / "emulated"


def opened(folder: Path, job: Job) -> Whisper:
    """A Whisper searched in arrays, of graphs that an export is proved with."""
    return Whisper(folder, sessions=_sessions(folder, "decoder", job))


def _sessions(folder: Path, decoder: str, job: Job) -> tuple[Any, Any]:
    """ONNX Runtime's, which has no types; what emulates is left as it is written."""
    device, optimise = device_of(job.precision), folder != _emulation(job)
    encoder, other = (
        place(folder / f"{name}.onnx", device, threads=job.threads, optimise=optimise).session
        for name in ("encoder", decoder)
    )
    return encoder, other


def static(folder: Path, job: Job) -> Whisper:
    """A Whisper of the graphs that a card runs."""
    encoder, decoder = _sessions(folder, STATIC, job)
    positions = next(x.shape[2] for x in decoder.get_inputs() if x.name.startswith("self_"))
    return Whisper(folder, sessions=(encoder, InPlaces(decoder, positions)))
