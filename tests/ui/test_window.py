import numpy as np
import pytest
from PyQt6.QtCore import QPoint, QRect, QSize, Qt
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QComboBox,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QProgressBar,
    QSlider,
    QTextEdit,
    QWidget,
)

from tap_live.events import (
    Bye,
    CueFromSpan,
    Device,
    Failed,
    GetState,
    Hello,
    ListDevices,
    Mute,
    Progress,
    Record,
    RemoveTarget,
    SetCaptions,
    SetDevice,
    SetMix,
    SetTarget,
    Spectrum,
    Start,
    Stop,
    Target,
    Warned,
)
from tap_live.ui import moments as moments_module
from tap_live.ui import recording_line
from tap_live.ui.colours import DARK, LIGHT
from tap_live.ui.engine import Phase
from tap_live.ui.setup import Setup, TargetWish

CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QSlider,
    QTextEdit,
)


def poll(window, *events):
    window.link.engine.say(*events)
    window.link.poll()


def test_start_and_stop_are_one_button_and_one_key(qtbot, window, engine):
    begin = window.listen.transport.begin
    assert begin.text() == "Start"
    qtbot.mouseClick(begin, Qt.MouseButton.LeftButton)
    assert engine.told(Start)
    engine.hello()
    poll(window)
    assert begin.text() == "Stop"
    qtbot.keyClick(window, Qt.Key.Key_F5)
    assert engine.told(Stop)


def test_the_engine_is_told_the_setup_first(open_panel, make_engine):
    engine = make_engine()
    setup = Setup(input="USB", targets=(TargetWish(name="voice:ana"),))
    window = open_panel(engine, setup)
    assert engine.told(SetDevice)[0].name == "USB"
    assert engine.told(SetTarget)[0].target == "voice:ana"
    assert "voice:ana" in window.listen.targets.rows
    window.close()


def test_an_engine_elsewhere_is_not_told_our_setup(open_panel, make_engine):
    engine = make_engine(remote=True, phase=Phase.RUNNING)
    window = open_panel(engine, Setup(input="USB"))
    assert not engine.told(SetDevice)
    window.close()


def test_what_the_stream_says_is_drawn(window, engine, say):
    engine.hello()
    poll(window, say.level(-30.0), say.stats(), say.caption("hello there", speaker="ana"))
    assert window.listen.input.meter.accessibleDescription() == "-30 dB"
    assert "hello there" in window.listen.captions.view.toPlainText()
    assert window.health_line.words.text() == "● good: keeps up"
    assert "delay 23 ms" in window.health_line.figures.text()


def test_forgetting_clears_captions_though_nothing_runs(window, engine, say):
    engine.hello()
    poll(window, say.caption("hello there.", speaker="ana"))
    window.transcript.clear()
    window.link.poll()
    assert window.listen.captions.view.toPlainText() == ""


def test_spectra_become_columns_on_one_clock(window, engine):
    engine.hello()
    poll(window)
    for step in range(60):
        for stream, value in (("mixture", 100), ("output", 50)):
            position = 16_000 * step // 30 + 8
            poll(window, Spectrum(stream=stream, position=position, bands=bytes([value] * 64)))
    images = window.listen.pictures._images
    shown = {name: np.asarray(image.image)[-60:] for name, image in images.items()}
    assert (shown["mixture"] == 100).all()
    assert (shown["output"] == 50).all()


def test_targets_have_a_light_and_a_lane(window, engine):
    window.link.add_known("voice:ana", suppress=False)
    engine.hello()
    poll(window, Target(name="voice:ana", present=True, level=-20.0))
    assert window.listen.targets.rows["voice:ana"].state.text() == "● present"
    poll(window, Target(name="voice:ana", present=False, level=None))
    assert window.listen.targets.rows["voice:ana"].state.text() == "○ absent"
    assert window.listen.pictures._lanes.names == ("voice:ana",)


def test_a_target_is_turned_off_kept_and_removed(qtbot, window, engine):
    window.link.add_known("voice:ana", suppress=False)
    row = window.listen.targets.rows["voice:ana"]
    row.on.click()
    assert engine.told(RemoveTarget)
    assert window.link.setup.target("voice:ana").on is False
    assert row.state.text() == "off"
    row.on.click()
    assert engine.told(SetTarget)[-1].target == "voice:ana"
    row._remove.click()
    assert window.listen.targets.rows == {}


