from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tap_live.errors import BundleError, ConfigError
from tap_live.export.rounding import rounded
from tap_live.extractors.compact import CompactExtractor
from tap_live.extractors.network import Network
from tap_live.models.spectra import Spectra, extract
from tap_live.models.training.checkpoint import open_network

RATE = 16_000
EMPTY = np.zeros(0, np.float32)


@dataclass
class Cue:
    name: str
    positive: NDArray[np.float32]
    negative: NDArray[np.float32] = field(default_factory=lambda: EMPTY)
    kind: str = "voice"


def cue(number):
    rng = np.random.default_rng(number)
    return Cue(f"voice:{number}", rng.standard_normal(256).astype(np.float32))


def noise(seconds=0.5, rate=RATE, seed=0):
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(round(seconds * rate))).astype(np.float32)


def run(extractor, audio, size):
    parts = [extractor.push(audio[i : i + size]) for i in range(0, len(audio), size)]
    return np.concatenate([*parts, extractor.flush()], axis=1)


@pytest.fixture(scope="session")
def network(voice_bundle):
    return Network.open(voice_bundle)


@pytest.fixture
def make(network):
    def make(*cues, rate=RATE):
        extractor = CompactExtractor({"voice": network}, rate)
        extractor.set_cues(cues)
        return extractor

    return make


@pytest.fixture(scope="session")
def offline(voice_bundle):
    """The same weights in PyTorch, over a whole recording."""
    net = rounded(open_network(voice_bundle.with_suffix(".pt")))

    def run(audio, rate, cue):
        spectra = Spectra(net.dims, rate)
        padded = np.pad(audio, (0, 2 * spectra.hop))
        with torch.no_grad():
            target = extract(
                net, spectra, torch.from_numpy(padded)[None], torch.from_numpy(cue)[None, None]
            )
        return target[0, 0, : len(audio)].numpy()

    return run


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000, 192_000])
def test_streamed_is_what_pytorch_extracts_offline(make, offline, rate):
    audio = noise(rate=rate)
    (found,) = run(make(cue(1), rate=rate), audio, 480)
    np.testing.assert_allclose(found, offline(audio, rate, cue(1).positive), atol=1e-5)


def test_a_stream_of_few_bins_hears_nothing_of_one_of_more_that_had_the_network(make, offline):
    for rate in (48_000, 8_000):
        audio = noise(rate=rate)
        (found,) = run(make(cue(1), rate=rate), audio, 480)
        np.testing.assert_allclose(found, offline(audio, rate, cue(1).positive), atol=1e-5)


@pytest.mark.parametrize("size", [1, 7, 256, 320, 1000, 8000])
def test_cutting_does_not_change_the_result(make, size):
    audio = noise()
    extractor = make(cue(1), cue(2))
    cut = run(extractor, audio, size)
    assert cut.shape == (2, len(audio))
    np.testing.assert_allclose(cut, run(make(cue(1), cue(2)), audio, len(audio)), atol=1e-6)
    np.testing.assert_array_equal(cut, run(extractor, audio, size))  # as new after a flush


@pytest.mark.parametrize("samples", [0, 1, 191, 192, 255, 256, 257, 448, 1000])
def test_as_much_comes_out_as_went_in(make, samples):
    assert run(make(cue(1)), noise()[:samples], 100).shape == (1, samples)


def test_later_input_never_changes_earlier_output(make):
    first, second = noise(), noise(seed=1)
    second[:5000] = first[:5000]
    a, b = (run(make(cue(1)), audio, 160) for audio in (first, second))
    known = 5000 - 320
    np.testing.assert_array_equal(a[:, :known], b[:, :known])
    assert not np.allclose(a[:, known:], b[:, known:])


def test_the_lookahead_is_what_is_withheld_at_most(make):
    for rate in (16_000, 44_100, 48_000):
        extractor, given, worst = make(cue(1), rate=rate), 0, 0
        for taken in range(1, 4000):
            given += extractor.push(np.zeros(1, np.float32)).shape[1]
            worst = max(worst, taken - given)
        assert worst + 1 == extractor.lookahead
        assert extractor.lookahead / rate == pytest.approx(0.020, abs=2e-4)


