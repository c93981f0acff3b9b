"""Building engines without a card: TensorRT is played by `FakeTensorrt`."""

import shlex
import sys
from types import ModuleType, SimpleNamespace

import msgspec
import onnx
import pytest
from onnx import TensorProto, helper

from tap_live.engine_cache import KEY, SEAL, Key, Machine
from tap_live.errors import BundleError, CancelledError, ConfigError, RuntimeMissingError
from tap_live.export import tensorrt_build
from tap_live.export.tensorrt_build import Plan, build, build_engines, tensorrt
from tap_live.native import ENGINE, check_engine, engine_folder

CARD = Machine("H200", "9.0", "570.86", "10.16.1", "1.31.1")
RANGES = {"B": (1, 4, 64), "F": (2, 100, 3000)}


class Config(SimpleNamespace):
    def clear_flag(self, flag):
        self.cleared = flag

    def set_memory_pool_limit(self, pool, size):
        self.pool = pool, size

    def add_optimization_profile(self, profile):
        self.profile = profile

    def create_timing_cache(self, known):
        return SimpleNamespace(serialize=lambda: known + b"+", known=known)

    def set_timing_cache(self, cache, ignore_mismatch):
        assert ignore_mismatch is False
        if cache.known in self.refused:
            return False
        self.timings = cache
        return True

    def get_timing_cache(self):
        return self.timings


class Profile(SimpleNamespace):
    def __init__(self):
        super().__init__(shapes={})

    def set_shape(self, name, least, usual, most):
        self.shapes[name] = least, usual, most


class FakeTensorrt(ModuleType):
    """A TensorRT of a version that takes every graph, or none."""

    __version__ = "10.16.1"
    NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)
    MemoryPoolType = SimpleNamespace(WORKSPACE="workspace")
    BuilderFlag = SimpleNamespace(TF32="tf32")
    of_shapes = ()

    class IProgressMonitor:
        pass

    class Logger:
        WARNING = 1

        def __init__(self, level):
            pass

    def __init__(self, parses=True, builds=b"engine"):
        super().__init__("tensorrt")
        self.parses, self.builds, self.asked = parses, builds, SimpleNamespace()
        self.num_errors, self.refused = 1, ()

    def Builder(self, logger):
        return self

    def create_network(self, flags):
        self.asked.flags = flags
        return self

    @property
    def num_inputs(self):
        return len(onnx.load(self.asked.graph).graph.input)

    def get_input(self, number):
        name = onnx.load(self.asked.graph).graph.input[number].name
        return SimpleNamespace(name=name, is_shape_tensor=name in self.of_shapes)

    def OnnxParser(self, network, logger):
        return self

    def parse_from_file(self, path):
        self.asked.graph = path
        return self.parses

    def get_error(self, number):
        return "no such operator"

    def create_builder_config(self):
        self.asked.config = Config(refused=self.refused)
        return self.asked.config

    def create_optimization_profile(self):
        return Profile()

    def build_serialized_network(self, network, config):
        monitor = config.progress_monitor
        monitor.phase_start("Building", None, 2)
        for step in range(2):
            if not monitor.step_complete("Building", step):
                return None
        monitor.phase_finish("Building")
        return self.builds


@pytest.fixture(autouse=True)
def card(monkeypatch, tmp_path):
    """A machine with a card, and a user's cache that is empty."""
    cache = tmp_path / "cache"
    monkeypatch.setattr("tap_live.export.timings.platformdirs.user_cache_path", lambda _: cache)
    monkeypatch.setattr(tensorrt_build, "this_machine", lambda: CARD)
    monkeypatch.setattr("tap_live.native.this_machine", lambda: CARD)


@pytest.fixture
def graph(tmp_path):
    tensor = helper.make_tensor_value_info
    made = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "same",
        [tensor("x", TensorProto.FLOAT, ["B", 80, "F"]), tensor("cue", TensorProto.FLOAT, [256])],
        [tensor("y", TensorProto.FLOAT, ["B", 80, "F"])],
    )
    path = tmp_path / "same.onnx"
    onnx.save(helper.make_model(made), path)
    return path


def plan(graph):
    return Plan.of(graph, engine_folder(graph.parent, "same"), RANGES)


def quiet(stage, done, total):
    pass


