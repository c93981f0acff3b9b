"""Native engines without a card: TensorRT and CUDA are played by `FakeTensorrt` and `FakeCuda`."""

import sys
from contextlib import closing
from types import ModuleType, SimpleNamespace

import msgspec
import numpy as np
import pytest

from tap_live import native
from tap_live.bundle import GraphSpec, StateSpec, TensorSpec, file_spec
from tap_live.engine_cache import KEY, SEAL, Key, Machine
from tap_live.errors import BundleError, RuntimeMissingError
from tap_live.native import ENGINE, NativeEngine, check_engine, engine_folder
from tap_live.runtime import Engine

from .test_runtime import summing_bundle

CARD = Machine("H200", "9.0", "570.86", "10.16.1", "1.31.1")
SPEC = GraphSpec(
    "sum.onnx",
    inputs=(TensorSpec("x", "float32", (2,)),),
    outputs=(TensorSpec("y", "float32", (2,)),),
    state=(StateSpec("total", "total_next", "float32", (2,)),),
)
IN, OUT = ("x", "total"), ("y", "total_next")


class FakeCuda(ModuleType):
    """Memory that is numbered; work goes to a stream, or into what is being captured."""

    cudaMemcpyKind = SimpleNamespace(
        cudaMemcpyHostToDevice="in", cudaMemcpyDeviceToHost="out", cudaMemcpyDeviceToDevice="on"
    )
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)

    def __init__(self):
        super().__init__("cuda.bindings.runtime")
        self.memory, self.capturing, self.launched, self.error = {}, None, 0, 0
        self.made, self.destroyed = [], []
        self.every = []  # handle: no two have one id

    def make(self, kind, handle):
        self.every.append(handle)
        self.made.append((kind, id(handle) if isinstance(handle, list) else handle))
        return 0, handle

    def destroy(self, kind, handle):
        self.destroyed.append((kind, id(handle) if isinstance(handle, list) else handle))
        return (0,)

    def do(self, work):
        if self.capturing is None:
            work()
        else:
            self.capturing.append(work)

    def cudaStreamCreate(self):
        return self.make("stream", 7)

    def cudaStreamDestroy(self, stream):
        return self.destroy("stream", stream)

    def cudaStreamSynchronize(self, stream):
        return (self.error,)

    def cudaMalloc(self, size):
        address = 1000 + len(self.memory)
        self.memory[address] = np.zeros(size, np.uint8)
        return self.make("memory", address)

    def cudaFree(self, address):
        self.memory[address] = None
        return self.destroy("memory", address)

    def cudaMemcpyAsync(self, to, source, size, kind, stream):
        import ctypes

        if kind == "in":
            self.memory[to][:size] = np.frombuffer(ctypes.string_at(source, size), np.uint8)
        elif kind == "out":
            ctypes.memmove(to, self.memory[source].ctypes.data, size)
        else:
            self.memory[to][:size] = self.memory[source][:size]
        return (0,)

    def cudaStreamBeginCapture(self, stream, mode):
        self.capturing = []
        return (0,)

    def cudaStreamEndCapture(self, stream):
        graph, self.capturing = self.capturing, None
        return self.make("graph", graph)

    def cudaGraphDestroy(self, graph):
        return self.destroy("graph", graph)

    def cudaGraphInstantiate(self, graph, flags):
        return self.make("step", list(graph))

    def cudaGraphExecDestroy(self, step):
        return self.destroy("step", step)

    def cudaGraphLaunch(self, graph, stream):
        self.launched += 1
        for work in graph:
            work()
        return (0,)