def test_a_target_that_waits_says_for_what(window, engine):
    engine.answers[SetTarget] = {"waiting": {"text:rain": "sound-compact"}}
    link = window.link
    link.change(SetTarget(id=link.new_id(), target="text:rain"))
    poll(window)
    row = window.listen.targets.rows["text:rain"]
    assert "waits for the bundle sound-compact, which is not installed" in row._kind.text()
    assert not row.gain.isVisibleTo(row)
    assert "No target is in the sound yet" in window.listen.targets.mix._note.text()


def test_a_target_that_the_engine_refuses_is_taken_back_and_said(window, engine):
    engine.answers[SetTarget] = "no voice 'bo' is enrolled"
    link = window.link
    link.change(SetTarget(id=link.new_id(), target="voice:bo"))
    poll(window)
    assert window.link.setup.targets == ()
    assert "no voice 'bo'" in window.banner.text


def test_the_mix_is_told_a_few_times_a_second_at_most(qtbot, window, engine):
    window.link.add_known("voice:ana", suppress=False)
    slider = window.listen.targets.mix.slider
    before = len(engine.told(SetMix))
    for value in range(-50, -10):
        slider.setValue(value)
    qtbot.waitUntil(lambda: len(engine.told(SetMix)) > before)
    assert [command.rest for command in engine.told(SetMix)[before:]] == [-11.0]
    slider.setValue(-60)
    assert window.link.setup.rest is None


def test_devices_come_and_go_in_the_list(window, engine):
    def device(name, kind="microphone", role="input"):
        return {"name": name, "description": f"The {name}", "kind": kind, "role": role}

    box = window.listen.input.box
    window.devices.show([device("usb"), device("line"), device("out", "speaker", "output")])
    words = [box.itemText(n) for n in range(box.count())]
    assert "The usb" in words and "The out" not in words
    window.listen.input.box.setCurrentIndex(words.index("The usb"))
    box.activated.emit(words.index("The usb"))
    assert engine.told(SetDevice)[-1].name == "usb"
    window.devices.show([device("line")])
    assert box.currentText() == "usb (not there now)"
    window.devices.show([device("usb"), device("line")])
    assert box.currentText() == "The usb"


def test_devices_are_looked_for_while_the_page_is_seen(window, engine):
    window.devices.look()
    assert engine.told(ListDevices)
    window.show_page(1)
    before = len(engine.told(ListDevices))
    window.devices.look()
    assert len(engine.told(ListDevices)) == before


def test_recording_is_said_with_who_should_know_and_where_it_is_kept(window, engine, tmp_path):
    transport, words = window.listen.transport, window.listen.transport.recording.words
    height = transport.recording.height()
    assert words.text() == "Nothing is recorded."
    transport.record.click()
    assert engine.told(Record)[-1].on
    assert "begins with the start: everybody who can be heard should know" in words.text()
    assert str(tmp_path / "data") in words.text()  # the whole path
    engine.answers[Start] = {"recording": {"folder": str(tmp_path / "kept"), "begin": 0.0}}
    window.link.begin()
    engine.hello()
    poll(window)
    assert "Recording is on: everybody who can be heard should know and agree." in words.text()
    assert f"It stays on this computer, in {tmp_path / 'kept'}" in words.text()
    assert transport.record.property("live")
    transport.record.click()
    assert not engine.told(Record)[-1].on
    assert words.text() == f"The recording is in {tmp_path / 'kept'}"
    assert transport.recording.height() == height  # nothing is pushed away


def test_after_the_stop_nothing_is_recorded_and_the_folder_can_be_opened(
    window, engine, tmp_path, monkeypatch
):
    opened = []
    monkeypatch.setattr(
        recording_line.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile())
    )
    transport = window.listen.transport
    transport.record.click()
    engine.answers |= {Start: {"recording": {"folder": str(tmp_path), "begin": 0.0}}, Stop: None}
    window.link.begin()
    engine.hello()
    poll(window)
    transport.begin.click()
    engine.phase = Phase.STOPPED
    poll(window, Bye(reason="stopped"))
    assert not transport.record.isChecked()
    assert not engine.told(Record)[-1].on
    assert transport.recording.words.text() == f"The recording is in {tmp_path}"
    assert window.link.recording is not None  # a click on a line still plays its moment
    transport.recording.open.click()
    assert opened == [str(tmp_path)]
    assert f"no program here opens folders; the recording is in {tmp_path}" in window.banner.text


