"""CLAP's weights from published files: LAION's checkpoint, or a Hugging Face folder.

Nothing is fetched: what is not on the machine is said, with where to put it.
"""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from .clap import TOKENS, Clap, base_config
from .present import LAION, TOKENIZER, check_clap, check_file, check_tokenizer, without_tokenizer

if TYPE_CHECKING:  # it is imported when a network is built: that takes seconds
    from transformers import ClapModel

_RENAMED = (  # in an audio encoder: as the authors say it, as transformers does
    (r"^bn0\.", "batch_norm."),
    (r"\bnorm1\.", "layernorm_before."),
    (r"\bnorm2\.", "layernorm_after."),
    (r"\bmlp\.fc1\.", "intermediate.dense."),
    (r"\bmlp\.fc2\.", "output.dense."),
    (r"\battn\.proj\.", "attention.output.dense."),
    (r"\battn\.", "attention.self."),
)
_QKV = "attention.self.qkv."
# What is computed, and the classifier of AudioSet's labels, which is not used.
_UNUSED = re.compile(
    r"relative_position_index$|attn_mask$|num_batches_tracked$|^spectrogram_extractor\."
    r"|^logmel_extractor\.|^(fusion_model|tscam_conv|head)\.|position_ids$|token_type_ids$"
)
_SCALAR: Any = np.float64(0).__reduce__()[0]
_NUMBERS: list[Any] = [
    *((_SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("float64", "float32", "int64")),
]
_SCALES = re.compile(r"^logit_scale|^(audio|text)_transform\.")


def open_clap(source: str | Path) -> Clap:
    """Open LAION's `.pt` (HTSAT-base), its `.safetensors`, or a Hugging Face folder of CLAP.

    Raises: FileNotFoundError if it is not there; ValueError naming every tensor amiss.
    """
    check_clap(source := Path(source))
    from transformers import ClapModel

    if source.is_dir():
        return Clap(ClapModel.from_pretrained(source, local_files_only=True))
    state = read_state(source, f"CLAP's weights, {LAION} of lukewys/laion_clap")
    model = ClapModel(base_config())
    branch = model.audio_model.audio_encoder
    others = {**_texts(model), **_projections(model)}
    wanted = {**_under("audio_branch.", authors_names(branch.state_dict())), **others}
    check(wanted, {n: v for n, v in state.items() if not _SCALES.search(n)}, source)
    branch.load_state_dict(audio_names(within(state, "audio_branch.")), strict=False)
    with torch.no_grad():
        for name, value in others.items():
            value.copy_(state[name])
    return Clap(model)


def open_tokenizer(source: str | Path | None) -> Any:
    """RoBERTa's tokenizer from a folder, or the one in the Hugging Face cache.

    Raises: FileNotFoundError saying what is needed.
    """
    check_tokenizer(source)
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(source or TOKENIZER), local_files_only=True)
    except (OSError, ValueError) as error:
        raise FileNotFoundError(without_tokenizer(source)) from error


def tokens_of(tokenizer: Any, texts: list[str]) -> Tensor:
    """(B, 77) ids, cut and padded."""
    said = tokenizer(
        texts, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt"
    )
    ids: Tensor = said["input_ids"]
    return ids


def read_state(file: Path, what: str) -> dict[str, Tensor]:
    """Read a flat state dict in fp32 from a `.pt` or a `.safetensors`; no class is ever loaded.

    Raises: FileNotFoundError saying what was wanted.
    """
    check_file(file, what)
    content: Mapping[str, Any]
    if file.suffix == ".safetensors":
        content = load_file(file)
    else:
        content = _unpickled(file)
        content = content.get("state_dict", content.get("weights", content))
    return {
        name.removeprefix("module."): value.float() if value.is_floating_point() else value
        for name, value in content.items()
        if isinstance(value, Tensor)
    }


def to_safetensors(file: Path, out: Path) -> None:
    """Convert a `.pt` or `.ckpt` once; what is read afterwards could hold no code."""
    state = read_state(file, "weights to convert")
    save_file({name: value.contiguous().clone() for name, value in state.items()}, out)


def _unpickled(file: Path) -> Any:
    """Tensors and plain values; LAION's trainer left numpy's numbers among them."""
    with torch.serialization.safe_globals(_NUMBERS):
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise ValueError(
                f"{file} holds more than tensors and is not opened, since that could run code in "
                "it: save its state dict alone"
            ) from error


def audio_names(branch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of an audio encoder, or of a stage of it; q, k and v are taken apart."""
    state: dict[str, Tensor] = {}
    for theirs, value in branch.items():
        if _UNUSED.search(theirs):
            continue
        name = theirs
        for pattern, ours in _RENAMED:
            name = re.sub(pattern, ours, name)
        if _QKV in name:
            for part, rows in zip(("query", "key", "value"), value.chunk(3), strict=True):
                state[name.replace(_QKV, f"attention.self.{part}.")] = rows.contiguous()
        else:
            state[name] = value
    return state


def authors_names(encoder: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The way back from `audio_names`."""
    state: dict[str, Tensor] = {}
    for ours, value in encoder.items():
        if _UNUSED.search(ours):
            continue
        name = re.sub(r"^batch_norm\.", "bn0.", ours)
        name = name.replace("layernorm_before.", "norm1.").replace("layernorm_after.", "norm2.")
        name = name.replace("attention.output.dense.", "attn.proj.")
        name = name.replace("intermediate.dense.", "mlp.fc1.").replace("output.dense.", "mlp.fc2.")
        name = name.replace("attention.self.", "attn.")
        if ".attn.query." in name:
            parts = [encoder[ours.replace("query", part)] for part in ("query", "key", "value")]
            state[name.replace(".query.", ".qkv.")] = torch.cat(parts)
        elif ".attn.key." not in name and ".attn.value." not in name:
            state[name] = value
    return state


def check(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], source: str | Path) -> None:
    """Compare the names and shapes of tensors; what is computed is not looked at.

    Raises: ValueError naming every tensor that is missing, unexpected or of another shape.
    """
    theirs = {name for name in found if not _UNUSED.search(name.partition(".")[2])}
    misshapen = [
        f"{name} {_shape(found[name])}, {_shape(wanted[name])} wanted"
        for name in sorted(wanted.keys() & theirs)
        if found[name].shape != wanted[name].shape
    ]
    amiss = {
        "missing": sorted(wanted.keys() - theirs),
        "unexpected": sorted(theirs - wanted.keys()),
        "misshapen": misshapen,
    }
    if any(amiss.values()):
        told = "; ".join(f"{what}: {', '.join(names)}" for what, names in amiss.items() if names)
        raise ValueError(f"{source} has weights of another network: {told}")


def _shape(value: Tensor) -> str:
    return "x".join(map(str, value.shape))


def _texts(model: "ClapModel") -> dict[str, Tensor]:
    """The text encoder's tensors by LAION's names."""
    state = model.text_model.state_dict()
    return _under("text_branch.", {n: v for n, v in state.items() if not _UNUSED.search(n)})


def _projections(model: "ClapModel") -> dict[str, Tensor]:
    return {
        f"{side}_projection.{theirs}.{name}": value
        for side in ("audio", "text")
        for theirs, layer in (("0", "linear1"), ("2", "linear2"))
        for name, value in getattr(model, f"{side}_projection").get_submodule(layer)
        .state_dict().items()
    }  # fmt: skip


def _under(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


def within(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin so, without the beginning."""
    return {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }
