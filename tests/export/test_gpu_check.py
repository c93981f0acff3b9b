"""The check for GPUs, on a machine that may have none: what it says, and that it can run."""

import json
import lzma
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import typer
from torch import nn
from typer.testing import CliRunner

from tap_live import engine_cache, native, providers
from tap_live.bundle import open_bundle
from tap_live.catalogue import BUNDLES
from tap_live.engine_cache import Machine
from tap_live.errors import BundleError, ParityError, RuntimeMissingError
from tap_live.export import gpu_check, gpu_context, gpu_graphs, gpu_memory, gpu_models, gpu_search
from tap_live.export import gpu_torch as in_pytorch_on_a_card
from tap_live.export.gentse_graphs import TorchStream
from tap_live.export.gpu_check import checks, main
from tap_live.export.gpu_context import EAGER, Contexts
from tap_live.export.gpu_models import Made, Models, wanted
from tap_live.export.gpu_networks import GENTSE, Networks
from tap_live.export.gpu_rows import Check, Row
from tap_live.export.gpu_search import captions, one_pass
from tap_live.export.gpu_torch import Subject, in_torch
from tap_live.export.whisper import write_bundle
from tap_live.export.whisper_sessions import in_pytorch
from tap_live.models.clap import HtsatDims
from tap_live.models.clapsep import Dims
from tap_live.models.gentse import GenDims
from tap_live.models.training.gentse import FULL
from tap_live.models.vocoder import VocoderDims
from tap_live.models.vocoder_mel import MelDims
from tap_live.models.whisper import Dims as WhisperDims
from tap_live.providers import NAMES
from tap_live.runtime import Engine
from tap_live.whisper.model import Whisper

from ..tap_live.played_ort import PlayedOrt

CPU = torch.device("cpu")
SMALL = WhisperDims(80, 1500, 64, 1, 2, 51865, 448, 64, 1, 2)
MEL = MelDims(rate=16_000, bands=20)
SMALLER = Networks(
    SMALL,
    GenDims(mel=MEL, width=16, layers=2, heads=2, before=4, after=1, enrolment=25, lora=2),
    VocoderDims(
        mel=MEL, rates=(8, 8, 4), kernels=(16, 16, 8), channels=16, pairs=False,
        block_kernels=(3, 5), dilations=((1, 2), (2, 6)),
    ),
    Dims(
        htsat=HtsatDims(channels=8, depths=(2, 1, 1), heads=(1, 2, 4), side=128),
        cue=16, mask_width=16, mask_layers=1, mask_heads=2, seconds=2.5,
    ),
)  # fmt: skip


@pytest.fixture
def run(monkeypatch):
    """Run the program on a made-up machine, with made-up checks."""

    def run(rows, *words, card=True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: card)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "H200")
        monkeypatch.setattr(gpu_check, "_driver", lambda: "570.86")
        monkeypatch.setattr(gpu_check, "checks", lambda device, folder: rows)
        app = typer.Typer()
        app.command()(main)
        return CliRunner().invoke(app, [*map(str, words)])

    return run


def lines(result):
    """What was printed: the machine, and the rows."""
    first, *rows = map(json.loads, result.stdout.splitlines())
    return first["machine"], rows


def raising(error):
    def run():
        raise error

    return run


GOOD = Check("parity", "1e-3", lambda: ("2e-5", True))
BAD = Check("target", "5 ms", lambda: ("7 ms", False))
ABSENT = Check("engine", "1e-3", raising(RuntimeMissingError("wanted TensorRT, found none")))
WRONG = Check("graph", "1e-3", raising(ParityError("mask", 3, 0.2, 1e-3)))


@pytest.mark.parametrize(
    ("every", "code", "states"),
    [
        ([GOOD, ABSENT], 0, ["ok", "not yet run"]),
        ([GOOD, BAD], 1, ["ok", "FAILED"]),
        ([WRONG], 1, ["FAILED"]),
    ],
)
def test_the_exit_code_says_whether_all_that_ran_is_right(run, every, code, states):
    result = run(every, "--json")
    machine, rows = lines(result)
    assert result.exit_code == code
    assert [row["state"] for row in rows] == states
    assert machine.startswith("H200, driver 570.86, torch ")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "failed: OutOfMemoryError: CUDA out of mem"),
        (RuntimeError("no kernel image\nfor this card"), "failed: RuntimeError: no kernel image"),
        (ParityError("mask", 3, 0.2, 1e-3), "failed: output 'mask' differs by 2.00e-01"),
        (AssertionError(), "failed: AssertionError"),
    ],
)
def test_what_goes_wrong_is_what_its_line_says_and_the_others_come(run, error, text):
    result = run([GOOD, Check("middle", "1e-3", raising(error)), GOOD], "--json")
    _, (before, middle, after) = lines(result)
    assert before == after and before["state"] == "ok"
    assert middle["state"] == "FAILED" and middle["found"].startswith(text)
    assert "\n" not in middle["found"]
    assert result.exit_code == 1


