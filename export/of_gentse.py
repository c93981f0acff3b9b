"""`tap-live export gentse`: the generative voice model, a best.pt of `fit-gentse`.

Options: `vocoder=FILE` (a best.pt of `fit-vocoder`, or a public generator with its config.json),
`whisper=NAME|FOLDER` (that of the training), `seconds` of a context, 1.5 to 30 (that of the
training, which a best.pt says; 4 where it does not), `steps` of the flow, 1 to 20, and
`figures=FILE` (Markdown for the card).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnx

from tap_live.errors import BundleError, ConfigError
from tap_live.export.emulation import engine_of
from tap_live.export.export_report import Task
from tap_live.export.exporters import Bounds, Job, Tell
from tap_live.export.gentse import NOT_MEASURED, RANGES, Content, Wanted, begin
from tap_live.export.gentse_given import drawn_by, given_of, heard_by
from tap_live.export.gentse_graphs import TorchStream
from tap_live.export.given import vocoder_of
from tap_live.export.precision import brained, calibrated, feeds_of, half, quantised
from tap_live.export.storing import save
from tap_live.export.verify import Compared, compare
from tap_live.extractors.gentse_network import GenNetwork
from tap_live.models.gentse import GenTSE
from tap_live.models.gentse_files import load
from tap_live.models.training.prompt_files import whisper_folder
from tap_live.models.vocoder import Vocoder
from tap_live.models.vocoder_files import open_vocoder
from tap_live.runtime import Backend, Tensors

BOUNDS = Bounds(
    parity={"fp32": 1e-3, "fp16": 3e-2, "bf16": 1e-1, "int8": 3e-1},
    task={"fp32": 0.01, "fp16": 0.05, "bf16": 0.05, "int8": 0.05},  # 0.05 nats are 0.4 dB
)


def open_subject(job: Job) -> "GentseSubject":
    """Raises: ConfigError without a vocoder, or for an option that cannot be; BundleError if the
    weights are none of this model.
    """
    options = job.options
    speaks = vocoder_of(job)
    wanted, figures = _wanted(job), _figures(job)
    try:
        whisper = whisper_folder(options.get("whisper", "tiny.en"), job.scratch, job.scratch)
        net, vocoder = load(Path(job.checkpoint), whisper), open_vocoder(speaks)
        return GentseSubject(net, vocoder, begin(net, vocoder, wanted, job.command, figures))
    except (FileNotFoundError, ValueError) as error:  # they say what is amiss
        raise BundleError(str(error)) from error
    except Exception as error:  # torch and pickle raise what they like
        raise BundleError(
            f"wanted best.pt of fit-gentse and a vocoder, {job.checkpoint} or {speaks} "
            f"is none ({type(error).__name__})"
        ) from error


class GentseSubject:
    """A `Subject`."""

    bounds = BOUNDS
    ranges = RANGES

    def __init__(self, net: GenTSE, vocoder: Vocoder, content: Content) -> None:
        self._content = content
        learned = [*net.encoder.parameters(), *net.flow.parameters(), *vocoder.parameters()]
        self.parameters = sum(weight.numel() for weight in learned)
        self.kept: tuple[str, ...] = ()
        self._given: Mapping[str, Sequence[Tensors]] = {}

    def write(self, folder: Path, job: Job, tell: Tell) -> Mapping[str, Path]:
        graphs = self._content.graphs
        paths = {name: folder / f"{name}.onnx" for name in graphs}
        for path in paths.values():  # the manifest names all of them from the start
            path.touch()
        for done, (name, traceable) in enumerate(graphs.items()):
            tell("graphs", done, len(graphs))
            save(self._converted(name, traceable.build(), folder, job), paths[name])
        tell("graphs", len(graphs), len(graphs))
        self._content.write(folder)
        return paths

    def compare(self, folder: Path, job: Job) -> Mapping[str, Compared]:
        backends, engines = self._torch(), self._engines(folder, job)
        given = self.given(folder, job)
        return {name: compare(backends[name], engines[name], given[name]) for name in given}

    def given(self, folder: Path, job: Job) -> Mapping[str, Sequence[Tensors]]:
        if not self._given:
            self._given = given_of(self._content.write(folder), self._torch())
        return self._given

    def task(self, folder: Path, job: Job) -> Task:
        bundle = self._content.write(folder)
        network, engine = (
            _distance(GenNetwork(bundle, backends=backends))
            for backends in (self._torch(), self._engines(folder, job))
        )
        return Task("mel frames from the clean voice's", "nats", network, engine, False)

    def seal(self, folder: Path, job: Job, compared: Mapping[str, Compared]) -> None:
        self._content.seal(folder, {name: its.largest for name, its in compared.items()})

    def _converted(
        self, name: str, model: onnx.ModelProto, folder: Path, job: Job
    ) -> onnx.ModelProto:
        if job.precision == "fp32":
            return model
        if job.precision == "bf16":
            return brained(model)
        if job.precision == "fp16":
            differs = partial(self._difference, name, folder, job)
            made, kept = half(model, differs, BOUNDS.parity["fp16"])
            self.kept = tuple(sorted({*self.kept, *kept}))
            return made
        if job.to == "tensorrt":
            return calibrated(model, feeds_of(self._torch()[name], self.given(folder, job)[name]))
        return quantised(model)

    def _torch(self) -> dict[str, Backend]:
        return {name: TorchStream(graph) for name, graph in self._content.graphs.items()}

    def _engines(self, folder: Path, job: Job) -> dict[str, Backend]:
        bundle = self._content.write(folder)
        # 8 bits for a card are proved as written: for a CPU ONNX Runtime would turn signed weights
        # into unsigned ones, which fails where two operators share one, as in `encode`.
        optimise = job.to != "tensorrt"
        return {
            name: engine_of(bundle, name, job.precision, threads=job.threads, optimise=optimise)
            for name in self._content.graphs
        }

    def _difference(self, name: str, folder: Path, job: Job, trial: onnx.ModelProto) -> float:
        save(trial, folder / f"{name}.onnx")
        bundle = self._content.write(folder)
        engine = engine_of(bundle, name, job.precision, threads=job.threads)
        return compare(self._torch()[name], engine, self.given(folder, job)[name]).largest


def _wanted(job: Job) -> Wanted:
    """Raises: ConfigError if seconds or steps cannot be."""
    seconds, steps = job.options.get("seconds"), job.options.get("steps", "2")
    try:
        numbers = None if seconds is None else float(seconds), int(steps)
    except ValueError:
        raise ConfigError(
            "wanted --option seconds=NUMBER and --option steps=WHOLE_NUMBER, "
            f"found {'none' if seconds is None else repr(seconds)} and {steps!r}"
        ) from None
    return Wanted(job.precision, *numbers)


def _figures(job: Job) -> str:
    if "figures" not in job.options:
        return NOT_MEASURED
    return Path(job.options["figures"]).read_text(encoding="utf-8")


def _distance(network: GenNetwork) -> float:
    """How far a context's mel frames of Maya, with Ben over her, are from her own, in nats."""
    heard = heard_by(network)
    drawn = drawn_by(network, heard, slice(None), network.steps)
    return float(np.abs(drawn - heard.clean).mean())
