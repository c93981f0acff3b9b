import threading
import time
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pytest
import soundfile

from tap_live.errors import (
    AudioError,
    BundleError,
    NotPossibleError,
    StorageError,
    StreamError,
)
from tap_live.events import (
    Bye,
    Caption,
    Device,
    Failed,
    Hello,
    Level,
    Spectrum,
    Stats,
    Target,
    Warned,
    Word,
)
from tap_live.extraction import Extraction, Wanted
from tap_live.live import Live
from tap_live.outputs.file import FileOutput
from tap_live.outputs.output import NullOutput
from tap_live.parts import Parts
from tap_live.sources.file import FileSource
from tap_live.standstill import Worker

RATE = 48_000
AUDIO = np.random.default_rng(0).uniform(-0.5, 0.5, 3 * RATE).astype(np.float32)


class Length:
    """A captioner whose one word, at the end, is how much it heard."""

    lookahead = 0

    def __init__(self, start, first_id):
        self.start, self.id = start, first_id
        self.heard = round(start * 16_000)  # silence before the stream is none of it

    def push(self, block):
        self.heard += len(block)
        return []

    def flush(self):
        end = self.heard / 16_000
        words = (Word(f" {self.heard}", self.start, end, 1.0),)
        return [Caption(id=self.id, revision=0, state="final", start=0, end=end, words=words)]


@pytest.fixture
def clip(tmp_path):
    soundfile.write(tmp_path / "clip.wav", AUDIO, RATE, "FLOAT")
    return tmp_path / "clip.wav"


def run(parts):
    with Live(parts) as live:
        events = list(live.events)
    return live, events


def test_a_stream_says_hello_first_bye_last_and_numbers_all_between(clip):
    _, events = run(Parts(source=FileSource(clip), make_captioner=Length))
    assert isinstance(events[0], Hello)
    assert events[0].rate == RATE
    assert isinstance(events[-1], Bye)
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert any(isinstance(e, Level) for e in events)
    assert [e for e in events if isinstance(e, Stats)][-1].lost == 0


def test_every_sample_reaches_output_recording_and_captions(clip, tmp_path):
    parts = Parts(
        source=FileSource(clip),
        make_output=lambda rate, tell: FileOutput(tmp_path / "out.wav", rate),
        make_captioner=Length,
        record=tmp_path / "kept",
    )
    _, events = run(parts)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "out.wav", dtype="float32")[0], AUDIO)
    for name in ("mixture.wav", "output.wav"):
        kept = soundfile.read(tmp_path / "kept" / name, dtype="float32")[0]
        np.testing.assert_allclose(kept, AUDIO, atol=2**-23)
    assert [e.text for e in events if isinstance(e, Caption)] == ["48000"]
    assert "48000" in (tmp_path / "kept" / "captions.txt").read_text()


def test_no_thread_is_left(clip, tmp_path):
    before = threading.active_count()
    run(Parts(source=FileSource(clip), make_captioner=Length, record=tmp_path / "kept"))
    assert threading.active_count() == before


def test_a_stopped_stream_keeps_what_was_captured(clip, tmp_path):
    with Live(
        Parts(source=FileSource(clip, paced=True), make_captioner=Length, record=tmp_path / "kept")
    ) as live:
        for event in live.events:
            if isinstance(event, Level):
                live.stop()
    assert event.reason == "stopped"
    kept = soundfile.read(tmp_path / "kept" / "mixture.wav", dtype="float32")[0]
    assert RATE // 20 <= len(kept) < len(AUDIO)
    np.testing.assert_allclose(kept, AUDIO[: len(kept)], atol=2**-23)
    assert (tmp_path / "kept" / "captions.txt").read_text().strip()


def test_a_stream_ends_when_its_seconds_are_over(clip):
    _, events = run(Parts(source=FileSource(clip), make_captioner=Length, seconds=1))
    (caption,) = [e for e in events if isinstance(e, Caption)]
    assert 16_000 <= int(caption.text) < 16_600


def test_an_input_that_breaks_off_ends_the_stream_with_its_reason(clip):
    source = FileSource(clip)

    def broken(tell, stopping):
        yield AUDIO[:RATE]
        raise AudioError("the file broke off")

    source._blocks = broken
    live, events = run(Parts(source=source, make_captioner=Length))
    assert isinstance(live.error, AudioError)
    assert [e.text for e in events if isinstance(e, Failed)] == ["the file broke off"]
    assert [e.text for e in events if isinstance(e, Caption)] == ["16000"]


