import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from tap_live.bundle import (
    FORMAT,
    GraphSpec,
    Manifest,
    StateSpec,
    TensorSpec,
    file_spec,
    open_bundle,
    write_manifest,
)
from tap_live.errors import BundleError, RuntimeMissingError
from tap_live.runtime import Engine


def summing_bundle(folder):
    """y = x + total; total grows by x: the smallest graph with a state."""
    tensor = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["x", "total"], ["y"]),
            helper.make_node("Identity", ["y"], ["total_next"]),
        ],
        "sum",
        [tensor("x", TensorProto.FLOAT, [2]), tensor("total", TensorProto.FLOAT, [2])],
        [tensor("y", TensorProto.FLOAT, [2]), tensor("total_next", TensorProto.FLOAT, [2])],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
    onnx.save(model, folder / "sum.onnx")
    spec = GraphSpec(
        "sum.onnx",
        inputs=(TensorSpec("x", "float32", (2,)),),
        outputs=(TensorSpec("y", "float32", (2,)),),
        state=(StateSpec("total", "total_next", "float32", (2,)),),
    )
    write_manifest(
        folder,
        Manifest(
            format=FORMAT, name="sum", kind="test", licence="MIT", made_by="tests", sources=(),
            files={"sum.onnx": file_spec(folder / "sum.onnx")}, graphs={"sum": spec},
        ),
    )  # fmt: skip
    return open_bundle(folder)


def test_state_goes_from_step_to_step_and_starts_at_zero(tmp_path):
    engine = Engine(summing_bundle(tmp_path), "sum")
    state = engine.initial_state()
    x = np.array([1, 2], np.float32)
    for n in (1, 2, 3):
        outputs, state = engine.step({"x": x}, state)
        np.testing.assert_array_equal(outputs["y"], n * x)
    np.testing.assert_array_equal(engine.initial_state()["total"], [0, 0])


def test_an_input_of_the_wrong_shape_is_refused(tmp_path):
    engine = Engine(summing_bundle(tmp_path), "sum")
    with pytest.raises(BundleError, match=r"graph 'sum\.onnx' refused its input"):
        engine.step({"x": np.zeros(3, np.float32)}, engine.initial_state())


def test_a_graph_that_is_none_is_refused(tmp_path):
    bundle = summing_bundle(tmp_path)
    (tmp_path / "sum.onnx").write_bytes(b"no graph")
    with pytest.raises(BundleError, match=r"cannot load .*sum\.onnx"):
        Engine(bundle, "sum")


def test_without_onnx_runtime_the_message_says_what_to_install(tmp_path, monkeypatch):
    bundle = summing_bundle(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(RuntimeMissingError, match=r"pip install 'tap-live\[cpu\]'"):
        Engine(bundle, "sum")


def test_the_session_runs_on_the_cpu_alone(tmp_path):
    engine = Engine(summing_bundle(tmp_path), "sum")
    assert engine._session.get_providers() == ["CPUExecutionProvider"]
    assert onnxruntime.get_available_providers()


def test_a_state_that_stays_on_its_device_gives_the_same_stream(tmp_path):
    """Bound as on a GPU, in memory that this machine has."""
    engine, plain = (Engine(summing_bundle(tmp_path), "sum") for _ in range(2))
    engine._run = engine._run_bound
    state, expected = engine.initial_state(), plain.initial_state()
    for n in range(4):
        x = np.array([n, 2 * n], np.float32)
        outputs, state = engine.step({"x": x}, state)
        wanted, expected = plain.step({"x": x}, expected)
        np.testing.assert_array_equal(outputs["y"], wanted["y"])
        assert not isinstance(state["total"], np.ndarray)
        np.testing.assert_array_equal(state["total"].numpy(), expected["total"])


def test_a_state_of_nan_that_stays_on_its_device_is_gone_with_the_first_state(tmp_path):
    """A stage that begins again after NaN, or a step that failed, sees nothing of before."""
    engine = Engine(summing_bundle(tmp_path), "sum")
    engine._run = engine._run_bound
    x = np.array([1, 2], np.float32)
    _, state = engine.step({"x": x}, engine.initial_state())
    _, spoilt = engine.step({"x": x * np.float32("nan")}, state)
    assert np.isnan(spoilt["total"].numpy()).all()
    with pytest.raises(BundleError, match="refused its input"):
        engine.step({"x": x[:1]}, state)
    np.testing.assert_array_equal(engine.step({"x": x}, state)[0]["y"], 2 * x)  # as it was
    np.testing.assert_array_equal(engine.step({"x": x}, engine.initial_state())[0]["y"], x)


def test_warming_up_needs_the_length_of_every_free_axis(tmp_path):
    bundle = summing_bundle(tmp_path)
    engine = Engine(bundle, "sum")
    engine.warm_up()
    free = TensorSpec("x", "float32", ("rows",))
    engine.spec = msgspec.structs.replace(engine.spec, inputs=(free,))
    engine.warm_up(rows=2)
    with pytest.raises(BundleError, match="wanted the length of axis 'rows' of 'x'"):
        engine.warm_up()
