"""Make the graphs that choose Whisper's next tokens: rules, the likeliest, how likely they are.

    python -m tap_live.export.whisper_choice

They ship beside `tap_live/whisper/resident.py` and have no weights: what the rules are is given
with the logits, so that they fit every Whisper. Where logits lie on a card they stay there; tokens
and their log-probabilities leave it. `tap_live/whisper/rules.py` says the same in numpy.

Letters in shapes: B rows, N columns, V vocabulary, K of the likeliest.
"""

from pathlib import Path
from typing import NamedTuple

import onnx

from tap_live.export.whisper_nodes import Graph, Weights
from tap_live.whisper.resident import CHOICE, PICK, RANKING

OPSET = 18
"""ONNX Runtime's CUDA provider has `ReduceMax` of this version, not of 20: with that one the logits
would be copied to the CPU (its `docs/OperatorKernels.md`)."""


class Ruled(NamedTuple):
    """What the rules leave of some logits, and what else was given."""

    logits: str  # (B, N, V) as they came
    ruled: str  # and with what cannot follow at minus infinity
    newest: str
    first: str
    silence: str


def choice_graph() -> onnx.ModelProto:
    """`logits, last, before, newest, asked, never, blank, marks, timed
    -> token, logprob, newest.next, asked_logprob, silence`.

    `asked_logprob` is that of `asked`, `silence` that of silence, both without rules.
    """
    g = Graph("whisper-choice", Weights(), "float")
    given = _ruled(g)
    asked = g.input("asked", "int64", ["B", "N"])
    chosen = g.op("ArgMax", given.ruled, axis=-1, keepdims=0)
    g.output(chosen, "token", "int64", ["B", "N"])
    g.output(_logprob(g, given.ruled, chosen), "logprob", "float32", ["B", "N"])
    said_time = g.op("GreaterOrEqual", chosen, given.first)
    g.output(g.op("Where", said_time, chosen, given.newest), "newest.next", "int64", ["B", "N"])
    g.output(_logprob(g, given.logits, asked), "asked_logprob", "float32", ["B", "N"])
    nobody = g.op("Expand", given.silence, g.op("Shape", asked))
    g.output(_logprob(g, given.logits, nobody), "silence", "float32", ["B", "N"])
    return _model(g)


def ranking_graph() -> onnx.ModelProto:
    """`logits, last, before, newest, never, blank, marks, timed, count -> tokens, logprobs`.

    The `count` likeliest of every column, the likeliest first, (B, N, K) each: for beams.
    """
    g = Graph("whisper-ranking", Weights(), "float")
    ruled = _ruled(g).ruled
    best, tokens = g.ops("TopK", 2, ruled, g.input("count", "int64", [1]), axis=-1)
    g.output(tokens, "tokens", "int64", ["B", "N", "K"])
    g.output(g.op("Sub", best, _mass(g, ruled)), "logprobs", "float32", ["B", "N", "K"])
    return _model(g)


def pick_graph() -> onnx.ModelProto:
    """`value, rows -> picked`: go on with these rows of a cache, any of them more than once."""
    g = Graph("whisper-pick", Weights(), "float")
    value = g.input("value", "float32", ["B", "H", "S", "D"])
    picked = g.op("Gather", value, g.input("rows", "int64", ["R"]), axis=0)
    g.output(picked, "picked", "float32", ["R", "H", "S", "D"])
    return _model(g)


def _ruled(g: Graph) -> Ruled:
    """Lay the rules on `logits`.

    `last` and `before` are the tokens that each column ends with, `newest` the latest timestamp up
    to it; below zero where there is none. `marks` are the end, the first timestamp, the last one
    that may come first, and the token of silence.
    """
    logits = g.input("logits", "float32", ["B", "N", "V"])
    last, before, newest = (g.input(n, "int64", ["B", "N"]) for n in ("last", "before", "newest"))
    never, blank = (g.input(name, "bool", ["V"]) for name in ("never", "blank"))
    marks, timed = g.input("marks", "int64", [4]), g.input("timed", "bool", [1])
    eot, first, latest, silence = g.ops("Split", 4, marks, num_outputs=4)  # (1,) each

    token = g.op("Range", g.constant(0), _scalar(g, g.size(logits, 2)), g.constant(1))  # (V,)
    pairs = _pairs(g, token, (last, before, newest), (eot, first, latest))
    forbidden = g.op("Or", _untimed(g, never, blank, last), g.op("And", timed, pairs))
    ruled = _without(g, logits, forbidden)
    is_time = g.op("GreaterOrEqual", token, first)
    rather = g.op("And", timed, _times_are_likelier(g, ruled, is_time))  # (B, N, 1)
    ruled = _without(g, ruled, g.op("And", rather, g.op("Not", is_time)))
    return Ruled(logits, ruled, newest, first, silence)