class FakeTensorrt(ModuleType):
    """An engine that adds: y = total_next = x + total; it was built for `most` numbers."""

    __version__ = "10.16.1"
    Logger = SimpleNamespace
    most, starts = 2, True

    def __init__(self, cuda):
        super().__init__("tensorrt")
        self.cuda, self.shapes, self.addresses = cuda, {}, {}
        self.Logger = type("Logger", (), {"WARNING": 1, "__init__": lambda self, level: None})

    def nptype(self, dtype):
        return dtype

    def Runtime(self, logger):
        return self

    def deserialize_cuda_engine(self, content):
        return self if content == b"engine" else None

    def create_execution_context(self):
        return self

    num_io_tensors = 4

    def get_tensor_name(self, number):
        return (*IN, *OUT)[number]

    def get_tensor_dtype(self, name):
        return np.float32

    def set_input_shape(self, name, shape):
        self.shapes[name] = shape
        return shape[0] <= self.most

    def get_tensor_shape(self, name):
        return self.shapes["x"]

    def set_tensor_address(self, name, address):
        self.addresses[name] = address

    def execute_async_v3(self, stream):
        def add():
            x, total, y, after = (
                self.cuda.memory[self.addresses[name]].view(np.float32) for name in (*IN, *OUT)
            )
            y[:] = x + total
            after[:] = x + total

        self.cuda.do(add)
        return self.starts


def install(monkeypatch, trt, cuda):
    """Have a machine with a card and these libraries."""
    bindings = ModuleType("cuda.bindings")
    bindings.runtime = cuda
    modules = {"tensorrt": trt, "cuda": ModuleType("cuda"), "cuda.bindings": bindings}
    for name, module in {**modules, "cuda.bindings.runtime": cuda}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(native, "this_machine", lambda: CARD)


@pytest.fixture
def card(monkeypatch):
    """A machine with the made-up card; returns its TensorRT and CUDA."""
    cuda = FakeCuda()
    trt = FakeTensorrt(cuda)
    install(monkeypatch, trt, cuda)
    return SimpleNamespace(trt=trt, cuda=cuda)


def built(bundle, machine=CARD):
    """Put an engine beside the graph of a bundle, as an export does."""
    folder = engine_folder(bundle.folder, "sum")
    folder.mkdir(parents=True)
    (folder / ENGINE).write_bytes(b"engine")
    key = Key(machine, file_spec(bundle.path("sum.onnx")).sha256)
    (folder / KEY).write_bytes(msgspec.json.encode(key))
    sealed = {ENGINE: file_spec(folder / ENGINE)}
    (folder / SEAL).write_bytes(msgspec.json.encode(sealed))
    return folder


def test_the_live_engine_takes_what_was_built_and_keeps_the_state_on_the_card(card, tmp_path):
    bundle = summing_bundle(tmp_path)
    built(bundle)
    engine = Engine(bundle, "sum", device="tensorrt", strict=True)
    assert engine.device == "tensorrt"
    x, state = np.array([1, 2], np.float32), engine.initial_state()
    for n in range(1, 6):
        outputs, state = engine.step({"x": x}, state)
        np.testing.assert_array_equal(outputs["y"], n * x)
        assert not isinstance(state["total"], np.ndarray)
    again, _ = engine.step({"x": x}, engine.initial_state())
    np.testing.assert_array_equal(again["y"], x)


def test_steps_of_one_shape_are_captured_once_and_replayed(card, tmp_path):
    engine = NativeEngine(SPEC, write(tmp_path))
    state = {"total": np.zeros(2, np.float32)}
    for n in range(6):
        (y,), (kept,) = engine.run({"x": np.full(2, n, np.float32)}, state)
        state = {"total": kept}
    assert card.cuda.launched == 5  # all but the first
    np.testing.assert_array_equal(y, [15, 15])
    engine.close()
    assert set(map(type, card.cuda.memory.values())) == {type(None)}


def lifetimes(cuda):
    """Everything that was made, and everything that was destroyed, in any order."""
    assert len(set(cuda.destroyed)) == len(cuda.destroyed)
    return set(cuda.made), set(cuda.destroyed)


