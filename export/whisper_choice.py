"""Make the graph that chooses Whisper's next token: rules, the likeliest, how likely it is.

    python -m tap_live.export.whisper_choice

It ships as `tap_live/whisper/choice.onnx` and has no weights: what the rules are is given with the
logits, so that it fits every Whisper. Where logits lie on a card they stay there; a token and its
log-probability leave it. `tap_live/whisper/rules.py` says the same in numpy.

Letters in shapes: B rows, N columns, V vocabulary.
"""

from pathlib import Path

import onnx

from tap_live.export.whisper_nodes import Graph, Weights
from tap_live.whisper.resident import CHOICE

OPSET = 18
"""ONNX Runtime's CUDA provider has `ReduceMax` of this version, not of 20: with that one the logits
would be copied to the CPU (its `docs/OperatorKernels.md`)."""


def choice_graph() -> onnx.ModelProto:
    """`logits, last, before, newest, asked, never, blank, marks, timed
    -> token, logprob, newest.next, asked_logprob, silence`.

    `last` and `before` are the tokens that each column ends with, `newest` the latest timestamp up
    to it; below zero where there is none. `marks` are the end, the first timestamp, the last one
    that may come first, and the token of silence. `asked_logprob` is that of `asked`, `silence`
    that of silence, both without rules.
    """
    g = Graph("whisper-choice", Weights(), "float")
    logits = g.input("logits", "float32", ["B", "N", "V"])
    last, before, newest, asked = (
        g.input(name, "int64", ["B", "N"]) for name in ("last", "before", "newest", "asked")
    )
    never, blank = (g.input(name, "bool", ["V"]) for name in ("never", "blank"))
    marks, timed = g.input("marks", "int64", [4]), g.input("timed", "bool", [1])
    eot, first, latest, silence = g.ops("Split", 4, marks, num_outputs=4)  # (1,) each

    token = g.op("Range", g.constant(0), _scalar(g, g.size(logits, 2)), g.constant(1))  # (V,)
    forbidden = _untimed(g, never, blank, last)
    pairs = _pairs(g, token, (last, before, newest), (eot, first, latest))
    forbidden = g.op("Or", forbidden, g.op("And", timed, pairs))
    ruled = _without(g, logits, forbidden)
    is_time = g.op("GreaterOrEqual", token, first)
    rather = g.op("And", timed, _times_are_likelier(g, ruled, is_time))  # (B, N, 1)
    ruled = _without(g, ruled, g.op("And", rather, g.op("Not", is_time)))

    chosen = g.op("ArgMax", ruled, axis=-1, keepdims=0)
    g.output(chosen, "token", "int64", ["B", "N"])
    g.output(_logprob(g, ruled, chosen), "logprob", "float32", ["B", "N"])
    said_time = g.op("GreaterOrEqual", chosen, first)
    g.output(g.op("Where", said_time, chosen, newest), "newest.next", "int64", ["B", "N"])
    g.output(_logprob(g, logits, asked), "asked_logprob", "float32", ["B", "N"])
    nobody = g.op("Expand", silence, g.op("Shape", asked))
    g.output(_logprob(g, logits, nobody), "silence", "float32", ["B", "N"])
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
    said = g.op("And", g.op("Not", begins), later)
    return g.op("Or", g.op("And", begins, at_first), said)


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


def write_choice(path: Path = CHOICE) -> None:
    path.write_bytes(choice_graph().SerializeToString(deterministic=True))


if __name__ == "__main__":
    write_choice()
