"""Make the `gentse` bundle, which re-makes voices, from a model and a vocoder, and prove it.

    python -m tap_live.export.gentse RUN/best.pt VOCODER/best.pt OUT --whisper tiny.en --steps 2

Whisper's encoder with its low-rank changes merged, the flow, and the vocoder are graphs; mel
frames, noise and Euler's steps are outside (`tap_live/extractors/gentse_network.py`). fp16 graphs
are for GPUs. `tap-live export gentse` does the same.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple, cast

import numpy as np
import onnx
import torch
import typer
from numpy.typing import NDArray

from tap_live.bundle import (
    FORMAT,
    Bundle,
    GraphSpec,
    Manifest,
    StateSpec,
    TensorSpec,
    file_spec,
    open_bundle,
    write_manifest,
)
from tap_live.export.clapsep import TOLERANCES, Precision
from tap_live.export.clapsep_graphs import Traceable
from tap_live.export.emulation import told
from tap_live.export.gentse_graphs import STATE, TorchStream, graphs_of
from tap_live.export.precision import halved
from tap_live.export.verify import Parity, verify
from tap_live.extractors.gentse_network import FILTERS, KIND, NAME
from tap_live.models.gentse import POSITIONS_S, GenTSE, load, merge_lora
from tap_live.models.training.prompt_files import whisper_folder
from tap_live.models.vocoder import Generator, open_vocoder
from tap_live.runtime import Engine, Tensors

CONTEXT_S = 4.0  # of `fit-gentse`
SOURCES = (
    "OpenAI's Whisper, MIT: the encoder, with low-rank changes",
    "Resemblyzer's speaker encoder, Apache-2.0: whose embeddings it takes",
    "the speech it was trained on: look at its licences before passing this on",
)
CARD = """\
# gentse

Re-makes an enrolled voice from a mixture, {seconds} s of context at a time, in {steps} steps of
flow matching; its vocoder runs at {rate} Hz. {precision}.

- **Made by:** `{made_by}`.
- **From:** {sources}.
- **Graphs:** {graphs}. Mel frames, noise and steps are made outside.
- **Parity with PyTorch** (largest difference over the largest value): {parity}.
- **Size:** {size:.0f} MB.

## Figures

{figures}"""
NOT_MEASURED = "Not measured on the evaluation lists.\n"


class Exported(NamedTuple):
    """A written bundle, and how far each output is from PyTorch's."""

    bundle: Bundle
    parity: dict[str, list[Parity]]

    @property
    def worst(self) -> float:
        return max(one.largest for its in self.parity.values() for one in its)


@dataclass(frozen=True)
class Content:
    """What goes into the bundle beside the graphs themselves."""

    graphs: Mapping[str, Traceable]
    settings: Mapping[str, object]
    filters: NDArray[np.float32]
    rate: int
    made_by: str
    figures: str = NOT_MEASURED

    @property
    def _files(self) -> list[str]:
        return [*(f"{name}.onnx" for name in self.graphs), FILTERS, "README.md"]

    def write(self, folder: Path, card: str = "") -> Bundle:
        """Write filters, card and manifest beside graphs that are there."""
        np.save(folder / FILTERS, self.filters)
        (folder / "README.md").write_text(card, encoding="utf-8")
        manifest = Manifest(
            format=FORMAT, name=NAME, kind=KIND, licence="that of the weights",
            made_by=self.made_by, sources=SOURCES, rate=self.rate, settings=dict(self.settings),
            files={file: file_spec(folder / file) for file in self._files},
            graphs={name: _spec(name, traceable) for name, traceable in self.graphs.items()},
        )  # fmt: skip
        write_manifest(folder, manifest)
        return open_bundle(folder, KIND)

    def seal(self, folder: Path, worst: Mapping[str, float]) -> Bundle:
        """Write the card, with the largest difference of each graph."""
        parity = ", ".join(f"{name} {largest:.1e}" for name, largest in worst.items())
        card = CARD.format(
            **self.settings, rate=self.rate, made_by=self.made_by, sources="; ".join(SOURCES),
            seconds=f"{cast(int, self.settings['positions']) / POSITIONS_S:g}",
            graphs=", ".join(self.graphs), figures=self.figures,
            parity=told(parity, str(self.settings["precision"])),
            size=sum((folder / file).stat().st_size for file in self._files) / 1e6,
        )  # fmt: skip
        return self.write(folder, card)


@dataclass(frozen=True)
class Wanted:
    """What is to be made.

    Attributes:
        seconds: of a context; that of the training.
        steps: of the flow; 1 for a student.
    """

    precision: str = "fp32"
    seconds: float = CONTEXT_S
    steps: int = 2


def begin(net: GenTSE, vocoder: Generator, wanted: Wanted, made_by: str, figures: str) -> Content:
    """Merge the low-rank changes and say what the bundle holds.

    Raises: ValueError if the vocoder hears other mel frames.
    """
    if net.dims.mel != vocoder.dims.mel:
        raise ValueError(
            f"wanted a vocoder for mel frames {net.dims.mel}, found one for {vocoder.dims.mel}"
        )
    merged = copy.deepcopy(net).eval().requires_grad_(False)
    merge_lora(merged.encoder.encoder)
    positions = round(wanted.seconds * POSITIONS_S)
    return Content(
        graphs=graphs_of(merged, vocoder.eval().requires_grad_(False), positions),
        settings=_settings(net, vocoder, positions) | {
            "steps": wanted.steps, "precision": wanted.precision,
        },
        filters=net.mel.filters.numpy(),
        rate=net.dims.mel.rate,
        made_by=made_by,
        figures=figures,
    )  # fmt: skip


