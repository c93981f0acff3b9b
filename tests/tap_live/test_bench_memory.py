"""A card's memory, told by made-up ones."""

import sys
from types import SimpleNamespace

import pytest

from tap_live.bench_memory import asked, taken_mb, used_mb
from tap_live.errors import RuntimeMissingError


def test_memory_is_what_is_free_less_while_a_model_is_there():
    class Card:
        used = 700.0  # somebody else's

    class Model:
        def __init__(self):
            Card.used += 80.0

        def __del__(self):
            Card.used -= 80.0

    def use():
        Card.used = max(Card.used, 900.0)  # libraries, which stay
        return Model()

    assert taken_mb(use, lambda: Card.used) == 80.0
    assert Card.used == 900.0


def bindings(monkeypatch, *answer):
    """CUDA's Python bindings, as far as they are asked."""
    runtime = SimpleNamespace(cudaMemGetInfo=lambda: answer)
    monkeypatch.setitem(sys.modules, "cuda", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "cuda.bindings", SimpleNamespace(runtime=runtime))


def test_cudas_runtime_is_asked(monkeypatch):
    bindings(monkeypatch, 0, 140_000_000_000, 150_000_000_000)
    assert used_mb() == pytest.approx(10_000)


def test_without_a_card_or_its_bindings_that_is_said(monkeypatch):
    bindings(monkeypatch, 100, None, None)
    with pytest.raises(RuntimeMissingError, match="wanted the memory of a card, CUDA says 100"):
        asked()
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(RuntimeMissingError, match="told by `cuda-bindings`"):
        asked()