def test_all_that_was_made_on_the_card_is_destroyed_once(card, tmp_path):
    with closing(NativeEngine(SPEC, write(tmp_path))) as engine:
        for length in (1, 2, 1):  # memory that grows, a step captured for each shape
            state = {"total": np.zeros(length, np.float32)}
            for _ in range(3):
                _, (kept,) = engine.run({"x": np.ones(length, np.float32)}, state)
                state = {"total": kept}
    made, destroyed = lifetimes(card.cuda)
    assert {kind for kind, _ in made} == {"stream", "memory", "graph", "step"}
    assert made == destroyed
    engine.close()
    assert lifetimes(card.cuda) == (made, destroyed)
    with pytest.raises(BundleError, match="the engine was closed"):
        engine.run({"x": np.ones(2, np.float32)}, {"total": np.zeros(2, np.float32)})


def test_an_engine_that_nobody_has_any_more_gives_the_card_back(card, tmp_path):
    engine = NativeEngine(SPEC, write(tmp_path))
    engine.run({"x": np.ones(2, np.float32)}, {"total": np.zeros(2, np.float32)})
    del engine
    made, destroyed = lifetimes(card.cuda)
    assert made == destroyed


def test_an_engine_closed_in_the_midst_of_a_step_ends_it_first(card, tmp_path, monkeypatch):
    engine = NativeEngine(SPEC, write(tmp_path))
    settle = card.cuda.cudaStreamSynchronize

    def closed_meanwhile(stream):
        engine.close()
        assert not card.cuda.destroyed
        return settle(stream)

    monkeypatch.setattr(card.cuda, "cudaStreamSynchronize", closed_meanwhile)
    (y,), _ = engine.run({"x": np.ones(2, np.float32)}, {"total": np.zeros(2, np.float32)})
    np.testing.assert_array_equal(y, [1, 1])
    made, destroyed = lifetimes(card.cuda)
    assert made == destroyed


def test_a_step_that_cannot_be_captured_leaves_nothing_behind(card, tmp_path, monkeypatch):
    engine = NativeEngine(SPEC, write(tmp_path))
    x, start = {"x": np.ones(2, np.float32)}, {"total": np.zeros(2, np.float32)}
    engine.run(x, start)
    monkeypatch.setattr(card.trt, "starts", False)
    with pytest.raises(BundleError, match="TensorRT could not start the step"):
        engine.run(x, start)
    assert card.cuda.capturing is None
    monkeypatch.setattr(card.trt, "starts", True)
    (y,), _ = engine.run(x, start)
    np.testing.assert_array_equal(y, [1, 1])
    engine.close()
    made, destroyed = lifetimes(card.cuda)
    assert made == destroyed


def test_what_the_card_does_not_take_back_is_told_and_the_rest_is_given(
    card, tmp_path, monkeypatch, caplog
):
    engine = NativeEngine(SPEC, write(tmp_path))
    engine.run({"x": np.ones(2, np.float32)}, {"total": np.zeros(2, np.float32)})
    monkeypatch.setattr(card.cuda, "cudaFree", lambda address: (700,))
    engine.close()
    assert caplog.text.count("stays on the card: CUDA says 700") == 4
    assert ("stream", 7) in card.cuda.destroyed


def test_another_shape_is_arranged_anew_and_one_that_was_not_built_for_is_refused(card, tmp_path):
    engine = NativeEngine(SPEC, write(tmp_path))
    for length in (1, 2, 1):
        x = np.ones(length, np.float32)
        (y,), _ = engine.run({"x": x}, {"total": np.zeros(length, np.float32)})
        assert y.shape == (length,)
    for _ in range(2):  # and the second time, when they are no news
        with pytest.raises(BundleError, match=r"built for other shapes than \(3,\) of 'x'"):
            engine.run({"x": np.ones(3, np.float32)}, {"total": np.zeros(3, np.float32)})
    (y,), _ = engine.run({"x": np.ones(1, np.float32)}, {"total": np.zeros(1, np.float32)})
    np.testing.assert_array_equal(y, [1])


