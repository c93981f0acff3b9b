import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tap_live.errors import AudioError

pytest.importorskip("jiwer")
pytest.importorskip("whisper_normalizer")

from tap_live.export.wer import Clip, evaluate, normalised, read_clips, score


def test_spelling_numbers_and_punctuation_are_no_errors() -> None:
    assert normalised("The colour's grey; twenty-five dollars!") == normalised(
        "the color is gray $25"
    )
    assert score(["It is twenty-five."], ["it's 25"]).errors == 0


def test_rates_are_of_all_words_together() -> None:
    found = score(["one apple", "a long green day in may"], ["one pear", "a long green day in may"])
    assert (found.errors, found.words) == (1, 8)
    assert found.rate == pytest.approx(12.5)


def test_words_put_in_are_counted() -> None:
    assert score(["a green day"], ["a very green day"]).inserted == 1


def listed(folder: Path, *clips: dict[str, object]) -> Path:
    path = folder / "clips.jsonl"
    path.write_text("\n".join(json.dumps(clip) for clip in clips))
    return path


def test_clips_of_official_text_are_read_longest_first(tmp_path: Path) -> None:
    official = {"text": "a", "text_source": "official", "split": "dev", "lang": "en"}
    path = listed(
        tmp_path,
        {"file": "short.wav", "seconds": 1.0, **official},
        {"file": "long.wav", "seconds": 3.0, **official, "speaker": "ignored"},
        {"file": "guessed.wav", "seconds": 9.0, **official, "text_source": "whisper-base"},
        {"file": "train.wav", "seconds": 9.0, **official, "split": "train"},
        {"file": "other.wav", "seconds": 9.0, **official, "lang": "pt"},
    )
    assert [clip.file for clip in read_clips(path)] == ["long.wav", "short.wav"]
    assert len(read_clips(path, longest=1)) == 1
    with pytest.raises(AudioError, match=r"of split 'test' in .*, found none"):
        read_clips(path, split="test")


def test_a_recogniser_hears_every_clip_at_16_khz(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000), 16_000)
    soundfile.write(tmp_path / "b.wav", np.zeros(16_000), 8_000)
    clips = [Clip("a.wav", 1.0, "one"), Clip("b.wav", 2.0, "two")]
    texts = {16_000: "one", 32_000: "too"}
    found = evaluate(lambda audio: texts[len(audio)], clips, tmp_path)
    assert found.texts == ("one", "too")
    assert found.errors == 1
