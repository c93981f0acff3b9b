"""The speaker encoder: Resemblyzer's input and numbers, and voices that stay apart."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers.audio_utils import mel_filter_bank

from tap_live.models.speaker import RATE, WINDOW_FRAMES, SpeakerEncoder


@pytest.fixture(scope="module")
def encoder() -> SpeakerEncoder:
    torch.manual_seed(0)
    return SpeakerEncoder().eval()


def noise(seconds: float, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(round(seconds * RATE), generator=torch.Generator().manual_seed(seed))


def test_the_mel_bands_are_slaneys(encoder: SpeakerEncoder) -> None:
    other = mel_filter_bank(201, 40, 0.0, 8000.0, RATE, norm="slaney", mel_scale="slaney")
    np.testing.assert_allclose(encoder.filters.numpy(), other, atol=1e-7)


def test_mel_frames_hold_the_power_of_a_tone(encoder: SpeakerEncoder) -> None:
    tone = torch.sin(2 * torch.pi * 1000.0 * torch.arange(RATE) / RATE)
    mel = encoder.mel(tone[None])[0, 5:-5]
    assert mel.shape == (1 + RATE // 160 - 10, 40)
    # A tone of amplitude 1 under a window that sums to 200 has power 100^2 in its bin of 40 Hz,
    # and half that amplitude in its neighbours (Hann).
    bins = torch.zeros(201)
    bins[24:27] = torch.tensor([0.25, 1.0, 0.25]) * 100.0**2
    expected = bins @ encoder.filters
    torch.testing.assert_close(mel.mean(0), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("seconds", "count"), [(0.3, 1), (1.6, 1), (1.96, 1), (1.98, 2), (5.0, 5), (10.0, 12)]
)
def test_windows_overlap_by_half_and_a_short_rest_is_left_out(
    encoder: SpeakerEncoder, seconds: float, count: int
) -> None:
    assert encoder.windows(noise(seconds)).shape == (count, WINDOW_FRAMES, 40)


def test_embeddings_are_unit_vectors_without_negative_parts(encoder: SpeakerEncoder) -> None:
    embedding = encoder.embed(noise(3.0))
    assert embedding.shape == (256,)
    assert embedding.norm().item() == pytest.approx(1.0, abs=1e-5)
    assert embedding.min() >= 0


@pytest.mark.parametrize("gain", [0.1, 1.0])
def test_what_is_quieter_than_30_db_below_full_scale_is_raised_to_it(
    encoder: SpeakerEncoder, gain: float
) -> None:
    quiet = 0.1 * noise(2.0)  # -40 dBFS
    torch.testing.assert_close(encoder.embed(gain * quiet), encoder.embed(quiet))


def test_silence_has_an_embedding_without_nan(encoder: SpeakerEncoder) -> None:
    assert torch.isfinite(encoder.embed(torch.zeros(RATE))).all()


def test_weights_in_half_precision_give_nearly_the_same_embedding(
    encoder: SpeakerEncoder, tmp_path: Path
) -> None:
    file = tmp_path / "speaker.safetensors"
    save_file({name: part.half() for name, part in encoder.state_dict().items()}, file)
    embedding = SpeakerEncoder.open(file).embed(noise(2.0))
    torch.testing.assert_close(embedding, encoder.embed(noise(2.0)), rtol=0, atol=2e-3)


def test_resemblyzers_checkpoint_is_read_without_running_pickled_code(
    encoder: SpeakerEncoder, tmp_path: Path
) -> None:
    file = tmp_path / "pretrained.pt"
    weights = encoder.state_dict() | {"similarity_weight": torch.ones(1)}
    torch.save({"step": 1, "model_state": weights, "optimizer_state": {}}, file)
    torch.testing.assert_close(
        SpeakerEncoder.open(file).embed(noise(2.0)), encoder.embed(noise(2.0))
    )
