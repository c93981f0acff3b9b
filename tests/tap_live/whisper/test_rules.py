from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tap_live.whisper.rules import Rules, log_softmax
from tap_live.whisper.tokens import Tokenizer


@pytest.fixture
def tokenizer(tokenizer_folder: Path) -> Tokenizer:
    return Tokenizer(tokenizer_folder, multilingual=True)


def noise(tokenizer: Tokenizer, rows: int = 1, seed: int = 0) -> np.ndarray:
    size = tokenizer.first_timestamp + 1501
    return np.random.default_rng(seed).standard_normal((rows, size)).astype(np.float32)


def histories(tokenizer: Tokenizer) -> list[list[int]]:
    t, a, b = tokenizer.first_timestamp, *tokenizer.encode("ab")
    return [
        *([], [t], [t + 5], [t, a], [t, a, b], [t, a, t + 9], [t + 2, a, b, t + 9, t + 9]),
        *([t, a, t + 3, t + 3, b], [t, a, t + 1500], [a, b]),
    ]


@pytest.mark.parametrize("lift", [-5.0, 0.0, 5.0])
def test_timestamps_follow_transformers_rules(tokenizer: Tokenizer, lift: float) -> None:
    torch = pytest.importorskip("torch")
    generation = pytest.importorskip("transformers.generation.logits_process")
    config = SimpleNamespace(
        no_timestamps_token_id=tokenizer.no_timestamps,
        eos_token_id=tokenizer.eot,
        bos_token_id=tokenizer.eot,
        max_initial_timestamp_index=50,
    )
    theirs = generation.WhisperTimeStampLogitsProcessor(config, begin_index=1)
    rules = Rules(tokenizer, timestamps=True)
    for seed, history in enumerate(histories(tokenizer)):
        logits = noise(tokenizer, seed=seed)
        logits[:, tokenizer.first_timestamp :] += lift
        logits[:, list(tokenizer.never)] = -np.inf
        if not history:
            logits[:, list(tokenizer.blank)] = -np.inf
        wanted = theirs(torch.tensor([[tokenizer.sot, *history]]), torch.from_numpy(logits.copy()))
        found = rules.apply(logits, [history])
        np.testing.assert_array_equal(found, wanted.numpy(), err_msg=str(history))


def test_rows_are_ruled_by_their_own_history(tokenizer: Tokenizer) -> None:
    rules = Rules(tokenizer, timestamps=True)
    different = histories(tokenizer)
    logits = noise(tokenizer, len(different))
    each = [rules.apply(row[None].copy(), [h])[0] for row, h in zip(logits, different, strict=True)]
    np.testing.assert_array_equal(rules.apply(logits, different), each)


def test_without_timestamps_none_is_said(tokenizer: Tokenizer) -> None:
    logits = Rules(tokenizer, timestamps=False).apply(noise(tokenizer), [[]])
    assert (logits[:, tokenizer.no_timestamps :] == -np.inf).all()


def test_nothing_begins_with_a_blank_or_ends_at_once(tokenizer: Tokenizer) -> None:
    logits = Rules(tokenizer, timestamps=False).apply(noise(tokenizer, 2), [[], [5]])
    blank = list(tokenizer.blank)
    assert (logits[0, blank] == -np.inf).all()
    assert np.isfinite(logits[1, blank]).all()


def test_annotations_are_never_said(tokenizer: Tokenizer) -> None:
    logits = Rules(tokenizer, timestamps=False).apply(noise(tokenizer), [[5]])
    assert (logits[0, [*tokenizer.encode("("), tokenizer.sot]] == -np.inf).all()


def test_the_first_timestamp_comes_by_its_latest(tokenizer: Tokenizer) -> None:
    logits = Rules(tokenizer, timestamps=True, latest_start=0.1).apply(noise(tokenizer), [[]])
    said = np.flatnonzero(np.isfinite(logits[0]))
    assert [tokenizer.seconds(int(t)) for t in said] == [0.0, 0.02, 0.04, 0.06, 0.08, 0.1]


def test_log_probabilities_sum_to_one(tokenizer: Tokenizer) -> None:
    logits = Rules(tokenizer, timestamps=True).apply(noise(tokenizer, 2) * 30, [[], [5]])
    np.testing.assert_allclose(np.exp(log_softmax(logits)).sum(axis=-1), 1, rtol=1e-5)
