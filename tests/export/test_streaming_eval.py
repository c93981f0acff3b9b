import json
import re

import numpy as np
import pytest

from tap_live.errors import TapError
from tap_live.export.replay import delays, median, replay
from tap_live.export.streaming_eval import (
    _dialogue,
    _rows,
    batch,
    captioner,
    joined,
    load,
    voices,
)
from tap_live.export.wer import read_clips, score
from tap_live.whisper.model import Whisper

RATE = 16_000


@pytest.fixture(scope="module")
def tiny():
    try:
        return Whisper.open("tiny.en")
    except TapError as error:
        pytest.skip(f"needs the weights of tiny.en: {error}")


@pytest.fixture(scope="module")
def manifest(shared):
    return shared / "data" / "speech" / "manifest.jsonl"


def test_clips_are_joined_in_an_order_that_the_seed_gives(manifest):
    clips = read_clips(manifest, longest=4)
    one, two = (joined(clips, manifest.parent, seed) for seed in (3, 3))
    np.testing.assert_array_equal(one.audio, two.audio)
    assert sorted(one.texts) == sorted(clip.text for clip in clips)
    for start, clip in zip(one.starts, one.clips, strict=True):
        first = round(start * RATE)
        np.testing.assert_array_equal(one.audio[first : first + len(clip)], clip)


@pytest.mark.slow
def test_streaming_hears_what_batch_decoding_hears_and_soon(tiny, manifest):
    stream = joined(read_clips(manifest, longest=14)[10:], manifest.parent, seed=0)
    said, offline = batch(tiny, stream)
    heard = replay(captioner(tiny), stream.audio)
    reference = " ".join(stream.texts)
    streaming = score([reference], [heard.text]).rate
    assert streaming <= score([reference], [" ".join(offline)]).rate + 5  # in four clips
    found = delays(heard, said)
    assert len(found.final) >= 0.8 * found.words
    assert median(found.shown) < median(found.final) < 3


@pytest.mark.slow
def test_sounds_without_voices_and_silence_give_no_caption(tiny, shared):
    data = shared / "data"
    sounds = [load(data / row["file"]) for row in _rows(data / "eval" / "noise.csv")]
    audio = np.concatenate([*sounds, np.zeros(30 * RATE, np.float32)])
    heard = replay(captioner(tiny), audio)
    assert [left.caption.text for left in heard.captions] == []


@pytest.mark.slow
def test_the_words_of_a_dialogue_are_captioned(tiny, shared):
    data = shared / "data"
    rows = [row for row in _rows(data / "eval" / "turns.csv") if row["id"] == "d00"]
    heard = replay(captioner(tiny), _dialogue(rows, data))
    assert score([" ".join(row["text"] for row in rows)], [heard.text]).rate < 25


@pytest.mark.slow
def test_voices_are_captioned_each_alone(tiny, manifest, tmp_path, capsys):
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    known = [row for row in rows if row["split"] == "dev" and row["text_source"] == "official"]
    hers = [row for row in known if row["speaker"] == "ls367"]
    few = sorted(hers, key=lambda row: -row["seconds"])[:4]
    few.append({**few[0], "speaker": None})  # nobody's: left out
    lines = [json.dumps({**row, "file": str(manifest.parent / row["file"])}) for row in few]
    listed = tmp_path / "manifest.jsonl"
    listed.write_text("\n".join(lines))
    voices(listed, "tiny.en")
    said = capsys.readouterr().out
    assert "tiny.en, not prompted" in said
    shown, words = map(int, re.search(r"; (\d+) of (\d+)\)", said).groups())
    assert words > 20 and shown > 0.6 * words
