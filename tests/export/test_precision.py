"""Graphs in other precisions: what computes in which type, and what is refused."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tap_live.errors import ParityError
from tap_live.export.precision import brained, calibrated, feeds_of, half, halved, quantised

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 8)).astype(np.float32)


def model():
    """y = softmax(tanh(x w + b)) and z = log(sum y + 1e-7): a sum that fp16 cannot tell from 0."""
    weights = {
        "w": RNG.standard_normal((8, 16)).astype(np.float32),
        "b": RNG.standard_normal(16).astype(np.float32),
        "tiny": np.array(1e-8, np.float32),
        "v": RNG.standard_normal((16, 3)).astype(np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["xw"]),
        helper.make_node("Add", ["xw", "b"], ["h"]),
        helper.make_node("Tanh", ["h"], ["t"]),
        helper.make_node("MatMul", ["t", "v"], ["y"]),
        helper.make_node("Sub", ["x", "x"], ["nought"]),
        helper.make_node("Add", ["nought", "tiny"], ["some"]),
        helper.make_node("Log", ["some"], ["z"]),
    ]
    tensor = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "small",
        [tensor("x", TensorProto.FLOAT, [4, 8])],
        [tensor("y", TensorProto.FLOAT, [4, 3]), tensor("z", TensorProto.FLOAT, [4, 8])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])


MODEL = model()


def run(graph, x=X):
    """As it is written; products of 8 bits as the live engine runs them, which cannot overflow."""
    options = onnxruntime.SessionOptions()
    if "MatMulInteger" not in {node.op_type for node in graph.graph.node}:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
    return session.run(None, {"x": x})


def kinds(graph):
    return {t.name: TensorProto.DataType.Name(t.data_type) for t in graph.graph.initializer}


def difference(graph):
    pairs = zip(run(MODEL), run(graph), strict=True)
    return max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in pairs)


def test_what_goes_in_and_comes_out_of_a_halved_graph_stays_fp32():
    made = halved(MODEL)
    onnx.checker.check_model(made, full_check=True)
    assert set(kinds(made).values()) == {"FLOAT16"}
    values = [*made.graph.input, *made.graph.output]
    assert {v.type.tensor_type.elem_type for v in values} == {TensorProto.FLOAT}
    np.testing.assert_allclose(run(made)[0], run(MODEL)[0], atol=2e-2)


def test_operators_that_lose_too_much_stay_in_fp32_found_by_measurement():
    assert not difference(halved(MODEL)) < 1e-2  # the logarithm of what fp16 takes for nothing
    made, kept = half(MODEL, difference, 1e-2)
    assert "Add" in kept and "MatMul" not in kept
    assert difference(made) <= 1e-2
    assert kinds(made)["w_as_float16"] == "FLOAT16"


def test_a_graph_that_half_will_do_for_keeps_nothing_in_fp32():
    assert half(MODEL, lambda graph: 0.0, 1e-2)[1] == ()


def test_where_nothing_is_near_enough_the_export_fails():
    with pytest.raises(ParityError, match="output 'fp16' differs by"):
        half(MODEL, lambda graph: 1.0, 1e-2)


def test_bf16_is_for_products_alone():
    made = brained(MODEL)
    onnx.checker.check_model(made, full_check=True)
    assert kinds(made) == {
        **{name: "FLOAT" for name in ("b", "tiny")},
        **{f"{name}_as_bfloat16": "BFLOAT16" for name in ("w", "v")},
    }
    casts = [node for node in made.graph.node if node.op_type == "Cast"]
    assert len(casts) == 4  # each product's input, and what comes out
    from onnx.reference import ReferenceEvaluator

    (y, _) = ReferenceEvaluator(made).run(None, {"x": X})
    np.testing.assert_allclose(y, run(MODEL)[0], atol=0.15)


def test_eight_bits_for_a_cpu_round_what_comes():
    made = quantised(MODEL)
    assert {node.op_type for node in made.graph.node} >= {"DynamicQuantizeLinear", "MatMulInteger"}
    assert "INT8" in kinds(made).values()
    np.testing.assert_allclose(run(made)[0], run(MODEL)[0], atol=0.2)


class Doubling:
    """A backend with a state, of which calibration has to see every step's."""

    def initial_state(self):
        return {"s": np.ones(1, np.float32)}

    def step(self, inputs, state):
        return {}, {"s": 2 * state["s"]}


def test_calibration_sees_inputs_and_the_state_before_each_step():
    feeds = feeds_of(Doubling(), [{"x": X}, {"x": X}, {"x": X}])
    assert [float(feed["s"][0]) for feed in feeds] == [1, 2, 4]


def test_eight_bits_for_a_gpu_are_explicit_and_have_the_ranges_of_real_inputs():
    made = calibrated(MODEL, [{"x": X}])
    found = {node.op_type for node in made.graph.node}
    assert found >= {"QuantizeLinear", "DequantizeLinear"}
    zeros = [t for t in made.graph.initializer if t.name.endswith("_zero_point")]
    assert zeros and all(not numpy_helper.to_array(t).any() for t in zeros)  # symmetric
    np.testing.assert_allclose(run(made)[0], run(MODEL)[0], atol=0.2)
