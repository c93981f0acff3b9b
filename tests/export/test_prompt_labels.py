"""Labels: what is trusted, which clips, and going on where it was."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from tap_live.export import prompt_labels
from tap_live.export.prompt_labels import clips_of, main, trusted
from tap_live.models.training.words import Word, read_labels
from tap_live.whisper.decoding import Hypothesis

HEARD = Hypothesis((5,), "A cat sat down.", "en", -0.2, 0.1, 1.1, 0.0, (-0.2,))


def test_a_sure_transcript_is_trusted() -> None:
    assert trusted(HEARD, "")
    assert trusted(HEARD, "A CAT SAT DOWN")


@pytest.mark.parametrize(
    "change",
    [
        {"average_logprob": -0.9},
        {"no_speech": 0.8},
        {"compression_ratio": 3.0},
        {"text": ""},
    ],
)
def test_what_whisper_is_unsure_of_is_not(change: dict[str, Any]) -> None:
    assert not trusted(replace(HEARD, **change), "")


def test_what_contradicts_a_known_text_is_not() -> None:
    assert not trusted(HEARD, "A DOG LAY DOWN")


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Two voices, one with two clips; one clip too short, one of another split, one German."""
    folder = tmp_path / "speech"
    folder.mkdir()
    rows = []
    for file, speaker, seconds, more in (
        ("a0.wav", "ana", 2.0, {}),
        ("a1.wav", "ana", 4.0, {"text": "hello", "text_source": "official"}),
        ("b0.wav", "ben", 3.0, {"text": "made up", "text_source": "whisper-base"}),
        ("b1.wav", "ben", 0.5, {}),
        ("c0.wav", "cem", 3.0, {"split": "dev"}),
        ("d0.wav", "dora", 3.0, {"lang": "de"}),
    ):
        sf.write(folder / file, np.zeros(round(seconds * 16_000), np.float32), 16_000)
        rows.append({"file": file, "speaker": speaker, "seconds": seconds, "split": "train"} | more)
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_every_voice_comes_before_any_comes_twice(speech: Path) -> None:
    clips = clips_of(speech, "train")
    assert [clip.file.name for clip in clips] == ["a1.wav", "b0.wav", "a0.wav"]
    assert [clip.text for clip in clips] == ["hello", "", ""]  # Whisper's own is no check of it


def test_it_goes_on_where_it_was(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def label(model: object, audio: object, text: str) -> tuple[float, tuple[Word, ...]]:
        asked.append(text)
        return -0.1, (Word(" hello", 0.0, 0.5),)

    monkeypatch.setattr(prompt_labels.Whisper, "open", lambda name: name)
    monkeypatch.setattr(prompt_labels, "label", label)
    out = tmp_path / "words.jsonl"
    main(speech, out, "tiny.en", "train")
    first = out.read_text()
    out.write_text(first.splitlines()[0] + "\n")
    main(speech, out, "tiny.en", "train")
    assert out.read_text() == first
    assert len(asked) == 5
    assert set(read_labels(out)) == {"a0.wav", "a1.wav", "b0.wav"}
