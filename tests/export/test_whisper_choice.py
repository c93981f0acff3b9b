"""The graph that chooses says what the rules say."""

from typing import Any

import numpy as np
import onnxruntime
import pytest

from tap_live.export.whisper_choice import (
    GRAPHS,
    choice_graph,
    pick_graph,
    ranking_graph,
    write,
)
from tap_live.whisper.rules import Rules, log_softmax

EOT, FIRST, SIZE = 300, 320, 420


class Marks:
    """A tokenizer of which only the marks matter."""

    eot, first_timestamp, no_timestamps, no_speech = EOT, FIRST, FIRST - 1, FIRST - 2
    never, blank = (3, 5, 301, 302, FIRST - 2), (7, EOT)


def histories(rng: np.random.Generator, timed: bool, count: int) -> list[list[int]]:
    """What a model might have said: words between pairs of timestamps that go on; or words."""
    made = []
    for _ in range(count):
        said: list[int] = []
        times = np.sort(rng.integers(FIRST, SIZE, 12)).tolist()
        for number in range(rng.integers(0, 5)):
            words = rng.integers(0, EOT, rng.integers(1, 4)).tolist()
            said += [times[2 * number], *words, times[2 * number + 1]] if timed else words
        made.append(said[: rng.integers(0, len(said) + 1)])
    return made


def columns(lines: list[list[int]]) -> dict[str, Any]:
    """(1, N) what each history ends with."""
    last = [line[-1] if line else -1 for line in lines]
    before = [line[-2] if len(line) > 1 else -1 for line in lines]
    newest = [([-1] + [t for t in line if t >= FIRST])[-1] for line in lines]
    said = {"last": last, "before": before, "newest": newest}
    return {name: np.array([value], np.int64) for name, value in said.items()}


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("latest", [1.0, 0.2, None])
def test_it_chooses_as_the_rules_do(timed: bool, latest: float | None) -> None:
    rng = np.random.default_rng(1)
    rules = Rules(Marks(), timestamps=timed, latest_start=latest)
    lines = histories(rng, timed, 300)
    logits = (4 * rng.standard_normal((1, len(lines), SIZE))).astype(np.float32)
    logits[:, ::3, FIRST:] += 3  # where timestamps are likelier together than alone
    asked = rng.integers(0, SIZE, (1, len(lines)))
    session = onnxruntime.InferenceSession(choice_graph().SerializeToString())
    feeds = {"logits": logits, "asked": asked, **columns(lines), **rules.tensors(SIZE)}
    token, logprob, newest, raw, silence = session.run(None, feeds)

    ruled = rules.apply(logits[0].copy(), lines)
    wanted = ruled.argmax(-1)
    np.testing.assert_array_equal(token[0], wanted)
    assert len(set(wanted.tolist())) > 50 and (wanted == EOT).any() == (EOT in token)
    rows = np.arange(len(lines))
    np.testing.assert_allclose(logprob[0], log_softmax(ruled)[rows, wanted], atol=1e-5)
    plain = log_softmax(logits[0])
    np.testing.assert_allclose(raw[0], plain[rows, asked[0]], atol=1e-5)
    np.testing.assert_allclose(silence[0], plain[:, Marks.no_speech], atol=1e-5)
    spoken = [[*line, int(t)] for line, t in zip(lines, wanted, strict=True)]
    np.testing.assert_array_equal(newest, columns(spoken)["newest"])


def test_the_likeliest_are_ranked_by_the_rules_and_rows_are_picked() -> None:
    rng = np.random.default_rng(2)
    rules = Rules(Marks(), timestamps=True)
    lines = histories(rng, True, 40)
    logits = (4 * rng.standard_normal((1, len(lines), SIZE))).astype(np.float32)
    session = onnxruntime.InferenceSession(ranking_graph().SerializeToString())
    feeds = {"logits": logits, "count": np.array([4]), **columns(lines), **rules.tensors(SIZE)}
    tokens, logprobs = session.run(None, feeds)
    wanted = log_softmax(rules.apply(logits[0].copy(), lines))
    np.testing.assert_array_equal(tokens[0], np.argsort(-wanted, axis=-1)[:, :4])
    found = np.take_along_axis(wanted, tokens[0], axis=-1)
    np.testing.assert_allclose(logprobs[0], found, atol=1e-5)
    value = rng.standard_normal((3, 2, 5, 4)).astype(np.float32)
    pick = onnxruntime.InferenceSession(pick_graph().SerializeToString())
    (picked,) = pick.run(None, {"value": value, "rows": np.array([2, 0, 0, 1])})
    np.testing.assert_array_equal(picked, value[[2, 0, 0, 1]])


def test_what_ships_is_what_the_exporter_makes(tmp_path: Any) -> None:
    write(tmp_path)
    for path in GRAPHS:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
        assert path.stat().st_size < 10_000


def test_it_names_operators_that_cuda_has_in_their_version() -> None:
    """Of 20, `ReduceMax` would run on the CPU, and the logits be copied there."""
    models = [make() for make in GRAPHS.values()]
    assert all([(o.domain, o.version) for o in m.opset_import] == [("", 18)] for m in models)
    assert {node.op_type for model in models for node in model.graph.node} <= {
        *("Add", "And", "ArgMax", "Exp", "Expand", "Gather", "GatherElements", "Greater", "TopK"),
        "GreaterOrEqual",
        *("Identity", "Less", "Log", "Max", "Not", "Or", "Range", "ReduceMax", "ReduceSum"),
        *("Shape", "Split", "Squeeze", "Sub", "Unsqueeze", "Where"),
    }  # those of its list that take these types
