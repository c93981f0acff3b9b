"""The compact extractor: causal, the same however it is cut, the same sound at any rate."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tap_live.models.compact import CompactExtractor, Dims, Fine, initial_state
from tap_live.models.spectra import Spectra, extract

DIMS = Dims(band_width=8, full_width=16, blocks=2, condition_width=8)


@pytest.fixture(params=[0, 3])
def net(request: pytest.FixtureRequest) -> CompactExtractor:
    """One that hears each hop by itself, and one that tells frequencies apart over four."""
    torch.manual_seed(0)
    net = CompactExtractor(replace(DIMS, past_hops=request.param)).eval()
    for parameter in net.mask.layers.parameters():  # masks that differ from hop to hop
        torch.nn.init.normal_(parameter, std=0.5)
    return net


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_a_mask_of_one_gives_the_input_back(rate: int) -> None:
    spectra = Spectra(DIMS, rate)
    audio = noise(2, rate)
    spectrum = spectra.analyse(audio)
    mask = torch.stack([torch.ones(len(spectrum), 2, 256), torch.zeros(len(spectrum), 2, 256)], -1)
    restored = spectra.synthesise(spectra.apply_mask(mask, spectrum))
    torch.testing.assert_close(restored, audio[:, : restored.shape[1]], rtol=0, atol=1e-5)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_a_sample_leaves_within_20_ms(rate: int) -> None:
    spectra = Spectra(DIMS, rate)
    assert (spectra.hop + spectra.fade) / rate == pytest.approx(0.020, abs=2e-4)
    hops = 4
    before = spectra.synthesise(spectra.analyse(noise(1, hops * spectra.hop)))
    assert before.shape[1] == hops * spectra.hop - spectra.fade


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_a_tone_lies_in_the_same_bin_at_any_rate(rate: int) -> None:
    spectra = Spectra(DIMS, rate)
    tone = torch.sin(2 * torch.pi * 1000.0 * torch.arange(rate) / rate)[None]
    seen = spectra.seen(spectra.analyse(tone))[5:].square().sum(-1)
    assert seen.mean((0, 1)).argmax() == 32  # 1000 Hz / 31.25 Hz
    assert seen[..., 32].sqrt().mean() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_thirds_of_a_bin_are_told_apart(rate: int) -> None:
    dims = replace(DIMS, past_hops=6)
    spectra, fine = Spectra(dims, rate), Fine(dims)
    for third, hertz in enumerate((208.33, 218.75, 229.17), start=3 * 7):  # bin 7 of 31.25 Hz
        tone = torch.sin(2 * torch.pi * hertz * torch.arange(rate) / rate)[None]
        seen = spectra.seen(spectra.analyse(tone))
        powers, _ = fine(seen, initial_state(dims).past)
        found = powers[20:, 0].flatten(1)  # (F, 3 thirds of every bin)
        assert (found.argmax(dim=1) == third).all()
        others = torch.cat([found[:, : third - 1], found[:, third + 2 :]], dim=1)
        assert (others.amax(dim=1) < 0.2 * found[:, third]).all()


def test_later_input_never_changes_earlier_output(net: CompactExtractor) -> None:
    spectra, cue = Spectra(DIMS, 16_000), noise(1, 1, 256)
    first, second = noise(1, 16_000), noise(1, 16_000, seed=1)
    second[:, :8_000] = first[:, :8_000]
    with torch.no_grad():
        a, b = (extract(net, spectra, audio, cue) for audio in (first, second))
    known = 8_000 // spectra.hop * spectra.hop - spectra.fade
    torch.testing.assert_close(a[..., :known], b[..., :known], rtol=0, atol=1e-6)
    assert not torch.allclose(a[..., known:], b[..., known:])


@pytest.mark.parametrize("size", [1, 7, 30])
def test_cutting_does_not_change_the_result(net: CompactExtractor, size: int) -> None:
    spectrum, cue = noise(60, 2, 256, 2), noise(2, 256)
    with torch.no_grad():
        whole, end = net(spectrum, cue, net.initial_state(2))
        state, parts = net.initial_state(2), []
        for part in spectrum.split(size):
            mask, state = net(part, cue, state)
            parts.append(mask)
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-4, atol=1e-5)
    assert state.parts.keys() == end.parts.keys()
    for name, cut in state.parts.items():
        torch.testing.assert_close(cut, end.parts[name], rtol=1e-4, atol=1e-5)


@pytest.fixture
def hearing_on() -> CompactExtractor:
    """One that hears what follows."""
    torch.manual_seed(0)
    net = CompactExtractor(replace(DIMS, past_hops=3, future=True)).eval()
    for parameter in net.mask.layers.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return net


def test_what_is_only_looked_at_is_heard_and_gets_no_mask(hearing_on: CompactExtractor) -> None:
    spectrum, cue = noise(40, 2, 256, 2), noise(2, 256)
    with torch.no_grad():
        whole, _ = hearing_on(spectrum, cue, hearing_on.initial_state(2))
        first, state = hearing_on(spectrum, cue, hearing_on.initial_state(2), ahead=15)
        alone, _ = hearing_on(spectrum[:25], cue, hearing_on.initial_state(2))
        rest, _ = hearing_on(spectrum[25:], cue, state)
    torch.testing.assert_close(first, whole[:25], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(alone, whole[:25], atol=1e-2)
    with torch.no_grad():
        forgetful, _ = hearing_on(spectrum[25:], cue, hearing_on.initial_state(2))
    # What came before is remembered, but for what the last hops knew of those after them.
    assert (rest - whole[25:]).abs().mean() < 0.5 * (forgetful - whole[25:]).abs().mean()


def test_the_state_is_that_before_what_is_only_looked_at(hearing_on: CompactExtractor) -> None:
    spectrum, cue = noise(40, 1, 256, 2), noise(1, 256)
    with torch.no_grad():
        _, state = hearing_on(spectrum, cue, hearing_on.initial_state(), ahead=15)
        _, expected = hearing_on(spectrum[:25], cue, hearing_on.initial_state())
    for name in ("power", "heard", "past"):  # of the first LSTM too, of later ones not quite
        torch.testing.assert_close(state.parts[name], expected.parts[name], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(state.band_h[0], expected.band_h[0], rtol=1e-4, atol=1e-5)


def test_the_state_keeps_its_shape(net: CompactExtractor) -> None:
    state = net.initial_state(3)
    _, after = net(noise(5, 3, 256, 2), noise(3, 256), state)
    before = {name: part.shape for name, part in state.parts.items()}
    assert {name: part.shape for name, part in after.parts.items()} == before


def test_rows_of_a_batch_do_not_touch(net: CompactExtractor) -> None:
    spectrum, cue = noise(20, 3, 256, 2), noise(3, 256)
    with torch.no_grad():
        together, _ = net(spectrum, cue, net.initial_state(3))
        alone, _ = net(spectrum[:, 1:2], cue[1:2], net.initial_state(1))
    torch.testing.assert_close(together[:, 1:2], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("gain_db", [-40.0, 20.0])
def test_a_louder_mixture_gives_the_same_output_louder(
    net: CompactExtractor, gain_db: float
) -> None:
    spectra, cue, audio = Spectra(DIMS, 16_000), noise(1, 1, 256), 0.1 * noise(1, 16_000)
    gain = 10 ** (gain_db / 20)
    with torch.no_grad():
        plain = extract(net, spectra, audio, cue)
        scaled = extract(net, spectra, gain * audio, cue)
    torch.testing.assert_close(scaled, gain * plain, rtol=1e-3, atol=1e-3 * gain)


def test_silence_gives_silence(net: CompactExtractor) -> None:
    with torch.no_grad():
        output = extract(net, Spectra(DIMS, 16_000), torch.zeros(1, 16_000), noise(1, 1, 256))
    assert output.abs().max() == 0


def test_each_cue_of_a_mixture_has_an_output_of_its_own(net: CompactExtractor) -> None:
    spectra, audio, cues = Spectra(DIMS, 16_000), noise(2, 8_000), noise(2, 3, 256)
    with torch.no_grad():
        together = extract(net, spectra, audio, cues)
        alone = extract(net, spectra, audio[1:], cues[1:, 2:])
    torch.testing.assert_close(together[1:, 2:], alone, rtol=1e-4, atol=1e-5)


def test_every_weight_learns(net: CompactExtractor) -> None:
    output = extract(net, Spectra(DIMS, 16_000), noise(2, 8_000), noise(2, 2, 256))
    output.square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_the_shipped_size_fits_its_ceiling() -> None:
    count = sum(p.numel() for p in CompactExtractor(Dims()).parameters())
    assert count > 1_000_000 and count * 2 < 4_000_000  # bytes in fp16


def test_the_bands_cover_all_bins_below_8_khz() -> None:
    assert Dims().bins == 256
    assert Dims().bins * 31.25 == pytest.approx(8_000)
    assert np.sum([count for _, count in Dims().bands]) == Dims().band_count