def test_lines_are_written_as_they_come(run, tmp_path):
    out, seen = tmp_path / "table.md", []

    def look():
        seen.append(out.read_text())
        return "a | b", True

    result = run([GOOD, Check("later", "all", look)], "--out", out)
    assert seen[0].splitlines()[-1] == "| parity | 1e-3 | 2e-5 | ok |"
    assert out.read_text().splitlines()[-1] == "| later | all | a / b | ok |"
    assert result.stdout.splitlines()[1:] == [
        "ok           parity: 2e-5 (wanted: 1e-3)",
        "ok           later: a | b (wanted: all)",
    ]


def test_without_a_gpu_nothing_runs_and_no_figure_is_given(run):
    result = run(
        [Check("parity", "1e-3", raising(AssertionError("this ran")))], "--json", card=False
    )
    machine, rows = lines(result)
    assert result.exit_code == 2
    assert machine.startswith("no GPU: PyTorch ")
    expected = {"what": "parity", "wanted": "1e-3", "found": "no card", "state": "not yet run"}
    assert rows == [expected]


def test_what_is_missing_says_why_it_did_not_run():
    assert ABSENT.row() == Row("engine", "1e-3", "wanted TensorRT, found none", "not yet run")


def test_everything_that_only_a_gpu_can_show_is_on_the_list(tmp_path):
    names = [check.what for check in checks(torch.device("cuda"), tmp_path)]
    assert len(set(names)) == len(names)
    for part in (
        *(f"{name}, PyTorch bfloat16 on cuda" for name in Networks().each()),
        *("CLAPSep fp16, ONNX Runtime on cuda against", "gentse fp32, ONNX Runtime on tensorrt"),
        *("native TensorRT engine", "one search of 64 rows", "not a stream of 64 speakers"),
        *("search of 64 rows with its state kept on cuda", "kept on tensorrt"),
        *(f"memory of the card, {name} on cuda" for name in gpu_memory.USES),
    ):
        assert any(part in name for name in names), part


