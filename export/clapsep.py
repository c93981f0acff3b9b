"""The `clapsep` bundle that `tap-live export clapsep` (of_clapsep.py) makes, and its proof.

Spectra are outside the graphs (clapsep_graphs.py): the mixture's encoder runs once a context,
the decoder once a target. LoRA is merged. fp16 graphs compute in fp16, for GPUs; a CPU runs
fp32 ones faster.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from tap_live.bundle import (
    FORMAT,
    Bundle,
    GraphSpec,
    Manifest,
    TensorSpec,
    file_spec,
    open_bundle,
    write_manifest,
)
from tap_live.export.clapsep_graphs import Traceable, cue_graphs, separator_graphs
from tap_live.export.emulation import told
from tap_live.export.precision import halved
from tap_live.export.storing import files_of, save
from tap_live.export.verify import Parity, verify
from tap_live.extractors.context import KIND
from tap_live.models.clap import Clap
from tap_live.models.clap_files import open_tokenizer
from tap_live.models.clapsep import RATE, Dims, Separator
from tap_live.runtime import Engine, State, Tensors

Precision = Literal["fp32", "fp16"]
TOLERANCES: dict[str, float] = {"fp32": 1e-3, "fp16": 3e-2}
TOKENIZER = "tokenizer.json"
CARD = """\
# clapsep

CLAPSep for ONNX Runtime: keeps the sound that words or an example ask for, and leaves out what
negative ones name; {seconds:g} s of context at 32 kHz, {precision}.

- **Made by:** `{made_by}`.
- **From:** {sources}. The weights are their authors': look at their terms before passing this on.
- **Graphs:** {graphs}. Spectra and mel frames are made outside.
- **Parity with PyTorch** (largest difference over the largest value): {parity}.
- **Size:** {size:.0f} MB.
"""


@dataclass(frozen=True)
class Exported:
    """A written bundle, and how far each output is from PyTorch's."""

    bundle: Bundle
    parity: dict[str, list[Parity]]

    @property
    def worst(self) -> float:
        return max(one.largest for its in self.parity.values() for one in its)


class TorchBackend:
    """A module with the signature of its graph."""

    def __init__(self, traceable: Traceable) -> None:
        self._traceable = traceable

    def initial_state(self) -> State:
        return {}

    @torch.no_grad()
    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        given = [torch.from_numpy(inputs[name]) for name in self._traceable.inputs]
        found = self._traceable.module(*given)
        parts = found if isinstance(found, tuple) else (found,)
        names = self._traceable.outputs
        return {name: part.numpy() for name, part in zip(names, parts, strict=True)}, state


def export(
    separator: Separator,
    folder: Path,
    clap: Clap | None = None,
    tokenizer: str | Path | None = None,
    *,
    precision: Precision = "fp32",
    sources: tuple[str, ...] = ("weights made here",),
    made_by: str = "tap-live export clapsep",
) -> Exported:
    """Write the bundle into `folder` and prove it.

    Args:
        clap: makes its cues; None: they are those of the bundles text-cue and audio-cue.
        tokenizer: for words, as in `models.clapsep.load`.
    Raises: ParityError if a graph computes something else; FileNotFoundError without tokenizer.
    """
    content = begin(separator, folder, clap, tokenizer, precision, sources, made_by)
    for name, traceable in content.graphs.items():
        model = traceable.build()
        save(model if precision == "fp32" else halved(model), folder / f"{name}.onnx")
    parity = prove(content.graphs, content.write(folder), precision)
    worst = {name: max(one.largest for one in its) for name, its in parity.items()}
    return Exported(content.seal(folder, worst), parity)


