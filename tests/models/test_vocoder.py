"""Vocoders: HiFi-GAN's public layout, what each frame reaches, and streams."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

from tap_live.models.training.vocoder_losses import turning_distance
from tap_live.models.vocoder import Generator, Vocoder, VocoderDims, reaches
from tap_live.models.vocoder_files import (
    AnyDims,
    config_of,
    content_of,
    dims_of,
    normed,
    open_vocoder,
    read_generator,
    vocoder_of,
)
from tap_live.models.vocoder_mel import MelDims, MelSpectrum
from tap_live.models.vocos import InverseSpectrum, Vocos, VocosDims

SMALL = VocoderDims(
    mel=MelDims(rate=16_000, fft=64, hop=16, bands=8),
    rates=(4, 4), kernels=(8, 8), channels=16,
    block_kernels=(3, 5), dilations=((1, 2), (2, 3)), pairs=True,
)  # fmt: skip
ODD = VocoderDims(
    mel=MelDims(rate=16_000, fft=64, hop=24, bands=8),
    rates=(3, 8), kernels=(7, 16), channels=16,
    block_kernels=(3, 7), dilations=((1, 2), (2, 6)), pairs=False,
)  # fmt: skip


VOCOS = VocosDims(MelDims(rate=16_000, fft=64, hop=16, bands=8), width=16, layers=2, kernel=5)


def lively(dims: AnyDims, seed: int = 0) -> Vocoder:
    """Random weights under which nothing dies out on its way."""
    torch.manual_seed(seed)
    net = vocoder_of(dims).double()
    for module in net.modules():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            nn.init.normal_(module.weight, std=0.3)
            assert module.bias is not None
            nn.init.normal_(module.bias, std=0.3)
    if isinstance(net, Generator):
        nn.init.normal_(net.conv_post.weight, std=0.02)
    return net.eval().requires_grad_(False)


def frames(dims: AnyDims, count: int, seed: int = 0) -> Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.standard_normal((1, dims.mel.bands, count)))


@pytest.mark.parametrize("dims", [SMALL, ODD])
def test_a_frame_reaches_exactly_the_samples_of_the_closed_form(dims: VocoderDims) -> None:
    net, mel, middle = lively(dims), frames(dims, 61), 30
    other = mel.clone()
    other[..., middle] += 1.0
    changed = (net(mel) != net(other))[0].nonzero().flatten() // dims.mel.hop
    before, after = reaches(dims)
    assert (int(changed.min()), int(changed.max())) == (middle - after, middle + before)


@pytest.mark.parametrize("size", [1, 3, 8, 40])
@pytest.mark.parametrize("dims", [SMALL, ODD, VOCOS])
def test_a_stream_is_what_the_whole_recording_gives(dims: AnyDims, size: int) -> None:
    net, mel = lively(dims).float(), frames(dims, 40).float()
    state, parts = net.initial_state(1), []
    for part in mel.split(size, dim=-1):
        audio, state = net.step(part, torch.ones(1, 1, part.shape[-1]), state)
        parts.append(audio)
    end = torch.zeros(1, dims.mel.bands, net.reach)
    parts.append(net.step(end, torch.zeros(1, 1, net.reach), state)[0])
    streamed = torch.cat(parts, dim=-1)[:, net.reach * dims.mel.hop :]
    torch.testing.assert_close(streamed, net(mel), atol=1e-5, rtol=0)


@pytest.mark.parametrize("dims", [SMALL, VOCOS])
def test_training_reaches_every_parameter(dims: AnyDims) -> None:
    net = normed(vocoder_of(dims))
    assert net(frames(dims, 5).float()).shape == (1, 80)
    net(frames(dims, 30).float()).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


# Trained with other keys too, which say nothing of the generator.
TRAINED = {
    "num_gpus": 0, "batch_size": 16, "learning_rate": 0.0002, "adam_b1": 0.8, "adam_b2": 0.99,
    "lr_decay": 0.999, "seed": 1234, "segment_size": 8192, "num_mels": 80, "num_freq": 1025,
    "n_fft": 1024, "hop_size": 256, "win_size": 1024, "sampling_rate": 22050, "fmin": 0,
    "fmax": 8000, "fmax_for_loss": None, "num_workers": 4,
}  # fmt: skip
V1 = {
    **TRAINED, "resblock": "1", "upsample_rates": [8, 8, 2, 2],
    "upsample_kernel_sizes": [16, 16, 4, 4], "upsample_initial_channel": 512,
    "resblock_kernel_sizes": [3, 7, 11],
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
}  # fmt: skip
V3 = {
    **TRAINED, "resblock": "2", "upsample_rates": [8, 8, 4], "upsample_kernel_sizes": [16, 16, 8],
    "upsample_initial_channel": 256, "resblock_kernel_sizes": [3, 5, 7],
    "resblock_dilation_sizes": [[1, 2], [2, 6], [3, 12]],
}  # fmt: skip


def published(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The names of its convolutions and the shapes of their weights, written out."""
    width, ups, sizes, parts = 512, (16, 16, 4, 4), (3, 7, 11), (
        "convs1.0", "convs1.1", "convs1.2", "convs2.0", "convs2.1", "convs2.2",
    )  # fmt: skip
    if config["resblock"] == "2":
        width, ups, sizes, parts = 256, (16, 16, 8), (3, 5, 7), ("convs.0", "convs.1")
    shapes: dict[str, tuple[int, ...]] = {"conv_pre": (width, 80, 7)}
    for number, kernel in enumerate(ups):
        shapes[f"ups.{number}"] = (width, width // 2, kernel)
        width //= 2
        for at, size in enumerate(sizes):
            block = f"resblocks.{len(sizes) * number + at}"
            shapes |= {f"{block}.{part}": (width, width, size) for part in parts}
    return {**shapes, "conv_post": (1, width, 7)}


@pytest.mark.parametrize(
    ("config", "parameters", "reach"), [(V1, 13_926_017, 13), (V3, 1_462_273, 11)]
)
def test_the_public_layout_loads_with_its_weight_norm_folded(
    config: dict[str, Any], parameters: int, reach: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    state = {}
    for name, shape in published(config).items():
        state[f"{name}.weight_v"] = torch.randn(shape)
        state[f"{name}.weight_g"] = torch.rand(shape[0], 1, 1) + 0.5
        outputs = shape[1] if name.startswith("ups.") else shape[0]  # those are transposed
        state[f"{name}.bias"] = torch.randn(outputs)
    torch.save({"generator": state}, tmp_path / "generator_v1")
    with pytest.raises(FileNotFoundError, match=r"wanted the vocoder's sizes in .*config.json"):
        open_vocoder(tmp_path / "generator_v1")
    (tmp_path / "config.json").write_text(json.dumps(config))
    net = open_vocoder(tmp_path / "generator_v1")
    assert sum(weight.numel() for weight in net.parameters()) == parameters
    assert net.reach == reach
    for name, part in net.named_modules():
        if isinstance(part, nn.Conv1d | nn.ConvTranspose1d):
            sizes = part.weight.detach().flatten(1).norm(dim=1)
            torch.testing.assert_close(sizes, state[f"{name}.weight_g"].flatten())
            torch.testing.assert_close(part.bias, nn.Parameter(state[f"{name}.bias"]))


def test_the_sizes_that_are_written_are_those_of_the_public_configuration() -> None:
    assert dims_of(V1) == VocoderDims()
    assert config_of(dims_of(V3)).items() <= V3.items()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "wanted a vocoder's 'n_fft' in its configuration, found none"),
        ("nonsense", "found no JSON"),
        ("[]", "found a list"),
        (json.dumps({**V1, "win_size": 512}), "wanted a window as long as the 1024 of n_fft"),
        (json.dumps({**V1, "upsample_rates": None}), "wanted a vocoder's sizes"),
        (json.dumps({**V1, "upsample_kernel_sizes": [16]}), "a kernel for each rate"),
        (json.dumps({**V1, "upsample_initial_channel": 8}), "wanted 16 channels or more"),
        (json.dumps(V3), "wanted a HiFi-GAN generator of these sizes"),
    ],
)
def test_a_configuration_that_is_none_is_refused(text: str, said: str, tmp_path: Path) -> None:
    torch.save({"generator": {}}, tmp_path / "generator_v1")
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=said):
        open_vocoder(tmp_path / "generator_v1")


