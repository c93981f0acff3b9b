"""Spectrograms show tones where and as loud as they are, of any length, within bounds."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tap_live.processor import Audio
from tap_live.spectrogram import (
    COLUMNS,
    QUIETEST_TOP_DB,
    ROWS,
    Sound,
    band_edges,
    brightest,
    place,
    png,
    seconds_of,
    spectrogram,
)

GREY = ((0, 0, 0), (255, 255, 255))


def tone(frequency: float, rate: int, seconds: float, amplitude: float = 1.0) -> Audio:
    times = np.arange(round(seconds * rate)) / rate
    return np.asarray(amplitude * np.sin(2 * np.pi * frequency * times), np.float32)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("amplitude", [1.0, 0.01])
def test_a_tone_is_in_its_band_with_its_level(rate: int, amplitude: float) -> None:
    levels, top = spectrogram(Sound(tone(1000, rate, 1.0, amplitude), rate))
    column = levels[:, levels.shape[1] // 2]
    edges = band_edges(top)
    loudest = int(np.argmax(column))
    assert edges[loudest - 1] <= 1000 <= edges[loudest + 2]
    total = 10 * np.log10(np.sum(10 ** (column / 10)))
    assert total == pytest.approx(20 * np.log10(amplitude), abs=0.5)


def test_bands_cover_what_the_rate_can_hold_up_to_12_khz() -> None:
    for rate, expected in ((8_000, 4_000), (48_000, 12_000)):
        levels, top = spectrogram(Sound(tone(500, rate, 0.5), rate))
        assert top == expected
        assert levels.shape[0] == ROWS
    assert place(0, 12_000) == 0
    assert place(12_000, 12_000) == 1


def test_columns_follow_time() -> None:
    rate = 16_000
    halves = np.concatenate([tone(500, rate, 2.0), tone(4000, rate, 2.0)])
    levels, top = spectrogram(Sound(halves, rate))
    pitch = band_edges(top)[np.argmax(levels, axis=0)]
    middle = levels.shape[1] // 2
    assert (pitch[: middle - 2] < 600).all()
    assert (pitch[middle + 2 :] > 3800).all()


def test_a_file_looks_as_it_does_in_memory(tmp_path: Path) -> None:
    audio = np.random.default_rng(0).standard_normal(40_000).astype(np.float32) * 0.1
    soundfile.write(tmp_path / "a.wav", audio, 16_000, "FLOAT")
    on_disk, _ = spectrogram(tmp_path / "a.wav")
    in_memory, _ = spectrogram(Sound(audio, 16_000))
    np.testing.assert_allclose(on_disk, in_memory, atol=1e-4)
    assert seconds_of(tmp_path / "a.wav") == seconds_of(Sound(audio, 16_000)) == 2.5


def test_an_hour_has_no_more_columns_than_a_minute(tmp_path: Path) -> None:
    path = tmp_path / "hour.wav"
    minute = tone(1000, 8_000, 60.0, 0.5)
    with soundfile.SoundFile(path, "w", 8_000, 1) as file:
        for _ in range(60):
            file.write(minute)
    levels, _ = spectrogram(path)
    assert levels.shape == (ROWS, COLUMNS)
    assert np.ptp(levels.max(axis=0)) < 1.0, "a tone that stays is drawn so"


@pytest.mark.parametrize("samples", [0, 1, 17, 500])
def test_next_to_nothing_is_drawn_too(samples: int) -> None:
    levels, _ = spectrogram(Sound(np.zeros(samples, np.float32), 16_000))
    assert np.isfinite(levels).all()
    assert brightest([levels]) == QUIETEST_TOP_DB


def test_what_is_not_a_number_is_drawn_as_silence() -> None:
    levels, _ = spectrogram(Sound(np.full(16_000, np.nan, np.float32), 16_000))
    assert levels.max() < -100


def test_a_png_has_high_bands_on_top_and_bright_where_it_is_loud() -> None:
    image = pytest.importorskip("PIL.Image", reason="pillow reads the picture")
    levels = np.full((4, 6), -90.0)
    levels[0, 5] = -20.0
    picture = image.open(io.BytesIO(png(levels, -20.0, GREY))).convert("L")
    assert picture.size == (6, 4)
    assert picture.getpixel((5, 3)) == 255
    assert picture.getpixel((5, 0)) == picture.getpixel((0, 3)) == 0