def test_the_menu_ticks_what_is_on(window):
    actions = {action.text().replace("&", ""): action for action in window.menu.actions}
    assert actions["Dark"].isChecked() != actions["Light"].isChecked()
    for theme, other in ((LIGHT, DARK), (DARK, LIGHT)):
        window.set_theme(theme)
        assert actions[theme.name.capitalize()].isChecked()
        assert not actions[other.name.capitalize()].isChecked()
    for name in ("Record", "Mute", "Large type"):
        assert not actions[name].isChecked()
        actions[name].trigger()
        assert actions[name].isChecked()
    window.listen.transport.record.click()
    assert not actions["Record"].isChecked()


def test_mute_is_told_and_shown(qtbot, window, engine):
    qtbot.keyClick(window, Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier)
    assert engine.told(Mute)[-1].on
    assert window.listen.transport.mute.isChecked()


def test_the_limiter_has_a_light(window, engine, say):
    window.link.change(SetDevice(id=window.link.new_id(), role="output", name=None))
    engine.hello()
    poll(window, say.level(-20.0, -6.5))
    assert window.listen.transport.limiter.text() == "● limiter at work"
    poll(window, say.level(-20.0, -30.0))
    assert window.listen.transport.limiter.text() == "○ limiter at rest"


def test_errors_and_warnings_are_said_with_words(window, engine):
    poll(window, Failed(code="recording-stopped", text="the disk is full"))
    assert window.banner.isVisible()
    assert window.banner.text == "Error: the disk is full"
    poll(window, Warned(code="howling", text="it howls"))
    assert window.banner.text == "Note: it howls"
    poll(window, Device(role="input", name="mic", change="lost", text="'mic' is gone"))
    assert "'mic' is gone" in window.banner.text


def test_a_note_about_a_stream_that_is_over_goes_and_an_error_stays(window, engine):
    poll(window, Warned(code="howling", text="it howls"))
    engine.hello()
    poll(window)
    assert not window.banner.isVisible()
    poll(window, Failed(code="recording-stopped", text="the disk is full"))
    engine.hello()
    poll(window)
    assert window.banner.isVisible()


def test_a_note_moves_nothing_and_passes(window, engine):
    controls = window.centralWidget().findChildren(QAbstractButton)
    before = [control.mapToGlobal(QPoint()) for control in controls]
    poll(window, Warned(code="howling", text="it howls"))
    assert [control.mapToGlobal(QPoint()) for control in controls] == before
    covered = window.banner.geometry()
    for control in (window.listen.input.box, window.listen.transport.begin, window.menuBar()):
        place = control.mapTo(window, QPoint())
        menus = control is window.menuBar()
        width = covered.left() - 1 if menus else control.width()
        assert not covered.intersects(QRect(place, QSize(width, control.height())))
    assert window.banner._passes.isActive()
    window.banner._passes.timeout.emit()
    assert not window.banner.isVisible()


def test_errors_and_what_goes_on_do_not_pass(window, engine):
    poll(window, Failed(code="recording-stopped", text="the disk is full"))
    assert not window.banner._passes.isActive()
    poll(window, Device(role="input", name="mic", change="lost", text="'mic' is gone"))
    assert not window.banner._passes.isActive()
    poll(window, Device(role="input", name="mic", change="returned", text="'mic' is back"))
    assert window.banner._passes.isActive()


def test_warnings_are_said_in_plain_words(window, engine):
    engine.hello()
    poll(window, Warned(code="extraction-recovered", text="extraction", start=3.0, stop=5.0))
    assert "what you chose is picked out again; you heard everything for 2 s" in window.banner.text


def test_times_count_from_the_start_and_not_from_a_preview(window, engine, say, monkeypatch):
    now = 100.0
    window.transcript._now = lambda: now
    hello = {"version": "1", "rate": 16_000, "bundles": (), "role": "controller"}
    poll(window, Hello(capabilities=(), **hello))
    now = 180.0
    poll(window, Hello(capabilities=("captions",), **hello))
    poll(window, say.caption("hello there.", start=2.0))
    assert window.listen.captions.view.toPlainText().startswith("00:02")


