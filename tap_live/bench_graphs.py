"""Measure networks graph by graph: latency, throughput, batches, each way of running them in turn.

Ways are timed turn by turn in one run, for machines drift: their ratios are what counts.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from tap_live.bundle import Bundle, GraphSpec, TensorSpec
from tap_live.providers import CPU, Where, place
from tap_live.runtime import Engine
from tap_live.whisper.assemble import assembled
from tap_live.whisper.decoding import tokenizer_of
from tap_live.whisper.model import Encoded, Int64, Precision, Whisper
from tap_live.whisper.resident import Said
from tap_live.whisper.rules import Rules

LENGTHS = {"frames": 160}  # of free axes that are no batch; 1.6 s of the speaker encoder
BATCHES = (1, 2, 4, 8)
TURNS = 3
ENOUGH = 100  # steps: in fewer the slowest hundredth is less than one of them
STEPS = -(-ENOUGH // TURNS)  # of a turn
TURN_S, FEWEST = 2.0, 3  # a turn ends when so much was timed, if it has so many steps
SPAN_S, FRAMES_A_S, CONTEXT = 10.0, 100, 64  # of audio for Whisper; tokens read before

Step: TypeAlias = Callable[[], object]
MakeStep: TypeAlias = Callable[[int], Step]
"""Takes the rows of a batch."""


@dataclass(frozen=True)
class Way:
    """One way of running a model: its graphs, and where they run."""

    name: str  # "fp32", "int8", "fp32 as written", "pytorch"
    device: str
    graphs: Mapping[str, MakeStep]
    most: int = max(BATCHES)  # rows
    audio_s: Mapping[str, float] = field(default_factory=dict)  # of a row


class Figure(msgspec.Struct, frozen=True):
    """One graph, one way, one batch."""

    model: str
    graph: str
    way: str
    device: str
    batch: int
    steps: int  # that were timed
    p50_ms: float
    p99_ms: float | None  # of ENOUGH steps or more
    worst_ms: float
    rows_a_s: float
    real_time: float | None  # seconds of compute for a second of audio
    ratio: float | None  # how many times as fast as the last way, in the same turns


def bundle_way(name: str, bundle: Bundle, where: Where = CPU, *, optimise: bool = True) -> Way:
    """Run every graph of a bundle on noise."""
    engines = {
        graph: Engine(
            bundle,
            graph,
            device=where.device,
            strict=where.strict,
            optimise=optimise,
            waiting=where.waiting,
        )
        for graph in bundle.manifest.graphs
    }
    hop_s, seconds = bundle.manifest.settings.get("hop_s"), {}
    if isinstance(hop_s, float):
        mask = bundle.graph("step").outputs[0].shape  # of a hop, or of the hops of a stretch
        seconds["step"] = hop_s * (int(mask[0]) if len(mask) == 3 else 1)
    return Way(
        name,
        next(iter(engines.values())).device,
        {graph: _engine_steps(engine) for graph, engine in engines.items()},
        most=max(BATCHES) if all(map(_has_batch, bundle.manifest.graphs.values())) else 1,
        audio_s=seconds,
    )


def whisper_way(
    name: str,
    source: str | Path,
    precision: Precision,
    where: Where = CPU,
    *,
    optimise: bool = True,
) -> Way:
    """Run encoder and decoder; a decoder's step is one token."""
    folder = assembled(source, precision=precision)
    if optimise:
        whisper = Whisper(folder, where=where)
        return whisper_steps(name, whisper, whisper.device)
    encoder, decoder = (
        place(
            folder / file,
            where.device,
            strict=where.strict,
            whole=False,
            optimise=False,
            waiting=where.waiting,
        )
        for file in ("encoder.onnx", "decoder.onnx")
    )
    whisper = Whisper(folder, sessions=(encoder.session, decoder.session))
    return whisper_steps(name, whisper, decoder.device)


