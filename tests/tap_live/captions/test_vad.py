import numpy as np
import pytest
import soundfile

from tap_live.captions.vad import RATE, WINDOW, Segmenter, SegmenterConfig, Vad
from tap_live.errors import ConfigError


@pytest.fixture(scope="module")
def clip(shared):
    """Half a second of silence, 4.5 s of speech, a second of silence."""
    file = shared / "data" / "speech" / "ls" / "3331" / "3331-159605-0007.ogg"
    audio, rate = soundfile.read(file, dtype="float32")
    assert rate == RATE
    return np.concatenate([np.zeros(RATE // 2), audio, np.zeros(RATE)]).astype(np.float32)


def probabilities(audio, size):
    vad = Vad.open()
    parts = [vad.push(audio[start : start + size]) for start in range(0, len(audio), size)]
    return np.concatenate([*parts, vad.flush()])


def test_speech_is_told_from_silence(clip):
    p = probabilities(clip, 512)
    assert len(p) == -(-len(clip) // WINDOW)
    seconds = (np.arange(len(p)) + 0.5) * WINDOW / RATE
    assert p[seconds < 0.4].max() < 0.2
    assert p[(seconds > 1) & (seconds < 4.5)].mean() > 0.9
    assert p[seconds > 5.3].max() < 0.2


@pytest.mark.parametrize("size", [1, 100, 513, 10**6])
def test_cutting_does_not_change_the_result(clip, size):
    audio = clip if size > 1 else clip[: RATE // 2]
    np.testing.assert_array_equal(probabilities(audio, size), probabilities(audio, 512))


def test_noise_and_silence_are_no_speech():
    noise = 0.1 * np.random.default_rng(0).standard_normal(10 * RATE).astype(np.float32)
    for audio in (noise, np.zeros_like(noise)):
        assert probabilities(audio, RATE).max() < 0.5


def test_after_flush_it_is_as_new(clip):
    vad = Vad.open()
    first = np.concatenate([vad.push(clip), vad.flush()])
    np.testing.assert_array_equal(np.concatenate([vad.push(clip), vad.flush()]), first)


def test_an_empty_stream_has_no_windows():
    vad = Vad.open()
    assert len(vad.push(np.zeros(0, np.float32))) == len(vad.flush()) == 0


CONFIG = SegmenterConfig(speech=0.1, pause=0.25, endpoint=0.5, before=0.25)


def edges(*runs):
    """Segment windows of given probabilities: (probability, how many windows), ..."""
    segmenter = Segmenter(CONFIG)
    p = np.concatenate([np.full(count, value, np.float32) for value, count in runs])
    found = segmenter.push(p)
    return [(edge.kind, edge.position // WINDOW) for edge in [*found, *segmenter.flush()]]


def test_a_region_has_a_start_before_it_a_pause_and_an_end():
    # speech from window 20 to 50; a quarter of a second is about 8 windows
    assert edges((0, 20), (1, 30), (0, 40)) == [("start", 12), ("pause", 58), ("end", 58)]


def test_speech_that_goes_on_after_a_pause_resumes():
    kinds = [kind for kind, _ in edges((1, 10), (0, 10), (1, 10), (0, 20))]
    assert kinds == ["start", "pause", "resume", "pause", "end"]


def test_sounds_that_are_too_short_are_no_speech():
    assert edges((0, 5), (1, 2), (0, 5), (1, 2), (0, 30)) == []


def test_between_the_thresholds_everything_stays_as_it_is():
    assert edges((0.4, 50)) == []
    assert [kind for kind, _ in edges((1, 10), (0.4, 50))] == ["start", "end"]


def test_regions_never_overlap_however_close_they_are():
    found = edges(*[(1, 5), (0, 16)] * 5)
    positions = [position for _, position in found]
    assert positions == sorted(positions)
    assert [kind for kind, _ in found] == ["start", "pause", "end"] * 5


def test_a_stream_that_stops_in_speech_ends_the_region_there():
    assert edges((0, 20), (1, 10)) == [("start", 12), ("end", 30)]


def test_after_flush_positions_begin_anew():
    segmenter = Segmenter(CONFIG)
    p = np.ones(30, np.float32)
    first = segmenter.push(p) + segmenter.flush()
    assert segmenter.push(p) + segmenter.flush() == first


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"on": 0.3, "off": 0.5}, "want off <= on"),
        ({"pause": 1.0}, "at most endpoint=0.8"),
        ({"before": -1.0}, "cannot be negative"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        SegmenterConfig(**settings)