def test_words_of_health_have_room_before_its_figures(window, engine, say):
    window.resize(1000, 720)
    engine.hello()
    long = "the stream did not come for half a second, and what came was put together again " * 2
    poll(window, say.stats(), Warned(code="x", text=long, at=1.0))
    line = window.health_line
    assert line.words.width() > 700
    assert line.words.toolTip() == line.words.text() == f"▲ watch: {long}"
    assert "delay 23 ms" in line.figures.toolTip()
    assert (window.width(), window.height()) == (1000, 720)


def test_an_engine_that_ended_badly_is_offered_again(qtbot, window, engine):
    engine.hello()
    poll(window)
    engine.phase = Phase.STOPPED
    poll(window, Failed(code="engine-ended", text="the file breaks off"))
    assert "The engine stopped. the file breaks off" in window.banner.text
    buttons = {button.text(): button for button in window.banner.findChildren(QAbstractButton)}
    buttons["Start again"].click()
    assert engine.told(Start)


def test_what_takes_minutes_is_said_and_can_be_given_up(window, engine):
    window.link.begin()
    (start,) = engine.told(Start)
    for text in ("building an engine", "building an engine: 15 s so far"):
        poll(window, Progress(id=start.id, done=0, total=None, text=text))
        assert window.banner.text == f"Note: {text}"
    assert not window.banner._passes.isActive()
    buttons = {button.text(): button for button in window.banner.findChildren(QAbstractButton)}
    buttons["Give up"].click()
    assert len(engine.told(Stop)) == 1 and not window.banner.isVisible()
    poll(window, Progress(id="nobody's", done=0, total=None, text="of somebody else"))
    assert not window.banner.isVisible()
    poll(window, Progress(id=start.id, done=0, total=None, text="building another"))
    engine.hello()
    poll(window)
    assert not window.banner.isVisible()


def test_an_engine_that_is_lost_is_said_and_can_be_done_without(window, engine):
    engine.hello()
    poll(window)
    engine.phase = Phase.LOST
    poll(window, Failed(code="engine-lost", text="the engine at x cannot be reached"))
    words = [button.text() for button in window.banner.findChildren(QAbstractButton)]
    assert "Use this computer" in words
    assert "What it recorded is kept there" in window.banner.text
    assert window.listen.transport.begin.text() == "Not connected"
    assert not window.listen.transport.begin.isEnabled()


def test_a_sound_is_marked_and_asked_away(window, engine):
    window.listen.mark()
    assert window.listen.pictures.span is None  # nothing was heard yet
    engine.hello()
    poll(window)
    poll(window, Spectrum(stream="mixture", position=16_000 * 9, bands=bytes(64)))
    window.listen.mark()
    start, stop = window.listen.pictures.span
    assert stop - start == pytest.approx(2.0)
    assert stop == pytest.approx(9.0, abs=0.1)
    engine.answers[CueFromSpan] = {"target": "clip:heard.wav"}
    window.listen._use_mark(suppress=True)
    poll(window)
    told = engine.told(CueFromSpan)[-1]
    assert (told.start, told.stop, told.suppress) == (start, stop, True)
    assert window.link.setup.target("clip:heard.wav").suppress


