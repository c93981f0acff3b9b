"""Engines built in a process that is really started; its ONNX Runtime is played."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from filelock import FileLock
from onnx import TensorProto, helper

from tap_live import engine_cache, engine_child, providers
from tap_live.engine_cache import SEAL, Machine
from tap_live.engine_child import build_apart
from tap_live.engine_job import Job
from tap_live.errors import BundleError, CancelledError
from tap_live.loading import NAMES, Loading
from tap_live.profiles import Shapes
from tap_live.providers import place
from tap_live.waiting import ALONE, Waiting

from .played_ort import PlayedOrt

HERE = Path(__file__).parent
PATIENCE_S = 60  # of a machine that is busy
posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


@pytest.fixture
def graph(tmp_path):
    tensor = helper.make_tensor_value_info
    made = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "double",
        [tensor("x", TensorProto.FLOAT, [1, "frames"])],
        [tensor("y", TensorProto.FLOAT, [1, "frames"])],
    )
    (tmp_path / "bundle").mkdir()
    path = tmp_path / "bundle" / "double.onnx"
    onnx.save(
        helper.make_model(made, ir_version=10, opset_imports=[helper.make_opsetid("", 18)]), path
    )
    return path


@pytest.fixture
def started(monkeypatch, tmp_path, graph):
    """Return what opens the graph on a machine with a card, and says what was told."""
    machine = Machine("H200", "9.0", "570.86", "10.9.0", "1.31.1")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setattr(providers, "mismatch", lambda: None)
    monkeypatch.setattr(engine_cache, "this_machine", lambda: machine)
    monkeypatch.setitem(sys.modules, "onnxruntime", PlayedOrt())

    def start(how="builds", device="tensorrt", waiting=None, **more):
        command = (sys.executable, str(HERE / "played_child.py"), how, str(tmp_path))
        monkeypatch.setattr(engine_child, "COMMAND", command)
        told = []
        waiting = waiting or Waiting(told.append)
        ranges = {"frames": (2, 10, 500)}
        return place(graph, device, ranges=ranges, tell=told.append, waiting=waiting, **more), told

    return start


def builds(folder):
    return (folder / "builds").read_text().splitlines()


def sealed(folder):
    return [*(folder / "cache").rglob(SEAL)]


def wait_for(path):
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} did not come"
        time.sleep(0.02)


def gone(folder, seconds=PATIENCE_S):
    """Whether the process that hung has ended: what it held is free."""
    with FileLock(folder / "alive", timeout=seconds):
        return True


def test_an_engine_is_built_there_and_loaded_here_and_by_the_next_start(started, tmp_path):
    placed, told = started()
    assert placed.device == "tensorrt"
    assert len(told) == 2 and "building TensorRT's engine of" in told[0]
    assert told[1].startswith("TensorRT's engine of double.onnx was built in ")
    (y,) = placed.session.run(None, {"x": np.ones((1, 499), np.float32)})
    np.testing.assert_array_equal(y, np.full((1, 499), 2))
    played = sys.modules["onnxruntime"]
    assert played.builds == []  # nothing is built in this process
    assert [name for name, _ in played.asked] == ["double.onnx", "double_ctx.onnx"]
    assert len(sealed(tmp_path)) == 1
    placed, told = started()
    assert (placed.device, told) == ("tensorrt", [])
    assert builds(tmp_path) == ["double opening"]


def test_how_long_it_takes_is_told_at_times(started, monkeypatch):
    monkeypatch.setattr("tap_live.waiting.POLL_S", 0.05)
    monkeypatch.setattr("tap_live.waiting.FIRST_S", 0.2)
    _, told = started("takes a while")
    assert set(told[1:-1]) <= {
        f"building TensorRT's engine of double.onnx: {s} s so far" for s in range(60)
    }
    assert 2 <= len(told[1:-1]) <= 8  # twice as long between them every time


@posix
def test_ctrl_c_ends_it_and_nothing_is_taken_for_whole(started, tmp_path):
    def interrupt():
        wait_for(tmp_path / "hung")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # else it may be ignored
    try:
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            started("hangs")
    finally:
        signal.signal(signal.SIGINT, before)
        thread.join()
    assert gone(tmp_path, 0) and not sealed(tmp_path)
    assert (next((tmp_path / "cache").rglob("*.engine"))).exists()  # half of it
    placed, told = started()
    assert placed.device == "tensorrt" and "building" in told[0]
    assert builds(tmp_path) == ["double opening"] * 2


def test_whoever_waits_on_another_thread_can_give_up(started, tmp_path):
    waiting, told = Waiting(lambda text: told.append(text)), []

    def give_up():
        wait_for(tmp_path / "hung")
        waiting.cancelled.set()

    thread = threading.Thread(target=give_up)
    thread.start()
    with pytest.raises(
        CancelledError, match=r"building TensorRT's engine of double\.onnx: that was"
    ):
        started("hangs", "auto", waiting)
    thread.join()
    assert gone(tmp_path, 0) and not sealed(tmp_path)
    assert len(told) == 1


@posix
@pytest.mark.parametrize(
    ("how", "why"),
    [
        (
            "crashes",
            r"double\.onnx was ended by SIGSEGV; it said last: \[E\] ran into; \[E\] nothing",
        ),
        ("is killed", r"double\.onnx was ended by SIGKILL, as when memory is short: free some"),
        (
            "fails",
            r"but cannot load \S+double\.onnx on tensorrt: no kernel for this card: `tap-live",
        ),
    ],
)
def test_a_crash_is_told_and_cuda_is_taken_or_with_strict_it_is_an_error(
    started, tmp_path, how, why
):
    placed, told = started(how, "auto")
    assert placed.device == "cuda" and not sealed(tmp_path)
    (missed,) = [text for text in told if "the next slower is taken" in text]
    assert missed.startswith("wanted tensorrt, but ")
    with pytest.raises(BundleError, match=why + r".*--device cuda"):
        started(how, "auto", strict=True)


def test_what_cannot_be_started_is_told(started, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    placed, told = started(device="auto")
    assert placed.device == "cuda"
    assert "no process can be started to build TensorRT's engine of" in told[-1]


@pytest.mark.skipif(
    NAMES["tensorrt"] in onnxruntime.get_available_providers(), reason="for machines without a GPU"
)
@pytest.mark.parametrize("there", [True, False])
def test_the_command_itself_finds_no_tensorrt_here_or_says_what_is_wrong(graph, tmp_path, there):
    file = graph if there else graph.with_name("gone.onnx")
    shapes = {"x": Shapes((1, 2), (1, 10), (1, 500))}
    loading = Loading(file, threads=1, whole=False, optimise=True, planned=True)
    job = Job(loading, {"device_id": 0}, tmp_path, shapes, {})
    if there:
        assert not build_apart(job, ALONE)
    else:
        with pytest.raises(BundleError, match=r"cannot load \S+gone\.onnx on tensorrt: "):
            build_apart(job, ALONE)


def test_what_was_handed_nothing_ends(tmp_path):
    done = subprocess.run(
        engine_child.COMMAND, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S
    )
    assert done.returncode == 1 and b"EOFError" in done.stderr


def another(graph, how, folder):
    command = [sys.executable, HERE / "played_start.py", graph, how, folder]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_starts_at_once_build_once(graph, tmp_path):
    both = [another(graph, "takes a while", tmp_path) for _ in range(2)]
    said = [one.communicate(timeout=PATIENCE_S)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert [text.splitlines()[-1] for text in said] == ["tensorrt"] * 2
    assert builds(tmp_path) == ["double opening"]
    assert sum("another start builds the engines in" in text for text in said) == 1


@posix
def test_it_ends_with_whoever_began_it(graph, tmp_path):
    with another(graph, "hangs", tmp_path) as parent:
        wait_for(tmp_path / "hung")
        parent.kill()
    assert gone(tmp_path) and not sealed(tmp_path)
    with another(graph, "builds", tmp_path) as parent:
        assert parent.communicate(timeout=PATIENCE_S)[0].splitlines()[-1] == "tensorrt"
    assert len(sealed(tmp_path)) == 1
