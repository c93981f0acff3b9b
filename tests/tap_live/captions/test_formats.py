from pathlib import Path

import msgspec
import pytest

from tap_live.captions.formats import WRITERS, open_writer
from tap_live.errors import ConfigError
from tap_live.events import Caption, Word, decode_event


def final(text, start=0.0, speaker=None, state="final"):
    words = tuple(
        Word(f" {word}", start + n / 2, start + n / 2 + 0.4, 0.9)
        for n, word in enumerate(text.split())
    )
    return Caption(
        id=3, revision=0, state=state, start=start, end=words[-1].end, words=words,
        speaker=speaker,
    )  # fmt: skip


def written(path: Path, *captions) -> str:
    writer = open_writer(path)
    for caption in captions:
        writer.write(caption)
    writer.close()
    return path.read_text(encoding="utf-8")


def test_vtt_names_speakers_in_voice_tags_and_escapes_text(tmp_path):
    captions = final("Ham & <eggs>.", 3599.9, "Ana > Bob"), final("Zwölf", 3700)
    assert written(tmp_path / "a.vtt", *captions) == (
        "WEBVTT\n\n"
        "00:59:59.900 --> 01:00:01.300\n<v Ana &gt; Bob>Ham &amp; &lt;eggs&gt;.\n\n"
        "01:01:40.000 --> 01:01:40.400\nZwölf\n\n"
    )


def test_srt_numbers_cues_and_puts_names_before_them(tmp_path):
    assert written(tmp_path / "a.srt", final("Hello.", 1.5, "ana"), final("Yes.", 2)) == (
        "1\n00:00:01,500 --> 00:00:01,900\nana: Hello.\n\n"
        "2\n00:00:02,000 --> 00:00:02,400\nYes.\n\n"
    )


def test_long_cues_are_wrapped_into_two_lines_of_42_columns(tmp_path):
    text = "the testimony is the oldest biblical narrative of all"
    lines = written(tmp_path / "a.srt", final(text)).splitlines()[2:4]
    assert lines == ["the testimony is the oldest biblical", "narrative of all"]


def test_txt_is_a_line_a_sentence(tmp_path):
    text = written(tmp_path / "a.txt", final("It is late. Go"), final("home.", 1.9), final("Ok", 9))
    assert text == "It is late.\nGo home.\nOk\n"


def test_jsonl_is_the_events_themselves(tmp_path):
    caption = final("Ham & eggs", speaker="ana")
    line = written(tmp_path / "a.jsonl", caption)
    assert decode_event(line) == caption


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_file_is_complete_after_every_write(tmp_path, suffix):
    finals = [final(f"word{n} of many words", n * 2.0) for n in range(20)]
    whole = written(tmp_path / f"whole{suffix}", *finals)
    path = tmp_path / f"growing{suffix}"
    writer = open_writer(path)
    for count, caption in enumerate(finals, 1):
        writer.write(caption)
        expected = written(tmp_path / f"part{suffix}", *finals[:count])
        assert path.read_text(encoding="utf-8") == expected
    writer.close()
    assert path.read_text(encoding="utf-8") == whole


@pytest.mark.parametrize("suffix", WRITERS)
def test_partials_and_empty_finals_are_left_out(tmp_path, suffix):
    empty = msgspec.structs.replace(final("x"), words=())
    nothing = written(tmp_path / f"nothing{suffix}")
    if suffix != ".jsonl":
        assert written(tmp_path / f"a{suffix}", empty) == nothing
    assert written(tmp_path / f"a{suffix}", final("maybe", state="partial")) == nothing


def test_an_unknown_suffix_is_refused_with_those_that_are_known(tmp_path):
    with pytest.raises(ConfigError, match=r"\.vtt, \.srt, \.txt, \.jsonl, not to 'a\.docx'"):
        open_writer(tmp_path / "a.docx")


def test_an_old_file_is_replaced(tmp_path):
    path = tmp_path / "a.TXT"
    path.write_text("old " * 100)
    assert written(path, final("new")) == "new\n"
