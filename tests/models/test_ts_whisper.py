"""Prompt-tuned Whisper: the authors' numbers from the authors' files, and what never changes."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tap_live.models.ts_whisper import (
    Prompts,
    TargetSpeakerWhisper,
    load,
    open_whisper,
    read_prompts,
)
from tap_live.models.whisper import Dims, Whisper
from tap_live.whisper.features import log_mel

from ..conftest import GOLDEN, filled, filled_audio

DIMS = Dims(80, 1500, 64, 2, 3, 51865, 448, 64, 2, 3)
SMALL = Dims(80, 1500, 64, 1, 2, 300, 448, 64, 1, 2)


@pytest.fixture(autouse=True)
def _no_grad() -> Iterator[None]:
    torch.set_num_threads(1)
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def authors_files(
    golden_whisper: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A checkpoint as OpenAI writes it, and prompts as the authors' program does."""
    folder = tmp_path_factory.mktemp("authors")
    state = {name: torch.tensor(value) for name, value in golden_whisper.state.items()}
    torch.save({"dims": asdict(DIMS), "model_state_dict": state}, folder / "whisper.pt")
    shapes = json.loads((GOLDEN / "ts_whisper_state_dict.json").read_text())
    prompts = {
        name.removeprefix("prompt."): torch.tensor(filled(name, tuple(shape)))
        for name, shape in shapes.items()
        if name.startswith("prompt.")
    }
    torch.save(prompts, folder / "prompts.pt")
    return folder / "whisper.pt", folder / "prompts.pt"


@pytest.fixture
def small() -> TargetSpeakerWhisper:
    torch.manual_seed(0)
    whisper = Whisper(SMALL)
    torch.nn.init.normal_(whisper.decoder.positional_embedding, std=0.1)
    return TargetSpeakerWhisper(whisper, Prompts(SMALL, length=4, speaker=8)).eval()


def mel(rows: int, frames: int = 100) -> torch.Tensor:
    return torch.randn(rows, 80, frames, generator=torch.Generator().manual_seed(1))


def test_it_computes_what_the_authors_program_does(
    authors_files: tuple[Path, Path], golden_whisper: Any
) -> None:
    net = load(*authors_files)
    heard = torch.tensor(log_mel(filled_audio("speech", 6, 16000)))[None]
    speaker = torch.tensor(filled("xvector", (512,)))[None]
    encoded = net.encode(heard, speaker)
    logits = net.logits(torch.tensor(golden_whisper.tokens), encoded, speaker)[0]
    np.testing.assert_allclose(encoded.hidden[0, :40], golden_whisper.hidden, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(logits[:, :2000], golden_whisper.logits, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(logits.argmax(-1), golden_whisper.argmax)


def test_prompts_without_their_perceptrons_say_the_same(
    authors_files: tuple[Path, Path], tmp_path: Path
) -> None:
    net = load(*authors_files)
    save_file(net.prompts.settled(), tmp_path / "prompts.safetensors")
    settled = load(authors_files[0], tmp_path / "prompts.safetensors")
    assert not any(name.startswith("mlp") for name, _ in settled.prompts.named_parameters())
    speaker = torch.tensor(filled("xvector", (512,)))[None]
    for ours, theirs in zip(settled.prompts(speaker), net.prompts(speaker), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_the_scale_of_the_speakers_is_folded_into_what_is_kept(
    small: TargetSpeakerWhisper, tmp_path: Path
) -> None:
    rng = torch.Generator().manual_seed(2)
    speakers = 0.04 * torch.rand(50, 8, generator=rng) + 0.01
    small.prompts.fit(speakers)
    torch.save({"weights": small.prompts.settled()}, tmp_path / "best.pt")
    state = read_prompts(tmp_path / "best.pt")
    kept = Prompts(SMALL, length=4, speaker=8, perceptrons=False)
    kept.load_state_dict(state, strict=False)
    torch.testing.assert_close(kept(speakers)[0], small.prompts(speakers)[0], rtol=1e-4, atol=1e-4)


def test_without_a_speaker_it_is_plain_whisper(small: TargetSpeakerWhisper) -> None:
    tokens = torch.tensor([[3, 4, 5]])
    encoded = small.encode(mel(1), None, frames=100)
    plain = small.whisper.encode(mel(1))
    torch.testing.assert_close(encoded.hidden, plain.hidden)
    decoded = small.whisper.decoder(
        tokens, small.whisper.empty_cache(1), plain.cross_k, plain.cross_v
    )
    torch.testing.assert_close(small.logits(tokens, encoded, None), decoded.logits)


@pytest.mark.parametrize("frames", [2, 700, 2990, 4000])
def test_any_length_of_mel_becomes_thirty_seconds(small: TargetSpeakerWhisper, frames: int) -> None:
    encoded = small.encode(mel(1, frames), torch.ones(1, 8))
    assert encoded.hidden.shape == (1, 1500, 64)


def test_every_row_listens_to_its_own_speaker(small: TargetSpeakerWhisper) -> None:
    speakers = torch.randn(2, 8, generator=torch.Generator().manual_seed(3))
    together = small.encode(mel(1).expand(2, -1, -1), speakers, frames=200).hidden
    alone = small.encode(mel(1), speakers[1:], frames=200).hidden
    torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-5)
    assert (together[0] - together[1]).abs().max() > 1e-2


def test_only_prompts_learn(small: TargetSpeakerWhisper) -> None:
    learning = {name for name, p in small.named_parameters() if p.requires_grad}
    assert learning and all(name.startswith("prompts.") for name in learning)


def test_hugging_faces_layout_loads_as_openais(small: TargetSpeakerWhisper, tmp_path: Path) -> None:
    state = {name: value.contiguous() for name, value in small.whisper.state_dict().items()}
    save_file(state, tmp_path / "model.safetensors")
    torch.save({"dims": asdict(SMALL), "model_state_dict": state}, tmp_path / "small.pt")
    folder, checkpoint = open_whisper(tmp_path), open_whisper(tmp_path / "small.pt")
    assert folder.dims == checkpoint.dims
    for ours, theirs in zip(folder.parameters(), checkpoint.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_prompts_for_another_whisper_are_refused(
    small: TargetSpeakerWhisper, authors_files: tuple[Path, Path], tmp_path: Path
) -> None:
    torch.save(small.prompts.state_dict(), tmp_path / "small.pt")
    with pytest.raises(ValueError, match="for 3 layers of width 64, found them for 2 of 64"):
        load(authors_files[0], tmp_path / "small.pt")


def test_a_file_without_prompts_is_refused(
    authors_files: tuple[Path, Path], tmp_path: Path
) -> None:
    torch.save({"weights": {"some.weight": torch.ones(2)}}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="soft_prompt_extra_encoder"):
        load(authors_files[0], tmp_path / "other.pt")
