"""Figures of a sound extractor, asked in every way, right where the truth is known."""

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from tap_live.models.compact import CompactExtractor, Dims
from tap_live.models.cues import WIDTH, AudioCueEncoder, AudioDims, TextCueTable
from tap_live.models.training import checkpoint
from tap_live.models.training.commands import app
from tap_live.models.training.cue_files import CueEncoders, save_audio, save_likes, save_table
from tap_live.models.training.evaluate import open_render
from tap_live.models.training.sound_evaluate import SoundMeter, measure_sounds, name_of_way
from tap_live.models.training.sounds import BANDS_32K
from tap_live.models.training.text_cue import Vocabulary

RENDER = """
from types import SimpleNamespace
import numpy as np

def rows(name):
    return [{"id": f"{name}{i}"} for i in range(2)]

def sound_case(row):
    rng = np.random.default_rng(int(row["id"][-1]))
    parts = rng.standard_normal((4, 32000)).astype(np.float32) * 0.1
    target = parts[0] * ("absent" not in row["id"])
    return SimpleNamespace(id=row["id"], label="dog", mixture=parts[0] + parts[1], target=target,
                           cue="a dog", negative="a cat", cue_clip=parts[2], negative_clip=parts[3])
"""


def passing(gain: float) -> CompactExtractor:
    """A network whose mask is `gain` everywhere."""
    dims = Dims(kind="sound", cue=2 * WIDTH, bands=BANDS_32K, band_width=4, full_width=8, blocks=1)
    net = CompactExtractor(dims).eval()
    for parameter in net.mask.parameters():
        torch.nn.init.zeros_(parameter)
    for layer in net.mask.layers:
        torch.nn.init.constant_(layer.bias[..., ::2], gain)
    return net


@pytest.fixture
def encoders() -> CueEncoders:
    torch.manual_seed(0)
    table = TextCueTable(3)
    torch.nn.init.normal_(table.vectors)
    audio = AudioCueEncoder(AudioDims(channels=(4, 8), hidden=16))
    return CueEncoders(audio.eval(), table, Vocabulary(("a", "dog", "cat"), ()))


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    (tmp_path / "render.py").write_text(RENDER)
    return tmp_path


def test_every_way_of_asking_is_measured(lists: Path, encoders: CueEncoders) -> None:
    cases = measure_sounds(SoundMeter(passing(1.0), encoders), open_render(lists), "two")
    assert list(cases) == [
        "two: words, positive",
        "two: words, negative",
        "two: words, positive and negative",
        "two: clip, positive",
        "two: clip, negative",
        "two: clip, positive and negative",
    ]
    for its in cases.values():
        assert len(its) == 2
        assert all(case.gain == pytest.approx(0.0, abs=1e-3) for case in its)


def test_an_absent_sound_is_not_asked_for_by_what_is_there(
    lists: Path, encoders: CueEncoders
) -> None:
    cases = measure_sounds(SoundMeter(passing(0.1), encoders), open_render(lists), "absent")
    assert "absent: words, negative" not in cases and len(cases) == 4
    for its in cases.values():
        assert all(case.leak == pytest.approx(-20.0, abs=0.01) for case in its)


def test_a_side_that_is_not_given_is_zeros(lists: Path, encoders: CueEncoders) -> None:
    render = open_render(lists)
    cues = SoundMeter(passing(1.0), encoders).cues_of(render.sound_case(render.rows("two")[0]))
    assert cues.shape == (6, 2 * WIDTH)
    assert not cues[0, WIDTH:].any() and not cues[1, :WIDTH].any() and cues[2].any()
    assert not cues[4, :WIDTH].any()
    torch.testing.assert_close(cues[0, :WIDTH], cues[2, :WIDTH])
    torch.testing.assert_close(cues[0, :WIDTH], encoders.of_text("a dog"))
    assert name_of_way("clip", True, False) == "clip, positive"


def test_the_command_measures_sounds(lists: Path, encoders: CueEncoders) -> None:
    checkpoint.write_half(passing(1.0), lists / "net.safetensors", {})
    save_table(lists / "cues", encoders.table, encoders.vocabulary)
    save_likes(lists / "cues", encoders.likes)
    save_audio(lists / "cues", encoders.audio, {"kinds": 1, "figures": {}})
    out = lists / "out"
    arguments = ["evaluate", str(lists / "net.safetensors"), str(lists), "--names", "two,absent"]
    arguments += ["--cues", str(lists / "cues"), "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "| two: words, positive | 2 |" in result.output
    assert "| absent: clip, positive | 2 |" in result.output
    assert (out / "two-words-positive-and-negative.svg").exists()


def test_an_evaluation_needs_cues_or_voices(lists: Path) -> None:
    checkpoint.write_half(passing(1.0), lists / "net.safetensors", {})
    result = CliRunner().invoke(app, ["evaluate", str(lists / "net.safetensors"), str(lists)])
    assert result.exit_code == 2 and "--speaker" in result.output


def test_cases_of_the_developers_lists_are_rendered(shared: Path, encoders: CueEncoders) -> None:
    render = open_render(shared / "data" / "eval")
    case = render.sound_case(render.rows("sound_absent")[0])
    case.cue = case.negative = "a dog"
    leaks = SoundMeter(passing(0.1), encoders).measure(case)
    assert leaks["words, positive"].leak == pytest.approx(-20.0, abs=0.1)