def test_an_output_that_breaks_costs_nothing_else(clip, tmp_path):
    class Full(FileOutput):
        def write(self, block):
            raise StorageError("the disk is full")

    parts = Parts(
        source=FileSource(clip),
        make_output=lambda rate, tell: Full(tmp_path / "out.wav", rate),
        make_captioner=Length,
    )
    _, events = run(parts)
    (failure,) = [e for e in events if isinstance(e, Failed)]
    assert (failure.code, failure.text) == ("output-stopped", "the disk is full")
    assert [e.text for e in events if isinstance(e, Caption)] == ["48000"]


def test_what_is_heard_fades_while_the_input_is_gone(clip):
    turned = []

    class Heard(NullOutput):
        def turn(self, on):
            turned.append(on)

    class Flaky(FileSource):
        def _blocks(self, tell, stopping):
            for change in ("opened", "lost", "returned", "closed"):
                tell(Device(role="input", name="mic", change=change, text=change))
                yield AUDIO[:RATE]

    parts = Parts(source=Flaky(clip), make_output=lambda rate, tell: Heard())
    _, events = run(parts)
    assert turned == [False, True]
    assert [e.change for e in events if isinstance(e, Device)][1:3] == ["lost", "returned"]


def test_what_is_heard_stays_muted_while_the_input_comes_and_goes(clip):
    turned = []

    class Heard(NullOutput):
        def turn(self, on):
            turned.append(on)

    class Flaky(FileSource):
        def _blocks(self, tell, stopping):
            live.mute(True)
            for change in ("lost", "returned"):
                tell(Device(role="input", name="mic", change=change, text=change))
                yield AUDIO[:RATE]
            live.mute(False)

    live = Live(Parts(source=Flaky(clip), make_output=lambda rate, tell: Heard()))
    with live:
        list(live.events)
    assert turned == [False, False, False, True]


class Steps(FileSource):
    """A second of the clip, and then what a test does, three times."""

    def __init__(self, clip, *steps):
        super().__init__(clip)
        self.steps = steps

    def _blocks(self, tell, stopping):
        for second, step in enumerate([*self.steps, lambda: None]):
            yield AUDIO[second * RATE : (second + 1) * RATE]
            step()


def test_captions_that_are_off_hear_silence_and_keep_their_place(clip):
    class Loudest(Length):
        def push(self, block):
            self.loud = [*getattr(self, "loud", []), *(np.abs(block) > 0.01)]
            return super().push(block)

        def flush(self):
            seconds = np.array(self.loud[-48_000:]).reshape(3, -1).mean(axis=1)
            assert (seconds > 0.5).tolist() == [True, False, True]
            return super().flush()

    def after(seconds, on):
        while live._handed < seconds * RATE:
            time.sleep(0.001)
        live.caption(on)

    live = Live(
        Parts(
            source=Steps(clip, lambda: after(1, False), lambda: after(2, True)),
            make_captioner=Loudest,
        )
    )
    with live:
        events = list(live.events)
    assert [e.text for e in events if isinstance(e, Caption)] == ["48000"]


def test_captions_cannot_be_turned_on_where_there_are_none(clip):
    with pytest.raises(NotPossibleError, match="without captions"):
        Live(Parts(source=FileSource(clip))).caption(True)


