"""Where a graph runs, on machines that this one is not: ONNX Runtime is played by `FakeOrt`."""

import re
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from tap_live import providers
from tap_live.engine_cache import Machine
from tap_live.errors import BundleError, RuntimeMissingError
from tap_live.providers import NAMES, Where, linked_cuda, linked_tensorrt, place

CARD = Machine("H200", "9.0", "570.86", "10.9.0", "1.31.1")


class FakeSession:
    def __init__(self, names):
        self.names = names

    def get_providers(self):
        return self.names

    def get_inputs(self):
        return []

    get_outputs = get_inputs

    def run(self, names, feeds):
        return []


class FakeOptions:
    def __init__(self):
        self.entries = {}

    def add_session_config_entry(self, name, value):
        self.entries[name] = value


class FakeOrt(ModuleType):
    """Built for `built` devices, of which it can really load `loads`."""

    def __init__(self, built, loads):
        super().__init__("onnxruntime")
        self.built, self.loads = [NAMES[one] for one in built], [NAMES[one] for one in loads]
        self.asked = []
        self.SessionOptions = FakeOptions
        self.GraphOptimizationLevel = SimpleNamespace(ORT_DISABLE_ALL=0)

    def get_available_providers(self):
        return self.built

    def InferenceSession(self, graph, options, providers):
        names = [one if isinstance(one, str) else one[0] for one in providers]
        self.asked.append((graph, options.entries, dict(p for p in providers if len(p) == 2)))
        if "disable_cpu_ep_fallback" in str(options.entries) and not set(names) & set(self.loads):
            raise RuntimeError("nodes would run on the CPU")
        return FakeSession([name for name in names if name in self.loads])


@pytest.fixture
def ort(monkeypatch, tmp_path, built_here):
    """Return what puts a fake ONNX Runtime in place; caches lie in `tmp_path`."""
    monkeypatch.setattr("tap_live.engine_cache.this_machine", lambda: CARD)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setattr(providers, "mismatch", lambda: None)

    def make(built, loads):
        fake = FakeOrt(built.split(), loads.split())
        monkeypatch.setitem(sys.modules, "onnxruntime", fake)
        return fake

    return make


@pytest.fixture
def graph(tmp_path):
    (tmp_path / "bundle").mkdir()
    path = tmp_path / "bundle" / "step.onnx"
    path.write_bytes(b"a graph")
    return path


@pytest.mark.parametrize(
    ("built", "loads", "wanted", "got", "told"),
    [
        ("cpu", "cpu", "cpu", "cpu", 0),
        ("cpu", "cpu", "auto", "cpu", 0),
        ("tensorrt cuda cpu", "tensorrt cuda cpu", "auto", "tensorrt", 0),
        ("tensorrt cuda cpu", "cuda cpu", "auto", "cuda", 1),
        ("tensorrt cuda cpu", "cpu", "auto", "cpu", 2),
        ("tensorrt cuda cpu", "tensorrt cuda cpu", "cuda", "cuda", 0),
        ("tensorrt cuda cpu", "cpu", "cuda", "cpu", 1),
        ("tensorrt cuda cpu", "tensorrt cuda cpu", "cpu", "cpu", 0),
        ("cuda cpu", "cuda cpu", "tensorrt", "cuda", 1),
        ("cpu", "cpu", "cuda", "cpu", 1),
    ],
)
def test_the_fastest_that_works_is_taken_and_what_is_missing_is_told(
    ort, graph, built, loads, wanted, got, told
):
    ort(built, loads)
    warnings = []
    assert place(graph, wanted, tell=warnings.append).device == got
    missed = [warning for warning in warnings if "the next slower is taken" in warning]
    assert len(missed) == told
    assert all("building TensorRT's engine" in one for one in warnings if one not in missed)


@pytest.mark.parametrize(
    ("built", "loads", "wanted"),
    [
        ("cpu", "cpu", "cuda"),
        ("cuda cpu", "cuda cpu", "tensorrt"),
    ],
)
def test_strict_refuses_a_slower_device(ort, graph, built, loads, wanted):
    ort(built, loads)
    with pytest.raises(RuntimeMissingError, match=rf"wanted {wanted}, but .*tap-live\[gpu\]"):
        place(graph, wanted, strict=True)


