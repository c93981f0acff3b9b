"""The generative model: what hears what, what learns, and what level it speaks at."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tap_live.models.gentse import GenDims, GenTSE, at_frames, levels
from tap_live.models.gentse_files import content_of, load
from tap_live.models.lora import add_lora, merge_lora
from tap_live.models.vocoder_mel import MelDims
from tap_live.models.whisper import Dims, Whisper

WHISPER = Dims(
    n_mels=80, n_audio_ctx=100, n_audio_state=64, n_audio_head=1, n_audio_layer=2,
    n_vocab=50, n_text_ctx=16, n_text_state=64, n_text_head=1, n_text_layer=2,
)  # fmt: skip
DIMS = GenDims(
    mel=MelDims(rate=16_000, fft=1024, hop=256, bands=20),
    width=16, layers=2, heads=2, before=3, after=1, speaker=8, enrolment=25, lora=2,
)  # fmt: skip
SECONDS = 1.0


def small(dims: GenDims = DIMS) -> GenTSE:
    torch.manual_seed(0)
    whisper = Whisper(WHISPER)
    nn.init.normal_(whisper.decoder.positional_embedding, std=0.1)
    net = GenTSE(dims, whisper).eval()
    for name, parameter in net.named_parameters():
        if "modulation" in name or "leave" in name or "lora_B" in name:  # which begin as zeros
            nn.init.normal_(parameter, std=0.3)
    return net


def inputs(rows: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Mixture, speaker, enrolment."""
    rng = np.random.default_rng(0)
    shapes = ((rows, 16_000), (rows, 8), (rows, 320 * 25))
    mixture, speaker, enrolment = (0.1 * torch.from_numpy(rng.standard_normal(s)) for s in shapes)
    return mixture.float(), speaker.float(), enrolment.float()


def noise_for(rows: int = 2) -> Tensor:
    return torch.from_numpy(np.random.default_rng(1).standard_normal((rows, 62, 20))).float()


def test_a_voice_is_drawn_frame_by_frame_of_the_vocoder() -> None:
    net = small()
    mixture, speaker, enrolment = inputs()
    hidden = net.encode(mixture, speaker, enrolment)
    assert hidden.shape == (2, 50, 64)
    assert net.extract(mixture, speaker, enrolment, noise_for()).shape == (2, 20, 62)


@pytest.mark.parametrize("left_out", ["enrolment", "mixture", "lora"])
def test_what_is_left_out_is_not_heard(left_out: str) -> None:
    dims = {"enrolment": replace(DIMS, enrolment=0), "mixture": replace(DIMS, mixture=False),
            "lora": replace(DIMS, lora=0)}[left_out]  # fmt: skip
    net, (mixture, speaker, enrolment) = small(dims), inputs()
    before = net.extract(mixture, speaker, enrolment, noise_for())
    after = net.extract(mixture, speaker, enrolment.flip(0), noise_for())
    assert torch.equal(before, after) == (left_out == "enrolment")
    assert not torch.equal(before, net.extract(mixture, speaker.flip(0), enrolment, noise_for()))
    assert any("lora" in name for name in net.learned()) == (left_out != "lora")


def test_all_but_whisper_learns_from_both_branches() -> None:
    net, (mixture, speaker, enrolment) = small(), inputs()
    hidden = net.encode(mixture, speaker, enrolment)
    mel = net.mel(mixture)
    heard = net.relative(mel, levels(mel, DIMS.mel))
    drawn = net.draw(net.condition(hidden, heard), speaker, noise_for(), 1, guidance=0.5)
    words = net.said(hidden, torch.tensor([[1, 2, 3], [4, 5, 6]]))
    assert words.shape == (2, 3, 50)
    (drawn.square().sum() + words.square().sum()).backward()
    learned = net.learned()
    for name, parameter in net.named_parameters():
        assert (name in learned) == parameter.requires_grad
        if parameter.requires_grad:
            assert parameter.grad is not None and parameter.grad.any(), name
        else:
            assert parameter.grad is None
    assert {"encoder.positions", "encoder.speaker.weight", "nothing"} < learned.keys()


