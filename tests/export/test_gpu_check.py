"""The check for GPUs, on a machine that may have none: what it says, and that it can run."""

import json
import lzma
from functools import partial

import pytest
import torch
from typer.testing import CliRunner

from tap_live.catalogue import BUNDLES
from tap_live.engine_cache import Machine
from tap_live.errors import BundleError, ParityError, RuntimeMissingError
from tap_live.export import gpu_check, gpu_memory, gpu_models, gpu_search
from tap_live.export.gpu_check import Check, Row, checks, in_torch, main, table
from tap_live.export.gpu_memory import taken_mb
from tap_live.export.gpu_models import Models
from tap_live.export.gpu_search import one_pass
from tap_live.export.gpu_targets import caption_target, context_target
from tap_live.export.whisper import write_bundle
from tap_live.models.clap import HtsatDims
from tap_live.models.clapsep import Dims
from tap_live.models.whisper import Dims as WhisperDims
from tap_live.whisper.model import Whisper

CPU = torch.device("cpu")
SMALL = WhisperDims(80, 1500, 64, 1, 2, 51865, 448, 64, 1, 2)


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
        *(f"memory of the card, {name} on cuda" for name in gpu_memory.USES),
    ):
        assert any(part in name for name in names), part
    assert table([GOOD.row()], "none").row_count == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_network_is_compared_with_itself_elsewhere(dtype):
    make = gpu_check.NETWORKS["compact"]
    found, right = in_torch(make, CPU, dtype)
    assert right and float(found) <= (1e-6 if dtype == torch.float32 else 1e-1)


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Random weights of a small Whisper, whose graphs are made for them."""
    made = Models(tmp_path, SMALL)
    from_bundle = gpu_models.assembled

    def assembled(weights, **how):
        tokenizer = tmp_path / "tokenizer.json"
        packed = BUNDLES / "whisper-base" / "tokenizer.json.xz"
        tokenizer.write_bytes(lzma.decompress(packed.read_bytes()))
        write_bundle("small", SMALL, [(0, 0)], tokenizer, weights, made_by="a test")
        return from_bundle(weights, **how)

    monkeypatch.setattr(gpu_models, "assembled", assembled)
    monkeypatch.setattr(gpu_search, "FRAMES", 100)
    return made


def on_a_made_up_card(models):
    """Devices of which `cuda` is the CPU's memory and others are missing."""

    def open_on(device):
        if device != "cuda":
            raise RuntimeMissingError(f"wanted {device}")
        whisper = Whisper(models.whisper)
        whisper.resident = whisper.kept_on("cpu")
        return whisper

    return open_on


def test_captions_of_many_speakers_are_timed_as_the_product_searches(models):
    open_on = on_a_made_up_card(models)
    found, right = caption_target(open_on, gpu_check.PROVIDERS, rows=2, runs=1)
    took, unit, device = found.split()
    assert (unit, device) == ("ms", "(cuda)")
    assert right == (float(took) <= 1000)
    (one, other) = one_pass(open_on("cuda"), 2)()
    assert len(one.tokens) == len(other.tokens) == gpu_search.TOKENS
    with pytest.raises(RuntimeMissingError, match="wanted tensorrt"):
        caption_target(open_on, ["tensorrt"])
    with pytest.raises(RuntimeMissingError, match="wanted cuda, but"):
        caption_target(models.captioner, ["cuda"])


def test_memory_is_what_is_free_less_while_a_model_is_there():
    class Card:
        used = 700.0  # somebody else's

    class Model:
        def __init__(self):
            Card.used += 80.0

        def __del__(self):
            Card.used -= 80.0

    def use():
        Card.used = max(Card.used, 900.0)  # libraries, which stay
        return Model()

    assert taken_mb(use, lambda: Card.used) == 80.0
    assert Card.used == 900.0


def test_models_are_opened_and_run_where_memory_is_measured(models, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (900e6, 1000e6))
    assert [engine.device for engine in gpu_memory.USES["compact"](models, "cpu")] == ["cpu"]
    monkeypatch.setattr(Models, "captioner", lambda self, device: on_a_made_up_card(self)(device))
    held = gpu_memory.USES["Whisper base fp32, 1 row"](models, "cuda")
    assert isinstance(held, Whisper) and held.resident
    assert gpu_memory.used_mb() == pytest.approx(100)


@pytest.fixture
def small(tmp_path):
    separator = Dims(
        htsat=HtsatDims(channels=8, depths=(2, 1, 1), heads=(1, 2, 4), side=128),
        cue=16, mask_width=16, mask_layers=1, mask_heads=2, seconds=2.5,
    )  # fmt: skip
    return Models(tmp_path, SMALL, separator)


@pytest.mark.slow
def test_a_context_is_timed_every_way_that_is_here(small):
    found, _ = context_target(CPU, small, runs=1)
    assert "times eager fp32" in found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["CLAPSep fp16", "gentse fp32"])
def test_every_model_is_opened_and_run_for_its_memory(small, name):
    """On the CPU: on a card its strictness and its memory are what differs."""
    assert {engine.device for engine in gpu_memory.USES[name](small, "cpu")} == {"cpu"}
