"""What the `gentse` bundle, which re-makes voices, holds beside its graphs.

Whisper's encoder with its low-rank changes merged, the flow, and the vocoder are graphs; mel
frames, noise and Euler's steps are outside (`tap_live/extractors/gentse_network.py`).
`of_gentse.py` makes and proves it for `tap-live export gentse`.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
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
from tap_live.errors import ConfigError
from tap_live.export.clapsep_graphs import Traceable
from tap_live.export.emulation import told
from tap_live.export.gentse_graphs import STATE, graphs_of
from tap_live.export.storing import files_of
from tap_live.extractors.gentse_network import FILTERS, KIND, LONGEST, NAME, check_steps
from tap_live.models.gentse import POSITIONS_S, GenTSE
from tap_live.models.lora import merge_lora
from tap_live.models.vocoder import Vocoder
from tap_live.profiles import Ranges

CONTEXT_S = 4.0  # of `fit-gentse`, where a checkpoint does not say
SHORTEST_S = 1.5  # contexts: what a hop of a file needs, and the proof
LONGEST_S = LONGEST / POSITIONS_S  # all that Whisper hears
RANGES: Ranges = {"frames": (1, 100, 4000)}  # the longest hop, and what the flow reaches beyond
SOURCES = (
    "OpenAI's Whisper, MIT: the encoder, with low-rank changes",
    "Resemblyzer's speaker encoder, Apache-2.0: whose embeddings it takes",
    "the speech it was trained on: look at its licences before passing this on",
)
CARD = """\
# gentse

Re-makes an enrolled voice from a mixture, {seconds} s of context at a time, in {drawn} of
flow matching; its vocoder runs at {rate} Hz. {precision}.

- **Made by:** `{made_by}`.
- **From:** {sources}.
- **Graphs:** {graphs}. Mel frames, noise and steps are made outside.
- **Parity with PyTorch** (largest difference over the largest value): {parity}.
- **Size:** {size:.0f} MB.

## Figures

{figures}"""
NOT_MEASURED = "Not measured on the evaluation lists.\n"


@dataclass(frozen=True)
class Content:
    """What goes into the bundle beside the graphs themselves."""

    graphs: Mapping[str, Traceable]
    settings: Mapping[str, object]
    filters: NDArray[np.float32]
    rate: int
    made_by: str
    figures: str = NOT_MEASURED

    def _files(self, folder: Path) -> list[str]:
        graphs = [file for name in self.graphs for file in files_of(folder / f"{name}.onnx")]
        return [*graphs, FILTERS, "README.md"]

    def write(self, folder: Path, card: str = "") -> Bundle:
        """Write filters, card and manifest beside graphs that are there."""
        np.save(folder / FILTERS, self.filters)
        (folder / "README.md").write_text(card, encoding="utf-8")
        manifest = Manifest(
            format=FORMAT, name=NAME, kind=KIND, licence="that of the weights",
            made_by=self.made_by, sources=SOURCES, rate=self.rate, settings=dict(self.settings),
            files={file: file_spec(folder / file) for file in self._files(folder)},
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
            drawn=counted(cast(int, self.settings["steps"])),
            parity=told(parity, str(self.settings["precision"])),
            size=sum((folder / file).stat().st_size for file in self._files(folder)) / 1e6,
        )  # fmt: skip
        return self.write(folder, card)


def counted(steps: int) -> str:
    return "1 step" if steps == 1 else f"{steps} steps"


@dataclass(frozen=True)
class Wanted:
    """What is to be made.

    Attributes:
        seconds: of a context; None: those of the training.
        steps: of the flow; 1 for a student.
    """

    precision: str = "fp32"
    seconds: float | None = None
    steps: int = 2

    def __post_init__(self) -> None:
        check_steps(self.steps)
        if self.seconds is not None and not SHORTEST_S <= self.seconds <= LONGEST_S:
            raise ConfigError(
                f"wanted a context of {SHORTEST_S:g} to {LONGEST_S:g} seconds, "
                f"found {self.seconds:g}"
            )


def context_of(net: GenTSE, asked: float | None) -> float:
    """Seconds of a context. Raises: ValueError if others are asked for than it learned with."""
    learned = net.dims.context_s
    if asked and learned and asked != learned:
        raise ValueError(
            f"wanted contexts of the {learned:g} s that the model was trained on, found "
            f"seconds={asked:g}: leave that option, or train with --seconds {asked:g}"
        )
    return asked or learned or CONTEXT_S


def begin(net: GenTSE, vocoder: Vocoder, wanted: Wanted, made_by: str, figures: str) -> Content:
    """Merge the low-rank changes and say what the bundle holds.

    Raises: ValueError if the vocoder hears other mel frames, or as `context_of`.
    """
    if net.dims.mel != vocoder.log_mel.dims:
        raise ValueError(
            f"wanted a vocoder for mel frames {net.dims.mel}, found one for {vocoder.log_mel.dims}"
        )
    merged = copy.deepcopy(net).eval().requires_grad_(False)
    merge_lora(merged.encoder.encoder)
    positions = round(context_of(net, wanted.seconds) * POSITIONS_S)
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


def _settings(net: GenTSE, vocoder: Vocoder, positions: int) -> dict[str, object]:
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
        ranges=dict(RANGES),
    )
