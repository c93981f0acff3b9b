import os
import threading
from datetime import UTC, datetime

import numpy as np
import pytest
import soundfile

from tap_live.errors import (
    AudioError,
    BundleError,
    CancelledError,
    ConfigError,
    NotPossibleError,
    VoiceError,
)
from tap_live.events import (
    AnyCommand,
    Cancel,
    CueFromSpan,
    DeleteVoice,
    Doctor,
    Enrol,
    Export,
    GetState,
    ListBundles,
    ListVoices,
    Mute,
    Pull,
    Record,
    RemoveTarget,
    RenameVoice,
    SendClip,
    SetCaptions,
    SetDevice,
    SetExtractor,
    SetMix,
    SetTarget,
    ShowBundle,
    Start,
    Stop,
)
from tap_live.extraction import Mixed
from tap_live.service import control as control_module
from tap_live.service.control import LiveControl
from tap_live.service.mixing import LiveMix
from tap_live.targets import EmbeddedCue
from tap_live.voices.enrolment import Enrolment
from tap_live.voices.store import ClipFigures, Voice, VoiceStore
from tap_live.voices.verdict import Figures

RATE = 16_000
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Stream:
    """What a live stream is to its control."""

    rate, at = RATE, 2.5

    def __init__(self):
        self.calls = []

    def tap(self, take):
        self.take = take

    def record(self, folder):
        self.calls.append(("record", folder))
        return lambda: self.calls.append(("end", folder))

    def __getattr__(self, name):
        return lambda *values: self.calls.append((name, *values))


class Enroller:
    """Takes every clip, and keeps how long it was."""

    def enrol(self, name, audio, rate, *, source, day):
        clip = ClipFigures(day, source, len(audio) / rate, 1.0, -20, 30, 0, 1)
        voice = Voice(name=name, embedding=(0.0,) * 256, state=(0.0,) * 256, clips=(clip,))
        figures = Figures(
            **dict.fromkeys(Figures.__dataclass_fields__, 1.0)  # of no interest here
        )
        return Enrolment(voice, figures, [])


@pytest.fixture
def stream():
    return Stream()


@pytest.fixture
def store(tmp_path):
    return VoiceStore(tmp_path / "voices")


@pytest.fixture
def control(stream, store, tmp_path):
    return LiveControl(
        stream, LiveMix(stream), folder=tmp_path, store=store, enroller=Enroller, now=lambda: NOON
    )


def do(control, command, tell=lambda progress: None):
    return control.execute(command, tell)


def test_the_stream_is_stopped_muted_and_captioned(control, stream):
    do(control, Mute(id=1, on=True))
    do(control, SetCaptions(id=2, on=False))
    state = do(control, GetState(id=3))
    assert (state["muted"], state["captions"], state["at"]) == (True, False, 2.5)
    do(control, SetMix(id=4, rest=-6.0))
    do(control, Stop(id=5))
    *before, mixed, stopped = stream.calls
    assert (before, stopped) == ([("mute", True), ("caption", False)], ("stop",))
    assert mixed == ("set_targets", [], pytest.approx(0.501, abs=1e-3))


def test_spectra_are_shown_of_what_is_heard_and_played(control, stream):
    control.show_spectra(True)
    control.show_spectra(False)
    assert stream.calls == [("show_spectra", ("mixture", "output")), ("show_spectra", ())]


def test_a_recording_lies_in_a_folder_of_its_time_and_ends_once(control, stream, tmp_path):
    folder = tmp_path / "recordings" / "2026-01-31-120000"
    assert do(control, Record(id=1, on=True)) == {"folder": str(folder)}
    assert do(control, Record(id=2, on=True)) == {"folder": str(folder)}
    assert do(control, GetState(id=3))["recording"] == str(folder)
    do(control, Record(id=4, on=False))
    assert stream.calls == [("record", folder), ("end", folder)]
    with pytest.raises(NotPossibleError, match="nothing is being recorded"):
        do(control, Record(id=5, on=False))


def test_a_recording_that_is_open_ends_with_the_service(control, stream):
    do(control, Record(id=1, on=True))
    control.close()
    assert stream.calls[-1][0] == "end"


@pytest.mark.parametrize("on", [True, False])
def test_a_stream_that_is_recorded_anyway_is_recorded_once(stream, tmp_path, on):
    with pytest.raises(NotPossibleError, match="record"):
        do(LiveControl(stream, LiveMix(stream), record=tmp_path), Record(id=1, on=on))