def begin(
    separator: Separator,
    folder: Path,
    clap: Clap | None,
    tokenizer: str | Path | None,
    precision: str,
    sources: tuple[str, ...],
    made_by: str,
) -> "Content":
    """Make the folder, with all but the graphs. Raises: FileNotFoundError without tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    extra = _write_tokenizer(tokenizer, folder) if clap else []
    graphs = separator_graphs(separator) | (cue_graphs(clap) if clap else {})
    cues = "own" if clap else "compact"
    return Content(graphs, separator.dims, precision, cues, tuple(extra), sources, made_by)


@dataclass(frozen=True)
class Content:
    """What goes into the bundle beside the graphs themselves."""

    graphs: Mapping[str, Traceable]
    dims: Dims
    precision: str
    cues: str  # "own" or "compact"
    extra: tuple[str, ...]
    sources: tuple[str, ...]
    made_by: str

    def _files(self, folder: Path) -> list[str]:
        graphs = [file for name in self.graphs for file in files_of(folder / f"{name}.onnx")]
        return [*graphs, "README.md", *self.extra]

    def write(self, folder: Path, card: str = "") -> Bundle:
        """Write card and manifest beside graphs that are there."""
        (folder / "README.md").write_text(card, encoding="utf-8")
        dims = self.dims
        write_manifest(
            folder,
            Manifest(
                format=FORMAT,
                name="clapsep",
                kind=KIND,
                licence="that of the weights",
                made_by=self.made_by,
                sources=self.sources,
                files={file: file_spec(folder / file) for file in self._files(folder)},
                graphs={name: _spec(name, traceable) for name, traceable in self.graphs.items()},
                rate=RATE,
                settings={
                    "seconds": dims.seconds,
                    "frames": dims.htsat.frames,
                    "cue": dims.cue,
                    "cues": self.cues,
                    "precision": self.precision,
                    "dims": json.loads(json.dumps(asdict(dims))),
                },
            ),
        )
        return open_bundle(folder, KIND)

    def seal(self, folder: Path, worst: Mapping[str, float]) -> Bundle:
        """Write the card, with the largest difference of each graph."""
        parity = ", ".join(f"{name} {largest:.1e}" for name, largest in worst.items())
        card = CARD.format(
            seconds=self.dims.seconds,
            precision=self.precision,
            made_by=self.made_by,
            sources="; ".join(self.sources),
            graphs=", ".join(self.graphs),
            parity=told(parity, self.precision),
            size=sum((folder / file).stat().st_size for file in self._files(folder)) / 1e6,
        )
        return self.write(folder, card)


def prove(
    graphs: Mapping[str, Traceable], bundle: Bundle, precision: Precision
) -> dict[str, list[Parity]]:
    """Run both backends on the same inputs. Raises: ParityError."""
    proofs = {}
    for name, traceable in graphs.items():
        engine = Engine(bundle, name)
        streams = [_inputs(traceable, seed) for seed in range(2)]
        tolerance = TOLERANCES[precision]
        proofs[name] = verify(TorchBackend(traceable), engine, streams, tolerance=tolerance)
    return proofs


def _inputs(traceable: Traceable, seed: int) -> Tensors:
    """What a graph might be given: decibels, magnitudes, cues, features, tokens."""
    rng = np.random.default_rng(seed)
    made: dict[str, np.ndarray] = {}
    for name, value in traceable.inputs.items():
        shape = tuple(value.shape)
        if name == "tokens":
            made[name] = np.ones(shape, np.int64)
            made[name][:, : 8 + seed] = rng.integers(4, 50_000, 8 + seed)
        elif name == "counts":
            made[name] = (made["tokens"] != 1).astype(np.int64)
        elif name == "mel":
            made[name] = rng.normal(-30, 15, shape).astype(np.float32)
        elif name == "magnitude":
            made[name] = np.abs(rng.normal(0, 3, shape)).astype(np.float32)
        else:
            made[name] = rng.standard_normal(shape).astype(np.float32)
    return made


def _spec(name: str, traceable: Traceable) -> GraphSpec:
    return GraphSpec(
        f"{name}.onnx",
        inputs=tuple(
            TensorSpec(one, _kind(value), tuple(value.shape))
            for one, value in traceable.inputs.items()
        ),
        outputs=tuple(
            TensorSpec(one, "float32", shape) for one, shape in traceable.shapes().items()
        ),
    )


def _kind(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _write_tokenizer(source: str | Path | None, folder: Path) -> list[str]:
    """Put the words' tokenizer into the bundle, as the one file that `tokenizers` reads."""
    given = Path(source) / TOKENIZER if source else None
    if given and given.is_file():
        shutil.copyfile(given, folder / TOKENIZER)
    else:
        open_tokenizer(source).backend_tokenizer.save(str(folder / TOKENIZER))
    return [TOKENIZER]
