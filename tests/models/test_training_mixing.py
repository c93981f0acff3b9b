"""Mixing: the same example for the same number, and targets that are what they say."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from tap_live.models.training import mixing
from tap_live.models.training.augment import (
    at_level,
    change_speed,
    change_tract,
    random_channel,
    random_colour,
    random_room,
    reverberate,
    rms,
    through_codec,
)
from tap_live.models.training.corpus import Corpus
from tap_live.models.training.mixing import Mixer, Recipe
from tap_live.models.training.store import AudioStore
from tap_live.models.training.voices import GUISES, OWN, Piece, Voices

RATE = 16_000
PLAIN = Recipe(
    seconds=1.0, alone=0, third=0, absent=0, partial=0, near=0, far=0,
    noise=0, room=0, channel=0, ramp=0,
)  # fmt: skip


def mixer(corpus: Corpus, recipe: Recipe, seed: int = 0) -> Mixer:
    return Mixer(corpus.voices, corpus.around, recipe, seed)


@pytest.mark.parametrize("recipe", [PLAIN, Recipe(seconds=1.0), Recipe(seconds=1.0, ramp=0)])
def test_an_example_depends_on_seed_and_number_alone(corpus: Corpus, recipe: Recipe) -> None:
    first, again = mixer(corpus, recipe), mixer(corpus, recipe)
    again.example(0)  # another history
    for a, b in zip(first.example(7), again.example(7), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.example(7).mixture, first.example(8).mixture)
    other = mixer(corpus, recipe, seed=1).example(7)
    assert not np.array_equal(first.example(7).mixture, other.mixture)


def test_the_two_targets_add_up_to_a_plain_mixture(corpus: Corpus) -> None:
    for number in range(5):
        example = mixer(corpus, PLAIN).example(number)
        np.testing.assert_allclose(example.targets.sum(0), example.mixture, atol=1e-6)
        assert np.abs(example.mixture).max() <= 1.0


def test_all_voices_of_a_mixture_are_in_rooms_or_none_is(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    reverberated: list[int] = []

    def noted(audio: NDArray[np.float32], response: NDArray[np.float32]) -> NDArray[np.float32]:
        reverberated[-1] += 1
        return reverberate(audio, response)

    monkeypatch.setattr(mixing, "reverberate", noted)
    indoors = mixer(corpus, replace(PLAIN, room=0.5, third=1.0))
    for number in range(40):
        reverberated.append(0)
        indoors.example(number)
    assert set(reverberated) == {0, 3}
    assert 10 <= reverberated.count(3) <= 30


def test_half_of_the_rooms_are_taken_as_they_are() -> None:
    response = np.exp(-np.arange(4000) / 800).astype(np.float32)
    rng = np.random.default_rng(0)
    rooms = [random_room(rng, response, RATE) for _ in range(60)]
    kept = [room for room in rooms if np.array_equal(room, response)]
    assert 20 <= len(kept) <= 40
    direct = round(0.0025 * RATE) + 1
    for room in rooms:
        np.testing.assert_array_equal(room[:1], response[:1])
        if not np.array_equal(room, response):
            left = room[direct:] / response[direct:]
            assert left[0] <= 1.2 and (np.diff(left) < 0).all()


def test_an_absent_target_is_silence_and_its_cue_is_nobodys_in_the_mixture(
    corpus: Corpus,
) -> None:
    present = mixer(corpus, PLAIN).example(3)
    absent = mixer(corpus, replace(PLAIN, absent=1.0)).example(3)
    assert not absent.targets[1].any() and absent.targets[0].any()
    np.testing.assert_array_equal(absent.cues[0], present.cues[0])
    assert not np.array_equal(absent.cues[1], present.cues[1])


def test_a_cue_may_also_say_who_speaks_beside_the_target(corpus: Corpus) -> None:
    plain = mixer(corpus, PLAIN)
    both = mixer(corpus, replace(PLAIN, beside=1.0))
    told = np.concatenate([both.example(number).cues for number in range(20)])
    asked = np.concatenate([plain.example(number).cues for number in range(20)])
    np.testing.assert_array_equal(told[:, :256], asked)  # the rest of an example is the same
    np.testing.assert_allclose(np.linalg.norm(told[:, 256:], axis=1), 1, atol=1e-3)
    others = asked.reshape(-1, 2, 256)[:, ::-1].reshape(-1, 256)  # of each pair the other one
    nearness = [(told[:, 256:] * side).sum(1).mean() for side in (others, asked)]
    assert nearness[0] > nearness[1]
    some = mixer(corpus, replace(PLAIN, beside=0.5))
    found = np.concatenate([some.example(number).cues for number in range(40)])[:, 256:]
    assert 0.3 < found.any(axis=1).mean() < 0.7


def test_beside_who_is_alone_nobody_is_told(corpus: Corpus) -> None:
    alone = mixer(corpus, replace(PLAIN, alone=1.0, beside=1.0))
    cues = np.stack([alone.example(number).cues for number in range(5)])
    assert not cues[:, 0, 256:].any()
    assert cues[:, 1, 256:].any(axis=1).all()  # who is asked for is absent, and one speaks


def test_one_voice_alone_is_its_own_target(corpus: Corpus) -> None:
    example = mixer(corpus, replace(PLAIN, alone=1.0)).example(0)
    np.testing.assert_allclose(example.targets[0], example.mixture, atol=1e-6)
    assert not example.targets[1].any()


@pytest.mark.parametrize("part", ["noise", "third"])
def test_what_nobody_asked_for_is_in_no_target(corpus: Corpus, part: str) -> None:
    example = mixer(corpus, replace(PLAIN, **{part: 1.0})).example(0)
    assert rms(example.mixture - example.targets.sum(0)) > 1e-4


def test_a_partial_voice_is_silent_at_times(corpus: Corpus) -> None:
    silent = [
        np.mean(mixer(corpus, replace(PLAIN, partial=1.0)).example(n).targets[1] == 0)
        for n in range(8)
    ]
    assert 0.05 < np.mean(silent) < 0.7 and max(silent) <= 0.71


def test_levels_lie_in_the_range_of_the_recipe(corpus: Corpus) -> None:
    levels = [20 * np.log10(rms(mixer(corpus, PLAIN).example(n).targets[0])) for n in range(20)]
    low, high = PLAIN.level_db
    assert low - 0.1 <= min(levels) and max(levels) <= high + 0.1


def test_the_first_examples_are_easy_and_later_ones_are_not() -> None:
    recipe = Recipe(ramp=1000)
    assert recipe.at(0).near == recipe.at(0).noise == 0 and recipe.at(0).far == recipe.far
    assert recipe.at(500).room == pytest.approx(recipe.room / 2)
    assert recipe.at(5000) == replace(recipe, far=0.0, ramp=0)


@pytest.mark.parametrize("near", [True, False])
def test_pairs_are_chosen_by_how_alike_their_voices_are(corpus: Corpus, near: bool) -> None:
    def likeness(recipe: Recipe) -> float:
        examples = [mixer(corpus, recipe).example(n) for n in range(30)]
        return float(np.mean([e.cues[0] @ e.cues[1] for e in examples]))

    chosen = replace(PLAIN, near=1.0) if near else replace(PLAIN, near=0.0, far=1.0, ramp=10**9)
    anyone = likeness(PLAIN)
    assert likeness(chosen) > anyone if near else likeness(chosen) < anyone


def test_enrolment_never_overlaps_what_is_mixed() -> None:
    ramp = (np.arange(9 * RATE) // 16).astype(np.int16)  # each sample tells its place
    store = AudioStore(ramp, np.array([0, len(ramp)]), RATE)
    pieces = [Piece(0, 0, 4 * RATE), Piece(0, 4 * RATE, 8 * RATE), Piece(0, 2 * RATE, 6 * RATE)]
    cues = np.zeros((3, len(GUISES), 2, 3), np.float32)
    cues[np.arange(3), :, :, np.arange(3)] = 1.0  # tells which piece it is
    voices = Voices(store, {"v": [0]}, {"v": pieces}, {"v": cues})
    for seed in range(40):
        audio, cue = voices.draw(np.random.default_rng(seed), 0, OWN, 2 * RATE)
        places = np.round(audio * 32768).astype(np.int64) * 16
        piece = pieces[int(cue.argmax())]
        assert not np.any((places >= piece.start) & (places < piece.stop))


def test_speed_moves_the_pitch() -> None:
    tone = np.sin(2 * np.pi * 500 * np.arange(2 * RATE) / RATE).astype(np.float32)
    fast = change_speed(tone, 1.25, RATE)
    assert len(fast) == RATE
    assert np.abs(np.fft.rfft(fast)).argmax() == 625


@pytest.mark.parametrize("factor", [0.88, 1.13])
def test_a_tract_moves_formants_and_not_the_pitch(factor: float) -> None:
    pulses = np.zeros(RATE, np.float32)
    pulses[::128] = 1.0  # 125 Hz
    formant = signal.iirpeak(1500, 3, RATE)
    voice = signal.lfilter(*formant, pulses).astype(np.float32)
    changed = change_tract(voice, factor, RATE)
    assert len(changed) == len(voice)
    before, after = (np.abs(np.fft.rfft(audio)) for audio in (voice, changed))
    harmonics = np.arange(250, 6000, 125)  # Hz
    heights = [np.average(harmonics, weights=its[harmonics] ** 2) for its in (before, after)]
    assert heights[1] / heights[0] == pytest.approx(factor, rel=0.05)
    assert (after[harmonics] > 5 * after[harmonics + 60]).all()


def test_a_tract_of_its_own_length_changes_nothing() -> None:
    voice = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    assert change_tract(voice, 1.0, RATE) is voice
    assert not change_tract(np.zeros(RATE, np.float32), 1.1, RATE).any()


def test_a_room_keeps_the_direct_sound_in_place() -> None:
    click = np.zeros(1000, np.float32)
    click[200] = 1.0
    response = np.zeros(300, np.float32)
    response[[30, 90]] = 0.5, 0.25
    heard = reverberate(click, response)
    assert len(heard) == 1000
    np.testing.assert_allclose(heard[[200, 260]], [1.0, 0.5], atol=1e-6)


def test_a_level_is_that_of_the_loud_parts() -> None:
    audio = np.zeros(RATE, np.float32)
    audio[:8000] = np.random.default_rng(0).standard_normal(8000)
    levelled = at_level(audio, -20.0)
    assert rms(levelled[:8000]) == pytest.approx(0.1, rel=1e-3)
    assert not at_level(np.zeros(RATE, np.float32), -20.0).any()


def test_a_codec_keeps_place_and_level() -> None:
    click = np.zeros(RATE, np.float32)
    click[8000:8160] = np.hanning(160)
    heard = through_codec(click, RATE, 1.0)
    assert len(heard) == RATE
    lag = int(np.correlate(heard[7900:8260], click[8000:8160], "valid").argmax()) - 100
    assert abs(lag) <= 1
    assert np.abs(heard).max() == pytest.approx(1.0, rel=0.3)


def test_channels_change_the_sound_but_stay_finite() -> None:
    audio = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    for seed in range(20):
        heard = random_channel(np.random.default_rng(seed), audio, RATE)
        assert np.isfinite(heard).all() and heard.dtype == np.float32
        assert not np.allclose(heard, audio)


def test_a_sound_is_coloured_by_octaves() -> None:
    audio = np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32)
    heard = random_colour(np.random.default_rng(1), audio, RATE)
    assert heard.shape == audio.shape and heard.dtype == np.float32
    before, after = (np.abs(np.fft.rfft(one)) ** 2 for one in (audio, heard))
    edges = np.searchsorted(np.fft.rfftfreq(len(audio), 1 / RATE), [125, 250, 500, 1000, 2000])
    gains = 10 * np.log10(np.add.reduceat(after, edges) / np.add.reduceat(before, edges))
    assert 2 < gains.max() - gains.min() < 30
    again = random_colour(np.random.default_rng(1), audio, RATE)
    np.testing.assert_array_equal(heard, again)
