import time

import numpy as np
import pytest
import soundfile

from tap_live.errors import BundleError, CueError, NotPossibleError, VoiceError
from tap_live.events import (
    Bye,
    Caption,
    CueFromSpan,
    Enrol,
    GetState,
    Hello,
    ListBundles,
    Mute,
    Record,
    RemoveTarget,
    SetCaptions,
    SetDevice,
    SetExtractor,
    SetMix,
    SetTarget,
    Start,
    Stop,
)
from tap_live.ui.building import Builder
from tap_live.ui.desk import Desk
from tap_live.ui.engine import Phase
from tap_live.ui.setup import Setup, TargetWish
from tap_live.voices.store import ClipFigures, Voice, VoiceStore


def do(desk, command):
    return desk.execute(command, lambda progress: None)


def ended(desk):
    """Wait until a stream of its own end is over, and give its events."""
    deadline = time.monotonic() + 20
    while not desk.over():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return desk.take()


@pytest.fixture
def desk(make_builder, tmp_path):
    desk = Desk(make_builder(2.0), tmp_path / "kept")
    yield desk
    desk.close()


@pytest.fixture
def ana():
    clip = ClipFigures("2026-01-31", "", 9.0, 9.0, -20, 30, 0, 1)
    numbers = tuple(float(x) for x in np.random.default_rng(0).standard_normal(256))
    VoiceStore().save(Voice(name="ana", embedding=numbers, state=numbers, clips=(clip,)))


def test_streams_begin_and_end_as_often_as_one_likes(desk):
    for _ in range(2):
        do(desk, Start(id=1))
        assert desk.phase is Phase.RUNNING
        events = ended(desk)
        assert desk.clear() is None
        assert desk.phase is Phase.STOPPED
        assert isinstance(events[0], Hello)
        assert isinstance(events[-1], Bye)
        words = [event.text for event in events if isinstance(event, Caption)]
        assert words == ["w0", "w1", "w2", "w3"]


def test_what_a_stream_told_before_the_next_began_is_not_lost(desk):
    do(desk, Start(id=1))
    do(desk, Stop(id=2))
    do(desk, Start(id=3))
    do(desk, Stop(id=4))
    kinds = [type(event) for event in desk.take() if isinstance(event, (Hello, Bye))]
    assert kinds == [Hello, Bye, Hello, Bye]


def test_it_runs_once(desk, make_builder):
    for _ in range(2):
        do(desk, Start(id=1, preview=True))
        assert desk.phase is Phase.PREVIEW
    do(desk, Start(id=2))
    do(desk, Start(id=1, preview=True))
    assert desk.phase is Phase.RUNNING
    with pytest.raises(NotPossibleError, match="runs already"):
        do(desk, Start(id=3))


def test_a_stream_that_cannot_begin_leaves_the_desk_as_it_was(desk, monkeypatch):
    def broken(setup, waiting):
        raise VoiceError("no voice 'ana' is enrolled")

    monkeypatch.setattr(desk._builder, "build", broken)
    with pytest.raises(VoiceError):
        do(desk, Start(id=1))
    assert desk.phase is Phase.STOPPED


def test_what_changes_how_a_stream_is_made_begins_another(make_builder, tmp_path):
    builder = make_builder(30.0, paced=True)
    desk = Desk(builder, tmp_path)
    do(desk, Start(id=1))
    do(desk, SetDevice(id=2, role="output", name=None))
    assert desk.phase is Phase.RUNNING
    assert [setup.output for setup in builder.built] == ["none", "headset"]
    do(desk, Mute(id=3, on=True))
    do(desk, SetMix(id=4, rest=-6.0))
    do(desk, SetCaptions(id=5, on=False))
    assert len(builder.built) == 2
    state = do(desk, GetState(id=6))
    assert (state["muted"], state["captions"], state["phase"]) == (True, False, "running")
    desk.close()


def test_a_recording_that_was_asked_for_begins_with_the_stream(make_builder, tmp_path):
    desk = Desk(make_builder(2.0), tmp_path)
    do(desk, Record(id=1, on=True))
    do(desk, Start(id=2))
    where = do(desk, GetState(id=3))["recording"]
    ended(desk)
    desk.clear()
    heard, _ = soundfile.read(tmp_path / "noise-2.0.wav", dtype="float32")
    kept, _ = soundfile.read(f"{where['folder']}/mixture.wav", dtype="float32")
    np.testing.assert_allclose(kept, heard, atol=2**-23)
    assert where["begin"] == 0.0


def test_a_source_that_breaks_ends_the_stream_and_says_why(make_builder, tmp_path, monkeypatch):
    from tap_live.errors import AudioError
    from tap_live.sources.file import FileSource

    def broken(self, tell, stopping):
        yield np.zeros(1600, np.float32)
        raise AudioError("the file breaks off")

    monkeypatch.setattr(FileSource, "_blocks", broken)
    desk = Desk(make_builder(1.0), tmp_path)
    do(desk, Start(id=1))
    ended(desk)
    assert "breaks off" in desk.clear().text
    assert desk.phase is Phase.STOPPED


