import re

import numpy as np
import pytest

from tap_live.errors import ParityError
from tap_live.export.verify import compare, verify


class Smoother:
    """A one-pole low pass; `wrong_from` makes its state go astray at that step."""

    def __init__(self, pole=0.5, wrong_from=None):
        self.pole, self.wrong_from, self.steps = pole, wrong_from, 0

    def initial_state(self):
        return {"last": np.zeros(4, np.float32)}

    def step(self, inputs, state):
        last = self.pole * state["last"] + inputs["x"]
        if self.wrong_from is not None and self.steps >= self.wrong_from:
            last = last * 1.01
        self.steps += 1
        return {"y": last}, {"last": last}


def stream(steps=10):
    rng = np.random.default_rng(0)
    return [{"x": rng.standard_normal(4).astype(np.float32)} for _ in range(steps)]


def test_equal_backends_pass_with_every_output_and_state_compared():
    parities = verify(Smoother(), Smoother(), stream())
    assert {p.output for p in parities} == {"y", "last"}
    assert all(p.steps == 10 and p.largest == 0 and p.scale > 0.1 for p in parities)


def test_an_error_that_comes_with_the_state_is_found_at_its_step():
    only_last = stream(7)
    for inputs in only_last[:-1]:
        inputs["x"] *= 1e-3
    with pytest.raises(ParityError, match=re.escape("at step 6, 1e-04 allowed")):
        verify(Smoother(), Smoother(wrong_from=6), only_last)


def test_nan_never_passes():
    with pytest.raises(ParityError, match="differs by nan"):
        verify(Smoother(), Smoother(pole=np.nan), stream())


def test_difference_is_relative_to_the_largest_magnitude():
    loud = [{"x": inputs["x"] * 1000} for inputs in stream()]
    quiet = verify(Smoother(0.5), Smoother(0.50001), stream())
    assert verify(Smoother(0.5), Smoother(0.50001), loud)[0].largest == pytest.approx(
        quiet[0].largest, rel=1e-3
    )


def test_begun_together_every_step_shows_its_own_error_alone():
    apart = compare(Smoother(0.999), Smoother(0.998), stream(400))
    together = compare(Smoother(0.999), Smoother(0.998), stream(400), together=True)
    assert together.largest < 2e-3 < apart.largest
    wrong = compare(Smoother(), Smoother(wrong_from=6), stream(), together=True)
    assert all(parity.worst_step >= 6 and parity.largest > 1e-3 for parity in wrong.parities)


def test_an_empty_stream_proves_nothing():
    with pytest.raises(ValueError, match="nothing was compared"):
        verify(Smoother(), Smoother(), [])


def test_outputs_of_other_names_or_shapes_are_a_mistake():
    class Renamed(Smoother):
        def step(self, inputs, state):
            outputs, state = super().step(inputs, state)
            return {"z": outputs["y"]}, state

    with pytest.raises(ValueError, match="outputs differ"):
        verify(Smoother(), Renamed(), stream())
