"""CLAPSep: the authors' numbers from files in the authors' layouts, and what those files lack."""

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.signal import resample_poly

from tap_live.models import clapsep
from tap_live.models.clap import HtsatDims
from tap_live.models.clap_files import open_clap, open_tokenizer
from tap_live.models.clapsep import (
    CLAPSep,
    Dims,
    Separator,
    cue_pair,
    fill,
    load,
    state_of,
)

from ..conftest import GoldenClapsep, filled, filled_audio

SMALL = Dims(
    htsat=HtsatDims(channels=8, depths=(2, 2, 2), heads=(1, 2, 4), side=128),
    cue=6,
    mask_width=16,
    mask_layers=1,
    mask_heads=2,
    seconds=2.5,
)


@pytest.fixture(autouse=True)
def _no_grad() -> Iterator[None]:
    torch.set_num_threads(1)
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def mixture() -> torch.Tensor:
    return torch.from_numpy(filled_audio("mixture", 10, 32000))[None]


def cue(name: str) -> torch.Tensor:
    return torch.from_numpy(filled(f"embed_{name}", (512,)))[None]


def close(found: torch.Tensor, expected: Any) -> None:
    """To 1e-4 of the largest magnitude."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
def test_its_features_are_those_of_the_authors_program(
    golden_clapsep: GoldenClapsep, mixture: torch.Tensor
) -> None:
    separator, expected = golden_clapsep.net.separator, golden_clapsep.expected
    mel = separator.mel(separator.copy_48k(mixture), 1024)
    features = separator.audio_branch.features(mel)
    window = separator.window
    magnitude = torch.stft(mixture, 1024, 320, window=window, return_complex=True).abs()
    every = [magnitude, *features]
    np.testing.assert_allclose([x.mean() for x in every], expected["feature_means"], atol=1e-4)
    np.testing.assert_allclose([x.std() for x in every], expected["feature_stds"], rtol=1e-4)
    close(features[-1][0, :8], expected["hidden"])
    mask = separator.mask(mel, magnitude.transpose(1, 2), cue_pair(cue("pos"), cue("neg")))
    close(mask[0, :200:10], expected["mask"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "positive", "negative"),
    [("pred", True, True), ("pred_pos_only", True, False), ("pred_neg_only", False, True)],
)
def test_it_extracts_what_the_authors_program_does(
    golden_clapsep: GoldenClapsep, mixture: torch.Tensor, key: str, positive: bool, negative: bool
) -> None:
    sides = [cue(side) if given else None for side, given in (("pos", positive), ("neg", negative))]
    target = golden_clapsep.net.separate(mixture, sides[0], sides[1])
    assert target.shape == mixture.shape
    close(target[0, : len(golden_clapsep.expected[key])], golden_clapsep.expected[key])


@pytest.mark.slow
def test_its_embeddings_are_those_of_the_authors_program(golden_clapsep: GoldenClapsep) -> None:
    query = torch.from_numpy(filled_audio("query", 10, 48000))[None]
    close(golden_clapsep.net.embed_audio(query)[0], golden_clapsep.expected["audio_embedding"])
    tokens = torch.from_numpy(golden_clapsep.expected["text_tokens"])
    close(golden_clapsep.net.embed_tokens(tokens), golden_clapsep.expected["text_embedding"])


@pytest.fixture
def small() -> Separator:
    torch.manual_seed(0)
    return Separator(SMALL).eval()


def test_the_copy_at_48_khz_is_scipys(small: Separator) -> None:
    audio = torch.randn(2, 1001, generator=torch.Generator().manual_seed(0))
    expected = resample_poly(audio.numpy(), 3, 2, axis=1)
    np.testing.assert_allclose(small.copy_48k(audio), expected, atol=1e-5)


def test_a_reduced_network_gives_a_mask_for_every_frame(small: Separator) -> None:
    mixture = torch.randn(2, SMALL.samples, generator=torch.Generator().manual_seed(0))
    asked = cue_pair(torch.ones(2, 6), None)
    assert small(mixture, asked).shape == mixture.shape
    mel = small.mel(small.copy_48k(mixture), SMALL.htsat.frames)
    mask = small.mask(mel, torch.rand(2, 251, 513), asked)
    assert mask.shape == (2, 251, 513) and mask.min() > 0 and mask.max() < 1


def test_sides_of_a_cue_weigh_the_same_and_a_missing_one_is_zeros() -> None:
    pair = cue_pair(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.1]]))
    torch.testing.assert_close(pair, torch.tensor([[0.6, 0.8, 0.0, 1.0]]) / 2**0.5)
    torch.testing.assert_close(
        cue_pair(None, torch.tensor([[0.0, 2.0]])), torch.tensor([[0.0, 0.0, 0.0, 1.0]])
    )
    with pytest.raises(ValueError, match="found neither"):
        cue_pair(None, None)


def test_weights_come_back_from_the_authors_names(small: Separator) -> None:
    torch.manual_seed(1)
    other = Separator(SMALL).eval()
    fill(other, state_of(small), Path("best.pt"))
    mixture = torch.randn(1, SMALL.samples)
    asked = cue_pair(torch.ones(1, 6), None)
    torch.testing.assert_close(other(mixture, asked), small(mixture, asked))


def test_lora_is_added_to_the_weights(small: Separator) -> None:
    state, rng = state_of(small), torch.Generator().manual_seed(2)
    names = [n for n in state if n.startswith("audio_") and ".attn." in n and n.endswith("weight")]
    low_rank = {}
    for name in names:
        rows, columns = state[name].shape
        low_rank[name.replace("weight", "lora_A")] = torch.randn(16, columns, generator=rng)
        low_rank[name.replace("weight", "lora_B")] = torch.randn(rows, 16, generator=rng)
    before = {name: state[name].clone() for name in names}
    fill(small, state | low_rank, Path("best.pt"))
    after = state_of(small)
    for name in names:
        a, b = (low_rank[name.replace("weight", f"lora_{side}")] for side in "AB")
        torch.testing.assert_close(after[name], before[name] + b @ a / 16)


def test_every_tensor_amiss_is_named(small: Separator) -> None:
    state = dict(state_of(small))
    del state["decoder_model.mask_net.3.bias"], state["audio_branch.norm.weight"]
    state["decoder_model.film.norm.weight"] = torch.ones(3)
    state["decoder_model.other"] = torch.ones(3)
    state["audio_branch.layers.0.blocks.0.attn.qkv.lora_A"] = torch.ones(16, 8)
    with pytest.raises(ValueError) as raised:
        fill(small, state, Path("best.pt"))
    for told in (
        "missing: audio_branch.layers.0.blocks.0.attn.proj.lora_A",
        "audio_branch.layers.0.blocks.0.attn.qkv.lora_B",
        "audio_branch.norm.weight, decoder_model.mask_net.3.bias",
        "unexpected: decoder_model.other",
        "misshapen: decoder_model.film.norm.weight 3, 32 wanted",
    ):
        assert told in str(raised.value)


def test_a_missing_file_is_asked_for_by_its_public_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"best_model\.ckpt"):
        load(tmp_path / "best_model.ckpt", tmp_path / "clap.pt")
    torch.save({"decoder_model.x": torch.ones(1)}, tmp_path / "best_model.ckpt")
    with pytest.raises(FileNotFoundError, match="music_audioset_epoch_15"):
        load(tmp_path / "best_model.ckpt", tmp_path / "clap.pt")


def test_a_tensor_of_no_part_is_named_too(
    small: Separator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = state_of(small)
    state["decodr_model.film.norm.weight"] = state.pop("decoder_model.film.norm.weight")
    state["stft.conv_real.weight"] = torch.ones(1)  # computed: not looked at
    torch.save(state, tmp_path / "best_model.ckpt")
    (tmp_path / "clap.pt").touch()
    theirs = SimpleNamespace(htsat=small.audio_branch)
    monkeypatch.setattr(clapsep, "open_clap", lambda path: theirs)
    monkeypatch.setattr(clapsep, "Dims", lambda: SMALL)
    told = "missing: decoder_model.film.norm.weight; unexpected: decodr_model.film.norm.weight$"
    with pytest.raises(ValueError, match=told):
        load(tmp_path / "best_model.ckpt", tmp_path / "clap.pt")


def test_nothing_is_asked_of_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even with a cache that lacks everything, and a hub that could be asked."""
    asked = []

    def connect(*where: object) -> None:
        asked.append(where)
        raise OSError("there is no network")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    (tmp_path / "clap").mkdir()
    for opened in (
        lambda: open_tokenizer(tmp_path),
        lambda: open_clap(tmp_path / "clap"),
        lambda: open_clap(tmp_path / "clap.pt"),
        lambda: load(tmp_path / "best_model.ckpt", tmp_path / "clap.pt"),
    ):
        with pytest.raises(FileNotFoundError, match="wanted"):
            opened()
    assert not asked


def test_without_a_tokenizer_it_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"hf download roberta-base"):
        open_tokenizer(tmp_path)


def test_a_mixture_of_another_length_is_refused(small: Separator) -> None:
    text_encoder: Any = torch.nn.Identity()  # never asked
    net = CLAPSep(small, text_encoder)
    with pytest.raises(ValueError, match=r"wanted mixtures \(B, 80000\), found \(1, 320000\)"):
        net.separate(torch.zeros(1, 320000), torch.ones(1, 6), None)


def test_cues_of_another_width_and_tokens_of_another_number_are_refused(
    small: Separator,
) -> None:
    text_encoder: Any = torch.nn.Identity()  # never asked
    net, (samples, width) = CLAPSep(small, text_encoder), (SMALL.samples, SMALL.cue)
    told = rf"wanted cues \(1, {width}\), found \(1, {width + 1}\)"
    with pytest.raises(ValueError, match=told):
        net.separate(torch.zeros(1, samples), None, torch.ones(1, width + 1))
    with pytest.raises(ValueError, match=r"wanted tokens \(B, 77\), found \(1, 80\)"):
        net.embed_tokens(torch.ones(1, 80, dtype=torch.long))
