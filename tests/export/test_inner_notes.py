"""Notes of libraries are left out inside, errors never, and nothing afterwards."""

import logging
import warnings

import pytest

from tap_live.export.inner_notes import unheard


def test_notes_are_left_out_inside_and_heard_afterwards(
    caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    library = logging.getLogger("a.library")
    with pytest.raises(KeyError), unheard():
        library.warning("a note")
        warnings.warn("another", stacklevel=1)
        library.error("a fault")
        raise KeyError
    library.warning("heard")
    assert [record.getMessage() for record in caplog.records] == ["a fault", "heard"]
    assert not recwarn.list
