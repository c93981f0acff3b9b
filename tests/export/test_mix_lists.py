"""Published lists of mixtures: who is asked for, what is said, and who enrolled how."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from tap_live.errors import AudioError
from tap_live.export.mix_lists import LibriSpeechMix, open_lists
from tap_live.export.prompts_eval import overlap_of

RATE = 16_000


def write(path: Path, seconds: float, value: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, np.full(round(seconds * RATE), value, np.float32), RATE, subtype="FLOAT")


@pytest.fixture
def librispeechmix(tmp_path: Path) -> Path:
    line = {
        "id": "dev-clean-2mix/dev-clean-2mix-0000",
        "mixed_wav": "dev-clean-2mix/dev-clean-2mix-0000.wav",
        "texts": ["A CAT", "A DOG"],
        "speaker_profile": [["dev-clean/9/1/9-1-0.wav"], ["p/b0.wav", "p/b1.wav"], ["p/a.wav"]],
        "speaker_profile_index": [2, 1],
        "wavs": ["dev-clean/1/1/a.wav", "dev-clean/2/1/b.wav"],
        "delays": [0.0, 1.0],
        "speakers": ["1", "2"],
        "durations": [2.0, 2.0],
        "genders": ["m", "f"],
    }
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "dev-clean-2mix.jsonl").write_text(json.dumps(line) + "\n")
    data = tmp_path / "data"
    write(data / "dev-clean-2mix/dev-clean-2mix-0000.wav", 3.0, 0.3)
    write(data / "dev-clean/1/1/a.wav", 2.0, 0.1)
    write(data / "dev-clean/2/1/b.wav", 2.0, 0.2)
    for number, name in enumerate(("p/a.wav", "p/b0.wav", "p/b1.wav")):
        write(data / name, 1.0, 0.01 * (1 + number))
    return tmp_path


def test_every_speaker_of_a_librispeechmix_is_asked_for(librispeechmix: Path) -> None:
    lists = open_lists(librispeechmix)
    assert isinstance(lists, LibriSpeechMix)
    first, second = lists.rows("dev-clean-2mix")
    assert (first["text"], second["text"]) == ("A CAT", "A DOG")
    case = lists.voice_case(second)
    assert len(case.mixture) == len(case.target) == 3 * RATE
    assert not case.target[:RATE].any() and case.target[RATE:] == pytest.approx(0.2)
    assert len(case.enrolment) == 2 * RATE and case.enrolment[0] == pytest.approx(0.02)
    assert overlap_of(second, lists, 3 * RATE) == pytest.approx(2 / 3, abs=1e-3)


@pytest.fixture
def librimix(tmp_path: Path) -> Path:
    name = "1-1-0001_2-1-0001.wav"
    for folder, value in (("mix_clean", 0.3), ("s1", 0.1), ("s2", 0.2)):
        write(tmp_path / "mix" / folder / name, 2.0, value)
    for speaker in ("1", "2"):
        chapter = tmp_path / "LibriSpeech" / "test-clean" / speaker / "1"
        for number, seconds in ((0, 2.0), (1, 2.0), (2, 6.0)):
            write(chapter / f"{speaker}-1-000{number}.wav", seconds, 0.1 * number)
        said = [f"{speaker}-1-000{n} TEXT {speaker} {n}" for n in range(3)]
        (chapter / f"{speaker}-1.trans.txt").write_text("\n".join(said) + "\n")
    return tmp_path


def test_librimix_takes_texts_and_enrolments_from_librispeech(librimix: Path) -> None:
    lists = open_lists(librimix / "mix", librimix / "LibriSpeech")
    first, second = lists.rows("mix_clean")
    assert (first["text"], second["text"]) == ("TEXT 1 1", "TEXT 2 1")
    case = lists.voice_case(second)
    assert case.target[0] == pytest.approx(0.2) and case.mixture[0] == pytest.approx(0.3)
    assert len(case.enrolment) == 6 * RATE  # not what is heard, and long enough


def test_librimix_without_librispeech_is_refused(librimix: Path) -> None:
    with pytest.raises(AudioError, match="--librispeech"):
        open_lists(librimix / "mix")


def test_a_folder_without_lists_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"wanted render\.py, LibriSpeechMix"):
        open_lists(tmp_path)
