import os
import subprocess
import threading

import msgspec
import pytest

from tap_live import engine_cache
from tap_live.engine_cache import KEY, SEAL, EngineCache, Key, Machine, check_origin, this_machine
from tap_live.errors import BundleError, CancelledError
from tap_live.waiting import ALONE, Waiting

HERE = Key(Machine("H200", "9.0", "570.86", "10.9.0", "1.31.1"), "a" * 64)


def other(**changes):
    return Key(msgspec.structs.replace(HERE.machine, **changes), HERE.graph)


def built(folder, key=HERE):
    cache = EngineCache(folder, key)
    with cache.alone(ALONE):
        (cache.folder / "step_ctx.onnx").write_bytes(b"context")
        (cache.folder / "part.engine").write_bytes(b"engine" * 100)
        cache.seal()
    return cache


def opened(folder, key=HERE):
    """As whoever is going to build finds it."""
    told = []
    cache = EngineCache(folder, key, told.append)
    with cache.alone(Waiting(told.append)):
        return cache, told


def test_what_was_built_and_sealed_is_used_again(tmp_path):
    assert EngineCache(tmp_path / "c", HERE).context() is None
    built(tmp_path / "c")
    cache, told = opened(tmp_path / "c")
    assert cache.context() == tmp_path / "c" / "step_ctx.onnx"
    assert told == []


def test_what_was_not_finished_is_built_again_without_a_word(tmp_path):
    cache, _ = opened(tmp_path / "c")
    (cache.folder / "step_ctx.onnx").write_bytes(b"half")
    cache, told = opened(tmp_path / "c")
    assert (cache.context(), told) == (None, [])
    assert {path.name for path in cache.folder.iterdir()} == {KEY}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"gpu": "L4"}, "built for gpu H200, found L4"),
        ({"driver": "580.1"}, "built for driver 570.86, found 580.1"),
        ({"tensorrt": "10.10.0"}, "built for tensorrt 10.9.0, found 10.10.0"),
        ({"onnxruntime": "1.32.0"}, "built for onnxruntime 1.31.1, found 1.32.0"),
    ],
)
def test_engines_of_another_machine_or_version_are_built_again_and_said_why(
    tmp_path, change, reason
):
    built(tmp_path / "c")
    cache, told = opened(tmp_path / "c", other(**change))
    assert cache.context() is None
    assert reason in told[0]


@pytest.mark.parametrize("spoil", ["truncated", "gone", "seal"])
def test_broken_engines_are_built_again_and_said_why(tmp_path, spoil):
    cache = built(tmp_path / "c")
    engine = cache.folder / "part.engine"
    if spoil == "truncated":
        engine.write_bytes(engine.read_bytes()[:50])
    elif spoil == "gone":
        engine.unlink()
    else:
        (cache.folder / SEAL).write_text("{")
    cache, told = opened(tmp_path / "c")
    assert cache.context() is None
    assert len(told) == 1 and "built again" in told[0]


def test_where_nothing_can_be_kept_engines_are_built_at_every_start(tmp_path):
    (tmp_path / "file").touch()  # no folder can be made in it
    cache, told = opened(tmp_path / "file" / "c")
    assert "engines are built at every start" in told[0]
    (cache.folder / "step_ctx.onnx").write_bytes(b"context")
    cache.seal()
    assert cache.context() is not None  # for this start
    assert not cache.folder.is_relative_to(tmp_path)


def test_the_second_of_two_waits_for_the_first_and_takes_what_it_built(tmp_path):
    first, told = EngineCache(tmp_path / "c", HERE), []
    ready = threading.Event()

    def tell(text):
        told.append(text)
        ready.set()

    def second():
        cache = EngineCache(tmp_path / "c", HERE)
        with cache.alone(Waiting(tell)):
            told.append(cache.complete)

    thread = threading.Thread(target=second)
    with first.alone(ALONE):
        thread.start()
        assert ready.wait(20)
        (first.folder / "step_ctx.onnx").write_bytes(b"context")
        first.seal()
    thread.join()
    assert told == [f"another start builds the engines in {first.folder}: waiting for it", True]


def test_who_waits_for_another_can_give_up(tmp_path):
    given_up = Waiting(lambda text: given_up.cancelled.set())
    with EngineCache(tmp_path / "c", HERE).alone(ALONE):
        (tmp_path / "c" / "part.engine").write_bytes(b"half")
        with (
            pytest.raises(CancelledError, match="waiting for the engines in"),
            EngineCache(tmp_path / "c", HERE).alone(given_up),
        ):
            raise AssertionError("two build at once")
        assert (tmp_path / "c" / "part.engine").exists()


@pytest.mark.skipif(os.name != "posix", reason="access rights are POSIX's")
def test_a_whole_cache_that_is_read_only_is_used(tmp_path):
    built(tmp_path / "c")
    (tmp_path / "c").chmod(0o500)
    cache, told = opened(tmp_path / "c")
    assert cache.context() is not None and told == []
    (tmp_path / "c").chmod(0o700)


def test_an_engine_that_was_built_elsewhere_is_refused_with_the_reason(tmp_path):
    built(tmp_path)
    check_origin(tmp_path, HERE)
    with pytest.raises(BundleError, match="not fit: built for gpu H200, found L4; build it here"):
        check_origin(tmp_path, other(gpu="L4"))
    with pytest.raises(BundleError, match="built of another graph"):
        check_origin(tmp_path, Key(HERE.machine, "b" * 64))
    (tmp_path / KEY).unlink()
    with pytest.raises(BundleError, match=r"wanted key\.json beside the engine"):
        check_origin(tmp_path, HERE)


def test_a_machine_is_what_its_driver_says(monkeypatch):
    said = subprocess.CompletedProcess([], 0, "NVIDIA H200, 9.0, 570.86.15\n")
    monkeypatch.setattr(engine_cache.subprocess, "run", lambda *args, **more: said)
    this_machine.cache_clear()
    machine = this_machine()
    assert (machine.gpu, machine.compute, machine.driver) == ("NVIDIA H200", "9.0", "570.86.15")
    this_machine.cache_clear()


@pytest.mark.parametrize("answer", [FileNotFoundError("nvidia-smi"), ValueError("no card")])
def test_without_a_driver_that_is_said(monkeypatch, answer):
    def fail(*args, **more):
        raise answer

    monkeypatch.setattr(engine_cache.subprocess, "run", fail)
    this_machine.cache_clear()
    with pytest.raises(BundleError, match="wanted an NVIDIA card and its driver"):
        this_machine()