def test_strict_leaves_no_node_to_the_cpu(ort, graph):
    fake = ort("cuda cpu", "cuda cpu")
    assert place(graph, "cuda", strict=True).device == "cuda"
    _, entries, asked = fake.asked[0]
    assert entries["session.disable_cpu_ep_fallback"] == "1"
    assert set(asked) == {NAMES["cuda"]}
    fake = ort("cuda cpu", "cpu")
    with pytest.raises(BundleError, match=r"cannot load .*step\.onnx on cuda: nodes would run"):
        place(graph, "cuda", strict=True)


def test_a_graph_may_leave_nodes_to_the_cpu_although_the_device_is_wanted_strictly(ort, graph):
    fake = ort("cuda cpu", "cuda cpu")
    place(graph, "cuda", strict=True, whole=False)
    assert "session.disable_cpu_ep_fallback" not in fake.asked[0][1]


def test_the_first_device_to_try_is_the_fastest_that_onnx_runtime_was_built_for(ort):
    ort("cuda cpu", "cpu")
    assert [Where(one).first() for one in ("auto", "tensorrt", "cuda", "cpu")] == [
        *("cuda", "cuda", "cuda", "cpu")
    ]


def test_what_was_not_built_for_want_of_tensorrt_is_built_once_it_is_there(ort, graph, tmp_path):
    ort("tensorrt cuda cpu", "cuda cpu")
    for _ in range(2):
        told = []
        assert place(graph, "auto", tell=told.append).device == "cuda"
        assert "its libraries cannot be loaded" in told[-1]
        assert not [*(tmp_path / "cache").rglob("files.json")]
    ort("tensorrt cuda cpu", "tensorrt cuda cpu")
    assert place(graph, "auto", tell=told.append).device == "tensorrt"
    assert len([*(tmp_path / "cache").rglob("files.json")]) == 1


def test_without_a_driver_tensorrt_is_left_out(ort, graph, monkeypatch):
    def none():
        raise BundleError("wanted an NVIDIA card and its driver")

    ort("tensorrt cuda cpu", "cpu")
    monkeypatch.setattr("tap_live.engine_cache.this_machine", none)
    told = []
    assert place(graph, "auto", tell=told.append).device == "cpu"
    assert "wanted an NVIDIA card" in told[0]
    with pytest.raises(BundleError, match="wanted an NVIDIA card"):
        place(graph, "tensorrt", strict=True)


@pytest.mark.parametrize(
    ("linked", "cuda", "installed", "text"),
    [
        (10, 13, ("tensorrt-cu13", "10.16.1.11"), None),
        (10, 13, ("tensorrt", "10.16.1.11"), None),
        (10, None, ("tensorrt-cu12", "10.9.0"), None),
        (None, None, ("tensorrt", "11.4.0"), None),
        (10, None, ("tensorrt", "11.4.0"), r"tensorrt 11\.4\.0 is installed: .*'tensorrt>=10,<11'"),
        (10, 13, ("tensorrt-cu13", "11.4.0"), r"'tensorrt-cu13>=10,<11'"),
        (10, 13, ("tensorrt-cu12", "10.9.0"), "links TensorRT 10 for CUDA 13 and tensorrt-cu12 10"),
        (10, 13, ("", ""), "links TensorRT 10 for CUDA 13 and none is installed"),
    ],
)
def test_a_tensorrt_that_the_provider_does_not_link_is_named(
    monkeypatch, linked, cuda, installed, text
):
    monkeypatch.setattr(providers, "linked_tensorrt", lambda: linked)
    monkeypatch.setattr(providers, "linked_cuda", lambda: cuda)
    monkeypatch.setattr(providers, "tensorrt", lambda: installed)
    found = providers.mismatch()
    assert (found is None) == (text is None)
    assert re.search(text or "", found or "")


def test_the_wanted_tensorrt_is_read_from_the_wheel(tmp_path, monkeypatch):
    capi = tmp_path / "onnxruntime" / "capi"
    capi.mkdir(parents=True)
    (tmp_path / "onnxruntime" / "__init__.py").touch()
    library = (
        b"\x7fELF" + np.random.default_rng(0).bytes(500) + b"\0libnvinfer.so.10\0libcudart.so.13"
    )
    (capi / "libonnxruntime_providers_tensorrt.so").write_bytes(library)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    assert (linked_tensorrt(), linked_cuda()) == (10, 13)
    (capi / "libonnxruntime_providers_tensorrt.so").unlink()
    assert linked_tensorrt() is None
