"""However a process ends, what was recorded is readable up to the last second; `docs/faults.md`.

A process of its own runs the real `watch` of `tap-live run`, with a captioner that says a
word every 100 ms, and is ended at a random moment of its stream.
"""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from harness import RATE, clip, finals_on_disk, kept, noise

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals are others there"),
]

SECONDS = 20
PROGRAM = """
import sys
from pathlib import Path
from harness import Chatter
from tap_live.commands.watch import watch
from tap_live.live import Live
from tap_live.parts import Parts
from tap_live.sources.file import FileSource

source, folder = FileSource(sys.argv[1], paced=True), Path(sys.argv[2])
watch(Live(Parts(source=source, make_captioner=Chatter, record=folder)), "test", json=True)
"""


def end_at_random(tmp_path, seed, number):
    """Run the program, send it a signal at a random moment; return it and what it had said."""
    moment = random.Random(seed).uniform(1.5, 5.0)
    words = [sys.executable, "-c", PROGRAM, str(clip(tmp_path, SECONDS)), str(tmp_path / "kept")]
    said, at = [], 0.0
    beside = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}  # the harness
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=beside) as process:
        for line in process.stdout:
            event = json.loads(line)
            if event["type"] == "caption" and event["state"] == "final":
                said.append(event)
            if at < moment <= event["at"]:
                process.send_signal(number)
            at = event["at"]
    return process, said, at


@pytest.mark.parametrize("seed", range(3))
def test_sigterm_loses_nothing_that_was_captured(tmp_path, seed):
    process, said, at = end_at_random(tmp_path, seed, signal.SIGTERM)
    assert process.returncode == 0
    mixture = kept(tmp_path / "kept")
    assert len(mixture) / RATE >= at - 0.1
    np.testing.assert_allclose(mixture, noise(SECONDS)[: len(mixture)], atol=2**-23)
    assert [final.id for final in finals_on_disk(tmp_path / "kept")] == [e["id"] for e in said]


@pytest.mark.parametrize("seed", range(3))
def test_sigkill_leaves_all_but_the_last_second(tmp_path, seed):
    process, said, at = end_at_random(tmp_path, seed, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    for name in ("mixture.wav", "output.wav"):
        audio = kept(tmp_path / "kept", name)
        assert len(audio) / RATE >= at - 1.5  # a second, and what the last event was ahead
        np.testing.assert_allclose(audio, noise(SECONDS)[: len(audio)], atol=2**-23)
    finals = finals_on_disk(tmp_path / "kept")
    assert [final.id for final in finals] == list(range(len(finals)))
    assert len(finals) >= len(said) - 10
    for name in ("captions.vtt", "captions.srt", "captions.txt"):
        text = (tmp_path / "kept" / name).read_text()
        assert text.endswith("\n")
        assert f"{len(said) - 11}" in text