def test_the_end_of_a_stream_clears_what_was_of_the_moment(window, engine, say):
    engine.hello()
    poll(window, say.level(), say.caption("hel", state="partial"))
    engine.phase = Phase.STOPPED
    poll(window, Bye(reason="stopped"))
    assert window.listen.input.meter.accessibleDescription() == "silent"
    assert "hel" not in window.listen.captions.view.toPlainText()
    assert window.health_line.words.text() == "○ stopped"


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_themes_can_change_at_any_time_and_are_kept(window, engine, say, theme):
    engine.hello()
    poll(window, say.level(), say.stats(), say.caption("hello", speaker="ana"))
    window.set_theme(theme)
    window.link.poll()
    assert window.settings.value("theme") == theme.name
    corner = window.grab().toImage().pixelColor(3, window.height() // 2).name()
    assert corner == theme.ground


def test_every_control_has_a_name_that_a_screen_reader_says(window):
    window.link.add_known("voice:ana", suppress=False)
    nameless = [
        control
        for kind in CONTROLS
        for control in window.findChildren(kind)
        if not (control.accessibleName() or (hasattr(control, "text") and control.text()))
        and not control.objectName().startswith("qt_")
        and not isinstance(control.parent(), (QAbstractItemView, QComboBox, QMenu, QLineEdit))
        and control.parent().metaObject().className() != "QComboBoxPrivateContainer"
    ]
    assert nameless == []


def test_no_two_keys_do_different_things(window):
    keys = [a.shortcut().toString() for a in window.menu.actions if not a.shortcut().isEmpty()]
    assert len(keys) == len(set(keys)) >= 15


def test_everything_can_be_reached_with_the_tab_key(qtbot, window):
    """Tab leads from control to control, and comes round."""
    window.activateWindow()
    window.listen.transport.begin.setFocus()
    seen: list[QWidget] = []
    for _ in range(60):
        qtbot.keyClick(window.focusWidget() or window, Qt.Key.Key_Tab)
        seen.append(window.focusWidget())
        if seen.count(seen[0]) > 1:
            break
    reached = set(seen)
    for control in (
        window.listen.input.box,
        window.listen.output.box,
        window.listen.transport.begin,
        window.listen.targets.add,
        window.listen.captions.search,
        window.listen.mark_button,
    ):
        assert control in reached


def test_captions_options_of_an_engine_elsewhere_only_turn_on_and_off(window, engine):
    window.engine.captions.click()
    assert engine.told(SetCaptions)[-1].on is False


def test_closing_keeps_the_setup_and_ends_the_engine(window, engine):
    window.link.change(SetMix(id=window.link.new_id(), rest=-6.0))
    window.close()
    assert engine.closed
    assert window.profiles.load().rest == -6.0


def test_a_profile_is_used_at_once(window, engine):
    window.profiles.save(Setup(input="USB", targets=(TargetWish(name="text:rain"),)), "room")
    window.use_profile("room")
    assert engine.told(SetDevice)[-2].name == "USB"
    assert "text:rain" in window.listen.targets.rows


def test_an_engine_elsewhere_says_what_it_was_begun_with(open_panel, make_engine):
    engine = make_engine(remote=True, phase=Phase.STARTING)
    target = {"name": "voice:ana", "gain": -3.0, "suppress": False}
    engine.answers[GetState] = {"muted": True, "captions": True, "rest": -6.0, "targets": [target]}
    window = open_panel(engine, Setup(input="USB"))
    engine.phase = Phase.RUNNING
    window.link.poll()
    window.link.poll()
    assert list(window.listen.targets.rows) == ["voice:ana"]
    assert window.link.setup.rest == -6.0
    assert not window.listen.input.box.isEnabled()
    assert window.listen.input.box.currentText() == "Chosen where the engine was started"
    window.close()
    assert window.profiles.load().input == "USB"  # our own is kept as it was


def test_going_on_here_brings_our_own_setup_back(open_panel, make_engine):
    elsewhere = make_engine(remote=True, phase=Phase.LOST)
    window = open_panel(elsewhere, Setup(input="USB"))
    here = make_engine()
    window.link.use(here)
    assert here.told(SetDevice)[0].name == "USB"
    assert window.listen.input.box.isEnabled()
    assert window.listen.input.box.currentText() == "USB (not there now)"
    window.close()


def test_a_click_on_a_caption_plays_its_moment_of_the_recording(
    window, engine, say, monkeypatch, tmp_path
):
    played = []
    monkeypatch.setattr(moments_module, "read_moment", lambda *moment: (moment, 16_000))
    monkeypatch.setattr(moments_module, "play", lambda *what: played.append(what))
    engine.hello()
    poll(window, say.caption("good morning.", start=5.0))
    line = window.transcript.open
    window.listen.captions.view.chosen.emit(line)
    assert "click on a caption plays its moment" in window.banner.text
    engine.answers[Start] = {"recording": {"folder": str(tmp_path), "begin": 2.0}}
    window.listen.transport.record.click()  # before it starts, as one does
    window.link.begin()
    poll(window)
    window.listen.captions.view.chosen.emit(line)
    window.moments.wait()
    assert played == [((tmp_path, 3.0, 4.0), 16_000, None)]
    window.link.recording = {"folder": str(tmp_path), "begin": 60.0}
    window.listen.captions.view.chosen.emit(line)
    assert "before the recording began" in window.banner.text
    assert len(played) == 1