def test_targets_that_cannot_be_are_refused_and_forgotten(desk):
    with pytest.raises(VoiceError, match="no voice 'nobody'"):
        do(desk, SetTarget(id=1, target="voice:nobody"))
    with pytest.raises(CueError, match="zxqv"):
        do(desk, SetTarget(id=2, target="text:a zxqv"))
    assert desk.setup.targets == ()


def test_a_target_without_an_extractor_is_kept_and_said_to_wait(ana, tmp_path):
    desk = Desk(Builder(tmp_path, find=lambda kind: None), tmp_path)
    assert do(desk, SetTarget(id=1, target="voice:ana"))["waiting"] == {
        "voice:ana": "voice-compact"
    }
    waiting = do(desk, SetTarget(id=2, target="text:rain", suppress=True))["waiting"]
    assert waiting["text:rain"] == "sound-compact"
    assert do(desk, RemoveTarget(id=3, target="text:rain"))["waiting"].keys() == {"voice:ana"}


def test_an_extractor_that_does_not_run_is_said(desk):
    with pytest.raises(NotPossibleError, match="does not run in this version"):
        do(desk, SetExtractor(id=1, extractor="gentse"))


def test_what_needs_a_stream_says_so_and_what_does_not_works(desk):
    with pytest.raises(NotPossibleError, match="start first"):
        do(desk, CueFromSpan(id=1, start=0, stop=1))
    with pytest.raises(NotPossibleError, match="microphone is not open"):
        do(desk, Enrol(id=2, name="ana"))
    assert {row["name"] for row in do(desk, ListBundles(id=3))} >= {"vad"}


class TestBuilder:
    """With a small extractor for voices, and none for sounds."""

    @pytest.fixture
    def builder(self, tmp_path, voice_bundle):
        return Builder(tmp_path, find=lambda kind: voice_bundle if kind == "voice" else None)

    @pytest.fixture
    def setup(self, make_builder):
        path = make_builder(1.0).path
        return Setup(
            input=str(path),
            captions=False,
            targets=(TargetWish(name="voice:ana", gain=-3.0), TargetWish(name="text:rain")),
        )

    def test_targets_with_an_extractor_are_heard_and_others_wait(self, builder, setup):
        assert [one.name for one in builder.effective(setup)] == ["voice:ana"]
        assert builder.waiting(setup) == {"text:rain": "sound-compact"}
        assert builder.rest(setup) == -18.0

    def test_everything_is_heard_where_nothing_is_kept(self, builder, setup):
        away = TargetWish(name="voice:ana", suppress=True)
        assert builder.rest(Setup(targets=(away,))) == 0.0
        assert builder.rest(Setup()) == 0.0

    def test_a_stream_is_built_and_begins_with_its_targets(self, builder, setup, ana, tmp_path):
        desk = Desk(builder, tmp_path)
        desk.setup = setup
        do(desk, Start(id=1))
        state = do(desk, GetState(id=2))
        assert state["targets"] == [{"name": "voice:ana", "gain": -3.0, "suppress": False}]
        assert state["rest"] == -18.0
        do(desk, SetTarget(id=3, target="voice:ana", gain=0.0))
        do(desk, SetMix(id=4, rest=None))
        state = do(desk, GetState(id=5))
        assert (state["targets"][0]["gain"], state["rest"]) == (0.0, None)
        desk.close()

    def test_the_full_model_hears_sounds_and_no_voices_where_it_is_installed(
        self, builder, setup, tmp_path
    ):
        full = Builder(tmp_path, find=lambda kind: None, find_full=lambda: tmp_path)
        wanted = Setup(**{**_fields(setup), "extractor": "clapsep"})
        assert [one.name for one in full.effective(wanted)] == ["text:rain"]
        assert full.waiting(wanted) == {"voice:ana": "voice-compact"}
        full.check(SetTarget(id=1, target="text:words of its own: zxqv"), wanted)

        def missing():
            raise BundleError("no bundle 'clapsep'")

        without = Builder(tmp_path, find=lambda kind: None, find_full=missing)
        assert without.waiting(wanted)["text:rain"] == "clapsep"

    def test_only_what_it_has_no_network_for_needs_another_stream(self, builder, setup, ana):
        built = builder.build(setup)
        louder = Setup(**{**_fields(setup), "rest": 0.0})
        assert not builder.needs_another(built, setup, louder)
        fewer = Setup(**{**_fields(setup), "targets": setup.targets[1:]})
        assert not builder.needs_another(built, setup, fewer)
        captioned = Setup(**{**_fields(setup), "captions": True})
        assert builder.needs_another(built, setup, captioned)


def _fields(setup):
    return {name: getattr(setup, name) for name in setup.__struct_fields__}
