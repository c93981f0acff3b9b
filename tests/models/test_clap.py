"""CLAP from LAION's layout and from a Hugging Face folder; how a clip becomes ten seconds."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import ClapConfig, ClapModel

from tap_live.models import clap_files
from tap_live.models.clap import SAMPLES, Clap, HtsatDims, ten_seconds
from tap_live.models.clap_files import authors_names, open_clap, to_safetensors

TEXT = {
    "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
    "vocab_size": 20,
}  # fmt: skip


def config() -> ClapConfig:
    audio = HtsatDims(channels=8, depths=(2, 1), heads=(1, 2)).config()
    return ClapConfig(audio_config=audio.to_dict(), text_config=TEXT)


@pytest.fixture
def clap(monkeypatch: pytest.MonkeyPatch) -> Clap:
    """A small one; files of its size are taken for the public ones."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    monkeypatch.setattr(clap_files, "base_config", config)
    model = ClapModel(config())
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return Clap(model)


def laion(clap: Clap) -> dict[str, torch.Tensor]:
    """The state dict as LAION lays it out, with what is not needed."""
    model = clap.model
    branch = authors_names(model.audio_model.audio_encoder.state_dict())
    state = {f"audio_branch.{name}": value for name, value in branch.items()}
    state |= {f"text_branch.{n}": v for n, v in model.text_model.state_dict().items()}
    for side in ("audio", "text"):
        layers = getattr(model, f"{side}_projection")
        for number, layer in (("0", layers.linear1), ("2", layers.linear2)):
            its = layer.state_dict().items()
            state |= {f"{side}_projection.{number}.{name}": value for name, value in its}
    state["logit_scale_a"] = torch.ones(())
    state["audio_branch.bn0.num_batches_tracked"] = torch.tensor(3)
    state["audio_branch.tscam_conv.weight"] = torch.ones(1)
    state["audio_transform.sequential.0.weight"] = torch.ones(1)
    return {f"module.{name}": value.clone() for name, value in state.items()}


def check(found: Clap, clap: Clap) -> None:
    ids = torch.tensor([[0, 5, 7, 2] + 73 * [1]])
    torch.testing.assert_close(found.embed_tokens(ids), clap.embed_tokens(ids))
    audio = torch.randn(1, 60_000, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(found.embed_audio(audio), clap.embed_audio(audio))


@pytest.mark.parametrize("layout", ["pt", "safetensors", "converted", "folder"])
def test_every_layout_gives_the_same_embeddings(clap: Clap, tmp_path: Path, layout: str) -> None:
    source = tmp_path / f"clap.{layout}"
    if layout == "pt":
        torch.save({"epoch": 15, "best": np.float64(0.9), "state_dict": laion(clap)}, source)
    elif layout == "safetensors":
        save_file(laion(clap), source)
    elif layout == "converted":
        torch.save({"epoch": 15, "state_dict": laion(clap)}, tmp_path / "clap.pt")
        source = tmp_path / "clap.safetensors"
        to_safetensors(tmp_path / "clap.pt", source)
    else:
        clap.model.save_pretrained(source)
    check(open_clap(source), clap)


def test_every_tensor_amiss_is_named_as_the_file_has_it(clap: Clap, tmp_path: Path) -> None:
    state = laion(clap)
    del state["module.audio_branch.layers.0.blocks.1.attn.qkv.bias"]
    state["module.text_projection.2.weight"] = torch.ones(3, 4)
    state["module.audio_branch.layers.7.norm"] = torch.ones(1)
    torch.save({"state_dict": state}, tmp_path / "clap.pt")
    with pytest.raises(ValueError) as raised:
        open_clap(tmp_path / "clap.pt")
    for told in (
        "missing: audio_branch.layers.0.blocks.1.attn.qkv.bias",
        "unexpected: audio_branch.layers.7.norm",
        "misshapen: text_projection.2.weight 3x4, 512x512 wanted",
    ):
        assert told in str(raised.value)


def test_a_file_that_would_run_code_is_refused(clap: Clap, tmp_path: Path) -> None:
    torch.save({"state_dict": laion(clap), "trainer": tmp_path}, tmp_path / "clap.pt")
    with pytest.raises(ValueError, match="could run code in it: save its state dict alone"):
        open_clap(tmp_path / "clap.pt")


def test_a_short_clip_is_repeated_whole_then_padded_and_a_long_one_cut() -> None:
    short = torch.arange(1, 200_001.0)[None]
    filled = ten_seconds(short)[0]
    assert filled.shape == (SAMPLES,)
    torch.testing.assert_close(filled[200_000:400_000], short[0])
    assert not filled[400_000:].any()
    torch.testing.assert_close(
        ten_seconds(torch.arange(500_000.0)[None])[0, -1], torch.tensor(479_999.0)
    )
    with pytest.raises(ValueError, match="found an empty one"):
        ten_seconds(torch.zeros(1, 0))


def test_what_is_embedded_goes_to_the_device_of_the_weights(
    clap: Clap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens and audio come from the CPU; a device without arithmetic stands for a card."""
    seen = []

    def see(given: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        seen.append(given.device.type)
        return given

    monkeypatch.setattr(clap, "embed_masked", see)
    monkeypatch.setattr(clap, "mel", clap.mel.to("meta"))
    monkeypatch.setattr(clap, "embed_mel", see)
    clap.embed_tokens(torch.tensor([[0, 5, 2, 1]]))
    clap.embed_audio(torch.ones(1, 480_000))
    assert seen == ["meta", "meta"]
