"""How often it is said rightly that a target is there, on scenes whose truth is known."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from tap_live.export import presence_scenes
from tap_live.export.presence_eval import Played, figures, remembered, row
from tap_live.export.presence_scenes import PLAN, Scene, _scene, listed_files, sound_scenes
from tap_live.extraction import Mixed
from tap_live.signs import Signs, Thresholds
from tap_live.targets import EmbeddedCue

RATE = 8_000
NOISE = 0.1 * np.random.default_rng(0).standard_normal(10 * RATE).astype(np.float32)
CUE = EmbeddedCue("text:rain", "sound", np.ones(2, np.float32), np.zeros(2, np.float32))
LEVELS = Thresholds(on=-5.0, off=-6.0, appears=0.2, leaves=0.5)


def played(there, extracted, liken=None):
    """Ten seconds of noise, of which the target is a part, and what a network made of them."""
    target = NOISE * np.repeat(np.float32(there), RATE)
    found = NOISE * np.repeat(np.float32(extracted), RATE)
    mixed = Mixed(NOISE, found, found[None], ("text:rain",), signs=(Signs(LEVELS, liken),))
    heard = np.repeat(np.array(there) > 0, 10)
    return Played(Scene(CUE, RATE, NOISE, target), mixed, heard)


def test_a_target_that_is_found_and_one_that_never_comes():
    here = [0, 0, 1, 1, 1, 1, 0, 0, 0, 0]
    found = figures([played(here, here), played([0] * 10, [0] * 10)], LEVELS)
    assert found["lit"] == [pytest.approx(100 * 3.8 / 4, abs=3)]  # it appears after 0.2 s
    assert (found["missed"], found["alarmed"], found["falsely"]) == ([0.0], [0.0], [0.0, 0.0])


def test_leakage_is_a_false_alarm_and_what_is_never_found_is_missed():
    here, leak = [0, 0, 1, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 1, 0, 0]
    found = figures([played(here, leak), played([0] * 10, leak)], LEVELS)
    assert (found["missed"], found["alarmed"], found["lit"]) == ([100.0], [100.0], [0.0])
    assert found["falsely"][1] == pytest.approx(100 * 2.4 / 10, abs=3)


def test_what_is_not_like_the_cue_is_no_false_alarm():
    leak = [1] * 10
    unlike = played([0] * 10, leak, lambda audio, rate: 0.2)
    assert figures([unlike], Thresholds(like=0.5))["alarmed"] == [0.0]
    assert figures([unlike], Thresholds(like=0.1))["alarmed"] == [100.0]


def test_no_audio_is_compared_twice():
    asked = []
    liken = remembered(lambda audio, rate: float(len(asked.append(1) or asked)))
    assert liken(NOISE[:10], RATE) == liken(NOISE[:10].copy(), RATE) == 1.0
    assert liken(NOISE[:11], RATE) == 2.0


def test_a_row_tells_what_was_asked_for_and_how_sure_it_is():
    line = row("held out", Thresholds(on=-3.0, off=-4.0, like=0.5), {"lit": [0.0, 100.0], "no": []})
    assert line.startswith("| held out | -3, -4 | 0.5 | 0.2, 0.5 | 50 [0, 100] |")


def test_a_scene_holds_its_target_only_where_the_plan_has_it():
    rng = np.random.default_rng(0)
    length = sum(seconds for _, seconds in PLAN) * RATE
    voices = {who: rng.standard_normal(length).astype(np.float32) for who in "abcd"}
    scene = _scene(rng, CUE, RATE, voices, "a")
    at = 0
    for who, seconds in PLAN:
        part = slice(at * RATE, (at + seconds) * RATE)
        assert bool(scene.target[part].any()) == ("a" in who)
        at += seconds
    assert np.abs(scene.mixture).max() <= 0.99 and len(scene.mixture) == length
    assert not _scene(rng, CUE, RATE, voices, "d").target.any()


def test_scenes_to_choose_on_are_of_dev_clips_that_are_in_no_list(tmp_path, monkeypatch):
    rng, lines = np.random.default_rng(0), []
    for label in ("dog bark", "cough", "rain", "door slam", "sneeze"):
        for name, split in (("learned", "train"), ("listed", "dev"), ("free", "dev")):
            file = f"{label} {name}.flac"
            soundfile.write(tmp_path / file, 0.1 * rng.standard_normal(16_000), 16_000)
            line = {"file": file, "seconds": 1.0, "label": label, "caption": label, "split": split}
            lines.append(json.dumps(line))
    (tmp_path / "manifest.jsonl").write_text("\n".join(lines))
    heard, load = [], presence_scenes.load

    def loaded(file, rate):
        heard.append(file.stem.split()[-1])
        return load(file, rate)

    monkeypatch.setattr(presence_scenes, "load", loaded)
    rows = [{"id": "s000", "target": f"set/{json.loads(line)['file']}"} for line in lines[1::3]]
    listed = listed_files(SimpleNamespace(rows=lambda name: rows), ["sound_2mix"])
    there, absent = sound_scenes(tmp_path, 2, listed)
    assert set(heard) == {"free"} and len(heard) == 8
    assert there.target.any() and not absent.target.any() and there.cue.name.startswith("text:")
    heard.clear()
    list(sound_scenes(tmp_path, 6))
    assert set(heard) == {"free", "listed"}
