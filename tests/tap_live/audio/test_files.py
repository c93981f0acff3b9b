import resource

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_live.audio.files import AudioFile, read_audio
from tap_live.errors import AudioError, TapError

RATE = 16_000


@pytest.fixture
def noise() -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(3 * RATE)).astype(np.float32)


def read(path, channel=None, size=800):
    told = []
    with AudioFile(path, channel) as file:
        blocks = list(file.blocks(size, told.append))
    return np.concatenate(blocks), told


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_every_format_gives_back_the_tone_that_was_written(tmp_path, suffix):
    tone = 0.5 * np.sin(2 * np.pi * 441 * np.arange(44_100) / 44_100)
    soundfile.write(tmp_path / f"a.{suffix}", tone, 44_100)
    audio, told = read(tmp_path / f"a.{suffix}")
    assert not told
    assert len(audio) == pytest.approx(len(tone), abs=3000)  # MP3 adds its encoder's delay
    middle = audio[5_000:-5_000] * np.hanning(len(audio) - 10_000)
    spectrum = np.abs(np.fft.rfft(middle, 44_100))
    assert spectrum.argmax() == 441
    assert 4 * spectrum.max() / len(middle) == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("size", [1, 800, 4_800])
def test_cutting_does_not_change_what_is_read(tmp_path, noise, suffix, size):
    soundfile.write(tmp_path / f"a.{suffix}", noise[:9_000], RATE)
    audio, _ = read(tmp_path / f"a.{suffix}", size=size)
    whole, _ = soundfile.read(tmp_path / f"a.{suffix}", dtype="float32")
    np.testing.assert_allclose(audio, whole, atol=1e-6)


def test_channels_are_mixed_down_or_one_is_taken(tmp_path, noise):
    stereo = np.stack([noise, np.zeros_like(noise)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, RATE, "FLOAT")
    np.testing.assert_allclose(read(tmp_path / "a.wav")[0], noise / 2, atol=1e-7)
    np.testing.assert_array_equal(read(tmp_path / "a.wav", channel=1)[0], noise)
    assert not read(tmp_path / "a.wav", channel=2)[0].any()
    for channel in (0, 3):
        with pytest.raises(AudioError, match=r"wanted channel \d of 'a.wav', which has channels 1"):
            AudioFile(tmp_path / "a.wav", channel)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000, 192_000])
def test_any_rate_between_8_and_192_khz_is_taken(tmp_path, noise, rate):
    soundfile.write(tmp_path / "a.wav", noise, rate)
    with AudioFile(tmp_path / "a.wav") as file:
        assert file.rate == rate


def test_bad_files_are_refused_in_one_line(tmp_path, noise):
    def refused(name, message, data=None):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(AudioError, match=message) as raised:
            read_audio(tmp_path / name, print)
        assert "\n" not in str(raised.value)

    soundfile.write(tmp_path / "good.wav", noise, RATE)
    good = (tmp_path / "good.wav").read_bytes()
    refused("none.wav", "found no such file")
    refused("empty.wav", "found an empty file", b"")
    refused("text.wav", "found text", b"these are words\n" * 40)
    refused("binary.mp3", "found something else", bytes(range(256)) * 8)
    refused("header.wav", "holds no audio", good[:44])
    refused("zero.wav", "a rate or channel count of 0", good[:24] + bytes(4) + good[28:])
    refused("samples.raw", "without a header", good)
    soundfile.write(tmp_path / "slow.wav", noise, 4_000)
    refused("slow.wav", "a rate of 4000 Hz; wanted 8000 to 192000 Hz")
    (tmp_path / "folder.wav").mkdir()
    refused("folder.wav", "found a folder")


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_a_file_that_was_cut_short_is_read_as_far_as_it_goes(tmp_path, noise, suffix):
    soundfile.write(tmp_path / f"whole.{suffix}", noise, RATE)
    data = (tmp_path / f"whole.{suffix}").read_bytes()
    (tmp_path / f"cut.{suffix}").write_bytes(data[: len(data) * 2 // 3])
    audio, told = read(tmp_path / f"cut.{suffix}")
    assert 0.2 * len(noise) < len(audio) < 0.9 * len(noise)
    assert [warned.code for warned in told] == ["truncated"]
    assert told[0].start == pytest.approx(len(audio) / RATE)


def test_samples_that_are_no_numbers_become_silence(tmp_path, noise):
    bad = noise.copy()
    bad[[1000, 1001, 20_000]] = np.nan, np.inf, -np.inf
    soundfile.write(tmp_path / "a.wav", bad, RATE, "FLOAT")
    audio, told = read(tmp_path / "a.wav")
    np.testing.assert_array_equal(audio, np.where(np.isfinite(bad), bad, 0))
    assert [warned.code for warned in told] == ["not-finite"]
    assert told[0].start == 1000 / RATE


def test_clipping_is_told_and_a_lone_peak_is_not(tmp_path, noise):
    clipped = np.clip(20 * noise, -1, 1)
    soundfile.write(tmp_path / "a.wav", clipped, RATE)
    assert [warned.code for warned in read(tmp_path / "a.wav")[1]] == ["clipped"]
    soundfile.write(tmp_path / "b.wav", noise / np.abs(noise).max(), RATE)
    assert not read(tmp_path / "b.wav")[1]


def test_one_sample_is_audio(tmp_path, noise):
    soundfile.write(tmp_path / "a.wav", noise[:1], RATE, "FLOAT")
    np.testing.assert_array_equal(read(tmp_path / "a.wav")[0], noise[:1])


def test_memory_does_not_grow_with_length(tmp_path):
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 48_000, 1, "PCM_16") as file:
        for _ in range(20):
            file.write(np.zeros(48_000 * 60, np.float32))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
    samples = 0
    with AudioFile(path) as file:
        for block in file.blocks(4800, print):
            samples += len(block)
    assert samples == 20 * 60 * 48_000  # 230 MB as float32
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


MOST_BLOCKS = 100  # that are read of a broken file, 50 ms each
SUFFIXES = ("wav", "flac", "ogg", "mp3", "aiff", "au", "caf", "w64", "rf64")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A quarter of a second in every format, as bytes."""
    folder = tmp_path_factory.mktemp("whole")
    audio = 0.1 * np.random.default_rng(0).standard_normal((RATE // 4, 2))
    files = {}
    for suffix in SUFFIXES:
        soundfile.write(folder / f"a.{suffix}", audio, RATE)
        files[suffix] = (folder / f"a.{suffix}").read_bytes()
    return files


@settings(max_examples=300)
@given(
    suffix=st.sampled_from(SUFFIXES),
    edits=st.dictionaries(st.integers(0, 120), st.integers(0, 255), min_size=1, max_size=6),
    size=st.sampled_from([20, 44, 60, 100, 1000, 1 << 20]),
)
def test_any_header_is_audio_or_a_clear_error(whole, tmp_path_factory, suffix, edits, size):
    """Nothing else is raised, and no header makes memory grow."""
    data = bytearray(whole[suffix][:size])
    for place, value in edits.items():
        data[min(place, len(data) - 1)] = value
    path = tmp_path_factory.mktemp("fuzz") / f"a.{suffix}"
    path.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
    try:
        with AudioFile(path) as file:
            for _, block in zip(range(MOST_BLOCKS), file.blocks(800, bool), strict=False):
                assert np.isfinite(block).all()
    except TapError as error:
        assert "\n" not in str(error)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
