"""`tap-live export gentse`: the generative voice model, a best.pt of `fit-gentse`.

Options: `vocoder=FILE` (a best.pt of `fit-vocoder`, or a public generator with its config.json),
`whisper=NAME|FOLDER` (that of the training), `seconds` of a context and `steps` of the flow.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnx

from tap_live.errors import BundleError, ConfigError
from tap_live.export.emulation import engine_of
from tap_live.export.export_report import Task
from tap_live.export.exporters import Bounds, Job, Ranges, Tell
from tap_live.export.gentse import CONTEXT_S, NOT_MEASURED, Content, Wanted, begin, stream_of
from tap_live.export.gentse_graphs import TorchStream
from tap_live.export.precision import brained, calibrated, feeds_of, half, quantised
from tap_live.export.task import clip, two_voices
from tap_live.export.verify import Compared, compare
from tap_live.extractors.gentse_frames import MelStream, noise_at, places, read_at
from tap_live.extractors.gentse_network import POSITION, GenNetwork
from tap_live.models.gentse import RATE, GenTSE, load
from tap_live.models.training.prompt_files import whisper_folder
from tap_live.models.vocoder import Generator, open_vocoder
from tap_live.processor import Audio
from tap_live.runtime import Backend, Engine, Tensors
from tap_live.voices.encoder import SpeakerEncoder

BOUNDS = Bounds(
    parity={"fp32": 1e-3, "fp16": 3e-2, "bf16": 1e-1, "int8": 3e-1},
    task={"fp32": 0.01, "fp16": 0.05, "bf16": 0.05, "int8": 0.05},  # 0.05 nats are 0.4 dB
)
RANGES: Ranges = {"frames": (2, 100, 4000)}


def open_subject(job: Job) -> "GentseSubject":
    """Raises: ConfigError without a vocoder; BundleError if the weights are none of this model."""
    options = job.options
    if "vocoder" not in options:
        raise ConfigError(
            "the generative model speaks through a vocoder: add --option vocoder=FILE"
        )
    try:
        whisper = whisper_folder(options.get("whisper", "tiny.en"), job.scratch, job.scratch)
        net, vocoder = load(Path(job.checkpoint), whisper), open_vocoder(Path(options["vocoder"]))
        wanted = Wanted(
            job.precision, float(options.get("seconds", CONTEXT_S)), int(options.get("steps", 2))
        )
        return GentseSubject(net, vocoder, begin(net, vocoder, wanted, job.command, NOT_MEASURED))
    except (FileNotFoundError, ValueError) as error:  # they say what is amiss
        raise BundleError(str(error)) from error
    except Exception as error:  # torch and pickle raise what they like
        raise BundleError(
            f"wanted best.pt of fit-gentse and a vocoder, {job.checkpoint} or {options['vocoder']} "
            f"is none ({type(error).__name__})"
        ) from error


class GentseSubject:
    """A `Subject`."""

    bounds = BOUNDS
    ranges = RANGES

    def __init__(self, net: GenTSE, vocoder: Generator, content: Content) -> None:
        self._content = content
        learned = [*net.encoder.parameters(), *net.flow.parameters(), *vocoder.parameters()]
        self.parameters = sum(weight.numel() for weight in learned)
        self.kept: tuple[str, ...] = ()

    def write(self, folder: Path, job: Job, tell: Tell) -> Mapping[str, Path]:
        graphs = self._content.graphs
        paths = {name: folder / f"{name}.onnx" for name in graphs}
        for path in paths.values():  # the manifest names all of them from the start
            path.touch()
        for done, (name, traceable) in enumerate(graphs.items()):
            tell("graphs", done, len(graphs))
            onnx.save(self._converted(name, traceable.build(), folder, job), paths[name])
        tell("graphs", len(graphs), len(graphs))
        self._content.write(folder)
        return paths

    def compare(self, folder: Path, job: Job) -> Mapping[str, Compared]:
        backends, engines = self._torch(), self._engines(folder, job)
        return {
            name: compare(backends[name], engines[name], stream_of(traceable))
            for name, traceable in self._content.graphs.items()
        }

    def given(self, folder: Path, job: Job) -> Mapping[str, Sequence[Tensors]]:
        return {name: stream_of(graph) for name, graph in self._content.graphs.items()}

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
            stream = stream_of(self._content.graphs[name])
            return calibrated(model, feeds_of(self._torch()[name], stream))
        return quantised(model)

    def _torch(self) -> dict[str, Backend]:
        return {name: TorchStream(graph) for name, graph in self._content.graphs.items()}

    def _engines(self, folder: Path, job: Job) -> dict[str, Backend]:
        bundle = self._content.write(folder)
        return {
            name: engine_of(bundle, name, job.precision, threads=job.threads)
            for name in self._content.graphs
        }

    def _difference(self, name: str, folder: Path, job: Job, trial: onnx.ModelProto) -> float:
        onnx.save(trial, folder / f"{name}.onnx")
        engine = Engine(self._content.write(folder), name, threads=job.threads)
        return compare(self._torch()[name], engine, stream_of(self._content.graphs[name])).largest


def _distance(network: GenNetwork) -> float:
    """How far a context's mel frames of Maya, with Ben over her, are from her own, in nats."""
    samples, form = network.positions * POSITION, network.form
    voices = two_voices(RATE, samples / RATE)
    speaker = SpeakerEncoder.open().embed(clip("maya.ogg", RATE))
    hidden = network.hear(_whole(voices.mixture, samples), speaker, network.enrolled(None))
    streams = [MelStream(form) for _ in range(2)]
    high = two_voices(form.rate, samples / RATE)
    for stream, audio in zip(streams, (high.mixture, high.target), strict=True):
        stream.push(audio)
    heard, clean = (stream.heard for stream in streams)
    count = len(heard.mel)
    tokens, noise = read_at(hidden, 0, places(0, count, form)), noise_at(0, 0, count, network.bands)
    drawn = network.draw(tokens, heard.mel, heard.level, speaker, noise, network.steps)
    return float(np.abs(drawn - clean.mel).mean())


def _whole(audio: Audio, samples: int) -> Audio:
    return np.pad(audio[:samples], (0, max(0, samples - len(audio))))