def test_free_axes_get_an_explicit_profile_and_fixed_ones_stay_as_they_are(graph):
    trt = FakeTensorrt()
    build(trt, plan(graph), quiet)
    assert trt.asked.config.profile.shapes == {
        "x": ((1, 80, 2), (4, 80, 100), (64, 80, 3000)),
        "cue": ((256,), (256,), (256,)),
    }
    assert trt.asked.flags == 1 << 1  # strongly typed
    assert trt.asked.graph == str(graph)
    assert trt.asked.config.pool == ("workspace", 4 << 30)
    assert trt.asked.config.cleared == "tf32"  # fp32 means fp32


def test_a_graph_whose_shapes_depend_on_an_input_is_refused(graph):
    trt = FakeTensorrt()
    trt.of_shapes = ("cue",)
    with pytest.raises(ConfigError, match=r"depend on what 'cue' says.*--device tensorrt"):
        build(trt, plan(graph), quiet)


def test_an_engine_is_built_with_its_key_and_found_again(graph):
    one = plan(graph)
    build(FakeTensorrt(), one, quiet)
    key = msgspec.json.decode((one.folder / KEY).read_bytes(), type=Key)
    assert key.machine == CARD
    assert check_engine(one.folder, graph, RANGES).read_bytes() == b"engine"
    with pytest.raises(BundleError, match="built for other lengths; build it here"):
        check_engine(one.folder, graph, {**RANGES, "F": (1, 100, 3000)})


def test_timings_of_an_earlier_build_are_used_again_whatever_the_graph(graph, tmp_path):
    for number, expected in enumerate((b"", b"+", b"++")):
        trt, folder = FakeTensorrt(), engine_folder(tmp_path / f"bundle{number}", "same")
        build(trt, Plan.of(graph, folder, RANGES), quiet)
        assert trt.asked.config.timings.known == expected
        assert {path.name for path in folder.iterdir()} == {ENGINE, KEY, SEAL}


def test_timings_that_tensorrt_refuses_are_left_with_a_word(graph, caplog):
    build(FakeTensorrt(), plan(graph), quiet)
    trt = FakeTensorrt()
    trt.refused = (b"+",)
    build(trt, plan(graph), quiet)
    assert trt.asked.config.timings.known == b""
    assert "are measured again: TensorRT does not take it" in caplog.text


def test_building_tells_how_far_it_is(graph):
    told = []
    build(FakeTensorrt(), plan(graph), lambda *news: told.append(news))
    assert told == [("engine same: Building", done, 2) for done in (0, 1, 2, 2)]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, CancelledError])
def test_building_can_be_cancelled_and_keeps_nothing(graph, stop):
    def tell(stage, done, total):
        if done:
            raise stop

    one = plan(graph)
    with pytest.raises(CancelledError, match=r"building .*graph\.engine was cancelled"):
        build(FakeTensorrt(), one, tell)
    assert not one.engine.exists()


def test_a_graph_that_tensorrt_does_not_take_is_refused_with_its_words(graph):
    with pytest.raises(BundleError, match=r"TensorRT 10\.16\.1 cannot take .*: no such operator"):
        build(FakeTensorrt(parses=False), plan(graph), quiet)
    with pytest.raises(BundleError, match="built nothing"):
        build(FakeTensorrt(builds=None), plan(graph), quiet)


def test_an_axis_without_a_range_is_named(graph):
    with pytest.raises(ConfigError, match="axis 'B' of 'x' may have any length"):
        Plan.of(graph, graph.parent, {})


def test_the_same_can_be_built_with_nvidias_own_program(graph):
    words = shlex.split(plan(graph).command)
    assert words[0] == "trtexec" and "--stronglyTyped" in words
    assert "--minShapes=x:1x80x2" in words
    assert "--optShapes=x:4x80x100" in words
    assert "--maxShapes=x:64x80x3000" in words
    assert f"--onnx={graph}" in words


def test_every_graph_of_a_bundle_gets_a_folder_of_its_own(graph, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", FakeTensorrt())
    engines = build_engines({"a": graph, "b": graph}, tmp_path, RANGES, quiet)
    assert engines == [tmp_path / "engines" / name / ENGINE for name in ("a", "b")]
    assert all(engine.is_file() for engine in engines)


def test_without_tensorrt_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(RuntimeMissingError, match=r"wanted TensorRT.*tap-live\[gpu\]"):
        tensorrt()