def test_a_state_that_was_gone_on_from_already_is_refused(card, tmp_path):
    engine = NativeEngine(SPEC, write(tmp_path))
    x = np.ones(2, np.float32)
    _, (first,) = engine.run({"x": x}, {"total": np.zeros(2, np.float32)})
    engine.run({"x": x}, {"total": first})
    with pytest.raises(BundleError, match="wanted the state after step 2, found that after 1"):
        engine.run({"x": x}, {"total": first})


def test_nobody_goes_on_with_the_state_that_a_failed_step_left(card, tmp_path, monkeypatch):
    engine = NativeEngine(SPEC, write(tmp_path))
    x, start = {"x": np.ones(2, np.float32)}, {"total": np.zeros(2, np.float32)}
    _, (first,) = engine.run(x, start)
    monkeypatch.setattr(card.trt, "starts", False)
    with pytest.raises(BundleError, match="TensorRT could not start the step"):
        engine.run(x, {"total": first})
    monkeypatch.setattr(card.trt, "starts", True)
    with pytest.raises(BundleError, match="wanted the state after step 2, found that after 1"):
        engine.run(x, {"total": first})
    (nan,), _ = engine.run({"x": np.full(2, np.nan, np.float32)}, start)
    assert np.isnan(nan).all()
    (y,), _ = engine.run(x, start)
    np.testing.assert_array_equal(y, [1, 1])


def test_what_cuda_complains_of_is_said(card, tmp_path):
    engine = NativeEngine(SPEC, write(tmp_path))
    card.cuda.error = 700
    with pytest.raises(BundleError, match="CUDA says 700: `tap-live doctor`"):
        engine.run({"x": np.ones(2, np.float32)}, {"total": np.zeros(2, np.float32)})


def test_an_engine_that_tensorrt_cannot_load_is_refused(card, tmp_path):
    (tmp_path / ENGINE).write_bytes(b"another version's")
    with pytest.raises(BundleError, match=r"TensorRT 10\.16\.1 cannot load .* build it again"):
        NativeEngine(SPEC, tmp_path / ENGINE)


@pytest.mark.parametrize("spoil", ["truncated", "gone", "seal"])
def test_a_broken_engine_is_refused_with_the_reason(card, tmp_path, spoil):
    bundle = summing_bundle(tmp_path)
    folder = built(bundle)
    if spoil == "truncated":
        (folder / ENGINE).write_bytes(b"eng")
    else:
        (folder / (ENGINE if spoil == "gone" else SEAL)).unlink()
    with pytest.raises(BundleError, match=r"cut short|not whole") as caught:
        check_engine(folder, bundle.path("sum.onnx"))
    assert "build it again with `tap-live export" in str(caught.value)


def test_an_engine_of_another_card_is_refused_or_told_and_left(card, tmp_path, caplog):
    bundle = summing_bundle(tmp_path)
    built(bundle, msgspec.structs.replace(CARD, gpu="L4", driver="560.1"))
    reason = "does not fit: built for gpu L4, found H200; built for driver 560.1, found 570.86"
    with pytest.raises(BundleError, match=reason):
        Engine(bundle, "sum", device="tensorrt", strict=True)
    assert Engine(bundle, "sum", device="auto").device == "cpu"
    assert reason in caplog.text and "ONNX Runtime is taken" in caplog.text


def test_a_graph_that_changed_since_is_no_longer_the_engines(card, tmp_path):
    bundle = summing_bundle(tmp_path)
    folder = built(bundle)
    bundle.path("sum.onnx").write_bytes(b"another graph")
    with pytest.raises(BundleError, match="built of another graph"):
        check_engine(folder, bundle.path("sum.onnx"))


def test_without_tensorrt_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(RuntimeMissingError, match=r"tensorrt not found: .*tap-live\[gpu\]"):
        NativeEngine(SPEC, tmp_path / ENGINE)


def write(folder):
    (folder / ENGINE).write_bytes(b"engine")
    return folder / ENGINE