@pytest.mark.parametrize(
    "command",
    [
        Start(id=1),
        SetTarget(id=1, target="voice:ana"),
        RemoveTarget(id=1, target="voice:ana"),
        SetDevice(id=1, role="input", name=None),
        SetExtractor(id=1, extractor="gentse"),
        SetCaptions(id=1, on=True, others="hide"),
        SetCaptions(id=1, on=True, whisper="/etc/passwd"),
    ],
    ids=lambda command: type(command).__name__,
)
def test_what_this_engine_cannot_do_is_said_and_never_pretended(control, stream, command):
    with pytest.raises(NotPossibleError, match=r"(is|are) (not|chosen|no )|has no"):
        do(control, command)
    assert stream.calls == []


def test_every_command_is_answered_somehow(control):
    tags = {kind.__struct_config__.tag for kind in AnyCommand.__args__}
    done = {"stop", "mute", "set_captions", "record", "get_state", "list_voices", "delete_voice"}
    done |= {"set_mix", "set_target", "remove_target"}
    done |= {"list_devices", "list_bundles", "enrol", "pull", "cancel", "subscribe", "authenticate"}
    done |= {"export"}
    done |= {"rename_voice", "check_voice", "show_bundle", "cue_from_span", "doctor", "send_clip"}
    assert tags == done | set(control_module._NOT_YET)


def test_voices_are_enrolled_from_a_clip_listed_and_deleted(control, tmp_path):
    (tmp_path / "clips").mkdir()
    soundfile.write(tmp_path / "clips" / "ana.wav", np.zeros(6 * RATE), RATE)
    assert do(control, Enrol(id=1, name="ana", clip="ana.wav"))["clips"] == 1
    (voice,) = do(control, ListVoices(id=2))
    assert (voice["name"], voice["clips"]) == ("ana", 1)
    do(control, DeleteVoice(id=3, name="ana"))
    assert do(control, ListVoices(id=4)) == []
    with pytest.raises(VoiceError, match="no voice 'ana'"):
        do(control, DeleteVoice(id=5, name="ana"))


@pytest.mark.parametrize(
    "clip",
    [
        "../secret.wav",
        "/etc/passwd",
        "a/b.wav",
        "..",
        ".",
        "",
        ".hidden",
        "a\\b",
        "a\0b",
        "out.wav",
    ],
)
def test_no_clip_leads_out_of_its_folder(control, tmp_path, clip):
    (tmp_path / "clips").mkdir()
    soundfile.write(tmp_path / "secret.wav", np.zeros(RATE), RATE)
    (tmp_path / "clips" / "out.wav").symlink_to(tmp_path / "secret.wav")
    with pytest.raises(ConfigError, match=r"wanted the name of a file|leads out of"):
        do(control, Enrol(id=1, name="ana", clip=clip))


def listening(control, command):
    """Carry a command out on another thread; wait until it listens."""
    begun, result = threading.Event(), []

    def work():
        try:
            result.append(do(control, command, lambda progress: begun.set()))
        except Exception as error:
            result.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(10)
    return thread, result


def second(value=0.1):
    audio = np.full(RATE, value, np.float32)
    return Mixed(audio, audio, np.zeros((0, RATE), np.float32))


def test_a_voice_is_enrolled_from_what_the_stream_hears(control, stream, store):
    stream.take(second())  # before anybody listens
    thread, result = listening(control, Enrol(id=1, name="bo", seconds=6))
    for _ in range(7):
        stream.take(second())
    thread.join()
    assert result[0]["name"] == "bo"
    (clip,) = store.load("bo").clips
    assert (clip.seconds, clip.source, clip.made) == (6.0, "microphone", "2026-01-31")


def test_a_long_task_can_be_cancelled(control, stream, store):
    thread, result = listening(control, Enrol(id="e", name="bo"))
    do(control, Cancel(id=2, task="e"))
    stream.take(second())
    thread.join()
    assert isinstance(result[0], CancelledError)
    assert store.names() == []
    with pytest.raises(NotPossibleError, match="no long task with the id 'e'"):
        do(control, Cancel(id=3, task="e"))


def test_an_enrolment_gives_up_when_the_stream_gives_no_sound(control, monkeypatch):
    monkeypatch.setattr(control_module, "SILENT_S", 0.15)
    with pytest.raises(AudioError, match="no sound"):
        do(control, Enrol(id=1, name="bo"))


@pytest.mark.parametrize("seconds", [0, -1, 4.9, 1e9])
def test_an_enrolment_has_a_sensible_length(control, seconds):
    with pytest.raises(ConfigError, match="from 5 to 120 seconds"):
        do(control, Enrol(id=1, name="bo", seconds=seconds))