def test_together_targets_take_no_more_than_the_mixture_has(make):
    audio = noise()
    alone = sum(run(make(cue(k)), audio, 500)[0] for k in (1, 2, 3))
    together = run(make(cue(1), cue(2), cue(3)), audio, 500).sum(axis=0)
    assert np.square(alone).sum() > np.square(audio).sum()  # they do overlap
    assert np.square(together).sum() <= np.square(audio).sum() * 1.05


def test_who_stays_goes_on_undisturbed_when_another_joins_or_leaves(make):
    audio, half = noise(1.0), 8000
    extractor = make(cue(1))
    first = extractor.push(audio[:half])
    extractor.set_cues([cue(1), cue(1)])  # the same twice: nothing is new
    extractor.set_cues([cue(1)])
    second = np.concatenate([extractor.push(audio[half:]), extractor.flush()], axis=1)
    whole = run(make(cue(1)), audio, 1000)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), whole, atol=1e-6)


def test_a_cue_may_be_other_numbers_under_the_same_name(make):
    audio, other = noise(1.0), cue(3)
    other.name = cue(1).name
    extractor = make(cue(1))
    first = extractor.push(audio[:8000])
    extractor.set_cues([other])
    second = np.concatenate([extractor.push(audio[8000:]), extractor.flush()], axis=1)
    found = np.concatenate([first, second], axis=1)
    before, after = (run(make(one), audio, 1000) for one in (cue(1), cue(3)))
    np.testing.assert_allclose(found[:, :7500], before[:, :7500], atol=1e-6)
    assert not np.allclose(found[:, 9000:], before[:, 9000:], atol=1e-3)
    close = [np.square(found[:, 12000:] - one[:, 12000:]).mean() for one in (before, after)]
    assert close[1] < close[0]


def test_another_cue_comes_without_a_click(make):
    """A low tone has no steps: neither has what is extracted of it, whenever the cue changes."""
    t = np.arange(RATE) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 100 * t)).astype(np.float32)
    steady = np.abs(np.diff(run(make(cue(1)), tone, 1000)[0], 2)).max()
    for moment in (8000, 8100, 8191):
        extractor = make(cue(1))
        before = extractor.push(tone[:moment])
        extractor.set_cues([cue(3)])
        after = np.concatenate([extractor.push(tone[moment:]), extractor.flush()], axis=1)
        found = np.concatenate([before, after], axis=1)[0]
        other = np.abs(np.diff(run(make(cue(3)), tone, 1000)[0], 2)).max()
        assert len(found) == len(tone)
        assert np.abs(np.diff(found, 2)).max() <= 1.5 * max(steady, other)


def test_without_cues_there_are_no_rows(make):
    assert run(make(), noise(), 300).shape == (0, 8000)


def test_after_a_restart_it_is_as_new(make):
    extractor, audio = make(cue(1)), noise()
    extractor.push(noise(seed=5))
    extractor.restart()
    np.testing.assert_array_equal(run(extractor, audio, 300), run(make(cue(1)), audio, 300))


def test_silence_gives_silence(make):
    assert not run(make(cue(1)), np.zeros(RATE, np.float32), 480).any()


def test_a_cue_of_another_encoder_is_refused(make):
    with pytest.raises(BundleError, match="takes cues of 256 numbers, 'voice:x' has 192"):
        make(Cue("voice:x", np.zeros(192, np.float32)))


def test_a_network_that_can_be_told_who_speaks_beside_a_voice_is_told_of_nobody(beside_bundle):
    told, asked = Network.open(beside_bundle), cue(0)
    extractor = CompactExtractor({"voice": told}, RATE)
    extractor.set_cues([asked])
    found = run(extractor, noise(), 333)
    extractor.set_cues([replace(asked, negative=np.zeros_like(asked.positive))])
    np.testing.assert_array_equal(run(extractor, noise(), 1_000), found)
    assert np.abs(found).max() > 0


def test_a_kind_without_a_network_is_refused(make):
    with pytest.raises(BundleError, match="'text:bell' is a sound: there is no extractor"):
        make(Cue("text:bell", np.zeros(512, np.float32), kind="sound"))


def test_no_network_is_no_extractor():
    with pytest.raises(ConfigError, match="wanted networks of one hop, found none"):
        CompactExtractor({}, RATE)


def test_a_bundle_that_is_no_extractor_is_refused():
    from tap_live.captions.vad import BUNDLE

    with pytest.raises(BundleError, match="wanted an extractor for voices or sounds"):
        Network.open(BUNDLE)
