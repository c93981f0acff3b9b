import numpy as np
import pytest
import soundfile
from PyQt6.QtCore import QMimeData, QPoint, Qt, QUrl
from PyQt6.QtGui import QDropEvent

from tap_live.events import (
    Cancel,
    CheckVoice,
    DeleteVoice,
    Enrol,
    ListDevices,
    ListVoices,
    Progress,
    Pull,
    RemoveTarget,
    RenameVoice,
    SendClip,
    SetDevice,
    SetTarget,
    Start,
    Stop,
    encode,
)
from tap_live.service.clips import take_part
from tap_live.service.protocol import MAX_MESSAGE
from tap_live.ui import add_target, bringing
from tap_live.ui import intent as intent_module
from tap_live.ui.add_target import CLIP, ENROL, VOICE, WORDS, AddTarget
from tap_live.ui.engine import Phase
from tap_live.ui.enrol_box import EnrolBox
from tap_live.ui.guide import READY, WHOM, Guide
from tap_live.ui.intent import intent

ENROLLED = {"name": "ana", "clips": 1, "speech": 9.0, "snr": 30.0, "level": -20.0, "findings": {}}


def voice(name):
    return {"name": name, "clips": 1, "speech": 9.0, "snr": 30.0, "made": "2026-01-31"}


@pytest.fixture
def enrol(window):
    window.show_page(1)
    return window.voices.enrol


class TestEnrolment:
    def test_a_name_is_wanted_first(self, enrol):
        assert not enrol.start.isEnabled()
        enrol.name.setText("ana")
        assert enrol.start.isEnabled()

    def test_the_microphone_is_opened_for_it_and_given_back(self, window, engine, enrol):
        engine.answers |= {Start: {}, Enrol: ENROLLED, Stop: None}
        enrol.name.setText("ana")
        enrol.start.click()
        assert engine.told(Start)[-1].preview
        engine.phase = Phase.PREVIEW
        window.link.poll()
        assert engine.told(Enrol)[-1].name == "ana"
        window.link.poll()
        assert "ana is enrolled: 9 s of speech" in enrol.verdict.text()
        assert engine.told(Stop)
        assert enrol.test.isEnabled()

    def test_level_and_progress_are_shown_with_advice(self, window, engine, enrol, say):
        engine.phase = Phase.PREVIEW
        window.link.poll()
        enrol.name.setText("ana")
        enrol.start.click()
        id = engine.told(Enrol)[-1].id
        engine.say(Progress(id=id, done=3, total=12), say.level(-70.0))
        window.link.poll()
        assert (enrol.bar.value(), enrol.bar.maximum()) == (3, 12)
        assert "Very quiet" in enrol.advice.text()
        engine.say(say.level(-4.0))
        window.link.poll()
        assert "Too loud" in enrol.advice.text()
        enrol.cancel.click()
        assert engine.told(Cancel)[-1].task == id

    def test_a_refused_clip_is_said_with_the_reasons(self, window, engine, enrol):
        engine.phase = Phase.PREVIEW
        window.link.poll()
        engine.answers[Enrol] = "'microphone' cannot enrol 'ana': noise: find a quieter place"
        enrol.name.setText("ana")
        enrol.start.click()
        window.link.poll()
        assert "find a quieter place" in enrol.verdict.text()
        assert enrol.start.isEnabled()
        assert not enrol.test.isEnabled()  # nobody is enrolled

    def test_warnings_of_the_verdict_are_shown(self, window, engine, enrol):
        engine.phase = Phase.PREVIEW
        window.link.poll()
        engine.answers[Enrol] = ENROLLED | {"findings": {"noisy": "noise: find a quieter place"}}
        enrol.name.setText("ana")
        enrol.start.click()
        window.link.poll()
        assert "Could be better: noise" in enrol.verdict.text()

    @pytest.mark.parametrize(
        "same, words", [(True, "That is ana."), (False, "does not sound like ana")]
    )
    def test_it_can_be_tested_on_the_spot(self, window, engine, enrol, same, words):
        engine.phase = Phase.RUNNING
        window.link.poll()
        engine.answers[CheckVoice] = {"name": "ana", "same": same, "ratio": 3.0}
        enrol.name.setText("ana")
        enrol.check()
        window.link.poll()
        assert words in enrol.verdict.text()

    def test_a_file_is_brought_and_enrolled(self, qtbot, window, engine, enrol, tmp_path):
        soundfile.write(tmp_path / "ana's voice.wav", np.zeros(16_000), 16_000)
        enrol.name.setText("ana")
        enrol.enrol_file(tmp_path / "ana's voice.wav")
        assert not enrol.start.isEnabled()
        qtbot.waitUntil(lambda: bool(engine.told(Enrol)))
        assert engine.told(Enrol)[-1].clip == "ana-s-voice.wav"