def test_pytorch_is_checked_where_nothing_else_is_installed():
    """What a machine with a card may lack, though TAP Live itself needs it."""
    missing = ("msgspec", "platformdirs", "soundfile", "soxr", "sounddevice", "websockets")
    script = f"""
import sys
sys.modules.update(dict.fromkeys({missing}))
import torch
from pathlib import Path
from tap_live.export.gpu_check import checks
rows = [*checks(torch.device("cpu"), Path("."), runs=1)]
print(len(rows), rows[0].row().state, rows[-1].row().found)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=600
    )
    count, state, *said = done.stdout.split()
    assert int(count) > 30 and state == "ok"
    assert "msgspec" in said


class Drifting(nn.Module):
    """Says something else the second time; NaN the third."""

    said = 0

    def forward(self, x):
        self.said += 1
        return x if self.said == 1 else x + 1 if self.said == 2 else x * torch.nan


def never(*_):
    raise AssertionError("this was timed")


def test_a_fast_wrong_answer_is_not_timed(monkeypatch):
    monkeypatch.setattr(in_pytorch_on_a_card, "timed", never)
    subject = Subject(lambda: (Drifting(), [torch.ones(3)]))
    assert in_torch(subject, CPU, torch.float32) == ("1.0e+00: not timed", False)


def test_a_way_that_is_wrong_or_no_number_has_no_time(monkeypatch):
    contexts = Contexts(CPU, SMALLER, runs=1)
    vars(contexts)["expected"] = torch.ones(3)
    with monkeypatch.context() as patch:
        patch.setattr(gpu_context, "timed", never)
        for wrong in (torch.zeros(3), torch.full((3,), torch.nan)):
            told, right = contexts.way("quick", lambda wrong=wrong: wrong, 1e-3)
            assert not right and told.endswith("not timed")
    assert contexts.times == {}
    assert contexts.target().row().state == "not yet run"
    assert contexts.way(EAGER, lambda: torch.ones(3), 1e-3)[1]
    assert contexts.way("quick", lambda: torch.ones(3), 1e-3)[1]
    contexts.times.update({EAGER: 0.080, "quick": 0.004})
    assert contexts.fastest() == ("4.00 ms (quick), 20.0 times eager fp32", True)
    contexts.times["quick"] = 0.006
    assert not contexts.fastest()[1]


def test_the_networks_are_those_that_the_commands_make():
    assert GENTSE == FULL


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["compact", "gentse, flow", "Whisper, decoder"])
def test_a_network_is_compared_with_itself_elsewhere(name, dtype):
    subject = Subject(SMALLER.each()[name])
    found, right = in_torch(subject, CPU, dtype, runs=1)
    assert right and found.endswith(" ms")
    assert float(found.split(";")[0]) <= (1e-6 if dtype == torch.float32 else 1e-1)
    assert all(one.abs().max() > 1e-3 for one in subject.known[2])  # nothing is compared with zeros


class Answers:
    """A network that says what an engine does, and a little more."""

    def __init__(self, engine, more):
        self.engine, self.more = engine, more

    def initial_state(self):
        return {}

    def step(self, inputs, state):
        outputs, state = self.engine.step(inputs, state)
        return {name: value + self.more for name, value in outputs.items()}, state


@pytest.mark.parametrize(
    ("more", "right", "told"),
    [(0.0, True, "ms a step"), (0.1, False, "not timed"), (np.nan, False, "nan, not timed")],
)
def test_a_graph_is_held_against_its_network_before_its_time_is_told(
    monkeypatch, more, right, told
):
    bundle = open_bundle(BUNDLES / "audio-cue")
    networks = {name: Answers(Engine(bundle, name), more) for name in bundle.manifest.graphs}
    stream = [{"mel": np.random.default_rng(0).random((1, 150, 64), np.float32)}]
    made = Made(bundle, networks, dict.fromkeys(networks, stream), 1e-3)
    found, good = gpu_graphs.through(lambda: made, "cpu")
    assert good == right and told in found


def test_nothing_is_made_for_a_device_that_is_not_there():
    with pytest.raises(RuntimeMissingError, match="this ONNX Runtime has no tensorrt"):
        gpu_graphs.through(never, "tensorrt")
    wanted("cpu")


class NoRoom(PlayedOrt):
    """A provider whose builds fail."""

    def InferenceSession(self, file, options, providers):
        if NAMES["tensorrt"] == providers[0][0]:
            raise RuntimeError("TensorRT EP failed to create engine: out of memory")
        return super().InferenceSession(file, options, providers)


@pytest.fixture
def made(tmp_path):
    """A small bundle that ships, where engines can be put, against itself."""
    folder = tmp_path / "voice-compact"
    shutil.copytree(BUNDLES / "voice-compact", folder)
    bundle, draw = open_bundle(folder), np.random.default_rng(0)
    hop = {one.name: draw.random(one.shape, np.float32) for one in bundle.graph("step").inputs}
    return Made(bundle, {"step": Engine(bundle, "step")}, {"step": [hop] * 3}, 1e-3)


@pytest.fixture
def card(monkeypatch, tmp_path, built_here):
    """Put a card into this machine, with the ONNX Runtime that is given."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    machine = Machine("H200", "9.0", "570.86", "10.9.0", "1.31.1")
    monkeypatch.setattr(engine_cache, "this_machine", lambda: machine)
    monkeypatch.setattr(native, "this_machine", lambda: machine)
    monkeypatch.setattr(providers, "mismatch", lambda: None)
    return lambda ort: monkeypatch.setitem(sys.modules, "onnxruntime", ort)


def test_an_engine_that_cannot_be_built_has_failed(made, card):
    def row():
        return Check("engine", "1e-3", lambda: gpu_graphs.through(lambda: made, "tensorrt")).row()

    card(NoRoom())
    failed = row()
    assert failed.state == "FAILED"
    assert failed.found.startswith("failed: wanted tensorrt, but cannot load")
    assert "out of memory" in failed.found
    card(PlayedOrt())
    assert row().state == "ok"  # with its state in memory that only a card reads