def whisper_steps(name: str, whisper: Whisper, device: str = "cpu") -> Way:
    """The same of a Whisper that is loaded, as of PyTorch's; on a card a token is chosen there."""
    shape = (1, whisper.dims.n_mels, _FRAMES)
    mel = np.random.default_rng(0).standard_normal(shape).astype(np.float32)

    def encode(batch: int) -> Step:
        rows = np.repeat(mel, batch, axis=0)
        return lambda: whisper.encode(rows)

    def decode(batch: int) -> Step:
        encoded = whisper.encode(np.repeat(mel, batch, axis=0))
        token = np.full((batch, 1), whisper.dims.previous)
        before = np.repeat(token, CONTEXT, axis=1)
        if whisper.resident:
            return _chosen(whisper, encoded, token, before)
        _, _, state = whisper.decode(before, whisper.start(encoded), last=1)
        return lambda: whisper.decode(token, state, last=1)

    return Way(name, device, {"encoder": encode, "decoder": decode}, audio_s={"encoder": SPAN_S})


def _chosen(whisper: Whisper, encoded: Encoded, token: Int64, before: Int64) -> Step:
    """One token after those before it, and which is likeliest to follow."""
    reader = whisper.reader(encoded, None, Rules(tokenizer_of(whisper), timestamps=False))
    said = Said(token, token, token, token)
    reader.read(before, before.shape[1], said, 1)
    own = reader.own

    def step() -> object:
        reader.keep(own)
        return reader.read(token, 1, said, 1).fetched()

    return step


def measure(
    model: str, ways: Sequence[Way], *, steps: int = STEPS, turns: int = TURNS, batches: bool = True
) -> list[Figure]:
    """Time every way at one row, in turns, and the first of them at larger batches too."""
    figures = []
    for graph in ways[0].graphs:
        timed = _in_turns([way.graphs[graph](1) for way in ways], steps, turns)
        last = float(np.median(timed[-1]))
        for way, times in zip(ways, timed, strict=True):
            figures.append(_figure(model, graph, way, 1, times, last))
        for batch in BATCHES[1:] if batches else ():
            if batch <= ways[0].most:
                (times,) = _in_turns([ways[0].graphs[graph](batch)], steps, 1)
                figures.append(_figure(model, graph, ways[0], batch, times, None))
    return figures


_FRAMES = round(SPAN_S * FRAMES_A_S)


def _in_turns(made: Sequence[Step], steps: int, turns: int) -> list[list[float]]:
    """Seconds of every step, of each in turn."""
    times: list[list[float]] = [[] for _ in made]
    for step in made:
        step()  # the first one is the slow one
    for _ in range(turns):
        for step, mine in zip(made, times, strict=True):
            mine += _turn(step, steps)
    return times


def _turn(step: Step, steps: int) -> list[float]:
    """Seconds of every step; of a slow network there are fewer."""
    times: list[float] = []
    while len(times) < steps and (len(times) < FEWEST or sum(times) < TURN_S):
        begun = time.perf_counter()
        step()
        times.append(time.perf_counter() - begun)
    return times


def _figure(
    model: str, graph: str, way: Way, batch: int, times: Sequence[float], last: float | None
) -> Figure:
    p50, p99 = (float(np.quantile(times, q)) for q in (0.5, 0.99))
    enough = len(times) >= ENOUGH
    audio_s = way.audio_s.get(graph)
    return Figure(
        model=model,
        graph=graph,
        way=way.name,
        device=way.device,
        batch=batch,
        steps=len(times),
        p50_ms=1e3 * p50,
        p99_ms=1e3 * p99 if enough else None,
        worst_ms=1e3 * max(times),
        rows_a_s=batch / p50,
        real_time=p50 / (batch * audio_s) if audio_s else None,
        ratio=last / p50 if last else None,
    )


def _engine_steps(engine: Engine) -> MakeStep:
    def make(batch: int) -> Step:
        rng = np.random.default_rng(0)
        inputs = {spec.name: _noise(spec, batch, rng) for spec in engine.spec.inputs}
        state = engine.initial_state()
        return lambda: engine.step(inputs, state)

    return make


def _noise(spec: TensorSpec, batch: int, rng: np.random.Generator) -> NDArray[Any]:
    """Whole numbers are tokens, or say which of them count."""
    shape = _lengths(spec, batch)
    whole = not np.issubdtype(spec.dtype, np.floating)
    made = rng.integers(0, 2, shape) if whole else rng.standard_normal(shape)
    return made.astype(spec.dtype)


def _lengths(spec: TensorSpec, batch: int) -> list[int]:
    return [axis if isinstance(axis, int) else LENGTHS.get(axis, batch) for axis in spec.shape]


def _has_batch(spec: GraphSpec) -> bool:
    """Whether it takes several rows that know nothing of each other."""
    return not spec.state and isinstance(spec.inputs[0].shape[0], str)
