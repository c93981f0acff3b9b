"""Lists of mixtures of training voices: always the same, of two voices, enrolled by other clips."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tap_live.errors import AudioError
from tap_live.export.mix_lists import open_lists

RATE = 16_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three voices of two clips whose words are known, one of one, and one of the dev split."""
    speech = tmp_path / "speech"
    speech.mkdir()
    rng, lines = np.random.default_rng(0), []
    for name, count, split in (
        ("ana", 2, "train"), ("ben", 2, "train"), ("cat", 2, "train"),
        ("dan", 1, "train"), ("eve", 2, "dev"),
    ):  # fmt: skip
        for number in range(count):
            seconds = 4.0 + number
            noise = rng.standard_normal(round(seconds * RATE)) / 10
            file = f"{name}{number}.wav"
            soundfile.write(speech / file, noise, RATE)
            lines.append(
                {"file": file, "seconds": seconds, "speaker": name, "split": split,
                 "text": f"{name} says {number}", "text_source": "official"}
            )  # fmt: skip
    (speech / "manifest.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


def test_two_voices_of_the_training_split_are_mixed_and_one_is_asked_for(data: Path) -> None:
    lists = open_lists(data)
    rows = lists.rows("train_2mix")
    assert rows == open_lists(data).rows("train_2mix") and len(rows) == 80
    assert {row["speaker"] for row in rows} == {"ana", "ben", "cat"}
    for row in rows[:12]:
        asked, beside, known = (
            Path(row[key]).name for key in ("target", "interferer", "enrolment")
        )
        assert asked.startswith(row["speaker"]) and known.startswith(row["speaker"])
        assert asked != known and not beside.startswith(row["speaker"])
        case = lists.voice_case(row)
        rest = case.mixture - case.target
        assert np.std(rest) == pytest.approx(np.std(case.target), rel=0.1)
        assert case.text == f"{row['speaker']} says {asked[3]}"


def test_who_is_absent_is_asked_for_and_says_nothing(data: Path) -> None:
    lists = open_lists(data)
    for row in lists.rows("train_absent")[:12]:
        named = {Path(row[key]).name[:3] for key in ("target", "interferer", "enrolment")}
        case = lists.voice_case(row)
        assert len(named) == 3 and case.text == "" and not case.target.any()


def test_two_voices_are_too_few(data: Path) -> None:
    manifest = data / "speech" / "manifest.jsonl"
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join(line for line in lines if '"cat"' not in line))
    with pytest.raises(AudioError, match=r"wanted three voices .* found 2"):
        open_lists(data)


def test_a_list_that_there_is_not_is_named(data: Path) -> None:
    with pytest.raises(AudioError, match="train_2mix, train_absent, found voice_2mix"):
        open_lists(data).rows("voice_2mix")
