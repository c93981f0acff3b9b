"""Seams are found where there are some, however small, and nowhere else."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from tap_live.export.seams import Joins, context_joins, flux, frame_joins, high_joins
from tap_live.export.task import two_voices
from tap_live.extractors.chunked import ChunkConfig
from tap_live.extractors.gentse_frames import MelForm
from tap_live.extractors.gentse_plan import GenPlan

RATE, HOP = 16_000, 8000
SECONDS = 8.7  # that the two speak
PLACES = list(range(HOP, round(SECONDS * RATE) - 4000, HOP))


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return np.asarray(two_voices(RATE, SECONDS).mixture, np.float32)


def shares(
    audio: np.ndarray,
    edit: Callable[[np.ndarray, int], None] = lambda it, place: None,
    length: int = 0,
) -> float:
    """The share of high joins, whatever is done to the audio there, over twenty sets of places."""
    found = []
    for by in np.random.default_rng(0).integers(1000, 5000, 20):
        places, edited = [place + int(by) for place in PLACES], audio.copy()
        for place in places:
            edit(edited, place)
        found.append(high_joins(edited, Joins(places, length)))
    return float(np.mean(found))


@pytest.mark.parametrize("length", [0, 640, 3200])
def test_of_unedited_speech_as_many_places_are_high_as_chance_says(
    speech: np.ndarray, length: int
) -> None:
    assert shares(speech, length=length) == pytest.approx(0.06, abs=0.04)
    assert high_joins(speech, Joins([])) is None


@pytest.mark.parametrize("size", [0.02, 0.05, 0.2])
def test_a_click_at_every_join_is_heard(speech: np.ndarray, size: float) -> None:
    def click(audio: np.ndarray, place: int) -> None:
        audio[place] += size

    assert shares(speech, click) > 0.25


@pytest.mark.parametrize("skip_ms", [2.5, 10, 50])
def test_a_skip_at_every_join_is_heard(speech: np.ndarray, skip_ms: float) -> None:
    def skip(audio: np.ndarray, place: int) -> None:
        piece = speech[place + round(skip_ms * 16) :][:4000]
        audio[place : place + len(piece)] = piece

    assert shares(speech, skip) > 0.2


def test_flux_is_a_rise_of_the_spectrum_and_no_fall() -> None:
    audio = np.random.default_rng(0).normal(0, 0.1, 160_000).astype(np.float32)
    audio[:80_000] *= 0.001
    rises, at = flux(audio), 80_000 // 64
    assert rises[at - 5 : at + 1].max() > 2 * np.median(rises[at + 10 :])
    falls = flux(audio[::-1].copy())
    assert falls[at - 5 : at + 3].max() < 2 * np.median(falls[: at - 10])


def test_contexts_meet_where_a_hop_begins_and_frames_where_they_are_drawn_for_good() -> None:
    network = SimpleNamespace(
        name="gentse", form=MelForm(RATE, 1024, 256, np.zeros((513, 80), np.float32)),
        positions=200, before=64, after=12, reach=11, compute_s=0.1,
    )  # fmt: skip
    plan = GenPlan.of(ChunkConfig(hop_s=0.5), network, steps=2)
    contexts, frames = (of(plan, 80_000) for of in (context_joins, frame_joins))
    for chunk, place in enumerate(contexts.places, start=1):
        newest = plan.end(chunk) - plan.ahead - plan.fade - plan.hop  # position, as a chunk is cut
        assert place == (newest - 1) * 320 and contexts.length == (plan.fade + 1) * 320
    # Two steps of 12 frames reach 0.38 s ahead: so much earlier are frames drawn for good.
    early = np.array(contexts.places[:9]) - np.array(frames.places[:9])
    assert (early > 0.3 * RATE).all() and (early < 0.42 * RATE).all()
