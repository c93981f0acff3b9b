"""An ONNX Runtime with a TensorRT provider that the CPU plays, as its documentation has it.

With profiles it builds when a session is made, and takes nothing beyond them; without, at the
first run, and again when a length leaves what was seen. Engines lie beside the context that names
them, which may name no other place.
"""

import json
from pathlib import Path
from types import ModuleType, SimpleNamespace

import onnxruntime

from tap_live.providers import NAMES

ENGINE = b"engine" * 100
WHICH = ("min", "opt", "max")


class PlayedOrt(ModuleType):
    """What it has built, in `builds`: of which graph, and whether at `opening` or a `run`.

    Attributes:
        late: whether a file is written at the first run that nobody expects then.
        parts: whether a graph goes to TensorRT in parts, the context then holding one.
        inner: an axis between parts that has no name in the graph's inputs.
    """

    GraphOptimizationLevel = onnxruntime.GraphOptimizationLevel
    SessionOptions = onnxruntime.SessionOptions

    def __init__(self, late=False, parts=False, inner=None):
        super().__init__("onnxruntime")
        self.late, self.parts, self.inner = late, parts, inner
        self.builds, self.asked = [], []
        self.OrtValue = SimpleNamespace(
            ortvalue_from_numpy=lambda array, memory, number: (
                onnxruntime.OrtValue.ortvalue_from_numpy(array, "cpu", 0)
            )
        )

    def get_available_providers(self):
        return list(NAMES.values())

    def InferenceSession(self, file, options, providers):
        given = dict(one for one in providers if not isinstance(one, str))
        first = providers[0] if isinstance(providers[0], str) else providers[0][0]
        self.asked.append((Path(file).name, given))
        if first != NAMES["tensorrt"]:
            return PlayedSession(_on_cpu(file), [first])
        if Path(file).name.endswith("_ctx.onnx"):
            return self._of_context(Path(file))
        return Building(self, Path(file), given[first])

    def _of_context(self, file):
        context = json.loads(file.read_text())
        if Path(context["engine"]).is_absolute() or not (file.parent / context["engine"]).is_file():
            raise RuntimeError(f"For security purpose, no engine {context['engine']}")
        session = PlayedSession(_on_cpu(context["graph"]), list(NAMES.values()))
        session.profile, session.part = context["profile"], self.parts
        return session


class PlayedSession:
    """A real session that says it is elsewhere, and holds what it is given against a profile."""

    def __init__(self, real, providers):
        self.real, self.providers = real, providers
        self.profile, self.part = {}, False

    def get_providers(self):
        return self.providers

    def get_inputs(self):
        return self.real.get_inputs()[int(self.part) :]

    def get_outputs(self):
        return self.real.get_outputs()

    def told(self, name, value):
        """The shape of a tensor; of one that shapes depend on, which is fixed, what it says."""
        free = {one.name for one in self.real.get_inputs() if not all(map(_fixed, one.shape))}
        depended_on = name in self.profile and name not in free
        return tuple(value.tolist()) if depended_on else value.shape

    def check(self, given):
        """`given` are shapes, and values of what shapes depend on."""
        for name, (least, _, most) in self.profile.items():
            pairs = zip(least, given[name], most, strict=True)
            if not all(low <= length <= high for low, length, high in pairs):
                raise RuntimeError(f"{name} is {given[name]}, beyond {least} to {most}")

    def run(self, names, feeds):
        self.check({name: self.told(name, value) for name, value in feeds.items()})
        return self.real.run(names, feeds)

    def io_binding(self):
        return PlayedBinding(self.real.io_binding(), self.told)

    def run_with_iobinding(self, binding):
        self.check(binding.given)
        self.real.run_with_iobinding(binding.real)


class Building(PlayedSession):
    """One that has its engine built, now or when it is run."""

    def __init__(self, ort, graph, options):
        super().__init__(_on_cpu(graph), list(NAMES.values()))
        self.ort, self.graph, self.options = ort, graph, options
        free = {one.name for one in self.get_inputs() if not all(map(_fixed, one.shape))}
        if wanted := options.get("trt_profile_min_shapes"):
            self.profile = _profile(options)
            missing = ({ort.inner} - {None}) | (free - self.profile.keys())
            if missing:
                raise RuntimeError(f"no associated shape profiles provided: {missing}")
        self.implicit = bool(free) and not wanted
        self.seen = set()
        if not self.implicit:
            self.build("opening")

    def build(self, when):
        folder = Path(self.options["trt_ep_context_file_path"])
        beside = self.options.get("trt_engine_cache_path", "")
        engine, found = Path(beside) / f"{self.graph.stem}.engine", self.options
        if found["trt_engine_cache_enable"] and (folder / engine).is_file() and when == "opening":
            return  # of an earlier start
        self.ort.builds.append((self.graph.stem, when))
        (folder / engine).write_bytes(ENGINE)
        context = {"engine": str(engine), "graph": str(self.graph), "profile": self.profile}
        (folder / f"{self.graph.stem}_ctx.onnx").write_text(json.dumps(context))

    def check(self, given):
        super().check(given)
        shapes = tuple(sorted(given.items()))
        if self.implicit and shapes not in self.seen:
            self.build("run")
        self.seen.add(shapes)
        if self.ort.late:
            late = Path(self.options["trt_ep_context_file_path"]) / "late.timing"
            late.write_bytes(ENGINE)


class PlayedBinding:
    """What a session is given, in memory that is called another."""

    def __init__(self, real, told):
        self.real, self.told, self.given = real, told, {}

    def bind_cpu_input(self, name, value):
        self.given[name] = self.told(name, value)
        self.real.bind_cpu_input(name, value)

    def bind_input(self, name, memory, number, dtype, shape, address):
        self.given[name] = tuple(shape)
        self.real.bind_input(name, "cpu", number, dtype, shape, address)

    def bind_ortvalue_input(self, name, value):
        self.given[name] = self.told(name, value.numpy())
        self.real.bind_ortvalue_input(name, value)

    def bind_output(self, name, memory, *where):
        self.real.bind_output(name, "cpu", *where)

    def get_outputs(self):
        return self.real.get_outputs()


def _profile(options):
    parsed = []
    for which in WHICH:
        pairs = (one.split(":") for one in options[f"trt_profile_{which}_shapes"].split(","))
        parsed.append({name: tuple(map(int, axes.split("x"))) for name, axes in pairs})
    return {name: tuple(one[name] for one in parsed) for name in parsed[0]}


def _fixed(axis):
    return isinstance(axis, int)


def _on_cpu(file):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
