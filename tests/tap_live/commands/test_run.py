import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from tap_live.events import Bye, Caption, Hello, decode_event

RATE = 16_000


def start(*words, **pipes):
    command = [sys.executable, "-m", "tap_live", *map(str, words)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **pipes
    )


def test_a_file_is_run_like_a_microphone_and_kept(tap_live, tiny, speech, tmp_path):
    kept = tmp_path / "kept"
    words = ("run", "--input", speech, "--whisper", tiny, "--record", kept, "--json")
    code, out, _ = tap_live(*words)
    events = [decode_event(line) for line in out.splitlines()]
    assert code == 0
    assert isinstance(events[0], Hello)
    assert isinstance(events[-1], Bye)
    assert "bus" in " ".join(e.text for e in events if isinstance(e, Caption))
    heard, _ = soundfile.read(speech, dtype="float32")
    recorded, _ = soundfile.read(kept / "mixture.wav", dtype="float32")
    np.testing.assert_allclose(recorded, heard, atol=2**-23)
    assert "bus" in (kept / "captions.txt").read_text()


def test_live_and_streamed_captions_of_a_recording_are_the_same(tap_live, tiny, speech, tmp_path):
    kept = tmp_path / "kept"
    tap_live("run", "--input", speech, "--whisper", tiny, "--record", kept)
    out = tmp_path / "again.jsonl"
    tap_live("transcribe", kept / "mixture.wav", "--streaming", "--whisper", tiny, "-o", out)
    live, again = (
        [word for line in path.read_bytes().splitlines() for word in decode_event(line).words]
        for path in (kept / "captions.jsonl", out)
    )
    assert live == again


def test_raw_samples_come_from_a_pipe(tiny, speech):
    samples, rate = soundfile.read(speech, dtype="float32")
    process = start(
        *("run", "--input", "-", "--rate", rate, "--whisper", tiny), stdin=subprocess.PIPE
    )
    process.stdin.buffer.write((samples * 32767).astype("<i2").tobytes())
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "bus" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_in_order_and_keeps_what_was_captured(speech, tmp_path, number):
    kept = tmp_path / "kept"
    process = start("run", "--input", speech, "--no-caption", "--record", kept)
    deadline = time.monotonic() + 60
    while not (kept / "mixture.wav").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)  # of the stream, which runs by the clock
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in err
    recorded, rate = soundfile.read(kept / "mixture.wav", dtype="float32")
    assert rate // 2 < len(recorded)
    heard, _ = soundfile.read(speech, dtype="float32")
    np.testing.assert_allclose(recorded, heard[: len(recorded)], atol=2**-23)


def test_output_can_be_a_file(tap_live, speech, tmp_path):
    out = tmp_path / "out.wav"
    code, _, _ = tap_live("run", "--input", speech, "--no-caption", "-o", out, "--seconds", "1")
    assert code == 0
    played, rate = soundfile.read(out, dtype="float32")
    heard, _ = soundfile.read(speech, dtype="float32")
    assert rate <= len(played) < 1.1 * rate
    np.testing.assert_array_equal(played, heard[: len(played)])


@pytest.mark.parametrize("name", ["mixture.wav", "captions.txt"])
def test_a_folder_that_holds_a_recording_is_given_another_below_it(
    tap_live, speech, tmp_path, name
):
    (tmp_path / name).write_bytes(b"precious")
    words = ("run", "--input", speech, "--no-caption", "--seconds", "1", "--record", tmp_path)
    code, _, err = tap_live(*words)
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert code == 0
    assert f"{tmp_path} holds a recording already: this one goes to {folder}" in err
    assert soundfile.info(folder / "mixture.wav").frames >= RATE
    assert (tmp_path / name).read_bytes() == b"precious"


def test_a_file_is_no_folder_to_record_in(tap_live, speech, tmp_path):
    (tmp_path / "keep.vtt").write_text("precious")
    words = ("run", "--input", speech, "--no-caption", "-o", tmp_path / "out.wav")
    code, _, err = tap_live(*words, "--record", tmp_path / "keep.vtt")
    assert code == 1
    assert "wanted a folder to record in, found the file" in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["keep.vtt"]


def test_standard_output_has_captions_only_and_errors_say_that_it_runs(tap_live, speech):
    code, out, err = tap_live("run", "--input", speech, "--no-caption", "--seconds", "1")
    assert (code, out) == (0, "")
    assert "running: speech.wav" in err and "without captions; Ctrl-C ends it" in err


def test_an_address_that_is_taken_is_a_failure_not_a_wrong_argument(tap_live, speech):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, _, err = tap_live("run", "--input", speech, "--no-caption", "--serve", address)
    assert code == 1
    assert f"cannot serve on {address}" in err


@pytest.mark.parametrize(
    ("words", "expected", "reason"),
    [
        (["--input", "-", "--channels", "0"], 2, "1 to 64 channels"),
        (["--input", "none.wav"], 1, "found no such file"),
        (["--input", "no such microphone"], 1, "no such microphone"),
        (["--input", "-", "--output", "out.mp3"], 2, ".wav or .flac"),
    ],
)
def test_what_cannot_be_run_is_one_clear_line(tap_live, words, expected, reason):
    code, out, err = tap_live("run", "--no-caption", *words)
    assert (code, out) == (expected, "")
    assert reason in err
    assert err.startswith("tap-live: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [("--rate", 0), ("--rate", 384_000), ("--channel", 0)])
def test_figures_that_no_stream_has_are_wrong_arguments(tap_live, words):
    code, out, err = tap_live("run", "--input", "-", *words)
    assert (code, out) == (2, "")
    assert words[0] in err


def test_a_profile_stands_in_for_options(tap_live, speech, tmp_path):
    profile, out = tmp_path / "profile.toml", tmp_path / "out.wav"
    profile.write_text(f'[run]\ninput = "{speech}"\ncaption = false\nseconds = 1.0\n')
    code, _, err = tap_live("--profile", profile, "run", "--output", out)
    assert code == 0, err
    assert soundfile.info(out).frames > 0
