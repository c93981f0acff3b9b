"""The report tells what happened, to browsers and to people, and stays small."""

import base64
import re
from datetime import datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from tap_live.errors import StorageError
from tap_live.events import AnyEvent, Caption, Hello, StageStats, Stats, Warned, Word
from tap_live.journal import Journal
from tap_live.pairs import Pair, Pairs
from tap_live.report import MOST_ROWS, Report, render, write_report
from tap_live.spectrogram import Sound
from tap_live.timeline import MOST_BARS, MOST_DOTS, Utterance, clock, ticks

RATE = 16_000
NOON = datetime(2026, 1, 2, 12, 0)
VOID = {"meta", "img", "br", "path"}
NASTY = "</script><script>alert('$title')</script>\"'&\0"


class Page(HTMLParser):
    """A page's elements, checked to be closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("script", "style"):
            self.text += data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            attrs
            for name, attrs in self.tags
            if name == tag and all(attrs.get(key.strip("_")) == v for key, v in wanted.items())
        ]


def silence(seconds: float = 4.0) -> Sound:
    return Sound(np.zeros(round(seconds * RATE), np.float32), RATE)


def noise(seconds: float = 4.0, seed: int = 0) -> Sound:
    audio = np.random.default_rng(seed).standard_normal(round(seconds * RATE)) * 0.1
    return Sound(audio.astype(np.float32), RATE)


def report(
    events: list[AnyEvent], mixture: Path | Sound | None = None, output: Path | Sound | None = None
) -> Report:
    return Report(
        title="a stream",
        journal=Journal.of(events),
        mixture=mixture or noise(),
        output=output,
        made=NOON,
        facts={"captions": "base.en"},
    )


def spoken(id: int, text: str, start: float, delay: float, speaker: str | None = None) -> Caption:
    """A final that comes `delay` after its end."""
    word = Word(f" {text}", start, start + 0.5, 0.9)
    return Caption(
        id=id,
        revision=0,
        state="final",
        start=word.start,
        end=word.end,
        words=(word,),
        speaker=speaker,
        at=word.end + delay,
    )


def page_of(what: Report, folder: Path = Path("/nowhere")) -> Page:
    return Page(render(what, folder))


def test_known_captions_give_the_right_figures() -> None:
    final = spoken(0, "hello.", 1.0, delay=2.0, speaker="ana")
    partial = msgspec.structs.replace(final, state="partial", at=1.5 + 0.75)
    other = spoken(1, "yes.", 2.0, delay=1.0)
    stats = Stats(
        stages={"captions": StageStats(delay=0.7, time=0.1234, share=0.3)},
        backlog=1.25,
        lost=42,
        overload=0.5,
    )
    page = page_of(report([partial, final, other, stats]))
    text = " ".join(page.text.split())
    assert "2words" in text
    assert "42samples lost" in text
    assert re.search(r"shown \(partial\) ?0.88 s ?0.97 s ?1.00 s", text), text
    assert re.search(r"final ?1.50 s ?1.90 s ?2.00 s", text), text
    assert re.search(r"captions ?700 ms ?123 ms ?123 ms ?30%", text), text
    assert "Largest backlog 1.25 s, lost samples 42, overload 0.50 s" in text
    bar = page.all("button", class_="bar")[0]
    assert (bar["data-from"], bar["data-to"]) == ("1.00", "1.50")
    assert "left:25.000%;width:12.500%" in (bar["style"] or "")


def test_facts_of_the_run_are_told() -> None:
    hello = Hello(version="9.8.7", rate=48_000, bundles=(), capabilities=(), role="viewer")
    text = page_of(report([hello])).text
    for fact in ("2026-01-02 12:00", "9.8.7", "48 kHz", "base.en", "0:04"):
        assert fact in text


def test_no_text_can_become_markup() -> None:
    events: list[AnyEvent] = [
        spoken(0, NASTY, 1.0, 1.0, speaker=NASTY),
        Warned(code="x", text=NASTY),
        Stats(stages={NASTY: StageStats(0.1, 0.1, 0.1)}, backlog=0, lost=0, overload=0),
    ]
    what = Report(
        title=NASTY,
        journal=Journal.of(events),
        mixture=noise(),
        made=NOON,
        facts={NASTY: NASTY},
        said=[Utterance(NASTY, 0.0, 1.0, NASTY)],
    )
    html = render(what, Path("/nowhere"))
    page = Page(html)
    assert len(page.all("script")) == 1
    assert "alert(" not in re.sub(r"&lt;script&gt;alert\(", "", html)
    assert unescape("&lt;/script&gt;") in page.text


def test_the_page_needs_nothing_from_anywhere() -> None:
    html = render(report([spoken(0, "hello", 1.0, 1.0)]), Path("/nowhere"))
    page = Page(html)
    assert not re.search(r"https?://|@import|url\(", html)
    assert not page.all("link") and not page.all("audio")
    policies = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    assert policies and "default-src 'none'" in (policies[0] or "")


def test_a_recording_beside_the_page_can_be_played(tmp_path: Path) -> None:
    sound = noise()
    for name in ("what was heard.wav", "output.wav"):
        soundfile.write(tmp_path / name, sound.audio, RATE)
    soundfile.write(tmp_path / "output.wav", noise(seed=1).audio * 0.01, RATE)
    what = report([], tmp_path / "what was heard.wav", tmp_path / "output.wav")
    page = page_of(what, tmp_path)
    assert page.all("audio")[0]["src"] == "./what%20was%20heard.wav"
    sources = [attrs["data-source"] for attrs in page.all("button") if "data-source" in attrs]
    assert sources == ["./what%20was%20heard.wav", "./output.wav"]
    elsewhere = page_of(what, tmp_path / "other")
    assert not elsewhere.all("audio"), "a path out of the folder would break when it is moved"


def test_pairs_are_played_and_drawn_below(tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    for name, gain in (("before", 1.0), ("after", 0.1)):
        soundfile.write(tmp_path / f"{name}.wav", gain * noise, RATE)
    pair = Pair("Ana <alone>", "only voice:ana", "before.wav", "after.wav")
    known = Report(
        title="t", journal=Journal(), mixture=Sound(noise.astype(np.float32), RATE), made=NOON,
        pairs=Pairs("Taken apart", ["Half & half."], [pair]),
    )  # fmt: skip
    page = Page(render(known, tmp_path))
    assert [one["src"] for one in page.all("audio")] == ["./before.wav", "./after.wav"]
    assert "Taken apart" in page.text and "Half & half." in page.text
    assert "Ana <alone>" in page.text
    assert len(page.all("img")) == 3


def test_an_output_that_equals_the_mixture_is_drawn_once() -> None:
    assert len(page_of(report([], noise(), noise())).all("img")) == 1
    assert len(page_of(report([], noise(), silence())).all("img")) == 2


def test_silence_and_no_captions_make_a_page() -> None:
    page = page_of(report([], silence()))
    assert "No words were heard" in page.text
    assert "The stream ended before any figures came" in page.text


def test_a_recording_of_one_sample_makes_a_page() -> None:
    assert page_of(report([], Sound(np.zeros(1, np.float32), RATE))).all("img")


def test_pictures_are_whole_pngs() -> None:
    source = page_of(report([])).all("img")[0]["src"] or ""
    data = base64.b64decode(source.removeprefix("data:image/png;base64,"), validate=True)
    assert data.startswith(b"\x89PNG") and data.endswith(b"IEND\xaeB`\x82")


def test_voices_have_colours_of_their_own_and_nobody_is_neutral() -> None:
    events: list[AnyEvent] = [
        spoken(0, "one.", 0.5, 1.0, "ana"),
        spoken(1, "two.", 1.5, 1.0, "ben"),
        spoken(2, "three.", 2.5, 1.0),
    ]
    bars = page_of(report(events)).all("button", class_="bar")
    styles = [(bar["style"] or "").split("background:")[1].split(";")[0] for bar in bars]
    assert styles == ["var(--v0)", "var(--v1)", "var(--v)"]


@pytest.mark.parametrize("words", [MOST_BARS - 1, 4 * MOST_ROWS])
def test_a_long_stream_stays_a_small_page(words: int) -> None:
    events: list[AnyEvent] = [
        spoken(index, f"sentence {index}.", 1.2 * index, 1.0, "ana") for index in range(words)
    ]
    long_ago = Sound(np.zeros(round(1.2 * words * 100), np.float32), 100)
    html = render(report(events, long_ago), Path("/nowhere"))
    page = Page(html)
    assert len(html) < 1_500_000
    assert len(page.all("button", class_="bar")) <= MOST_BARS
    assert len(page.all("button", class_="at")) <= MOST_ROWS
    assert html.count("h0") <= 2 * MOST_DOTS
    assert ("lines more, in the caption files" in page.text) == (words > MOST_ROWS)


def test_late_captions_say_so_and_do_not_count() -> None:
    late = msgspec.structs.replace(spoken(0, "late", 1.0, 60.0), late=True)
    page = page_of(report([late, spoken(1, "fine.", 2.0, 1.0)]))
    assert "1 words came late" in page.text
    assert re.search(r"final ?1.00 s ?1.00 s ?1.00 s", " ".join(page.text.split()))


def test_medians_over_the_budget_are_said_to_be() -> None:
    assert "Over the budget" in page_of(report([spoken(0, "slow.", 1.0, 2.5)])).text
    assert "Over the budget" not in page_of(report([spoken(0, "quick.", 1.0, 0.9)])).text


def test_ticks_leave_room_for_their_numbers() -> None:
    for seconds in (0.5, 9, 50, 600, 10_800):
        assert 1 <= ticks(seconds).count("<span") <= 13
    assert [clock(s) for s in (0, 75.9, 3600)] == ["0:00", "1:15", "1:00:00"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot write the report to .*gone"):
        write_report(tmp_path / "gone" / "report.html", report([]))


def test_the_page_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", report([spoken(0, "café ☕", 1.0, 1.0)]))
    assert "café ☕" in (tmp_path / "report.html").read_text(encoding="utf-8")
