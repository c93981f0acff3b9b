"""`tap-live export clapsep`: the full sound model, the authors' weights or a best.pt made here.

Options: `clap=FILE` (LAION's checkpoint or a folder; without it cues are the compact ones) and
`tokenizer=FOLDER` (RoBERTa's), as in `models.clapsep.load`.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import onnx
import torch

from tap_live.cues.audio import AudioCues
from tap_live.errors import BundleError
from tap_live.export import clapsep
from tap_live.export.clapsep import TorchBackend
from tap_live.export.clapsep_graphs import Traceable
from tap_live.export.emulation import engine_of
from tap_live.export.export_report import Task
from tap_live.export.exporters import FIXED, Bounds, Job, Tell
from tap_live.export.precision import brained, calibrated, feeds_of, half, quantised
from tap_live.export.storing import save
from tap_live.export.task import clip, si_sdr, two_voices
from tap_live.export.verify import Compared, compare
from tap_live.extractors import context_spectra as spectra
from tap_live.models.clap import Clap
from tap_live.models.clapsep import Separator, load
from tap_live.models.training.clapsep_files import open_separator
from tap_live.processor import Audio
from tap_live.runtime import Backend, Engine, Tensors

# Of 8 bits single values are far off while the mean is not: there the task decides.
BOUNDS = Bounds(
    parity={"fp32": 1e-3, "fp16": 3e-2, "bf16": 1e-1, "int8": 1.0},
    task={"fp32": 0.01, "fp16": 0.1, "bf16": 0.3, "int8": 0.5},
)


def open_subject(job: Job) -> "ClapsepSubject":
    """Raises: BundleError if the weights are none of this model."""
    checkpoint, given = Path(job.checkpoint), job.options.get("clap")
    tokenizer = job.options.get("tokenizer")
    try:
        if given is None:
            return ClapsepSubject(open_separator(checkpoint), None, None, ("weights made here",))
        net = load(checkpoint, given, tokenizer)
    except (FileNotFoundError, ValueError) as error:  # they say what is amiss
        raise BundleError(str(error)) from error
    except Exception as error:  # torch and pickle raise what they like
        raise BundleError(
            f"wanted weights of CLAPSep, {checkpoint} holds none ({type(error).__name__})"
        ) from error
    sources = (f"{checkpoint.name} (CLAPSep)", f"{Path(given).name} (LAION-CLAP)", "RoBERTa")
    return ClapsepSubject(net.separator, net.clap, tokenizer, sources)


class ClapsepSubject:
    """A `Subject`."""

    bounds = BOUNDS
    ranges = FIXED

    def __init__(
        self,
        separator: Separator,
        clap: Clap | None,
        tokenizer: str | None,
        sources: tuple[str, ...],
    ) -> None:
        self._separator, self._clap, self._tokenizer = separator, clap, tokenizer
        self._sources = sources
        parts = [separator, *([clap] if clap else [])]
        self.parameters = sum(weight.numel() for part in parts for weight in part.parameters())
        self.kept: tuple[str, ...] = ()

    def write(self, folder: Path, job: Job, tell: Tell) -> Mapping[str, Path]:
        self._content = clapsep.begin(
            self._separator,
            folder,
            self._clap,
            self._tokenizer,
            job.precision,
            self._sources,
            job.command,
        )
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
        return {
            name: compare(TorchBackend(traceable), self._engine(folder, name, job), self._on(name))
            for name, traceable in self._content.graphs.items()
        }

    def given(self, folder: Path, job: Job) -> Mapping[str, Sequence[Tensors]]:
        return {name: self._on(name) for name in self._content.graphs}

    def task(self, folder: Path, job: Job) -> Task:
        graphs = self._content.graphs
        network = self._figure(TorchBackend(graphs["hear"]), TorchBackend(graphs["find"]))
        engine = self._figure(*(self._engine(folder, name, job) for name in ("hear", "find")))
        return Task("SI-SDR of one of two voices", "dB", network, engine, higher_is_better=True)

    def seal(self, folder: Path, job: Job, compared: Mapping[str, Compared]) -> None:
        self._content.seal(folder, {name: its.largest for name, its in compared.items()})

    def _engine(self, folder: Path, name: str, job: Job) -> Engine:
        bundle = self._content.write(folder)
        return engine_of(bundle, name, job.precision, threads=job.threads)

    def _converted(
        self, name: str, model: onnx.ModelProto, folder: Path, job: Job
    ) -> onnx.ModelProto:
        if job.precision == "fp32":
            return model
        if job.precision == "bf16":
            return brained(model)
        network = TorchBackend(self._content.graphs[name])
        if job.precision == "fp16":
            made, kept = half(
                model,
                partial(self._difference, name, folder, job),
                BOUNDS.parity["fp16"],
            )
            self.kept = tuple(sorted({*self.kept, *kept}))
            return made
        if job.to == "tensorrt":
            return calibrated(model, feeds_of(network, self._on(name)))
        return quantised(model)

    def _difference(self, name: str, folder: Path, job: Job, trial: onnx.ModelProto) -> float:
        save(trial, folder / f"{name}.onnx")
        engine, network = self._engine(folder, name, job), self._content.graphs[name]
        return compare(TorchBackend(network), engine, self._on(name)).largest

    def _on(self, name: str) -> list[Tensors]:
        """What a graph is given on two contexts of real audio; words are fixed."""
        return [self._inputs(name, file) for file in ("conversation.ogg", "ben.ogg")]

    def _inputs(self, name: str, file: str) -> Tensors:
        graph = self._content.graphs[name]
        seconds = self._separator.dims.seconds
        if name == "text-cue":
            return {one: value.numpy() for one, value in graph.inputs.items()}
        if name == "audio-cue":
            return {"mel": _mel(clip(file, spectra.MEL_RATE), graph)}
        hear = self._content.graphs["hear"]
        heard = {"mel": _mel(_exactly(clip(file, spectra.MEL_RATE), seconds, 48_000), hear)}
        if name == "hear":
            return heard
        features, _ = TorchBackend(hear).step(heard, {})
        mixture = _exactly(clip(file, spectra.RATE), seconds, spectra.RATE)
        magnitude = np.abs(spectra.analyse(mixture))[None]
        return {**features, "magnitude": magnitude, "cue": self._cue}

    @cached_property
    def _cue(self) -> Audio:
        """(1, 2 W) what asks for Maya: CLAP's embedding of her, or the compact one."""
        voice = clip("maya.ogg", spectra.MEL_RATE)
        if self._clap:
            one = self._clap.embed_audio(torch.from_numpy(voice)[None]).numpy()[0]
        else:
            one = np.resize(AudioCues.open().embed(voice, spectra.MEL_RATE), self._width)
        return np.concatenate([one, np.zeros_like(one)])[None].astype(np.float32)

    @property
    def _width(self) -> int:
        return self._separator.dims.cue

    def _figure(self, hear: Backend, find: Backend) -> float:
        seconds = self._separator.dims.seconds
        voices = two_voices(spectra.RATE, seconds)
        mixture = _exactly(voices.mixture, seconds, spectra.RATE)
        copy = _exactly(two_voices(spectra.MEL_RATE, seconds).mixture, seconds, spectra.MEL_RATE)
        features, _ = hear.step({"mel": _mel(copy, self._content.graphs["hear"])}, {})
        spectrum = spectra.analyse(mixture)
        asked = {**features, "magnitude": np.abs(spectrum)[None], "cue": self._cue}
        outputs, _ = find.step(asked, {})
        found = spectra.synthesise(spectrum * outputs["mask"][0], 0, len(mixture))
        return si_sdr(found, voices.target)


def _exactly(audio: Audio, seconds: float, rate: int) -> Audio:
    """So much of it, with silence behind what is too short."""
    length = round(seconds * rate)
    return np.pad(audio[:length], (0, max(0, length - len(audio))))


def _mel(audio: Audio, graph: Traceable) -> Audio:
    frames = int(graph.inputs["mel"].shape[1])
    return spectra.log_mel(audio[: (frames - 1) * 480], frames)[None]
