import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import soundfile

from tap_live.captions.formats import JsonlWriter
from tap_live.errors import StorageError
from tap_live.events import Caption, Failed, Word
from tap_live.extraction import Mixed
from tap_live.recorder import QUEUE_S, Recorder

RATE = 8000
AUDIO = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * RATE).astype(np.float32)


def mixed(block, gain=0.5):
    return Mixed(block, np.float32(gain) * block, np.empty((0, len(block)), np.float32))


def final(id, start, text, late=False):
    words = (Word(text, start, start + 1, 0.9),)
    return Caption(
        id=id, revision=0, state="final", start=start, end=start + 1, words=words, late=late
    )


def finish(recorder):
    recorder.end()
    recorder.run()


def test_mixture_output_and_captions_are_kept(tmp_path):
    recorder = Recorder(tmp_path / "kept", RATE, print)
    recorder.write(mixed(AUDIO))
    recorder.caption(final(0, 1.0, " Hello."))
    finish(recorder)
    for name, gain in (("mixture.wav", 1.0), ("output.wav", 0.5)):
        kept, rate = soundfile.read(tmp_path / "kept" / name, dtype="float32")
        assert rate == RATE
        np.testing.assert_allclose(kept, gain * AUDIO, atol=2**-23)
    for name in ("captions.vtt", "captions.srt", "captions.txt", "captions.jsonl"):
        assert "Hello." in (tmp_path / "kept" / name).read_text()


def test_a_recording_is_never_overwritten(tmp_path):
    finish(Recorder(tmp_path, RATE, print))
    with pytest.raises(StorageError, match="holds a recording already: name another folder"):
        Recorder(tmp_path, RATE, print)


def test_a_folder_that_cannot_be_made_is_named_before_the_stream_begins(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"cannot write to .*file/kept: Not a directory"):
        Recorder(tmp_path / "file" / "kept", RATE, print)


def test_a_full_disk_ends_the_recording_once_and_keeps_what_was_written(tmp_path):
    events = []
    recorder = Recorder(tmp_path, RATE, events.append)
    recorder.write(mixed(AUDIO))
    recorder.write(mixed(AUDIO))
    recorder.write(mixed(AUDIO))
    write, calls = recorder._mixture.write, []

    def full(block):
        calls.append(len(block))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(block)

    recorder._mixture.write = full
    recorder.caption(final(0, 1.0, " Still here."))
    finish(recorder)
    (failure,) = [e for e in events if isinstance(e, Failed)]
    assert failure.code == "recording-stopped"
    assert "No space left on device" in failure.text
    assert len(calls) == 2
    np.testing.assert_allclose(
        soundfile.read(tmp_path / "mixture.wav", dtype="float32")[0], AUDIO, atol=2**-23
    )
    assert "Still here." in (tmp_path / "captions.txt").read_text()


def test_a_folder_that_is_removed_meanwhile_is_told(tmp_path):
    events = []
    recorder = Recorder(tmp_path / "kept", RATE, events.append)
    shutil.rmtree(tmp_path / "kept")
    recorder.write(mixed(AUDIO))
    finish(recorder)
    (failure,) = [e for e in events if isinstance(e, Failed)]
    assert failure.code == "recording-stopped"
    assert "kept was removed while it was written to" in failure.text


def test_a_disk_that_is_too_slow_ends_the_recording_not_the_stream(tmp_path):
    events = []
    recorder = Recorder(tmp_path, RATE, events.append)
    second = AUDIO[:RATE]
    for _ in range(QUEUE_S + 5):
        recorder.write(mixed(second))
    (failure,) = events
    assert f"more than {QUEUE_S} s behind" in failure.text
    finish(recorder)


def test_late_finals_take_their_place_in_the_files(tmp_path):
    recorder = Recorder(tmp_path, RATE, print)
    recorder.caption(final(0, 1.0, " First."))
    recorder.caption(final(1, 30.0, " Third."))
    recorder.caption(final(2, 10.0, " Second.", late=True))
    finish(recorder)
    assert (tmp_path / "captions.txt").read_text() == "First.\nSecond.\nThird.\n"
    assert [p.name for p in tmp_path.glob("sorted-*")] == []


def test_a_line_that_a_full_disk_tore_costs_no_other_final(tmp_path, monkeypatch):
    write = JsonlWriter.write

    def tear(self, caption):
        if caption.id != 1:
            return write(self, caption)
        self._file.write(b'{"type":"caption","id":')
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(JsonlWriter, "write", tear)
    events = []
    recorder = Recorder(tmp_path, RATE, events.append)
    recorder.caption(final(0, 1.0, " First."))
    recorder.caption(final(1, 30.0, " Third."))
    recorder.caption(final(2, 10.0, " Second.", late=True))
    finish(recorder)
    assert [event.code for event in events] == ["recording-stopped"]
    assert [caption.id for caption in recorder.finals()] == [0]
    assert (tmp_path / "captions.txt").read_text() == "First.\nThird.\nSecond.\n"


def test_audio_can_be_read_while_captions_are_still_to_come(tmp_path):
    recorder = Recorder(tmp_path, RATE, print)
    thread = threading.Thread(target=recorder.run)
    thread.start()
    recorder.write(mixed(AUDIO))
    assert soundfile.info(recorder.finish_audio()).frames == len(AUDIO)
    recorder.caption(final(0, 1.0, " Late.", late=True))
    recorder.end()
    thread.join()
    assert (tmp_path / "captions.txt").read_text() == "Late.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is not known there")
def test_a_killed_process_leaves_a_readable_recording(tmp_path):
    program = f"""
        import numpy as np, os, signal, threading, time
        from pathlib import Path
        from tap_live.extraction import Mixed
        from tap_live.recorder import Recorder
        recorder = Recorder(Path({str(tmp_path / "kept")!r}), 8000, print)
        threading.Thread(target=recorder.run, daemon=True).start()
        block = np.full(8000, 0.25, np.float32)
        for _ in range(5):
            recorder.write(Mixed(block, block, np.empty((0, 8000), np.float32)))
        while recorder._written < 5 * 8000 or recorder._queue.qsize():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert done.returncode == -signal.SIGKILL
    kept, _ = soundfile.read(tmp_path / "kept" / "mixture.wav", dtype="float32")
    assert len(kept) >= 4 * 8000
    np.testing.assert_allclose(kept, 0.25, atol=2**-23)
    assert os.path.exists(tmp_path / "kept" / "captions.vtt")
