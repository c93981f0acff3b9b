"""Build native TensorRT engines of a bundle's graphs.

Networks are strongly typed: what a graph says is what is computed (TensorRT 11 knows nothing
else). Shapes that are fixed stay so; the others get one explicit profile. An engine lies with
its key in a folder of its own: another card, driver or version refuses it.

Written against NVIDIA's documentation of TensorRT 10 and 11, tested with a made-up `tensorrt`;
not yet run on a card.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import onnx

from tap_live.bundle import file_spec
from tap_live.engine_cache import KEY, SEAL, Key, this_machine
from tap_live.errors import BundleError, CancelledError, ConfigError, RuntimeMissingError
from tap_live.export.exporters import Tell
from tap_live.export.timings import Timings
from tap_live.native import ENGINE, engine_folder
from tap_live.profiles import Ranges, Shapes, shapes_of, written
from tap_live.providers import GPU_INSTALL

WORKSPACE = 4 << 30  # bytes of the card that building may use


@dataclass(frozen=True)
class Plan:
    """One engine that is to be built."""

    graph: Path
    folder: Path
    inputs: Mapping[str, Shapes]
    ranges: Ranges

    @classmethod
    def of(cls, graph: Path, folder: Path, ranges: Ranges) -> "Plan":
        """Read a graph's inputs. Raises: ConfigError naming an axis that has no range."""
        model = onnx.load(graph, load_external_data=False)
        axes = ((value.name, value.type.tensor_type.shape.dim) for value in model.graph.input)
        inputs = ((name, [one.dim_param or one.dim_value for one in its]) for name, its in axes)
        return cls(graph, folder, shapes_of(inputs, ranges), ranges)

    @property
    def engine(self) -> Path:
        return self.folder / ENGINE

    @property
    def command(self) -> str:
        """The same with NVIDIA's own program: to look at, or to build where Python is not."""
        words = ["trtexec", f"--onnx={self.graph}", f"--saveEngine={self.engine}"]
        words += ["--stronglyTyped", f"--memPoolSize=workspace:{WORKSPACE >> 20}M"]
        free = {name: shapes for name, shapes in self.inputs.items() if not shapes.fixed}
        if free:
            words.append(f"--minShapes={written(free, 'least')}")
            words.append(f"--optShapes={written(free, 'usual')}")
            words.append(f"--maxShapes={written(free, 'most')}")
        return shlex.join(words)


def build_engines(
    graphs: Mapping[str, Path], bundle: Path, ranges: Ranges, tell: Tell
) -> list[Path]:
    """Build an engine of every graph, below the bundle.

    Raises: as `build`.
    """
    plans = [Plan.of(graph, engine_folder(bundle, name), ranges) for name, graph in graphs.items()]
    trt = tensorrt()
    for plan in plans:
        build(trt, plan, tell)
    return [plan.engine for plan in plans]


def tensorrt() -> Any:
    """TensorRT's own package, which has no types. Raises: RuntimeMissingError."""
    try:
        import tensorrt as trt
    except ImportError as error:
        raise RuntimeMissingError(f"wanted TensorRT, found none: {GPU_INSTALL}") from error
    return trt


def build(trt: Any, plan: Plan, tell: Tell) -> None:
    """Build one engine and put its key beside it; takes minutes.

    Raises: BundleError if TensorRT cannot take the graph, or there is no card; CancelledError
        if the user stopped it.
    """
    key = Key(this_machine(), file_spec(plan.graph).sha256, dict(plan.ranges))
    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    # On 10 asked for, on 11 always so, where the flag is taken and means nothing.
    strongly = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(strongly)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(plan.graph)):
        errors = "; ".join(str(parser.get_error(n)) for n in range(parser.num_errors))
        raise BundleError(f"TensorRT {trt.__version__} cannot take {plan.graph}: {errors}")
    watch = Watch(plan.folder.name, tell)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE)
    config.clear_flag(trt.BuilderFlag.TF32)  # fp32 means fp32
    config.add_optimization_profile(_profile(builder, network, plan))
    monitor = _monitor(trt, watch)  # has to live as long as the configuration
    config.progress_monitor = monitor
    plan.folder.mkdir(parents=True, exist_ok=True)
    timings = Timings.of(key.machine)
    _go_on_from(config, timings)
    made = builder.build_serialized_network(network, config)
    if watch.cancelled:
        raise CancelledError(f"building {plan.engine} was cancelled: nothing is kept")
    if made is None:
        raise BundleError(f"TensorRT {trt.__version__} built nothing of {plan.graph}")
    plan.engine.write_bytes(bytes(made))
    timings.write(bytes(config.get_timing_cache().serialize()))
    _seal(plan, key)


def _go_on_from(config: Any, timings: Timings) -> None:
    """Begin with what earlier builds on this machine measured, if TensorRT takes it."""
    known = timings.read()
    cache = config.create_timing_cache(known)
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        timings.unusable()
        config.set_timing_cache(config.create_timing_cache(b""), ignore_mismatch=False)


def _seal(plan: Plan, key: Key) -> None:
    """Say for which machine it is, and that it is whole."""
    files = {plan.engine.name: file_spec(plan.engine)}
    (plan.folder / KEY).write_bytes(msgspec.json.encode(key))
    (plan.folder / SEAL).write_bytes(msgspec.json.encode(files))


class Watch:
    """What TensorRT tells while it builds, from any of its threads; and what stops it."""

    def __init__(self, name: str, tell: Tell) -> None:
        self.cancelled = False
        self._name, self._tell = name, tell
        self._steps: dict[str, int] = {}

    def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
        self._steps[phase] = steps
        self._say(phase, 0)

    def step_complete(self, phase: str, step: int) -> bool:
        """Whether to go on. Ctrl-C reaches Python here, and ends the build, not TensorRT."""
        try:
            self._say(phase, step + 1)
        except (KeyboardInterrupt, CancelledError):
            self.cancelled = True
        return not self.cancelled

    def phase_finish(self, phase: str) -> None:
        steps = self._steps.pop(phase, 0)
        self._say(phase, steps, steps)

    def _say(self, phase: str, done: int, steps: int | None = None) -> None:
        if not self.cancelled:
            total = self._steps.get(phase, done) if steps is None else steps
            self._tell(f"engine {self._name}: {phase}", done, total)


def _monitor(trt: Any, watch: Watch) -> Any:
    """A watch as TensorRT wants it; its base class is known only where TensorRT is."""
    names = ("phase_start", "step_complete", "phase_finish")
    calls = {name: _passed_on(getattr(watch, name)) for name in names}
    return type("Monitor", (trt.IProgressMonitor,), calls)()


def _passed_on(method: Any) -> Any:
    return lambda self, *given: method(*given)


def _profile(builder: Any, network: Any, plan: Plan) -> Any:
    """Which shapes come. Raises: ConfigError if they depend on what an input says."""
    profile = builder.create_optimization_profile()
    inputs = [network.get_input(number) for number in range(network.num_inputs)]
    of_shapes = {tensor.name for tensor in inputs if tensor.is_shape_tensor}
    for name, shapes in plan.inputs.items():
        if name in of_shapes:
            raise ConfigError(
                f"shapes depend on what {name!r} says, which native engines here do not take: "
                "--device tensorrt builds one through ONNX Runtime"
            )
        profile.set_shape(name, shapes.least, shapes.usual, shapes.most)
    return profile
