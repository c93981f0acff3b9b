"""`tap-live export compact`: a compact extractor, for one hop of one target at a time.

Options: `captions=yes` or `no` and `bits=16` or `8` as in `export.compact`, `figures=FILE` and
`trained=FILE` (Markdown for the card).
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
import torch

from tap_live.bundle import open_bundle
from tap_live.errors import BundleError
from tap_live.export import compact
from tap_live.export.compact_card import NOT_KEPT, NOT_MEASURED, Proof, recipe_of
from tap_live.export.compact_graph import build
from tap_live.export.emulation import engine_of
from tap_live.export.export_report import Task
from tap_live.export.exporters import FIXED, Bounds, Job, Tell
from tap_live.export.precision import brained, calibrated, feeds_of, half, quantised
from tap_live.export.rounding import Bits, rounded
from tap_live.export.task import si_sdr, two_voices
from tap_live.export.verify import Compared, compare
from tap_live.models.compact import CompactExtractor
from tap_live.models.spectra import Spectra
from tap_live.models.training.checkpoint import open_network
from tap_live.processor import Audio
from tap_live.runtime import Backend, Engine, Tensors

BOUNDS = Bounds(
    parity={"fp32": 1e-4, "fp16": 3e-2, "bf16": 1e-1, "int8": 3e-1},
    task={"fp32": 0.01, "fp16": 0.1, "bf16": 0.3, "int8": 0.5},
)
TRIAL_HOPS, CALIBRATION_HOPS = 60, 200


def open_subject(job: Job) -> "CompactSubject":
    """Raises: BundleError if the checkpoint is none of a compact extractor, or of the options."""
    try:
        net = open_network(Path(job.checkpoint))
    except Exception as error:  # torch and pickle raise what they like
        raise BundleError(
            f"wanted best.pt or .safetensors of a compact extractor, {job.checkpoint} is none "
            f"({type(error).__name__})"
        ) from error
    if net.dims.future and net.dims.kind != "voice":
        raise BundleError(
            f"wanted a voice's network or a causal one, {job.checkpoint} is of sounds and hears "
            "what follows: train it without --future"
        )
    bits = job.options.get("bits", "16")
    if bits not in ("16", "8"):
        raise BundleError(f"wanted bits=16 or bits=8, found bits={bits}")
    return CompactSubject(net, 8 if bits == "8" else 16)


class CompactSubject:
    """A `Subject`."""

    bounds = BOUNDS
    ranges = FIXED

    def __init__(self, net: CompactExtractor, bits: Bits = 16) -> None:
        self.net, self.rounded = net, rounded(net, bits)
        self.kind = recipe_of(net.dims).kind
        self.parameters = sum(weight.numel() for weight in net.parameters())
        self.kept: tuple[str, ...] = ()

    def write(self, folder: Path, job: Job, tell: Tell) -> Mapping[str, Path]:
        tell("graphs", 0, 2)
        chosen = job.options.get("captions", "yes" if self.net.dims.kind == "voice" else "no")
        self._made_by, self._captions = job.command, chosen == "yes"
        exact = job.precision == "fp32"
        model = build(self.rounded, stored_small=exact)
        tell("graphs", 1, 2)
        self._save(folder, model)
        if not exact:
            self._save(folder, self._converted(model, folder, job))
        tell("graphs", 2, 2)
        return {"step": folder / compact.GRAPH}

    def compare(self, folder: Path, job: Job) -> Mapping[str, Compared]:
        return {"step": self._compared(folder, job, self._stream)}

    def given(self, folder: Path, job: Job) -> Mapping[str, Sequence[Tensors]]:
        return {"step": self._stream}

    def task(self, folder: Path, job: Job) -> Task:
        network, engine = (
            self._figure(backend) for backend in (self._network, self._engine(folder, job))
        )
        return Task("SI-SDR of one of two voices", "dB", network, engine, higher_is_better=True)

    def seal(self, folder: Path, job: Job, compared: Mapping[str, Compared]) -> None:
        figures, trained = (
            Path(job.options[name]).read_text(encoding="utf-8") if name in job.options else text
            for name, text in (("figures", NOT_MEASURED), ("trained", NOT_KEPT))
        )
        audio, cue = compact.real_speech(self.net.dims)
        rounding = compact.difference_db(self.net, self.rounded, audio, cue)
        proof = Proof(compared["step"].parities, rounding, BOUNDS.parity[job.precision])
        compact.seal(
            folder,
            self.net,
            proof,
            figures,
            self._made_by,
            self._captions,
            trained=trained,
            precision=job.precision,
        )

    def _save(self, folder: Path, model: onnx.ModelProto) -> None:
        compact.write(folder, model, self.net.dims, self._made_by, self._captions)

    def _engine(self, folder: Path, job: Job) -> Engine:
        bundle = open_bundle(folder, self.kind)
        return engine_of(bundle, "step", job.precision, threads=job.threads)

    def _converted(self, model: onnx.ModelProto, folder: Path, job: Job) -> onnx.ModelProto:
        if job.precision == "bf16":
            return brained(model)
        if job.precision == "fp16":

            def difference(trial: onnx.ModelProto) -> float:
                self._save(folder, trial)
                return self._compared(folder, job, self._stream[:TRIAL_HOPS]).largest

            made, self.kept = half(model, difference, BOUNDS.parity["fp16"])
            return made
        if job.to == "tensorrt":
            return calibrated(model, feeds_of(self._network, self._stream[:CALIBRATION_HOPS]))
        return quantised(model)

    def _compared(self, folder: Path, job: Job, stream: list[Tensors]) -> Compared:
        engine = self._engine(folder, job)
        if job.precision == "fp32":
            return compact.compare_streams(self._network, engine, stream)
        return compare(self._network, engine, stream).only([compact.MASK])

    @property
    def _network(self) -> compact.TorchBackend:
        return compact.TorchBackend(self.rounded)

    @cached_property
    def _stream(self) -> list[Tensors]:
        return [*compact.hops(self.net.dims, *compact.real_speech(self.net.dims))]

    def _figure(self, backend: Backend) -> float:
        rate = recipe_of(self.net.dims).rate
        heard, (_, cue) = two_voices(rate), compact.real_speech(self.net.dims, "maya.ogg")
        spectra = Spectra(self.net.dims, rate)
        masks, state = [], backend.initial_state()
        for inputs in compact.hops(self.net.dims, heard.mixture, cue):
            outputs, state = backend.step(inputs, state)
            masks.append(outputs["mask"].reshape(-1, 1, self.net.dims.bins, 2))
        spectrum = spectra.analyse(torch.from_numpy(heard.mixture)[None])
        mask = torch.from_numpy(np.concatenate(masks)[: len(spectrum)])
        found: Audio = spectra.synthesise(spectra.apply_mask(mask, spectrum))[0].numpy()
        return si_sdr(found, heard.target)
