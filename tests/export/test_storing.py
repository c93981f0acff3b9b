"""Graphs whose weights are too large for one file."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from tap_live.bundle import open_bundle
from tap_live.errors import BundleError
from tap_live.export import compact, precision
from tap_live.export.export_report import graph_of
from tap_live.export.precision import calibrated, halved, quantised
from tap_live.export.storing import bytes_of, files_of, large, save, without_weights
from tap_live.extractors.network import Network
from tap_live.models.compact import CompactExtractor, Dims
from tap_live.providers import CPU

RNG = np.random.default_rng(0)
X = RNG.standard_normal((4, 64)).astype(np.float32)


def model(seed: int = 0) -> onnx.ModelProto:
    """y = x w + b, w of 16 kB."""
    rng = np.random.default_rng(seed)
    weights = {
        "w": rng.standard_normal((64, 64)).astype(np.float32),
        "b": rng.standard_normal(64).astype(np.float32),
    }
    tensor = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Add", ["h", "b"], ["y"])],
        "small",
        [tensor("x", TensorProto.FLOAT, [4, 64])],
        [tensor("y", TensorProto.FLOAT, [4, 64])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])


def run(path: Path) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": X})[0])


def test_a_graph_that_is_small_enough_is_one_file(tmp_path: Path) -> None:
    save(model(), tmp_path / "graph.onnx", limit=20_000)
    assert files_of(tmp_path / "graph.onnx") == ["graph.onnx"]
    assert [path.name for path in tmp_path.iterdir()] == ["graph.onnx"]


def test_a_graph_that_is_too_large_has_its_weights_beside_it(tmp_path: Path) -> None:
    path, exact = tmp_path / "graph.onnx", model()
    save(exact, tmp_path / "whole.onnx")
    save(exact, path, limit=16_000)
    assert files_of(path) == ["graph.onnx", "graph.bin"]
    assert path.stat().st_size < 1500 and (tmp_path / "graph.bin").stat().st_size >= 64 * 64 * 4
    assert bytes_of(path) == graph_of("graph", path).bytes
    np.testing.assert_array_equal(run(path), run(tmp_path / "whole.onnx"))
    assert not any(tensor.external_data for tensor in exact.graph.initializer)  # as it was


def test_other_weights_make_another_graph_and_smaller_ones_leave_none_behind(
    tmp_path: Path,
) -> None:
    path = tmp_path / "graph.onnx"
    written = []
    for seed in (0, 1, 0):
        save(model(seed), path, limit=0)
        written.append(path.read_bytes())
    assert written[0] == written[2] != written[1]
    save(model(), path)
    assert [one.name for one in tmp_path.iterdir()] == ["graph.onnx"]


def test_shapes_are_found_without_weights() -> None:
    light = without_weights(model())
    assert light.ByteSize() < 1000 < model().ByteSize()
    assert [v.name for v in onnx.shape_inference.infer_shapes(light).graph.value_info] == ["h"]


@pytest.mark.parametrize("converted", [halved, quantised, partial(calibrated, feeds=[{"x": X}])])
def test_other_precisions_are_made_of_large_graphs_too(
    converted: Callable[[onnx.ModelProto], onnx.ModelProto],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save(converted(model()), tmp_path / "whole.onnx")
    monkeypatch.setattr(precision, "save", partial(save, limit=0))
    monkeypatch.setattr(precision, "large", partial(large, limit=0))
    save(converted(model()), tmp_path / "apart.onnx", limit=0)
    np.testing.assert_array_equal(run(tmp_path / "apart.onnx"), run(tmp_path / "whole.onnx"))


def test_a_bundle_with_weights_apart_is_sealed_proved_and_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compact, "save", partial(save, limit=10_000))
    monkeypatch.setattr(compact, "PROOF_S", 1)
    torch.manual_seed(0)
    dims = Dims(band_width=8, full_width=16, blocks=1, condition_width=8)
    folder = tmp_path / "voice-compact"
    compact.export(CompactExtractor(dims).eval(), folder)
    manifest = open_bundle(folder).manifest
    assert set(manifest.files) == {"step.onnx", "step.bin", "README.md"}
    assert Network.open(folder, CPU).device == "cpu"
    (folder / "step.bin").write_bytes(b"others")
    with pytest.raises(BundleError, match=r"step\.bin has 6 bytes"):
        open_bundle(folder)
