"""HiFi-GAN: its public layout, its receptive field, and its stream."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

from tap_live.models.vocoder import (
    Generator,
    MelDims,
    MelSpectrum,
    VocoderDims,
    content_of,
    normed,
    open_vocoder,
    reaches,
    read_generator,
)

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


def lively(dims: VocoderDims, seed: int = 0) -> Generator:
    """Random weights under which nothing dies out on its way."""
    torch.manual_seed(seed)
    net = Generator(dims).double()
    for module in net.modules():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            nn.init.normal_(module.weight, std=0.3)
            assert module.bias is not None
            nn.init.normal_(module.bias, std=0.3)
    nn.init.normal_(net.conv_post.weight, std=0.02)
    return net.eval().requires_grad_(False)


def frames(dims: VocoderDims, count: int, seed: int = 0) -> Tensor:
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
@pytest.mark.parametrize("dims", [SMALL, ODD])
def test_a_stream_is_what_the_whole_recording_gives(dims: VocoderDims, size: int) -> None:
    net, mel = lively(dims).float(), frames(dims, 40).float()
    state, parts = net.initial_state(1), []
    for part in mel.split(size, dim=-1):
        audio, state = net.step(part, torch.ones(1, 1, part.shape[-1]), state)
        parts.append(audio)
    end = torch.zeros(1, dims.mel.bands, net.reach)
    parts.append(net.step(end, torch.zeros(1, 1, net.reach), state)[0])
    streamed = torch.cat(parts, dim=-1)[:, net.reach * dims.mel.hop :]
    torch.testing.assert_close(streamed, net(mel), atol=1e-5, rtol=0)


def test_training_reaches_every_parameter() -> None:
    net = normed(Generator(SMALL))
    assert net(frames(SMALL, 5).float()).shape == (1, 80)
    net(frames(SMALL, 30).float()).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


def test_the_public_layout_loads_with_its_weight_norm_folded(tmp_path: Path) -> None:
    dims = VocoderDims(channels=16)  # V1's structure and names, narrower
    torch.manual_seed(0)
    state = {}
    for name, module in Generator(dims).named_modules():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            size = [len(module.weight), 1, 1]
            state |= {f"{name}.weight_g": torch.rand(size) + 0.5, f"{name}.bias": torch.rand(1)}
            state |= {f"{name}.weight_v": torch.randn(module.weight.shape)}
            assert module.bias is not None
            state[f"{name}.bias"] = torch.randn(len(module.bias))
    assert {"conv_pre.weight_g", "ups.3.weight_v", "resblocks.11.convs2.2.bias"} < state.keys()
    torch.save({"generator": state}, tmp_path / "generator_v1")
    with pytest.raises(FileNotFoundError, match=r"wanted the vocoder's sizes in .*config.json"):
        open_vocoder(tmp_path / "generator_v1")
    (tmp_path / "config.json").write_text(json.dumps(dims.config()))
    net = open_vocoder(tmp_path / "generator_v1")
    sizes = net.ups[0].weight.detach().flatten(1).norm(dim=1)
    torch.testing.assert_close(sizes, state["ups.0.weight_g"].flatten())


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


def test_what_training_keeps_opens_as_the_same_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = normed(Generator(SMALL)).eval()
    torch.save(content_of(net), tmp_path / "best.pt")
    mel = frames(SMALL, 20).float()
    torch.testing.assert_close(open_vocoder(tmp_path / "best.pt")(mel), net(mel))


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