def test_spectra_are_published_while_somebody_asks(clip):
    def after(seconds, streams):
        while live._handed < seconds * RATE:
            time.sleep(0.001)
        live.show_spectra(streams)

    steps = lambda: after(1, ["mixture", "output"]), lambda: after(2, [])
    live = Live(Parts(source=Steps(clip, *steps)))
    with live:
        events = list(live.events)
    spectra = [event for event in events if isinstance(event, Spectrum)]
    assert [s.stream for s in spectra] == ["mixture", "output"] * (len(spectra) // 2)
    assert len(spectra) / 2 == pytest.approx(30, abs=2)
    assert min(s.position for s in spectra) > RATE
    assert max(s.position for s in spectra) < 2 * RATE


class Afterwards(Length):
    """A captioner that says when everything was said at the very end: a word each second."""

    def flush(self):
        words = tuple(Word(f" {n}", n + 0.4, n + 0.6, 1.0) for n in range(self.heard // 16_000))
        end = words[-1].end
        return [Caption(id=self.id, revision=0, state="final", start=0.4, end=end, words=words)]


def test_a_recording_can_begin_and_end_while_the_stream_runs(clip, tmp_path):
    """What was said in it is kept, though it becomes final only after its end."""
    ends = []

    def begin():
        while live._handed < RATE:
            time.sleep(0.001)
        ends.append(live.record(tmp_path / "middle"))

    def end():
        while live._handed < 2 * RATE:
            time.sleep(0.001)
        ends[0]()

    live = Live(Parts(source=Steps(clip, begin, end), make_captioner=Afterwards))
    before = threading.active_count()
    with live:
        list(live.events)
    assert threading.active_count() == before
    kept = soundfile.read(tmp_path / "middle" / "mixture.wav", dtype="float32")[0]
    np.testing.assert_allclose(kept, AUDIO[RATE : 2 * RATE], atol=2**-23)
    assert (tmp_path / "middle" / "captions.txt").read_text() == "1\n"
    assert '"start":0.39999' in (tmp_path / "middle" / "captions.jsonl").read_text()


def test_a_recording_that_nobody_ends_ends_with_the_stream(clip, tmp_path):
    def begin():
        while live._handed < RATE:
            time.sleep(0.001)
        ends.append(live.record(tmp_path / "rest"))

    ends = []
    live = Live(Parts(source=Steps(clip, begin, lambda: None), make_captioner=Length))
    with live:
        list(live.events)
    ends[0]()
    kept = soundfile.read(tmp_path / "rest" / "mixture.wav", dtype="float32")[0]
    np.testing.assert_allclose(kept, AUDIO[RATE:], atol=2**-23)
    assert "48000" in (tmp_path / "rest" / "captions.txt").read_text()
    lines = (tmp_path / "rest" / "captions.jsonl").read_text()
    assert '"end":2.0' in lines  # of the recording; 3 of the stream
    ends.append(live.record(tmp_path / "never"))
    ends[1]()


def test_events_can_be_written_as_json(clip):
    _, events = run(Parts(source=FileSource(clip), make_captioner=Length))
    assert all(msgspec.json.decode(msgspec.json.encode(e))["type"] for e in events)


def test_a_source_that_can_wait_waits_for_captions_and_nothing_is_skipped(tmp_path):
    seconds = 60
    soundfile.write(tmp_path / "long.wav", np.full(seconds * 8000, 0.1, np.float32), 8000)

    class Slow(Length):
        def push(self, block):
            time.sleep(0.002)
            return super().push(block)

    parts = Parts(source=FileSource(tmp_path / "long.wav"), make_captioner=Slow)
    _, events = run(parts)
    assert [e for e in events if isinstance(e, Warned)] == []
    assert [e.text for e in events if isinstance(e, Caption)] == [str(seconds * 16_000)]


@dataclass(frozen=True, eq=False)
class Cue:
    name: str
    kind: str = "voice"
    positive: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    negative: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))


class Share:
    """An extractor whose target is a share of the mixture."""

    lookahead = 0

    def __init__(self, share=0.5):
        self.share, self.rows = share, 0

    def set_cues(self, cues):
        self.rows = len(cues)

    def push(self, block):
        return np.tile(self.share * block, (self.rows, 1))

    def flush(self):
        return np.zeros((self.rows, 0), np.float32)

    def restart(self):
        pass


def extracting(extractor, *names):
    wanted = [Wanted(Cue(name)) for name in names]
    return lambda rate, tell: Extraction(extractor, wanted, rest_gain=0.0, rate=rate, tell=tell)


def test_what_is_extracted_is_heard_shown_told_and_captioned(clip, tmp_path):
    parts = Parts(
        source=FileSource(clip),
        make_output=lambda rate, tell: FileOutput(tmp_path / "out.wav", rate),
        make_extraction=extracting(Share(0.7), "voice:ana"),
        make_captioner=Length,
        caption_extracted=True,
    )
    _, events = run(parts)
    heard = soundfile.read(tmp_path / "out.wav", dtype="float32")[0]
    np.testing.assert_allclose(heard, 0.7 * AUDIO, atol=1e-6)
    assert "extraction" in events[0].capabilities
    level = next(event for event in events if isinstance(event, Level))
    assert level.targets["voice:ana"].rms == pytest.approx(level.mixture.rms - 3.1, abs=0.1)
    (came,) = [event for event in events if isinstance(event, Target)]
    assert (came.name, came.present) == ("voice:ana", True)
    assert [e.text for e in events if isinstance(e, Caption)] == ["48000"]


def test_targets_can_change_while_the_stream_runs(clip, tmp_path):
    parts = Parts(
        source=FileSource(clip, paced=True),
        make_output=lambda rate, tell: FileOutput(tmp_path / "out.wav", rate),
        make_extraction=extracting(Share(0.5), "voice:ana"),
    )
    with Live(parts) as live:
        levels = []
        for event in live.events:
            if isinstance(event, Level):
                levels.append(list(event.targets))
                if len(levels) == 5:
                    live.set_targets([Wanted(Cue("voice:bob"), 0.5)], 0.0)
    assert (levels[0], levels[-1]) == (["voice:ana"], ["voice:bob"])
    heard = soundfile.read(tmp_path / "out.wav", dtype="float32")[0]
    np.testing.assert_allclose(heard[: RATE // 4], AUDIO[: RATE // 4] / 2, atol=1e-6)
    np.testing.assert_allclose(heard[-RATE:], AUDIO[-RATE:] / 4, atol=1e-6)


def test_targets_that_cannot_be_are_told_and_nothing_changes(clip):
    class Picky(Share):
        def set_cues(self, cues):
            if any(cue.kind == "sound" for cue in cues):
                raise BundleError("there is no extractor for those")
            super().set_cues(cues)

    source = FileSource(clip, paced=True)
    with Live(Parts(source=source, make_extraction=extracting(Picky(), "voice:ana"))) as live:
        live.set_targets([Wanted(Cue("text:bell", "sound"))], 0.0)
        events = list(live.events)
    (failure,) = [event for event in events if isinstance(event, Failed)]
    assert (failure.code, failure.text) == ("targets", "there is no extractor for those")
    assert list([e for e in events if isinstance(e, Level)][-1].targets) == ["voice:ana"]


def test_a_model_that_breaks_costs_a_moment(clip, tmp_path):
    class Broken(Share):
        pushed = 0

        def push(self, block):
            self.pushed += 1
            if self.pushed == 100:
                raise RuntimeError("the model broke")
            return super().push(block)

    parts = Parts(
        source=FileSource(clip),
        make_output=lambda rate, tell: FileOutput(tmp_path / "out.wav", rate),
        make_extraction=extracting(Broken(), "voice:ana"),
    )
    _, events = run(parts)
    (warning,) = [event for event in events if isinstance(event, Warned)]
    assert warning.code == "extraction-restarted" and "the model broke" in warning.text
    heard = soundfile.read(tmp_path / "out.wav", dtype="float32")[0]
    assert len(heard) == len(AUDIO)
    np.testing.assert_allclose(heard[2 * RATE :], AUDIO[2 * RATE :] / 2, atol=1e-6)


def test_a_stream_that_is_too_fast_for_the_machine_passes_through(clip, tmp_path, rush_clock):
    """The source is far ahead at once, as if every hop took too long."""
    parts = Parts(
        source=FileSource(clip, paced=True, clock=rush_clock),
        make_output=lambda rate, tell: FileOutput(tmp_path / "out.wav", rate),
        make_extraction=extracting(Share(), "voice:ana"),
    )
    began = threading.Event()
    live = Live(parts)
    take = live._reader.blocks
    live._reader.blocks = lambda *how: (began.wait(10) and block for block in take(*how))
    with live:
        while live._ring.end < len(AUDIO):
            time.sleep(0.001)
        began.set()
        events = list(live.events)
    codes = [event.code for event in events if isinstance(event, Warned)]
    assert codes[0] == "extraction-slow" and codes.count("extraction-slow") == 1
    heard = soundfile.read(tmp_path / "out.wav", dtype="float32")[0]
    np.testing.assert_allclose(heard[RATE:], AUDIO[RATE:], atol=1e-6)


def test_a_source_that_can_wait_is_never_too_fast(clip, tmp_path):
    parts = Parts(
        source=FileSource(clip),
        make_output=lambda rate, tell: FileOutput(tmp_path / "out.wav", rate),
        make_extraction=extracting(Share(), "voice:ana"),
    )
    _, events = run(parts)
    assert [event for event in events if isinstance(event, Warned)] == []


def test_what_devices_add_to_the_delay_is_told(clip):
    class Headset(NullOutput):
        delay = 0.03

    with Live(Parts(source=FileSource(clip), make_output=lambda rate, tell: Headset())) as live:
        stats = [event for event in live.events if isinstance(event, Stats)]
    assert stats[-1].stages["output"].delay == 0.03
    assert "input" not in stats[-1].stages  # a file is no device


def test_who_looks_on_and_fails_is_shown_no_more_and_costs_nobody_anything(clip, tmp_path):
    def fail(mixed):
        raise KeyError("a fault of its own")

    seen = []
    source = FileSource(clip)
    live = Live(Parts(source=source, make_captioner=Length, record=tmp_path / "kept"))
    live.tap(fail)
    live.tap(lambda mixed: seen.append(len(mixed.mixture)))
    with live:
        events = list(live.events)
    (failure,) = [event for event in events if isinstance(event, Failed)]
    assert failure.code == "tap-stopped" and "a fault of its own" in failure.text
    assert live.error is None and sum(seen) > 0
    kept = soundfile.read(tmp_path / "kept" / "mixture.wav", dtype="float32")[0]
    np.testing.assert_allclose(kept, AUDIO, atol=2**-23)
    assert [e.text for e in events if isinstance(e, Caption)] == ["48000"]


def test_a_fault_of_the_program_ends_the_stream_and_keeps_what_was_captured(clip, tmp_path):
    class Faulty(NullOutput):
        written = 0

        def write(self, block):
            self.written += len(block)
            if self.written > RATE:
                raise ZeroDivisionError("not what an output may raise")

    before = threading.active_count()
    parts = Parts(
        source=FileSource(clip),
        make_output=lambda rate, tell: Faulty(),
        make_captioner=Length,
        record=tmp_path / "kept",
    )
    live, events = run(parts)
    failure = next(event for event in events if isinstance(event, Failed))
    assert failure.code == "stream" and "ZeroDivisionError" in failure.text
    assert isinstance(live.error, StreamError) and isinstance(events[-1], Bye)
    assert threading.active_count() == before
    kept = soundfile.read(tmp_path / "kept" / "mixture.wav", dtype="float32")[0]
    assert len(kept) > RATE  # with the block that was not heard
    np.testing.assert_allclose(kept, AUDIO[: len(kept)], atol=2**-23)
    (said,) = [e.text for e in events if isinstance(e, Caption)]
    assert said in (tmp_path / "kept" / "captions.txt").read_text()


def test_a_stream_that_ends_before_its_threads_have_begun_keeps_its_words(
    clip, tmp_path, monkeypatch
):
    def start_slowly(worker):
        start(worker)
        time.sleep(0.5)

    start = Worker.start
    monkeypatch.setattr(Worker, "start", start_slowly)
    parts = Parts(source=FileSource(clip), make_captioner=Length, record=tmp_path / "kept")
    run(parts)
    assert (tmp_path / "kept" / "captions.txt").read_text().strip().endswith("48000")


def test_a_fault_in_what_was_asked_for_last_still_ends_captions_and_recordings(clip, tmp_path):
    class Faulty(Extraction):
        def set_targets(self, wanted, rest_gain):
            if hasattr(self, "made"):
                raise ZeroDivisionError("not what an extraction may raise")
            super().set_targets(wanted, rest_gain)
            self.made = True

    class Asking(NullOutput):
        def __exit__(self, *error):
            live.set_targets([], 1.0)  # when the source has ended

    before = threading.active_count()
    live = Live(
        Parts(
            source=FileSource(clip),
            make_output=lambda rate, tell: Asking(),
            make_extraction=lambda rate, tell: Faulty(),
            make_captioner=Length,
            record=tmp_path / "kept",
        )
    )
    with live:
        events = list(live.events)
    assert isinstance(live.error, StreamError) and isinstance(events[-1], Bye)
    assert [e.text for e in events if isinstance(e, Caption)] == ["48000"]
    assert "48000" in (tmp_path / "kept" / "captions.txt").read_text()
    assert threading.active_count() == before


def test_a_stream_whose_figures_fail_still_says_bye(clip):
    class Faulty(NullOutput):
        @property
        def delay(self):
            raise ZeroDivisionError("not what an output may raise")

    live, events = run(Parts(source=FileSource(clip), make_output=lambda rate, tell: Faulty()))
    assert isinstance(live.error, StreamError) and isinstance(events[-1], Bye)