def test_without_the_drivers_tool_no_engine_is_asked_for(card, monkeypatch):
    card(PlayedOrt())
    missing = raising(BundleError("wanted an NVIDIA card and its driver"))
    monkeypatch.setattr(engine_cache, "this_machine", missing)
    assert Check("engine", "1e-3", lambda: gpu_graphs.through(never, "tensorrt")).row() == Row(
        "engine", "1e-3", "wanted an NVIDIA card and its driver", "not yet run"
    )


@pytest.mark.parametrize("built", ["broken", "none"])
def test_a_native_engine_that_did_not_run_is_not_right(made, card, monkeypatch, built):
    card(PlayedOrt())

    def build(graphs, folder, ranges, tell):
        for name in graphs if built == "broken" else ():
            native.engine_folder(folder, name).mkdir(parents=True)

    monkeypatch.setattr(gpu_graphs, "build_engines", build)
    models = SimpleNamespace(compact=made)
    row = Check("native", "1e-3", lambda: gpu_graphs.native(models)).row()
    assert row.state == "FAILED", row
    assert {"broken": "wanted key.json beside", "none": "wanted a native engine"}[
        built
    ] in row.found


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Random weights of a small Whisper, whose graphs are made for them."""
    made = Models(tmp_path, SMALLER)
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
    """A Whisper that keeps its state, in the CPU's memory."""
    whisper = Whisper(models.whisper)
    whisper.resident = whisper.kept_on("cpu")
    return whisper


def test_captions_are_pytorchs_before_a_search_of_many_is_timed(models, monkeypatch):
    there = on_a_made_up_card(models)
    here = in_pytorch(models.networks.listener, models.whisper)
    found, right = captions(here, there, rows=3, runs=1)
    said, took, unit = found.rsplit(" ", 2)
    assert (said, unit) == ("the same tokens;", "ms")
    assert right == (float(took) <= 1000)
    assert [len(one.tokens) for one in one_pass(there, 2)()] == [gpu_search.TOKENS] * 2
    monkeypatch.setattr(gpu_search, "timed", never)
    hear = here.encode
    for wrong in (
        lambda mel, prompt: hear(mel[::-1].copy(), prompt),  # each other's audio
        lambda mel, prompt: hear(mel, prompt.rows([1, 0])),  # and speakers
        lambda mel, prompt: hear(mel),
    ):
        monkeypatch.setattr(here, "encode", wrong)
        assert captions(here, there, rows=2) == ("other tokens: not timed", False)
    with pytest.raises(RuntimeMissingError, match="no cuda"):
        models.captioner("cuda", 1)


def test_models_are_opened_and_run_where_memory_is_measured(models, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (900e6, 1000e6))
    monkeypatch.setattr(Models, "captioner", lambda self, device, rows: on_a_made_up_card(self))
    use = gpu_memory.USES["Whisper base fp32, 1 row"]
    assert use(models, "cuda").resident
    assert gpu_memory.memory_of(use, models, "cpu") == ("0 MB", True)
    with pytest.raises(RuntimeMissingError, match="no cuda"):
        gpu_memory.memory_of(never, models, "cuda")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["compact", "clapsep", "gentse"])
def test_every_model_goes_through_a_provider_as_through_pytorch(tmp_path, name):
    """On the CPU: on a card its kernels and its memory are what differs."""
    models = Models(tmp_path, SMALLER)
    found, right = gpu_graphs.through(lambda: getattr(models, name), "cpu")
    assert right, found
    use = {"compact": "compact", "clapsep": "CLAPSep fp16", "gentse": "gentse fp32"}[name]
    assert {engine.device for engine in gpu_memory.USES[use](models, "cpu")} == {"cpu"}


def test_a_context_is_compared_and_timed_every_way_that_is_here(monkeypatch):
    contexts = Contexts(CPU, SMALLER, runs=1)
    for check in contexts.checks():
        assert check.row().state == "ok", check
    only = contexts.target().row()
    assert only.state == "not yet run" and "a way of the product" in only.found

    def graph(bundle, name, device):
        return TorchStream(contexts.networks.traceables[name])

    monkeypatch.setattr(gpu_graphs, "opened", graph)
    exported = SimpleNamespace(clapsep=SimpleNamespace(bundle=None))
    found, right = gpu_graphs.context(exported, contexts, "cpu")
    assert right, found
    assert set(contexts.times) > {EAGER, "ONNX Runtime, cpu"}
    assert "(ONNX Runtime, cpu), " in contexts.fastest()[0]