def _model(g: Graph) -> onnx.ModelProto:
    model = g.model()
    model.opset_import[0].version = OPSET
    return model


def _untimed(g: Graph, never: str, blank: str, last: str) -> str:
    """(B, N, V) what no rule about time forbids: annotations, and a blank at the beginning."""
    begins = g.op("Less", _column(g, last), g.constant(0))
    return g.op("Or", never, g.op("And", begins, blank))


def _pairs(g: Graph, token: str, said: tuple[str, str, str], marks: tuple[str, str, str]) -> str:
    """(B, N, V): timestamps open and close segments in turn, and never go back."""
    last, before, newest = (_column(g, one) for one in said)
    eot, first, latest = marks
    begins = g.op("Less", last, g.constant(0))
    alone = g.op("Less", before, g.constant(0))
    after_one = g.op("GreaterOrEqual", last, first)
    after_two = g.op("And", after_one, g.op("Or", alone, g.op("GreaterOrEqual", before, first)))
    closing = g.op("And", after_one, g.op("Not", after_two))
    is_time, is_text = g.op("GreaterOrEqual", token, first), g.op("Less", token, eot)

    late = g.op("Greater", token, latest)
    at_first = g.op("Or", g.op("Less", token, first), late)
    after_pair = g.op("And", after_two, is_time)
    to_close = g.op("And", closing, is_text)
    # A segment opens where the one before closed, but closes later than it opened.
    least = g.op("Where", closing, newest, g.op("Add", newest, g.constant(1)))
    back = g.op("And", is_time, g.op("Less", token, least))
    back = g.op("And", back, g.op("GreaterOrEqual", newest, g.constant(0)))
    later = g.op("Or", g.op("Or", after_pair, to_close), back)
    later = g.op("And", g.op("Not", begins), later)
    return g.op("Or", g.op("And", begins, at_first), later)


def _times_are_likelier(g: Graph, ruled: str, is_time: str) -> str:
    """(B, N, 1) whether all timestamps together beat the best other token."""
    mass = _mass(g, _without(g, ruled, g.op("Not", is_time)))
    best = g.op("ReduceMax", _without(g, ruled, is_time), g.constant([-1]), keepdims=1)
    return g.op("Greater", mass, best)


def _mass(g: Graph, logits: str) -> str:
    """(B, N, 1) the logarithm of a row's sum of exponentials; minus infinity of nothing."""
    lowest, axis = g.constant(-(2.0**100), "float32"), g.constant([-1])
    top = g.op("Max", g.op("ReduceMax", logits, axis, keepdims=1), lowest)
    total = g.op("ReduceSum", g.op("Exp", g.op("Sub", logits, top)), axis, keepdims=1)
    return g.op("Add", top, g.op("Log", total))


def _logprob(g: Graph, logits: str, token: str) -> str:
    """(B, N) of (B, N) tokens."""
    axis = g.constant([-1])
    found = g.op("GatherElements", logits, g.op("Unsqueeze", token, axis), axis=-1)
    return g.op("Squeeze", g.op("Sub", found, _mass(g, logits)), axis)


def _without(g: Graph, logits: str, forbidden: str) -> str:
    return g.op("Where", forbidden, g.constant(float("-inf"), "float32"), logits)


def _column(g: Graph, value: str) -> str:
    """(B, N) -> (B, N, 1)."""
    return g.op("Unsqueeze", value, g.constant([-1]))


def _scalar(g: Graph, value: str) -> str:
    return g.op("Squeeze", value)


GRAPHS = {CHOICE: choice_graph, RANKING: ranking_graph, PICK: pick_graph}


def write(folder: Path = CHOICE.parent) -> None:
    for path, make in GRAPHS.items():
        (folder / path.name).write_bytes(make().SerializeToString(deterministic=True))


if __name__ == "__main__":
    write()
