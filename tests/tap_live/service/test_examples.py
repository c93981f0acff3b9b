import subprocess
import sys
import time
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def example(engine):
    """Run an example on a short stream; give what it printed."""

    def run(name, *words):
        with engine.serving() as service:
            engine.say("The budget is", id=1, speaker="ana")
            engine.say("settled.", id=2, speaker="ana")
            engine.say("May", id=3, state="partial", speaker="bo")
            url = f"ws://127.0.0.1:{service.port}/events"
            command = [sys.executable, EXAMPLES / name, url, *words]
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            deadline = time.monotonic() + 30
            while not engine.hub.sessions and time.monotonic() < deadline:
                time.sleep(0.01)
            engine.say("Maybe not.", id=3, speaker="bo")
            engine.bye()
            out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
        return out

    return run


def test_captions_go_into_a_file(example, tmp_path):
    example("captions_to_file.py", tmp_path / "out.txt")
    kept = (tmp_path / "out.txt").read_text()
    assert kept == "ana: The budget is settled.\nbo: Maybe not.\n"


def test_captions_go_into_a_pipe(example):
    assert example("captions_to_pipe.py") == "ana\tThe budget is settled.\nbo\tMaybe not.\n"


def test_the_newest_captions_go_into_a_text_for_obs(example, tmp_path):
    example("captions_for_obs.py", tmp_path / "obs.txt")
    assert (tmp_path / "obs.txt").read_text() == "The budget is settled. Maybe not.\n"