def export_gentse(
    net: GenTSE,
    vocoder: Generator,
    folder: Path,
    wanted: Wanted | None = None,
    *,
    made_by: str = "python -m tap_live.export.gentse",
    figures: str = NOT_MEASURED,
) -> Exported:
    """Write the bundle into `folder` and prove it.

    Raises: as `begin`; ParityError if a graph computes something else.
    """
    wanted = wanted or Wanted()
    content = begin(net, vocoder, wanted, made_by, figures)
    folder.mkdir(parents=True, exist_ok=True)
    for name, traceable in content.graphs.items():
        model = traceable.build()
        whole = wanted.precision == "fp32"
        onnx.save(model if whole else halved(model), folder / f"{name}.onnx")
    parity = prove(content.graphs, content.write(folder), TOLERANCES[wanted.precision])
    worst = {name: max(one.largest for one in its) for name, its in parity.items()}
    return Exported(content.seal(folder, worst), parity)


def prove(
    graphs: Mapping[str, Traceable], bundle: Bundle, tolerance: float
) -> dict[str, list[Parity]]:
    """Run both backends on the same stream, in steps of several lengths. Raises: ParityError."""
    return {
        name: verify(
            TorchStream(traceable),
            Engine(bundle, name),
            stream_of(traceable),
            tolerance=tolerance,
        )
        for name, traceable in graphs.items()
    }


def stream_of(traceable: Traceable) -> list[Tensors]:
    """What a graph might be given, step by step."""
    return [_inputs(traceable, frames, seed) for seed, frames in enumerate((24, 7, 50))]


def _inputs(traceable: Traceable, frames: int, seed: int) -> Tensors:
    rng = np.random.default_rng(seed)
    made: dict[str, np.ndarray] = {}
    for name, value in traceable.inputs.items():
        if name in STATE:
            continue
        shape = [size if isinstance(size, int) else frames for size in traceable.shape(name, value)]
        made[name] = rng.standard_normal(shape).astype(np.float32)
    if "on" in made:
        made["on"] = np.ones_like(made["on"])
    if "time" in made:
        made["time"] = rng.random(1).astype(np.float32)
    return made


def _settings(net: GenTSE, vocoder: Generator, positions: int) -> dict[str, object]:
    mel = net.dims.mel
    before, after = net.flow.dims.reach
    return {
        "mel": {"rate": mel.rate, "fft": mel.fft, "hop": mel.hop},
        "positions": positions,
        "enrolment": net.dims.enrolment,
        "speaker": net.dims.speaker,
        "mixture": net.dims.mixture,
        "before": before,
        "after": after,
        "reach": vocoder.reach,
        "mel_mean": float(net.mel_mean),
        "mel_scale": float(net.mel_scale),
    }


def _spec(name: str, traceable: Traceable) -> GraphSpec:
    shapes = traceable.shapes()
    state = tuple(
        StateSpec(before, after, "float32", tuple(traceable.inputs[before].shape))
        for before, after in STATE.items()
        if before in traceable.inputs
    )
    return GraphSpec(
        f"{name}.onnx",
        inputs=tuple(
            TensorSpec(one, "float32", traceable.shape(one, value))
            for one, value in traceable.inputs.items()
            if one not in STATE
        ),
        outputs=tuple(
            TensorSpec(one, "float32", shape)
            for one, shape in shapes.items()
            if one not in STATE.values()
        ),
        state=state,
    )


def main(
    checkpoint: Annotated[Path, typer.Argument(help="best.pt of `fit-gentse`")],
    vocoder: Annotated[Path, typer.Argument(help="best.pt of `fit-vocoder`, or a public one")],
    out: Annotated[Path, typer.Argument(help="folder of the bundle")],
    whisper: Annotated[str, typer.Option(help="name or folder of the Whisper it was trained with")],
    precision: Annotated[Precision, typer.Option(help="fp32, or fp16 for GPUs")] = "fp32",
    seconds: Annotated[float, typer.Option(help="of a context")] = CONTEXT_S,
    steps: Annotated[int, typer.Option(help="of the flow; 1 for a student")] = 2,
    figures: Annotated[Path | None, typer.Option(help="Markdown for the card")] = None,
    cache: Annotated[Path, typer.Option(help="weights put together")] = Path("runs/cache"),
) -> None:
    """Make the bundle and prove it against PyTorch."""
    made_by = (
        f"python -m tap_live.export.gentse {checkpoint.name} {vocoder.name} {out.name} "
        f"--whisper {Path(whisper).name} --steps {steps} --precision {precision}"
    )
    net = load(checkpoint, whisper_folder(whisper, cache, cache))
    text = figures.read_text(encoding="utf-8") if figures else NOT_MEASURED
    wanted = Wanted(precision, seconds, steps)
    made = export_gentse(net, open_vocoder(vocoder), out, wanted, made_by=made_by, figures=text)
    typer.echo(f"{out}: parity {made.worst:.1e}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    typer.run(main)
