"""The check for GPUs, on a machine that may have none: what it says, and that it can run."""

import json
from functools import partial

import pytest
import torch
from typer.testing import CliRunner

from tap_live.engine_cache import Machine
from tap_live.errors import BundleError, ParityError, RuntimeMissingError
from tap_live.export import gpu_check, gpu_targets
from tap_live.export.gpu_check import Check, Row, checks, in_torch, main, table
from tap_live.models.clap import HtsatDims
from tap_live.models.clapsep import Dims
from tap_live.models.whisper import Dims as WhisperDims

CPU = torch.device("cpu")
SMALL = WhisperDims(80, 1500, 64, 2, 2, 1600, 448, 64, 2, 2)


@pytest.fixture
def run(monkeypatch):
    """Run the program on a made-up machine, with made-up checks."""

    def run(rows, card=True):
        def this_machine():
            if not card:
                raise BundleError("wanted an NVIDIA card and its driver")
            return Machine("H200", "9.0", "570.86", "10.16.1", "1.31.1")

        monkeypatch.setattr(gpu_check, "this_machine", this_machine)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: card)
        monkeypatch.setattr(gpu_check, "checks", lambda device, folder: rows)
        import typer

        app = typer.Typer()
        app.command()(main)
        return CliRunner().invoke(app, ["--json"])

    return run


def refuse():
    raise RuntimeMissingError("wanted TensorRT, found none")


def disagree(what):
    raise ParityError(what, 3, 0.2, 1e-3)


GOOD = Check("parity", "1e-3", lambda: ("2e-5", True))
BAD = Check("target", "5 ms", lambda: ("7 ms", False))
ABSENT = Check("engine", "1e-3", refuse)
WRONG = Check("graph", "1e-3", partial(disagree, "mask"))


@pytest.mark.parametrize(
    ("every", "code", "states"),
    [
        ([GOOD, ABSENT], 0, ["ok", "not yet run"]),
        ([GOOD, BAD], 1, ["ok", "FAILED"]),
        ([WRONG], 1, ["FAILED"]),
    ],
)
def test_the_exit_code_says_whether_all_that_ran_is_right(run, every, code, states):
    result = run(every)
    found = json.loads(result.stdout)
    assert result.exit_code == code
    assert [row["state"] for row in found["rows"]] == states
    assert found["machine"].startswith("H200, driver 570.86")


def test_without_a_gpu_nothing_runs_and_no_figure_is_given(run):
    def never():
        raise AssertionError("this ran")

    result = run([Check("parity", "1e-3", never)], card=False)
    found = json.loads(result.stdout)
    assert result.exit_code == 2
    assert found["machine"].startswith("no GPU: wanted an NVIDIA card")
    assert found["rows"] == [
        {"what": "parity", "wanted": "1e-3", "found": "", "state": "not yet run"}
    ]


def test_what_is_missing_says_why_it_did_not_run():
    assert ABSENT.row() == Row("engine", "1e-3", "wanted TensorRT, found none", "not yet run")


def test_everything_that_only_a_gpu_can_show_is_on_the_list(tmp_path):
    names = [check.what for check in checks(torch.device("cuda"), tmp_path)]
    assert len(set(names)) == len(names)
    for part in (
        *("bfloat16 on cuda", "on tensorrt", "native TensorRT engine", "64 speakers"),
        *("search of 64 rows with its state kept on cuda", "kept on tensorrt"),
    ):
        assert any(part in name for name in names), part
    assert table([GOOD.row()], "none").row_count == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_network_is_compared_with_itself_elsewhere(dtype):
    make = gpu_check.NETWORKS["compact"]
    found, right = in_torch(make, CPU, dtype)
    assert right and float(found) <= (1e-6 if dtype == torch.float32 else 1e-1)


def test_captions_of_many_speakers_are_timed(monkeypatch):
    monkeypatch.setattr(gpu_targets, "FRAMES", 100)
    found, right = gpu_targets.caption_target(CPU, rows=2, dims=SMALL, runs=1)
    assert right and found.endswith(" ms")


@pytest.mark.slow
def test_a_context_is_timed_every_way_that_is_here(tmp_path):
    dims = Dims(
        htsat=HtsatDims(channels=8, depths=(2, 1, 1), heads=(1, 2, 4), side=128),
        cue=16, mask_width=16, mask_layers=1, mask_heads=2, seconds=2.5,
    )  # fmt: skip
    found, _ = gpu_targets.context_target(CPU, tmp_path, dims, runs=1)
    assert "times eager fp32" in found
