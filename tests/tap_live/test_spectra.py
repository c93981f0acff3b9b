import numpy as np
import pytest

from tap_live.extraction import Mixed
from tap_live.spectra import A_SECOND, BANDS, WINDOW_S, Spectra, band_edges


def mixed(audio, output=None):
    audio = audio.astype(np.float32)
    return Mixed(audio, audio / 10 if output is None else output, np.zeros((0, len(audio))))


def decibels(spectrum):
    return np.frombuffer(spectrum.bands, np.uint8) / 2 - 120


def tone(frequency, rate, seconds=0.5):
    return np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.parametrize("frequency", [110, 440, 1000, 6000])
def test_a_tone_lies_in_its_band_at_its_level(rate, frequency):
    spectra = Spectra(rate, ["mixture", "output"], 0)
    *_, loud, soft = spectra.push(mixed(tone(frequency, rate)))
    assert (loud.stream, soft.stream) == ("mixture", "output")
    edges = band_edges(rate)
    brightest = int(decibels(loud).argmax())
    window_hz = 1 / WINDOW_S
    assert edges[brightest] - window_hz <= frequency <= edges[brightest + 1] + window_hz
    assert 10 * np.log10(np.sum(10 ** (decibels(loud) / 10))) == pytest.approx(0, abs=0.6)
    assert decibels(loud).max() - decibels(soft).max() == pytest.approx(20, abs=0.5)


def test_silence_is_the_lowest_byte_and_there_are_64():
    (spectrum,) = Spectra(16_000, ["mixture"], 0).push(mixed(np.zeros(1600)))
    assert spectrum.bands == bytes(BANDS)


def test_there_are_thirty_a_second_however_the_stream_is_cut_and_positions_follow_it():
    rate = 48_000
    spectra = Spectra(rate, ["mixture"], 96_000)
    found = [s for _ in range(2 * rate // 768) for s in spectra.push(mixed(np.ones(768)))]
    assert len(found) == pytest.approx(2 * A_SECOND, abs=1)
    positions = [spectrum.position for spectrum in found]
    assert np.diff(positions) == pytest.approx(rate / A_SECOND, abs=768)
    assert 96_000 < positions[0] < 98_000
    assert positions[-1] > 96_000 + 1.9 * rate


def test_the_newest_moment_is_shown():
    rate = 16_000
    spectra = Spectra(rate, ["mixture"], 0)
    spectra.push(mixed(tone(440, rate)))
    (spectrum,) = spectra.push(mixed(tone(3000, rate, 0.05)))
    band = np.searchsorted(band_edges(rate), 3000) - 1
    assert abs(int(decibels(spectrum).argmax()) - band) <= 1
