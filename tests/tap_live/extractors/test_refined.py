"""What is looked at again: shares of the mixture over longer windows, however it is cut."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from tap_live.extractors.refined import STEP_S, Refined
from tap_live.processor import Audio, Cue, Embedding, TargetKind, Targets
from tap_live.signs import Signs, Thresholds

RATE = 16_000
LATE = 1_000
SIZE = 4 * round(STEP_S * RATE)
EMPTY = np.zeros(0, np.float32)


@dataclass(frozen=True)
class Named:
    name: str
    kind: TargetKind = "voice"
    positive: Embedding = field(default_factory=lambda: EMPTY)
    negative: Embedding = field(default_factory=lambda: EMPTY)


ONE, TWO, THREE = (Named(name) for name in ("voice:ana", "voice:ben", "text:a dog"))


class Found:
    """Gives what was found before, by name, `LATE` samples after it came."""

    lookahead = LATE

    def __init__(self, rows: dict[str, Audio]) -> None:
        self._rows, self._cues = rows, list[Cue]()
        self.restart()

    def set_cues(self, cues: Sequence[Cue]) -> None:
        self._cues = list(cues)

    def signs(self, cue: Cue) -> Signs:
        return Signs(Thresholds(on=-3.0))

    def restart(self) -> None:
        self._taken = self._given = 0

    def push(self, block: Audio) -> Targets:
        self._taken += len(block)
        return self._give(max(self._given, self._taken - LATE))

    def flush(self) -> Targets:
        rest = self._give(self._taken)
        self.restart()
        return rest

    def _give(self, until: int) -> Targets:
        start, self._given = self._given, until
        rows = [self._rows[cue.name][start:until] for cue in self._cues]
        return np.stack(rows) if rows else np.zeros((0, until - start), np.float32)


def noise(seed: int, samples: int = 20_000) -> Audio:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def refined(rows: dict[str, Audio], *cues: Named) -> Refined:
    extractor = Refined(Found(rows), RATE)
    extractor.set_cues(cues)
    return extractor


def run(extractor: Refined, audio: Audio, size: int) -> Targets:
    parts = [extractor.push(audio[i : i + size]) for i in range(0, len(audio), size)]
    return np.concatenate([*parts, extractor.flush()], axis=1)


def test_each_target_takes_its_share_over_96_ms() -> None:
    rows = {"voice:ana": 0.6 * noise(1), "voice:ben": 0.3 * noise(2)}
    mixture = noise(1) + noise(2) + noise(3)
    found = run(refined(rows, ONE, TWO), mixture, 777)
    window = torch.hann_window(SIZE)

    def spectra(audio: Audio) -> torch.Tensor:
        signal = torch.from_numpy(audio)
        return torch.stft(
            signal, SIZE, SIZE // 4, window=window, pad_mode="constant", return_complex=True
        )

    whole, one, two = (spectra(audio) for audio in (mixture, *rows.values()))
    all_of_them = one.abs() + two.abs() + (whole - one - two).abs()
    for row, part in zip(found, (one, two), strict=True):
        expected = torch.istft(
            part.abs() / all_of_them * whole, SIZE, SIZE // 4, window=window, length=len(mixture)
        )
        inner = slice(SIZE, -SIZE)  # at the ends PyTorch has a window less
        np.testing.assert_allclose(row[inner], expected[inner], atol=1e-5)


@pytest.mark.parametrize("size", [1, 255, 4_800])
def test_cutting_does_not_change_the_result(size: int) -> None:
    rows, mixture = {"voice:ana": 0.6 * noise(1)}, noise(1) + noise(2)
    extractor = refined(rows, ONE)
    whole = run(extractor, mixture[:6_000], 6_000)
    np.testing.assert_array_equal(run(extractor, mixture[:6_000], size), whole)  # as new, too


@pytest.mark.parametrize("samples", [0, 1, SIZE - 1, SIZE, 5_001])
def test_as_much_comes_out_as_went_in(samples: int) -> None:
    found = run(refined({"voice:ana": noise(1)}, ONE), noise(1)[:samples], 100)
    np.testing.assert_allclose(found, noise(1)[None, :samples], atol=1e-6)  # all of it is hers


def test_a_sample_is_given_no_later_than_promised() -> None:
    extractor, given = refined({"voice:ana": noise(1)}, ONE), 0
    assert extractor.lookahead == LATE + SIZE
    for taken in range(100, 10_000, 100):
        given += extractor.push(noise(1)[taken - 100 : taken]).shape[1]
        assert given >= taken - extractor.lookahead


def test_nothing_stays_nothing() -> None:
    silence = np.zeros(20_000, np.float32)
    rows = {"voice:ana": silence, "voice:ben": noise(2)}
    ana, ben = run(refined(rows, ONE, TWO), noise(2), 500)
    assert not ana.any()
    np.testing.assert_allclose(ben, noise(2), atol=1e-6)
    assert not run(refined({"voice:ana": silence}, ONE), silence, 500).any()


def test_targets_together_take_no_more_than_there_is() -> None:
    rows = {name: noise(1) for name in ("voice:ana", "voice:ben", "text:a dog")}
    found = run(refined(rows, ONE, TWO, THREE), noise(1), 500)
    assert 0.45 < np.abs(found.sum(axis=0)).max() / np.abs(noise(1)).max() < 1.0


def test_cues_change_on_the_way() -> None:
    rows = {"voice:ana": 0.5 * noise(1), "voice:ben": 0.5 * noise(2)}
    mixture, at = noise(1) + noise(2), 10_000
    extractor = refined(rows, ONE)
    before = extractor.push(mixture[:at])
    extractor.set_cues([TWO, ONE])
    after = np.concatenate([extractor.push(mixture[at:]), extractor.flush()], axis=1)
    assert before.shape[1] + after.shape[1] == len(mixture)
    alone, both = run(refined(rows, ONE), mixture, at), run(refined(rows, TWO, ONE), mixture, at)
    np.testing.assert_allclose(before, alone[:, : before.shape[1]], atol=1e-6)
    changed = at - LATE - before.shape[1]  # from here on the other is looked for
    np.testing.assert_allclose(
        after[:, changed:][:, SIZE:], both[:, at - LATE :][:, SIZE:], atol=1e-6
    )
    assert 0 < np.abs(after[0, :changed]).max() < np.abs(after[0]).max()  # it fades in


def test_after_an_error_the_next_sample_is_the_first() -> None:
    extractor = refined({"voice:ana": 0.5 * noise(1)}, ONE)
    fresh = run(extractor, noise(1), 4_000)
    extractor.push(np.full(9_000, np.nan, np.float32))
    extractor.restart()
    np.testing.assert_array_equal(run(extractor, noise(1), 4_000), fresh)


def test_signs_are_those_of_what_extracts() -> None:
    assert refined({}).signs(ONE).thresholds.on == -3.0
