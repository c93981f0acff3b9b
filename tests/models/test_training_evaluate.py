"""Figures of an evaluation: right where the truth is known, with honest intervals."""

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tap_live.models.compact import CompactExtractor, Dims
from tap_live.models.speaker import SpeakerEncoder
from tap_live.models.training import checkpoint
from tap_live.models.training.commands import app
from tap_live.models.training.evaluate import Case, VoiceMeter, measure_list, open_render
from tap_live.models.training.evaluate_report import by_name, summarise
from tap_live.models.training.intervals import bootstrap, mean_of_means, ratio

RENDER = """
from types import SimpleNamespace
import numpy as np

def rows(name):
    return [{"id": f"{name}{i}", "speaker": "a"} for i in range(3)]

def voice_case(row):
    rng = np.random.default_rng(int(row["id"][-1]))
    parts = rng.standard_normal((3, 16000)).astype(np.float32) * 0.1
    target = parts[0] * ("absent" not in row["id"])
    return SimpleNamespace(mixture=parts[0] + parts[1], target=target, enrolment=parts[2])
"""


def passing(gain: float) -> CompactExtractor:
    """A network whose mask is `gain` everywhere: it passes the mixture at that gain."""
    net = CompactExtractor(Dims(band_width=4, full_width=8, blocks=1, condition_width=4)).eval()
    for parameter in net.mask.parameters():
        torch.nn.init.zeros_(parameter)
    for layer in net.mask.layers:
        torch.nn.init.constant_(layer.bias[..., ::2], gain)
    return net


def meter(gain: float) -> VoiceMeter:
    return VoiceMeter(passing(gain), SpeakerEncoder().eval())


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    (tmp_path / "render.py").write_text(RENDER)
    return tmp_path


def test_passing_the_mixture_gains_nothing(lists: Path) -> None:
    for case in measure_list(meter(1.0), open_render(lists), "two"):
        assert case.gain == pytest.approx(0.0, abs=1e-3)
        assert case.sdr_gain == pytest.approx(0.0, abs=1e-3)
        assert case.leak is None


def test_an_output_that_is_20_db_down_leaks_20_db_less(lists: Path) -> None:
    for case in measure_list(meter(0.1), open_render(lists), "absent"):
        assert case.leak == pytest.approx(-20.0, abs=0.01)
        assert case.gain is None


def test_output_and_mixture_are_aligned() -> None:
    mixture = np.random.default_rng(0).standard_normal(12_345).astype(np.float32)
    output = meter(1.0).extract(mixture, mixture)
    np.testing.assert_allclose(output.numpy(), mixture, atol=1e-5)


def test_an_interval_holds_the_mean_and_shrinks_with_more_cases() -> None:
    rng = np.random.default_rng(0)
    few, many = (bootstrap(list(rng.normal(5.0, 2.0, count))) for count in (25, 400))
    assert few.low < few.value < few.high
    # The mean of n cases of deviation 2 varies by 2 / sqrt(n); 95 % lie within 1.96 of those.
    assert many.high - many.low == pytest.approx(2 * 1.96 * 2.0 / 20, rel=0.15)
    assert few.high - few.low == pytest.approx(2 * 1.96 * 2.0 / 5, rel=0.4)


def test_nothing_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least one case, found none"):
        bootstrap([])


def test_a_summary_counts_what_was_made_worse() -> None:
    cases = [Case("1", "a", gain=4.0, sdr_gain=5.0), Case("2", "a", gain=-2.0, sdr_gain=0.0)]
    (line,) = summarise("two", cases)
    assert line.startswith("| two | 2 | 1.00 [")
    assert "| 50.00 [" in line
    (line,) = summarise("absent", [Case("1", "a", leak=-15.0)])
    assert line.endswith("| -15.00 [-15.00, -15.00] | |")


def test_every_speaker_counts_alike_in_the_mean_of_means() -> None:
    cases = [Case("1", "a", gain=2.0), Case("2", "a", gain=4.0), Case("3", "b", gain=9.0)]
    lines = by_name({"two": cases, "absent": [Case("4", "a", leak=-9.0)]})
    assert lines == [
        "",
        "| of two | cases | SI-SDRi, dB |",
        "|---|---|---|",
        "| a | 2 | 3.00 [2.00, 4.00] |",
        "| b | 1 | 9.00 [9.00, 9.00] |",
        "| mean of these | 2 | 6.00 [5.50, 6.50] |",
    ]


def test_ways_of_asking_stand_beside_each_other() -> None:
    words, clip = [Case("1", "dog", gain=2.0)], [Case("1", "dog", gain=1.0)]
    lines = by_name({"two: words": words, "two: clip": clip})
    assert lines[1] == "| of two | cases | words | clip |"
    assert lines[3] == "| dog | 1 | 2.00 [2.00, 2.00] | 1.00 [1.00, 1.00] |"


def test_a_mean_of_means_is_as_sure_as_its_groups_together() -> None:
    rng = np.random.default_rng(0)
    groups = [list(rng.normal(5.0, 2.0, 100)) for _ in range(16)]
    # Each group's mean varies by 2 / sqrt(100), their mean by a quarter of that.
    found = mean_of_means(groups)
    assert found.low < 5.0 < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.2 / 4, rel=0.1)
    with pytest.raises(ValueError, match="at least one group"):
        mean_of_means([])


def test_speech_is_rated_where_asked_for(lists: Path) -> None:
    rating = VoiceMeter(passing(0.5), SpeakerEncoder().eval(), mos=lambda a: float(np.std(a)))
    (case, *_) = measure_list(rating, open_render(lists), "two")
    assert case.mos is not None and case.mixture_mos is not None
    assert case.mos == pytest.approx(0.5 * case.mixture_mos, rel=1e-3)
    assert f"({case.mixture_mos:.2f})" in summarise("two", [case])[0]


def test_lists_without_their_program_are_told_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"wanted the lists' render\.py"):
        open_render(tmp_path)


def test_the_command_writes_table_cases_and_plots(lists: Path, corpus_folder: Path) -> None:
    net = passing(1.0)
    checkpoint.write_half(net, lists / "net.safetensors", {})
    out = lists / "out"
    arguments = ["evaluate", str(lists / "net.safetensors"), str(lists), "--names", "two,absent"]
    arguments += ["--speaker", str(corpus_folder / "speaker.safetensors"), "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "| two | 3 |" in result.output and "| absent | 3 |" in result.output
    assert {file.name for file in out.iterdir()} == {
        "evaluation.md",
        "cases.jsonl",
        "two.svg",
        "absent.svg",
    }


def test_cases_of_the_developers_lists_are_rendered(shared: Path) -> None:
    render = open_render(shared / "data" / "eval")
    case = render.voice_case(render.rows("voice_absent")[0])
    assert not case.target.any()
    assert meter(0.1).measure("a", "b", case).leak == pytest.approx(-20.0, abs=0.1)


def test_a_ratio_is_of_all_parts_beside_all_wholes() -> None:
    assert str(ratio([1, 1], [1, 3])).startswith("50.0 [")
    with pytest.raises(ValueError, match="wanted something to hold against, found none in 2 cases"):
        ratio([0, 0], [0, 0])
