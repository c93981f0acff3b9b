"""Rooms that are simulated: what training reads, each its own, as reverberant as it says."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer
from numpy.typing import NDArray

from tap_live.export import rooms
from tap_live.export.rooms import RATE, drawn, main, response
from tap_live.models.training.data import read_clips


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rooms of little reverberation, which are soon simulated."""
    monkeypatch.setattr(rooms, "RT60_S", (0.15, 0.3))


def test_a_folder_of_rooms_is_what_training_reads(tmp_path: Path, short: None) -> None:
    main(tmp_path / "rir", count=3)
    rows = [json.loads(line) for line in (tmp_path / "rir/manifest.jsonl").read_text().splitlines()]
    assert len(read_clips(tmp_path / "rir")) == len(rows) == 3
    heard = []
    for row in rows:
        audio, rate = soundfile.read(tmp_path / "rir" / row["file"], dtype="float32")
        assert rate == RATE and len(audio) / RATE == pytest.approx(row["seconds"], abs=1e-3)
        assert np.abs(audio).max() == pytest.approx(0.9, abs=1e-3)
        heard.append(audio.tobytes())
    assert len(set(heard)) == 3
    main(tmp_path / "again", count=3)
    again = [soundfile.read(tmp_path / "again" / row["file"], dtype="float32")[0] for row in rows]
    assert [audio.tobytes() for audio in again] == heard


def test_rooms_that_are_there_are_not_written_over(tmp_path: Path, short: None) -> None:
    (tmp_path / "manifest.jsonl").write_text("measured\n")
    with pytest.raises(typer.BadParameter, match="wanted an empty folder for the rooms, found"):
        main(tmp_path, count=1)
    assert (tmp_path / "manifest.jsonl").read_text() == "measured\n"


def test_a_room_is_as_reverberant_as_it_says(short: None) -> None:
    for seed in range(6):
        room = drawn(np.random.default_rng(seed))
        assert 0.5 < _rt60_s(response(room)) / room.rt60_s < 2.0  # Sabine's is an estimate


def _rt60_s(audio: NDArray[np.float32]) -> float:
    """How long a fall of 60 dB would take, by that from -5 to -20 (Schroeder, 1965)."""
    left = np.cumsum(audio[np.abs(audio).argmax() :][::-1].astype(np.float64) ** 2)[::-1]
    decibels = 10 * np.log10(left / left[0])
    part = np.flatnonzero((decibels < -5) & (decibels > -20))
    slope = np.polyfit(part / RATE, decibels[part], 1)[0]
    return float(-60 / slope)