def test_without_changes_whispers_own_positions_are_as_whisper_has_them() -> None:
    """What the prompt adds is heard through attention alone: with its values at zero, nothing."""
    torch.manual_seed(0)
    whisper = Whisper(WHISPER)
    for name, parameter in whisper.encoder.named_parameters():
        if "attn.value.weight" in name:
            nn.init.zeros_(parameter)
    net = GenTSE(replace(DIMS, lora=0), whisper).eval()
    mixture, speaker, enrolment = inputs()
    with torch.no_grad():
        plain = whisper.encoder(net.loud(mixture))
        torch.testing.assert_close(net.encode(mixture, speaker, enrolment), plain)


@pytest.mark.parametrize("gain", [0.25, 3.0])
def test_the_voice_is_as_much_softer_as_the_mixture_is(gain: float) -> None:
    net, (mixture, speaker, enrolment) = small(), inputs()
    made = net.extract(mixture, speaker, enrolment, noise_for())
    other = net.extract(gain * mixture, speaker, enrolment, noise_for())
    torch.testing.assert_close(other - made, torch.full_like(made, np.log(gain)), atol=2e-3, rtol=0)


def test_a_level_is_the_mean_of_the_last_three_seconds() -> None:
    dims = MelDims(rate=16_000, fft=1024, hop=256, bands=20)
    amplitude = torch.rand(1, 20, 400) + 0.1
    found = levels(amplitude.log(), dims)[0]
    window = round(3 * 62.5)
    for frame in (0, 10, window, 399):
        heard = amplitude[0, :, max(0, frame + 1 - window) : frame + 1]
        assert float(found[frame]) == pytest.approx(float(heard.mean().log()), abs=1e-4)


def test_positions_are_read_at_the_times_of_frames() -> None:
    dims = MelDims(rate=16_000, fft=1024, hop=256)
    time = torch.arange(50)[None, :, None] * 0.02  # each position says when it is
    found = at_frames(time, 60, dims)[0, :, 0]
    torch.testing.assert_close(found, (torch.arange(60) + 0.5) * 0.016)


def test_low_rank_changes_can_be_added_to_the_weights() -> None:
    torch.manual_seed(0)
    encoder, mel = Whisper(WHISPER).encoder.eval(), torch.randn(1, 80, 40)
    plain = encoder(mel)
    add_lora(encoder, 2)
    for name, parameter in encoder.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.3)
    changed = encoder(mel)
    assert not torch.allclose(plain, changed, atol=1e-2)
    merge_lora(encoder)
    assert not any("lora" in name for name in encoder.state_dict())
    torch.testing.assert_close(encoder(mel), changed, atol=1e-4, rtol=1e-4)


def test_a_checkpoint_opens_as_the_same_network(tmp_path: Path) -> None:
    net = small()
    torch.save(content_of(net), tmp_path / "best.pt")
    plain = Whisper(WHISPER)
    state = {name: part for name, part in net.state_dict().items() if name.startswith("decoder.")}
    for name, part in net.encoder.encoder.state_dict().items():
        if "lora_" not in name:
            state[f"encoder.{name.replace('base_layer.', '')}"] = part
    plain.load_state_dict(state)
    weights = {"dims": vars(WHISPER), "model_state_dict": plain.state_dict()}
    torch.save(weights, tmp_path / "whisper.pt")
    opened = load(tmp_path / "best.pt", tmp_path / "whisper.pt")
    given = (*inputs(), noise_for())
    torch.testing.assert_close(opened.extract(*given), net.extract(*given))
    other = small(replace(DIMS, enrolment=20))
    content = content_of(other) | {"dims": content_of(net)["dims"]}
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="are for another Whisper"):
        load(tmp_path / "other.pt", tmp_path / "whisper.pt")
    torch.save({"generator": {}}, tmp_path / "vocoder.pt")
    with pytest.raises(ValueError, match=r"wanted a generative model's best\.pt"):
        load(tmp_path / "vocoder.pt", tmp_path / "whisper.pt")
