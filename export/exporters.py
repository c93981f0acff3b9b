"""The models that `tap-live export` knows: the one place where another is added.

Nothing here needs torch; what a model's exporter needs is imported when it is asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias
from uuid import uuid4

from tap_live.errors import ConfigError
from tap_live.profiles import FIXED as FIXED  # of exporters whose graphs have no free axes
from tap_live.profiles import Ranges

if TYPE_CHECKING:
    from tap_live.export.export_report import Task
    from tap_live.export.verify import Compared
    from tap_live.runtime import Tensors

Target: TypeAlias = Literal["onnx", "tensorrt"]
Precision: TypeAlias = Literal["fp32", "fp16", "bf16", "int8"]
Tell: TypeAlias = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and how much there is."""

EMULATED = "proved by emulation on a CPU; not yet run on a card"
"""What is said of an export of which nothing more could be shown (`emulation.py`)."""

EXPORTERS = {
    "clapsep": "tap_live.export.of_clapsep",
    "compact": "tap_live.export.of_compact",
    "gentse": "tap_live.export.of_gentse",
    "ts-whisper": "tap_live.export.of_prompts",
    "whisper": "tap_live.export.of_whisper",
}
"""Where `open_subject(job) -> Subject` of each model lies."""

OPTIONS = {
    "clapsep": ("clap", "tokenizer"),
    "compact": ("captions", "bits", "figures", "trained"),
    "gentse": ("vocoder", "whisper", "seconds", "steps", "figures"),
    "ts-whisper": ("whisper", "figures"),
    "whisper": ("tokenizer",),
}
"""What each takes beside a checkpoint; its module says what that is."""


WITHOUT_ENGINES = {
    "ts-whisper": "prompts are data for a Whisper, no graph of their own",
    "whisper": "Whisper's caches pass from graph to graph on the card, through ONNX Runtime",
}
"""Of what no engine is built here, and why."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be made of what; `options` are those of one model, by their names."""

    model: str
    checkpoint: str
    out: Path
    to: Target = "onnx"
    precision: Precision = "fp32"
    options: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1
    run: str = field(default_factory=lambda: uuid4().hex[:8], compare=False)

    @property
    def scratch(self) -> Path:
        """A folder of this run's own for what is needed on the way; gone afterwards."""
        return self.out.with_name(f".{self.out.name}-{self.run}-scratch")

    @property
    def command(self) -> str:
        """What makes it again, without the folders of this machine."""
        name = Path(self.checkpoint).name
        words = [self.model, "--checkpoint", name, "--to", self.to, "--precision", self.precision]
        words += [word for key, value in self.options.items() for word in _option(key, value)]
        return " ".join(["tap-live export", *words, "--out", self.out.name])


@dataclass(frozen=True)
class Bounds:
    """What an export may lose, by precision.

    Attributes:
        parity: largest difference of any output, over its largest magnitude.
        task: change of the task's figure for the worse.
    """

    parity: Mapping[Precision, float]
    task: Mapping[Precision, float]


class Subject(Protocol):
    """An opened checkpoint: what differs from one model to the next.

    Attributes:
        parameters: of the network.
        bounds: what may be lost; its precisions are those that can be made.
        kept: operators that stayed in fp32, after `write`.
        ranges: of axes that have no fixed length.
    """

    parameters: int
    bounds: Bounds
    kept: tuple[str, ...]
    ranges: Ranges

    def write(self, folder: Path, job: Job, tell: Tell) -> Mapping[str, Path]:
        """Write everything but the card; return the graphs by their names."""
        ...

    def compare(self, folder: Path, job: Job) -> "Mapping[str, Compared]":
        """Run what was written beside PyTorch, on real audio, graph by graph."""
        ...

    def given(self, folder: Path, job: Job) -> "Mapping[str, Sequence[Tensors]]":
        """What each graph is given on real audio, step by step: for engines that were built."""
        ...

    def task(self, folder: Path, job: Job) -> "Task | None":
        """The task's figure of both; None where there is none."""
        ...

    def seal(self, folder: Path, job: Job, compared: "Mapping[str, Compared]") -> None:
        """Write the card, and the manifest that covers all files."""
        ...


def open_subject(job: Job) -> Subject:
    """Load a job's checkpoint.

    Raises: ConfigError if there is no such model, or not in that precision, or it has no such
        option; what opening raises.
    """
    module = import_module(module_of(job.model))
    check_options(job)
    subject: Subject = module.open_subject(job)
    if job.precision not in subject.bounds.parity:
        raise ConfigError(
            f"wanted {job.model} in {', '.join(subject.bounds.parity)}, found {job.precision!r}"
        )
    return subject


def check_options(job: Job) -> None:
    """Raises: ConfigError if a model has no such option."""
    taken = OPTIONS[job.model]
    if other := sorted(job.options.keys() - taken):
        raise ConfigError(f"{job.model} takes --option {', '.join(taken)}, found {other[0]!r}")


def check_target(job: Job) -> None:
    """Raises: ConfigError if no engine of the model is built here."""
    if job.to == "tensorrt" and (why := WITHOUT_ENGINES.get(job.model)):
        raise ConfigError(
            f"{why}: take --to onnx; where it is run with --device tensorrt, engines are built at "
            "the first start and kept"
        )


def module_of(model: str) -> str:
    """Raises: ConfigError naming the models that there are."""
    try:
        return EXPORTERS[model]
    except KeyError:
        raise ConfigError(f"no exporter for {model!r}: there are {', '.join(EXPORTERS)}") from None


def _option(key: str, value: str) -> list[str]:
    return ["--option", f"{key}={Path(value).name}"]
