"""bf16 and fp16 on a CPU: the same roundings as where products are summed in fp32."""

import ml_dtypes
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from tap_live.bundle import Bundle, open_bundle
from tap_live.catalogue import BUNDLES
from tap_live.errors import BundleError
from tap_live.export import compact, emulation
from tap_live.export.emulation import by_emulation, device_of, emulated, engine_of
from tap_live.export.of_compact import BOUNDS
from tap_live.export.precision import brained, halved
from tap_live.export.shipped import compact_net
from tap_live.export.verify import compare
from tap_live.providers import place
from tap_live.runtime import Engine

RNG = np.random.default_rng(0)
X = RNG.standard_normal((1, 5, 64)).astype(np.float32)
WEIGHTS = {
    "w": RNG.standard_normal((64, 48)).astype(np.float32),
    "v": RNG.standard_normal((48, 7)).astype(np.float32),
    "b": RNG.standard_normal(7).astype(np.float32),
    "k": RNG.standard_normal((4, 5, 3)).astype(np.float32),
    "shape": np.array([5, 48]),
}


def model():
    """y = (x w) v + b, of which the first product goes into the second as it is; z = conv x."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Reshape", ["h", "shape"], ["flat"]),
        helper.make_node("Gemm", ["flat", "v", "b"], ["y"]),
        helper.make_node("Conv", ["x", "k"], ["z"]),
    ]
    tensor = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "small",
        [tensor("x", TensorProto.FLOAT, [1, 5, 64])],
        [tensor("y", TensorProto.FLOAT, [5, 7]), tensor("z", TensorProto.FLOAT, [1, 4, 62])],
        [numpy_helper.from_array(value, name) for name, value in WEIGHTS.items()],
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])


@pytest.fixture
def low():
    made = brained(model())
    onnx.checker.check_model(made, full_check=True)
    return made


def run(graph, folder, *, optimise=False):
    onnx.save(graph, folder / "graph.onnx")
    session = place(folder / "graph.onnx", optimise=optimise).session
    return session.run(None, {"x": X})


def rounded(values):
    return values.astype(ml_dtypes.bfloat16).astype(np.float32)


@pytest.mark.parametrize("optimise", [False, True])
def test_each_operand_and_each_result_is_rounded_once(low, tmp_path, optimise):
    y, z = run(emulated(low), tmp_path, optimise=optimise)
    hidden = rounded(rounded(X[0]) @ rounded(WEIGHTS["w"]))
    expected = rounded(hidden @ rounded(WEIGHTS["v"]) + rounded(WEIGHTS["b"]))
    near = np.abs(y - expected) <= 2**-7 * np.abs(expected)  # sums in another order
    assert near.all() and (y == expected).mean() > 0.9
    assert (y == rounded(y)).all()
    exact = run(model(), tmp_path)
    assert np.abs(y - exact[0]).max() > 1e-2
    np.testing.assert_allclose(z, exact[1], rtol=1e-5, atol=1e-5)


def test_products_of_fp16_are_rounded_where_a_card_rounds_them(tmp_path):
    def rounded(values):
        return values.astype(np.float16).astype(np.float32)

    y, z = run(emulated(halved(model(), ["Reshape"])), tmp_path)
    hidden = rounded(rounded(X[0]) @ rounded(WEIGHTS["w"]))
    expected = rounded(hidden @ rounded(WEIGHTS["v"]) + rounded(WEIGHTS["b"]))
    near = np.abs(y - expected) <= 2**-10 * np.abs(expected)  # sums in another order
    assert near.all() and (y == expected).mean() > 0.8
    assert (y == rounded(y)).all() and (z == rounded(z)).all()


def test_it_is_what_pytorch_computes_in_bf16(low, tmp_path):
    y, _ = run(emulated(low), tmp_path)
    x, w, v, b = (torch.from_numpy(one).bfloat16() for one in (X, *list(WEIGHTS.values())[:3]))
    expected = torch.nn.functional.linear((x @ w)[0], v.T.contiguous(), b).float().numpy()
    np.testing.assert_allclose(y, expected, rtol=2**-7, atol=2**-7)
    assert (y == expected).mean() > 0.8


def test_nothing_in_bf16_is_left_but_between_two_casts(low):
    made = emulated(low)
    onnx.checker.check_model(made, full_check=True)
    assert {t.data_type for t in made.graph.initializer} <= {TensorProto.FLOAT, TensorProto.INT64}
    down = [n for n in made.graph.node if n.op_type == "Cast" and n.attribute[0].i == 16]
    ups = {n.input[0] for n in made.graph.node if n.op_type == "Cast" and n.attribute[0].i == 1}
    assert down and all(node.output[0] in ups for node in down)
    assert low.graph.initializer and any(t.data_type == 16 for t in low.graph.initializer)


def test_the_graph_itself_is_refused_by_a_cpu_which_says_what_it_takes(low, tmp_path):
    with pytest.raises(BundleError, match=r"cannot load .* what was exported in bf16 takes a GPU"):
        run(low, tmp_path)


def test_a_card_proves_bf16_itself_and_nothing_else_is_emulated(monkeypatch):
    import onnxruntime

    assert device_of("bf16") == "cpu" and by_emulation("bf16")
    assert not any(by_emulation(one) for one in ("fp32", "fp16", "int8"))
    there = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: there)

    def no_driver():
        raise BundleError("wanted an NVIDIA driver")

    monkeypatch.setattr(emulation, "this_machine", no_driver)
    assert by_emulation("bf16")
    monkeypatch.setattr(emulation, "this_machine", lambda: None)
    assert device_of("bf16") == "cuda" and not by_emulation("bf16")
    assert device_of("fp16") == "cpu"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["voice-compact", "sound-compact"])
def test_what_ships_holds_its_bounds_in_bf16(name, tmp_path):
    """The very weights: the shipped graph, its products in bf16, against itself."""
    bundle = open_bundle(BUNDLES / name)
    made = Bundle(tmp_path, bundle.manifest)
    onnx.save(brained(onnx.load(bundle.path(compact.GRAPH))), made.path(compact.GRAPH))
    low = engine_of(made, "step", "bf16")
    dims = compact_net(name).dims
    stream = compact.hops(dims, *compact.real_speech(dims))[:200]
    found = compare(Engine(bundle, "step"), low, stream).only(["mask"])
    assert 1e-4 < found.largest <= BOUNDS.parity["bf16"]