class TestAddingATarget:
    @pytest.fixture
    def dialog(self, window, engine):
        engine.answers |= {ListVoices: [voice("ana"), voice("ben")], SetTarget: {"waiting": {}}}
        dialog = AddTarget(window.link, window)
        dialog.show()
        window.link.poll()
        yield dialog
        dialog.close()

    def test_an_enrolled_voice(self, dialog, engine):
        dialog.voices.setCurrentRow(1)
        dialog.add.click()
        assert engine.told(SetTarget)[-1].target == "voice:ben"

    def test_words_with_suggestions_and_a_warning(self, dialog, engine):
        dialog.tabs.setCurrentIndex(WORDS)
        assert not dialog.add.isEnabled()
        dialog.words.line.setText("a zxqv barking")
        assert "zxqv" in dialog.words.complaint.text()
        assert not dialog.add.isEnabled()
        dialog.words.line.setText("a dog b")
        dialog.words.list.clicked.emit(dialog.words.list.model().index(0, 0))
        assert dialog.words.words == "a dog barking"
        dialog.away.setChecked(True)
        dialog.add.click()
        told = engine.told(SetTarget)[-1]
        assert (told.target, told.suppress) == ("text:a dog barking", True)

    def test_a_file_that_is_dropped(self, qtbot, dialog, engine, tmp_path):
        soundfile.write(tmp_path / "bell.wav", np.zeros(16_000), 16_000)
        dialog.tabs.setCurrentIndex(CLIP)
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "bell.wav"))])
        drop = QDropEvent(
            QPoint(5, 5).toPointF(), Qt.DropAction.CopyAction, mime,
            Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        dialog.clip.dropEvent(drop)
        dialog.add.click()
        qtbot.waitUntil(lambda: bool(engine.told(SetTarget)))
        assert engine.told(SetTarget)[-1].target == "clip:bell.wav"

    def test_a_file_that_is_no_sound_is_said_and_the_dialog_stays(
        self, qtbot, dialog, engine, tmp_path
    ):
        (tmp_path / "bell.wav").write_text("no")
        dialog.tabs.setCurrentIndex(CLIP)
        dialog.clip.choose(tmp_path / "bell.wav")
        dialog.add.click()
        qtbot.waitUntil(lambda: "bell.wav" in dialog.note.text())
        assert dialog.isVisible() and dialog.add.isEnabled()
        assert not engine.told(SetTarget)

    def test_a_clip_that_is_not_waited_for_is_not_asked_for(self, qtbot, dialog, engine, tmp_path):
        soundfile.write(tmp_path / "bell.wav", np.zeros(16_000), 16_000)
        dialog.tabs.setCurrentIndex(CLIP)
        dialog.clip.choose(tmp_path / "bell.wav")
        dialog.add.click()
        dialog.reject()
        qtbot.waitUntil(lambda: not dialog._bringing.busy)
        assert not engine.told(SetTarget)

    def test_a_voice_that_was_just_enrolled(self, dialog, engine):
        dialog.tabs.setCurrentIndex(ENROL)
        dialog.enrol.enrolled.emit("cleo")
        dialog.add.click()
        assert engine.told(SetTarget)[-1].target == "voice:cleo"

    def test_what_is_not_installed_is_said_plainly(self, dialog, monkeypatch):
        monkeypatch.setattr(add_target, "installed", lambda kind: None)
        dialog.tabs.setCurrentIndex(WORDS)
        assert "waits for it; nothing changes in the sound" in dialog.note.text()
        dialog.tabs.setCurrentIndex(VOICE)
        assert "captions will follow this voice" in dialog.note.text()
        monkeypatch.setattr(add_target, "installed", lambda kind: "here")
        dialog.tabs.setCurrentIndex(WORDS)
        assert dialog.note.text() == ""


class TestFirstSteps:
    @pytest.fixture
    def guide(self, window, engine):
        engine.answers |= {Start: {}, Enrol: ENROLLED, SetTarget: {"waiting": {}}}
        guide = Guide(window.link, None, window)
        guide.show()
        engine.phase = Phase.PREVIEW
        window.link.poll()
        yield guide
        guide.close()

    def test_the_microphone_is_heard_and_nothing_is_kept(self, guide, window, engine, say):
        assert engine.told(Start)[-1].preview
        engine.say(say.level(-30.0))
        window.link.poll()
        assert guide.microphone.level_words.text() == "You can be heard."

    def test_without_a_microphone_that_is_said_at_once_with_what_to_do(self, window, engine):
        engine.phase = Phase.STOPPED
        engine.answers |= {Start: "wanted a default input, found none", ListDevices: []}
        guide = Guide(window.link, None, window)
        guide.show()
        window.link.poll()
        assert guide.microphone.trouble.text().startswith("No microphone was found. Connect one")
        assert "It is open now" not in guide.microphone.intro.text()
        assert not guide.next.isEnabled()
        engine.answers[Start] = {}
        guide.microphone.look_again()
        window.link.poll()
        assert not guide.microphone.trouble.isVisible()
        assert guide.next.isEnabled()
        guide.close()

    def test_a_file_is_listened_to_where_there_is_no_microphone(self, guide, engine, monkeypatch):
        monkeypatch.setattr(guide.microphone.input, "_ask_for_file", lambda: "/talk.wav")
        guide.microphone.input.choose_file()
        assert engine.told(SetDevice)[-1].name == "/talk.wav"

    def test_a_voice_that_is_enrolled_already_is_offered(self, window, engine):
        engine.answers |= {Start: {}, ListVoices: [voice("ana"), voice("ben")]}
        guide = Guide(window.link, None, window)
        guide.show()
        window.link.poll()
        guide.next.click()
        guide.pick.box.setCurrentIndex(1)
        guide.pick.use.click()
        assert engine.told(SetTarget)[-1].target == "voice:ben"
        assert guide.steps.currentIndex() == READY
        guide.close()

    def test_an_enrolled_voice_becomes_the_target_can_be_tested_and_start_is_next(
        self, guide, window, engine
    ):
        guide.next.click()
        assert guide.steps.currentIndex() == WHOM
        guide.enrol.name.setText("ana")
        guide.enrol.record()
        assert not guide.next.isEnabled()
        window.link.poll()
        assert engine.told(SetTarget)[-1].target == "voice:ana"
        assert guide.enrol.test.isEnabled()
        guide.next.click()
        assert guide.steps.currentIndex() == READY
        guide.next.click()
        assert not engine.told(Start)[-1].preview
        assert not guide.isVisible()

    @pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
    def test_enter_after_the_name_records_and_presses_nothing_else(self, qtbot, guide, engine, key):
        del engine.answers[Enrol]
        guide.next.click()
        guide.enrol.name.setText("ana")
        qtbot.keyClick(guide.enrol.name, key)
        assert len(engine.told(Enrol)) == 1
        assert not engine.told(Cancel)
        assert guide.steps.currentIndex() == WHOM

    def test_a_sound_can_be_typed_instead(self, guide, window, engine):
        guide.next.click()
        guide.tabs.setCurrentIndex(1)
        assert not guide.next.isEnabled()
        guide.words.line.setText("rain")
        guide.next.click()
        assert engine.told(SetTarget)[-1].target == "text:rain"
        assert "rain" in guide._ready.text()

    def test_everything_is_a_choice(self, guide, engine):
        guide.next.click()
        guide.tabs.setCurrentIndex(2)
        guide.next.click()
        assert guide._ready.text() == "Everything that is heard will be captioned."

    def test_a_voice_and_a_sound_are_told_apart(self, guide, window, monkeypatch):
        for name, suppress in (("voice:ana", False), ("voice:ben", True), ("text:rain", False)):
            window.link.add_known(name, suppress)
        monkeypatch.setattr(intent_module, "installed", lambda kind: None)
        first, second, _ = intent(window.link.setup, remote=False).split("\n\n")
        assert first.startswith("Captions will say when ana speaks.")
        assert second.startswith("rain is in the list and waits")
        monkeypatch.setattr(intent_module, "installed", lambda kind: "here")
        first, second, third = intent(window.link.setup, remote=False).split("\n\n")
        assert (first, second) == ("You will read ana.", "rain is picked out of the rest.")
        assert third.startswith("Nothing is played")
        window.link.change(SetDevice(id=window.link.new_id(), role="output", name=None))
        said = intent(window.link.setup, remote=False)
        assert said == "You will hear and read ana.\n\nYou will hear rain."

    def test_leaving_gives_the_microphone_back(self, guide, engine):
        guide.skip.click()
        assert engine.told(Stop)


class TestVoices:
    @pytest.fixture
    def page(self, window, engine):
        engine.answers |= {ListVoices: [voice("ana"), voice("ben")]}
        engine.answers |= {RenameVoice: None, DeleteVoice: None, RemoveTarget: {}}
        window.show_page(1)
        window.link.poll()
        return window.voices

    def test_they_are_listed_with_what_is_stored(self, page):
        assert page.table.item(1, 0).text() == "ben"
        assert page.table.item(1, 3).text() == "30 dB below"
        assert "for you alone to read" in page.stored.text()

    def test_one_is_renamed(self, page, engine):
        page.rename("ana", "anna")
        assert engine.told(RenameVoice)[-1].to == "anna"

    def test_one_that_is_deleted_is_no_target_any_more(self, page, window, engine):
        window.link.add_known("voice:ana", suppress=False)
        page.delete("ana")
        assert engine.told(DeleteVoice)[-1].name == "ana"
        assert window.link.setup.target("voice:ana") is None

    def test_one_is_tested(self, page, window, engine):
        engine.phase = Phase.RUNNING
        window.link.poll()
        engine.answers[CheckVoice] = {"name": "ana", "same": True, "ratio": 3.0}
        page._test()
        window.link.poll()
        assert engine.told(CheckVoice)[-1].name == "ana"
        assert page.enrol.verdict.text() == "That is ana."

    def test_one_gets_another_clip(self, page):
        page.table.selectRow(1)
        page._more()
        assert page.enrol.name.text() == "ben"


def test_weights_are_fetched_with_progress_and_can_be_cancelled(window, engine):
    bundles = window.engine.bundles
    row = {"name": "base.en", "kind": "whisper weights", "licence": "MIT", "bytes": 1,
           "state": "to be fetched"}  # fmt: skip
    bundles._show([row])
    assert "base.en" in [window.engine.whisper.itemText(n) for n in range(2)]
    bundles.pull.click()
    id = engine.told(Pull)[-1].id
    engine.say(Progress(id=id, done=10, total=100, text="fetching"))
    window.link.poll()
    assert (bundles.bar.value(), bundles.words.text()) == (10, "fetching")
    bundles.cancel.click()
    assert engine.told(Cancel)[-1].task == id


def test_the_strip_shows_the_newest_lines_and_is_moved_by_keys(qtbot, window, engine, say):
    window.listen.captions.strip.click()
    engine.hello()
    for number, word in enumerate(["first.", "second.", "third."]):
        engine.say(say.caption(word, id=number, start=2.0 * number))
    engine.say(say.caption("and th", id=3, state="partial", start=6.0))
    window.link.poll()
    strip = window.strip
    assert "first" not in strip.words.text()
    shown = strip.words.text().split("<br>")
    assert ["second." in shown[0], "third." in shown[1], "and th" in shown[1]] == [True] * 3
    before, opacity = strip.pos(), strip.opacity
    qtbot.keyClick(strip, Qt.Key.Key_Right)
    qtbot.keyClick(strip, Qt.Key.Key_Minus)
    assert strip.pos().x() > before.x()
    assert strip.opacity < opacity
    qtbot.keyClick(strip, Qt.Key.Key_Escape)
    assert not strip.isVisible()
    assert not window.listen.captions.strip.isChecked()


def test_the_strip_has_room_for_all_of_its_words(window, engine, say):
    window.listen.captions.strip.click()
    engine.hello()
    for number in range(2):
        engine.say(say.caption("so many words " * 12, id=number, start=60.0 * number))
    window.link.poll()
    words = window.strip.words
    assert words.heightForWidth(words.width()) > 106  # more than fits into its usual height
    assert words.height() >= words.heightForWidth(words.width())


def test_a_key_that_is_held_mutes(qtbot, window):
    mute = window.listen.transport.mute
    control = Qt.KeyboardModifier.ControlModifier
    qtbot.keyPress(window, Qt.Key.Key_Space, control)
    assert mute.isChecked()
    qtbot.keyRelease(window, Qt.Key.Key_Space, control)
    assert not mute.isChecked()


def test_a_clip_for_an_engine_elsewhere_is_sent_part_by_part(
    qtbot, make_engine, window, tmp_path, monkeypatch
):
    monkeypatch.setattr(bringing, "PAUSE_MS", 0)
    heard = np.random.default_rng(0).uniform(-0.5, 0.5, 3 * 16_000)
    soundfile.write(tmp_path / "ana.wav", heard, 16_000)
    engine = window.link.engine = make_engine(remote=True)
    engine.answers |= {SendClip: {"bytes": 1}, Enrol: ENROLLED}
    box = EnrolBox(window.link)
    box.setParent(window)
    box.name.setText("ana")
    box.enrol_file(tmp_path / "ana.wav")

    def enrolled():
        window.link.poll()
        return bool(engine.told(Enrol))

    qtbot.waitUntil(enrolled)
    parts = engine.told(SendClip)
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert max(len(encode(part)) for part in parts) < MAX_MESSAGE
    for part in parts:  # as the engine takes them
        take_part(tmp_path / "there", part)
    there, rate = soundfile.read(tmp_path / "there" / "ana.flac")
    assert rate == 16_000
    np.testing.assert_allclose(there, heard, atol=2**-14)
    assert engine.told(Enrol)[-1].clip == "ana.flac"
