"""Engines of ONNX Runtime's TensorRT provider, on a machine that `PlayedOrt` plays."""

import sys

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tap_live import engine_cache, providers
from tap_live.bundle import (
    FORMAT,
    GraphSpec,
    Manifest,
    TensorSpec,
    file_spec,
    open_bundle,
    write_manifest,
)
from tap_live.engine_cache import Machine
from tap_live.errors import BundleError
from tap_live.providers import place
from tap_live.runtime import Engine
from tap_live.waiting import Waiting

from .played_ort import Building, PlayedOrt

CARD = Machine("H200", "9.0", "570.86", "10.9.0", "1.31.1")
RANGES = {"frames": (2, 10, 500)}


@pytest.fixture
def machine(monkeypatch, tmp_path, built_here):
    """Return what gives the machine an ONNX Runtime, or another driver; caches are `tmp_path`'s."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setattr(providers, "mismatch", lambda: None)

    def make(ort=None, **changes):
        now = msgspec.structs.replace(CARD, **changes)
        monkeypatch.setattr(engine_cache, "this_machine", lambda: now)
        ort = ort or PlayedOrt()
        monkeypatch.setitem(sys.modules, "onnxruntime", ort)
        return ort

    return make


@pytest.fixture
def graph(tmp_path):
    (tmp_path / "bundle").mkdir()
    return doubling(tmp_path / "bundle" / "double.onnx", "frames")


def doubling(path, axis):
    tensor = helper.make_tensor_value_info
    made = helper.make_graph(
        [
            helper.make_node("Add", ["x", "x"], ["both"]),
            helper.make_node("Add", ["both", "on"], ["y"]),
        ],
        "double",
        [tensor("x", TensorProto.FLOAT, [1, axis]), tensor("on", TensorProto.FLOAT, [1])],
        [tensor("y", TensorProto.FLOAT, [1, axis])],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(made, ir_version=10, opset_imports=opset), path)
    return path


def run(session, frames):
    given = {"x": np.ones((1, frames), np.float32), "on": np.zeros(1, np.float32)}
    (y,) = session.run(None, given)
    np.testing.assert_array_equal(y, 2 * given["x"])


def opened(graph, ranges=RANGES, device="tensorrt", **how):
    told = []
    waiting = Waiting(told.append)
    return place(graph, device, ranges=ranges, tell=told.append, waiting=waiting, **how), told


def folders(tmp_path):
    return [one for one in (tmp_path / "cache" / "engines").iterdir() if one.is_dir()]


def test_without_profiles_the_provider_builds_at_runs_which_is_why_it_gets_them(machine, graph):
    ort = machine()
    options = {"trt_engine_cache_enable": True, "trt_ep_context_file_path": str(graph.parent)}
    session = ort.InferenceSession(graph, None, [(providers.NAMES["tensorrt"], options)])
    assert ort.builds == []
    for frames in (10, 10, 20):
        run(session, frames)
    assert ort.builds == [("double", "run")] * 2


def test_an_engine_is_built_at_opening_with_a_word_and_never_again_whatever_the_length(
    machine, graph
):
    ort = machine()
    placed, told = opened(graph)
    assert placed.device == "tensorrt" and ort.builds == [("double", "opening")]
    assert len(told) == 2 and "building TensorRT's engine of" in told[0]
    assert "takes minutes, can be given up, and is kept in" in told[0]
    assert told[1] == "TensorRT's engine of double.onnx was built in 0 s"
    for frames in (2, 10, 499, 500, 3):
        run(placed.session, frames)
    assert ort.builds == [("double", "opening")]


def test_the_profile_and_the_places_are_what_the_provider_documents(machine, graph, tmp_path):
    ort = machine()
    opened(graph)
    options = next(given for _, given in ort.asked if providers.NAMES["tensorrt"] in given)
    options = options[providers.NAMES["tensorrt"]]
    (folder,) = folders(tmp_path)
    assert folder.name.startswith("bundle-double-")
    profiles = {name: options[f"trt_profile_{name}_shapes"] for name in ("min", "opt", "max")}
    assert profiles == {"min": "x:1x2", "opt": "x:1x10", "max": "x:1x500"}
    assert options["trt_timing_cache_path"] == options["trt_ep_context_file_path"] == str(folder)
    assert "trt_engine_cache_path" not in options  # a context names no engine by a whole path
    assert not [name for name in options if "fp16" in name or "int8" in name or "bf16" in name]


def test_a_bundle_says_what_its_graphs_are_built_for(machine, graph):
    ort, folder = machine(), graph.parent
    spec = GraphSpec(
        graph.name,
        inputs=(TensorSpec("x", "float32", (1, "frames")), TensorSpec("on", "float32", (1,))),
        outputs=(TensorSpec("y", "float32", (1, "frames")),),
        ranges=dict(RANGES),
    )
    manifest = Manifest(
        format=FORMAT, name="double", kind="test", licence="MIT", made_by="tests", sources=(),
        files={graph.name: file_spec(graph)}, graphs={"double": spec},
    )  # fmt: skip
    write_manifest(folder, manifest)
    bundle = open_bundle(folder)
    assert bundle.graph("double").ranges == RANGES
    assert Engine(bundle, "double", device="tensorrt", strict=True).device == "tensorrt"
    assert ort.builds == [("double", "opening")]


def test_a_graph_of_fixed_shapes_needs_no_profile(machine, tmp_path):
    ort = machine()
    (tmp_path / "bundle").mkdir()
    graph = doubling(tmp_path / "bundle" / "fixed.onnx", 7)
    placed, _ = opened(graph, {})
    run(placed.session, 7)
    assert ort.builds == [("fixed", "opening")]
    assert "profile" not in str(ort.asked)


def test_the_next_start_loads_what_was_built_without_a_word(machine, graph):
    ort = machine()
    opened(graph)
    before = len(ort.asked)
    placed, told = opened(graph)
    run(placed.session, 500)
    assert (told, ort.builds) == ([], [("double", "opening")])
    assert [name for name, _ in ort.asked[before:]] == ["double_ctx.onnx"]


@pytest.mark.parametrize("file", ["double.engine", "double_ctx.onnx", "late.timing"])
@pytest.mark.parametrize("spoil", ["truncated", "changed", "gone"])
def test_whatever_was_written_up_to_the_warm_up_is_sealed_and_missed(
    machine, graph, tmp_path, file, spoil
):
    ort = machine(PlayedOrt(late=True))
    opened(graph)
    (folder,) = folders(tmp_path)
    content = (folder / file).read_bytes()
    if spoil == "gone":
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content[:-1] if spoil == "truncated" else content[::-1])
    _, told = opened(graph)
    assert ort.builds == [("double", "opening")] * 2
    assert "are built again" in told[0]
    _, told = opened(graph)
    assert (told, len(ort.builds)) == ([], 2)


@pytest.mark.parametrize(
    ("changes", "ranges", "reason"),
    [
        ({"driver": "580.1"}, RANGES, "built for driver 570.86, found 580.1"),
        ({}, {"frames": (1, 10, 500)}, "built for other lengths"),
    ],
)
def test_what_was_built_for_something_else_is_said_and_replaced(
    machine, graph, tmp_path, changes, ranges, reason
):
    machine()
    opened(graph)
    (folder,) = folders(tmp_path)
    (folder / "old.engine").write_bytes(b"of the driver before")
    ort = machine(**changes)
    _, told = opened(graph, ranges)
    assert reason in told[0] and "building" in told[1]
    assert ort.builds == [("double", "opening")]
    assert folders(tmp_path) == [folder] and not (folder / "old.engine").exists()


def test_another_graph_in_the_same_place_replaces_the_engines_of_the_first(
    machine, graph, tmp_path
):
    ort = machine()
    opened(graph)
    doubling(graph, "more")
    _, told = opened(graph, {"more": (1, 2, 3)})
    assert "built of another graph; built for other lengths" in told[0]
    assert len(folders(tmp_path)) == 1 and len(ort.builds) == 2


def test_other_weights_beside_the_same_graph_are_built_again(machine, graph, tmp_path):
    ort = machine()
    opened(graph, beside="a")
    _, told = opened(graph, beside="a")
    assert not told
    _, told = opened(graph, beside="b")
    assert "built with other weights" in told[0]
    assert len(folders(tmp_path)) == 1 and len(ort.builds) == 2


@pytest.mark.parametrize("device", ["auto", "tensorrt"])
def test_a_graph_with_an_axis_of_any_length_goes_to_cuda_and_that_is_said(machine, graph, device):
    ort = machine()
    placed, told = opened(graph, {}, device)
    assert (placed.device, ort.builds) == ("cuda", [])
    assert len(told) == 1 and "wanted tensorrt, but axis 'frames' of 'x' may have any" in told[0]
    assert "no range was given" in told[0] and "the next slower is taken" in told[0]
    with pytest.raises(BundleError, match=r"axis 'frames' .*--device cuda"):
        opened(graph, {}, device, strict=True)


def test_a_graph_that_tensorrt_takes_in_parts_without_profiles_goes_to_cuda(machine, graph):
    """The provider wants one for what passes between parts, and nobody knows those names."""
    ort = machine(PlayedOrt(inner="/encoder/Shape_output_0"))
    placed, told = opened(graph, device="auto")
    assert (placed.device, ort.builds) == ("cuda", [])
    assert "no associated shape profiles provided: {'/encoder/Shape_output_0'}" in told[-1]


def test_the_context_of_a_part_is_not_kept_and_the_engines_are_used_all_the_same(
    machine, graph, tmp_path
):
    ort = machine(PlayedOrt(parts=True))
    opened(graph)
    (folder,) = folders(tmp_path)
    assert not [*folder.glob("*_ctx.onnx")]
    placed, told = opened(graph)
    run(placed.session, 20)
    assert (told, ort.builds) == ([], [("double", "opening")])


def test_an_engine_that_does_not_run_is_left_for_cuda(machine, graph, monkeypatch):
    def out_of_memory(session, names, feeds):
        raise RuntimeError("CUDA out of memory")

    ort = machine()
    monkeypatch.setattr(Building, "run", out_of_memory)
    placed, told = opened(graph, device="auto")
    assert placed.device == "cuda" and len(ort.builds) == 1
    assert "built an engine and cannot run it: CUDA out of memory" in told[-1]