def test_it_computes_what_another_implementation_computes() -> None:
    torch.manual_seed(0)
    config = SpeechT5HifiGanConfig(
        model_in_dim=8, upsample_initial_channel=16, upsample_rates=[4, 4],
        upsample_kernel_sizes=[8, 8], resblock_kernel_sizes=[3, 5],
        resblock_dilation_sizes=[[1, 2], [2, 3]], normalize_before=False,
    )  # fmt: skip
    theirs = SpeechT5HifiGan(config).eval().requires_grad_(False)
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.2)
    state = {
        name.replace("upsampler.", "ups."): value
        for name, value in theirs.state_dict().items()
        if name not in ("mean", "scale")
    }
    mel = frames(SMALL, 20).float()
    expected = theirs(mel.transpose(1, 2))
    torch.testing.assert_close(read_generator(state, SMALL)(mel), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("dims", [SMALL, VOCOS])
def test_what_training_keeps_opens_as_the_same_network(dims: AnyDims, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = normed(vocoder_of(dims)).eval()
    torch.save(content_of(net), tmp_path / "best.pt")
    mel, opened = frames(dims, 20).float(), open_vocoder(tmp_path / "best.pt")
    torch.testing.assert_close(opened(mel), net(mel))
    assert opened.dims == dims


def test_a_vocos_of_other_sizes_is_refused(tmp_path: Path) -> None:
    content = content_of(Vocos(VOCOS))
    torch.save({**content, "dims": {**content["dims"], "width": 8}}, tmp_path / "best.pt")
    with pytest.raises(ValueError, match="wanted a Vocos of these sizes"):
        open_vocoder(tmp_path / "best.pt")


def test_under_autocast_the_inverse_transform_stays_exact() -> None:
    net, mel, heard = lively(VOCOS).float(), frames(VOCOS, 20).float(), list[Tensor]()
    net.get_submodule("inverse").register_forward_pre_hook(lambda _, given: heard.extend(given[:2]))
    with torch.autocast("cpu", torch.bfloat16):
        audio = net(mel)
    exact = InverseSpectrum(VOCOS.mel)(*heard[:2], None)
    torch.testing.assert_close(audio, exact)


@pytest.mark.parametrize("hop", [16, 24])
def test_spectra_of_frames_give_back_the_audio(hop: int) -> None:
    dims = MelDims(rate=16_000, fft=64, hop=hop, bands=8)
    audio, beside = torch.randn(2, 20 * hop), (64 - hop) // 2
    padded = nn.functional.pad(audio, (beside, beside))
    spectrum = torch.stft(
        padded, 64, hop, window=torch.hann_window(64), center=False, return_complex=True
    )
    found = InverseSpectrum(dims)(spectrum.real, spectrum.imag, None)
    torch.testing.assert_close(found, audio, atol=1e-4, rtol=0)


def test_a_frame_of_vocos_reaches_as_far_as_it_says() -> None:
    net, mel, middle = lively(VOCOS), frames(VOCOS, 61), 30
    other = mel.clone()
    other[..., middle] += 1.0
    changed = (net(mel) != net(other))[0].nonzero().flatten() // 16
    reach = (int(changed.min()), int(changed.max()))
    assert reach == (middle - net.reach, middle + net.reach)


def test_phases_tell_another_pitch_and_no_other_start() -> None:
    time = torch.arange(16_000) / 16_000

    def voice(pitch: float, start: float) -> Tensor:
        turns = 2 * torch.pi * pitch * torch.arange(1, 30)[:, None] * (time + start)
        return turns.sin().sum(0, keepdim=True)

    same = float(turning_distance(voice(110, 0.002), voice(110, 0)))
    other = float(turning_distance(voice(125, 0), voice(110, 0)))
    assert same < 0.35 * other and other > 0.3


def test_weights_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="wanted a HiFi-GAN generator of these sizes"):
        read_generator(Generator(SMALL).state_dict(), ODD)
    with pytest.raises(ValueError, match="product is the hop of 256 samples, found 16"):
        VocoderDims(rates=(4, 4), kernels=(8, 8))


def test_a_tone_lies_in_the_band_around_it_at_its_own_level() -> None:
    dims = MelDims(rate=16_000, fft=1024, hop=256, bands=80)
    time = torch.arange(16_000) / 16_000
    mel = MelSpectrum(dims)(0.5 * torch.sin(2 * torch.pi * 1000 * time)[None])
    assert mel.shape == (1, 80, 62)
    band = int(mel[0, :, 30].argmax())
    centre = float((MelSpectrum(dims).filters[:, band].argmax()) * 16_000 / 1024)
    assert abs(centre - 1000) < 60
    quieter = MelSpectrum(dims)(0.05 * torch.sin(2 * torch.pi * 1000 * time)[None])
    assert float(mel[0, band, 30] - quieter[0, band, 30]) == pytest.approx(np.log(10), abs=1e-3)
