"""What tests of exports share."""

import copy
import hashlib
from typing import Any

import pytest

_TRACED: dict[str, dict[str, Any]] = {}


@pytest.fixture
def traced_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trace each graph of a test file's networks once: precisions are made of the same."""
    from tap_live.export.clapsep_graphs import Traceable

    real, kept = Traceable.build, _TRACED.setdefault(request.module.__name__, {})

    def build(traceable: Traceable) -> Any:
        digest = hashlib.sha256(repr([*traceable.inputs]).encode())
        for weights in traceable.module.state_dict().values():
            digest.update(weights.numpy().tobytes())
        key = digest.hexdigest()
        if key not in kept:
            kept[key] = real(traceable)
        return copy.deepcopy(kept[key])

    monkeypatch.setattr(Traceable, "build", build)
