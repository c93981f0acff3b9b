"""Engines that were built are held against their graphs: on a card that ONNX Runtime plays."""

from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest

from tap_live.errors import BundleError
from tap_live.export import making, tensorrt_build
from tap_live.export.engine_check import STEPS
from tap_live.export.exporters import Job

from ..tap_live.test_native import CARD, FakeCuda, install
from .test_making import shorten, trained
from .test_tensorrt_build import FakeTensorrt


class PlayedTensorrt(FakeTensorrt):
    """An engine is the name of its graph; what it computes is `off` from what the graph does."""

    def __init__(self, cuda, off=0.0):
        super().__init__()
        self.cuda, self.off, self.launches = cuda, off, 0

    def build_serialized_network(self, network, config):
        return self.asked.graph.encode()

    def nptype(self, dtype):
        return dtype

    def Runtime(self, logger):
        return SimpleNamespace(deserialize_cuda_engine=lambda name: PlayedEngine(self, name))


class PlayedEngine:
    """Engine and context in one; addresses are the made-up card's, or Python's own."""

    def __init__(self, trt, name):
        self.trt, path = trt, name.decode()
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = onnxruntime.InferenceSession(path, options)
        graph = onnx.load(path, load_external_data=False).graph
        self.inputs = [value.name for value in graph.input]
        self.outputs = [value.name for value in graph.output]
        self.names = [*self.inputs, *self.outputs]
        kinds = {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.output)}
        self.dtypes = {n: onnx.helper.tensor_dtype_to_np_dtype(k) for n, k in kinds.items()}
        self.num_io_tensors = len(self.names)
        self.shapes, self.addresses = {}, {}

    def create_execution_context(self):
        return self

    def get_tensor_name(self, number):
        return self.names[number]

    def get_tensor_dtype(self, name):
        return self.dtypes[name]

    def set_input_shape(self, name, shape):
        self.shapes[name] = tuple(shape)
        return True

    def get_tensor_shape(self, name):
        if name in self.inputs:
            return self.shapes[name]
        feeds = {one: np.zeros(shape, self.dtypes[one]) for one, shape in self.shapes.items()}
        return self.session.run([name], feeds)[0].shape

    def set_tensor_address(self, name, address):
        self.addresses[name] = address

    def read(self, name):
        dtype, shape = np.dtype(self.dtypes[name]), self.shapes[name]
        size = int(np.prod(shape)) * dtype.itemsize
        content = self.trt.cuda.memory[self.addresses[name]][:size].tobytes()
        return np.frombuffer(content, dtype).reshape(shape)

    def execute_async_v3(self, stream):
        def work():
            self.trt.launches += 1
            found = self.session.run(self.outputs, {name: self.read(name) for name in self.inputs})
            for name, value in zip(self.outputs, found, strict=True):
                content = np.ascontiguousarray(value + np.asarray(self.trt.off, value.dtype))
                room = self.trt.cuda.memory[self.addresses[name]]
                room[: content.nbytes] = np.frombuffer(content.tobytes(), np.uint8)

        self.trt.cuda.do(work)
        return True


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("run"))


@pytest.fixture
def card(monkeypatch, tmp_path):
    """A machine with a card that ONNX Runtime plays; returns its TensorRT."""
    shorten(monkeypatch)
    cuda = FakeCuda()
    trt = PlayedTensorrt(cuda)
    install(monkeypatch, trt, cuda)
    for module in (making, tensorrt_build):
        monkeypatch.setattr(module, "this_machine", lambda: CARD)
    cache = tmp_path / "cache"
    monkeypatch.setattr("tap_live.export.timings.platformdirs.user_cache_path", lambda _: cache)
    return trt


def job(checkpoint, tmp_path):
    out = tmp_path / "here" / "bundle"
    return Job(model="compact", checkpoint=str(checkpoint), out=out, to="tensorrt")


def quiet(stage, done, total):
    pass


def test_engines_that_compute_what_their_graphs_do_are_part_of_the_export(
    card, checkpoint, tmp_path
):
    stages = []
    report = making.make(job(checkpoint, tmp_path), lambda *news: stages.append(news[0]))
    assert report.faults == []
    engine = tmp_path / "here" / "bundle" / "engines" / "step" / "graph.engine"
    assert report.engines == [str(engine)] and engine.is_file()
    built = [one for one in report.parity if one.graph == "step, TensorRT"]
    assert [one.name for one in built] == ["mask"] and built[0].largest == 0
    assert card.launches == STEPS  # the first plainly, the others as a captured step
    assert stages[-2:] == ["engines, parity"] * 2
    assert {kind for kind, _ in card.cuda.made} == {"stream", "memory", "graph", "step"}
    assert set(card.cuda.made) == set(card.cuda.destroyed)


def test_an_engine_that_computes_something_else_fails_and_leaves_no_folder(
    card, checkpoint, tmp_path
):
    card.off = 0.01
    report = making.make(job(checkpoint, tmp_path), quiet)
    assert len(report.faults) == 1
    assert "output 'step, TensorRT/mask' differs by" in report.faults[0]
    assert list((tmp_path / "here").iterdir()) == []


def test_an_engine_that_gives_no_number_fails(card, checkpoint, tmp_path):
    card.off = np.nan
    assert "differs by nan" in making.make(job(checkpoint, tmp_path), quiet).faults[0]


def test_an_engine_that_cannot_be_loaded_leaves_no_folder(card, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(
        card, "Runtime", lambda logger: SimpleNamespace(deserialize_cuda_engine=lambda _: None)
    )
    with pytest.raises(BundleError, match=r"TensorRT 10\.16\.1 cannot load"):
        making.make(job(checkpoint, tmp_path), quiet)
    assert list((tmp_path / "here").iterdir()) == []
