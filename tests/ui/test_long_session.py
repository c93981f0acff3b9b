"""Hours of captions, on a clock of their own: what they cost, hold and take to scroll."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tap_live.ui.caption_view import CaptionView
from tap_live.ui.transcript import MOST, Transcript

HOURS, FULL = 10, 9  # by hour 9 it holds all that it ever does
EVERY_S = 3.0
WORDS = "so this is what was said about it just now."

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
]


@pytest.fixture
def view(qtbot):
    view = CaptionView(Transcript(time.monotonic))
    qtbot.addWidget(view)
    view.resize(800, 400)
    view.show()
    return view


def memory_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def hear(view, say, hour):
    """An hour: finals every three seconds with a partial before each, drawn as they come."""
    transcript, finals = view._transcript, round(3600 / EVERY_S)
    for id in range(hour * finals, (hour + 1) * finals):
        transcript.take(say.caption(WORDS[:20], id=id, state="partial", start=id * EVERY_S))
        view.draw()
        transcript.take(say.caption(WORDS, id=id, start=id * EVERY_S))
        view.draw()


def scroll_ms(view):
    """Median of the time that one of sixty frames takes, from top to bottom."""
    bar, spent = view.verticalScrollBar(), []
    for value in np.linspace(0, bar.maximum(), 60).astype(int):
        began = time.process_time()
        bar.setValue(value)
        view.viewport().grab()
        spent.append(1000 * (time.process_time() - began))
    return float(np.median(spent))


def test_hours_of_captions_cost_what_the_first_did(view, say):
    spent, frames, held = [], [], []
    for hour in range(HOURS):
        began = time.process_time()
        hear(view, say, hour)
        spent.append(time.process_time() - began)
        frames.append(scroll_ms(view))
        held.append(memory_mb())
    print(
        f"\nhour 1, 4, {HOURS}: {spent[0]:.1f}, {spent[3]:.1f}, {spent[-1]:.1f} s to draw; "
        f"{frames[0]:.1f}, {frames[3]:.1f}, {frames[-1]:.1f} ms a frame of scrolling; "
        f"{held[3] - held[0]:.0f} MB more in hours 2 to 4, {held[-1] - held[FULL - 1]:.1f} MB "
        f"from hour {FULL} on"
    )
    assert view._transcript.count > MOST
    assert view.document().blockCount() <= MOST + 10
    assert max(spent) < 8 * spent[0]  # milliseconds an update, five times a second
    assert max(frames) < 4 * max(frames[0], 1.0)
    assert held[3] - held[0] < 60  # MB, of 3600 lines
    assert held[-1] - held[FULL - 1] < 15  # the oldest go
