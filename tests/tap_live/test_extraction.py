import numpy as np
import pytest

from tap_live.extraction import Extraction

AUDIO = np.random.default_rng(0).standard_normal(1000).astype(np.float32)


class Halves:
    """Two targets, each half of the mixture, known `lookahead` samples late."""

    lookahead = 37

    def __init__(self):
        self._waiting = np.empty(0, np.float32)

    def set_cues(self, cues):
        assert len(cues) == 2

    def push(self, block):
        heard = np.concatenate([self._waiting, block])
        ready = max(0, len(heard) - self.lookahead)
        out, self._waiting = heard[:ready], heard[ready:]
        return np.stack([out / 2, out / 2])

    def flush(self):
        out, self._waiting = self._waiting, np.empty(0, np.float32)
        return np.stack([out / 2, out / 2])


def run(extraction, size):
    parts = [extraction.push(AUDIO[i : i + size]) for i in range(0, len(AUDIO), size)]
    parts.append(extraction.flush())
    return [np.concatenate([getattr(p, n) for p in parts]) for n in ("mixture", "output")]


@pytest.mark.parametrize("size", [1, 7, 320, 1000])
def test_cutting_does_not_change_the_result(size):
    extraction = Extraction(Halves(), gains=[1, 0], rest_gain=0)
    mixture, output = run(extraction, size)
    np.testing.assert_array_equal(mixture, AUDIO)
    np.testing.assert_allclose(output, AUDIO / 2, atol=1e-6)
    again = run(extraction, size)
    np.testing.assert_array_equal(output, again[1])


def test_at_0_db_a_late_extractor_gives_the_input_back():
    mixture, output = run(Extraction(Halves(), gains=[1, 1], rest_gain=1), 64)
    np.testing.assert_allclose(output, mixture, atol=1e-6)


def test_without_an_extractor_everything_passes_at_once():
    extraction = Extraction()
    mixed = extraction.push(AUDIO)
    np.testing.assert_array_equal(mixed.output, AUDIO)
    assert mixed.targets.shape == (0, 1000)
    assert (extraction.lookahead, len(extraction.flush().output)) == (0, 0)
