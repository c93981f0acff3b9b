"""What tests of exports share."""

import copy
from typing import Any

import pytest

_TRACED: dict[str, dict[tuple[str, ...], Any]] = {}


@pytest.fixture
def traced_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trace the graphs of a test file's one network once: precisions are made of the same."""
    from tap_live.export.clapsep_graphs import Traceable

    real, kept = Traceable.build, _TRACED.setdefault(request.module.__name__, {})

    def build(traceable: Traceable) -> Any:
        names = tuple(traceable.inputs)
        if names not in kept:
            kept[names] = real(traceable)
        return copy.deepcopy(kept[names])

    monkeypatch.setattr(Traceable, "build", build)