def test_bundles_are_listed_and_only_known_names_are_pulled(control, tmp_path):
    rows = {row["name"]: row for row in do(control, ListBundles(id=1))}
    assert rows["vad"]["state"] == "shipped"
    with pytest.raises(BundleError, match="no Whisper called"):
        do(control, Pull(id=2, bundle=str(tmp_path)))


def test_a_voice_is_renamed(control, tmp_path):
    (tmp_path / "clips").mkdir()
    soundfile.write(tmp_path / "clips" / "ana.wav", np.zeros(6 * RATE), RATE)
    do(control, Enrol(id=1, name="ana", clip="ana.wav"))
    do(control, RenameVoice(id=2, name="ana", to="Ana B"))
    assert [voice["name"] for voice in do(control, ListVoices(id=3))] == ["Ana B"]


def test_the_doctor_looks_at_the_engines_machine(control):
    findings = do(control, Doctor(id=1))
    assert {"what", "state", "text", "cure"} == set(findings[0])
    assert "ONNX Runtime" in [finding["what"] for finding in findings]


@pytest.mark.parametrize("checkpoint", ["/etc/passwd", "../voices/ana.json", ".hidden"])
def test_no_checkpoint_leads_out_of_its_folder(control, checkpoint):
    with pytest.raises(ConfigError, match="wanted the name of a file"):
        do(control, Export(id=1, model="compact", checkpoint=checkpoint))


def test_only_known_models_are_exported(control):
    with pytest.raises(ConfigError, match=r"no exporter for '\.\./x'"):
        do(control, Export(id=1, model="../x", checkpoint="base.en"))


def test_a_bundle_shows_its_card(control):
    card = do(control, ShowBundle(id=1, bundle="vad"))
    assert "Silero" in card["card"]
    assert card["made_by"]
    with pytest.raises(BundleError, match="no bundle 'nothing'"):
        do(control, ShowBundle(id=2, bundle="nothing"))


def sounding(stream, tmp_path):
    """A control of a stream that has an extractor for sounds, and what it was asked for."""
    asked = []

    def embed(targets):
        asked.append(targets)
        return [EmbeddedCue(one.name, one.kind, np.ones(4), np.zeros(4)) for one in targets]

    mix = LiveMix(stream, (), ["sound"], clips=tmp_path / "clips", embed=embed)
    return LiveControl(stream, mix, folder=tmp_path, now=lambda: NOON), asked


def test_a_sound_that_was_heard_is_kept_as_a_clip_and_asked_for(stream, tmp_path):
    control, asked = sounding(stream, tmp_path)
    for value in (0.1, 0.2, 0.3):
        stream.take(second(value))
    done = do(control, CueFromSpan(id=1, start=0.5, stop=1.5, suppress=True))
    (one,) = asked[-1]
    assert done == {"target": one.name.replace(str(tmp_path / "clips") + "/", "")}
    heard, rate = soundfile.read(one.value)
    assert (rate, len(heard), one.suppress) == (RATE, RATE, True)
    np.testing.assert_allclose(heard, np.repeat([0.1, 0.2], RATE // 2), atol=1e-4)


@pytest.mark.parametrize("span", [(0.0, 3.5), (1.0, 1.0), (-1.0, 0.5), (0.0, 11.0), (2.0, 1.0)])
def test_only_what_was_heard_can_become_a_cue(stream, tmp_path, span):
    control, asked = sounding(stream, tmp_path)
    for _ in range(3):
        stream.take(second())
    with pytest.raises((ConfigError, NotPossibleError), match=r"remembered|is shown by"):
        do(control, CueFromSpan(id=1, start=span[0], stop=span[1]))
    assert not asked


def test_a_stream_without_an_extractor_for_sounds_keeps_no_clip(control, stream, tmp_path):
    stream.take(second())
    with pytest.raises(NotPossibleError, match="no extractor for a sound"):
        do(control, CueFromSpan(id=1, start=0, stop=1))
    assert not (tmp_path / "clips").exists()


def test_clips_that_are_not_whole_go_with_their_sender_and_at_the_next_start(
    control, stream, tmp_path
):
    for name in ("mine.wav", "crashed.wav"):
        do(control, SendClip(id=1, name=name, part=b"x", offset=0))
    control.drop("mine.wav")
    (left,) = (tmp_path / "clips").iterdir()
    assert left.name == ".crashed.wav.part"
    os.utime(left, (0, 0))
    LiveControl(stream, LiveMix(stream), folder=tmp_path)
    assert list((tmp_path / "clips").iterdir()) == []
