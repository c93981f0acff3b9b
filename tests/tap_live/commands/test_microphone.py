import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from tap_live.commands.demo import BUNDLE
from tap_live.events import Caption, Stats, decode_event
from tap_live.voices.enrolment import Enroller
from tap_live.voices.store import VoiceStore


def until(true, patience_s=60):
    deadline = time.monotonic() + patience_s
    while not true() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert true()


@pytest.mark.audio
@pytest.mark.slow
def test_what_a_room_says_is_captioned_as_its_file_is(
    sound_server, tap_live, tiny, speech, tmp_path
):
    events = tmp_path / "events.jsonl"
    command = [sys.executable, "-m", "tap_live", "run", "--input", "room", "--rate", "48000"]
    with events.open("w") as out:
        process = subprocess.Popen(
            [*command, "--whisper", tiny, "--json", "--block-ms", "10"], stdout=out, env=os.environ
        )
        until(lambda: '"opened"' in events.read_text())
        assert sound_server.play(speech, "room").wait(60) == 0
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    told = [decode_event(line) for line in events.read_bytes().splitlines()]
    assert [e.lost for e in told if isinstance(e, Stats)][-1] == 0
    finals = [e for e in told if isinstance(e, Caption) and e.state == "final"]
    live = "".join(word.text for final in finals for word in final.words).split()
    _, printed, _ = tap_live("transcribe", speech, "--streaming", "--whisper", tiny)
    file = [word for line in printed.splitlines() for word in line.split()[1:]]
    assert live == file


@pytest.mark.audio
@pytest.mark.slow
def test_a_voice_enrolled_at_the_microphone_is_the_one_of_its_clip(
    sound_server, tap_live, tmp_path, monkeypatch
):
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    clip = tmp_path / "maya.wav"  # paplay knows no Vorbis
    soundfile.write(clip, *soundfile.read(BUNDLE / "maya.ogg"))
    player = sound_server.play(clip, "room")
    code, out, err = tap_live("enrol", "maya", "--input", "room", "--seconds", "7", "--json")
    player.wait(60)
    assert code == 0, err
    report = json.loads(out)
    assert report["clips"] == 1 and report["speech"] > 4
    assert not {"noisy", "voices"} & set(report["findings"])
    audio, rate = soundfile.read(clip, dtype="float32")
    file = Enroller.open().enrol("maya", audio, rate, source="maya.wav", day="2026-11-21")
    assert np.dot(VoiceStore().load("maya").embedding, file.voice.embedding) > 0.9
