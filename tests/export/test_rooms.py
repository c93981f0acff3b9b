"""Rooms that are simulated: what training reads, each its own, as reverberant as it says."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tap_live.export.rooms import RATE, RT60_S, main, response
from tap_live.models.training.data import read_clips


def test_a_folder_of_rooms_is_what_training_reads(tmp_path: Path) -> None:
    main(tmp_path / "rir", count=5)
    clips = read_clips(tmp_path / "rir")
    rows = [json.loads(line) for line in (tmp_path / "rir/manifest.jsonl").read_text().splitlines()]
    assert len(clips) == len(rows) == 5
    heard = []
    for row in rows:
        audio, rate = soundfile.read(tmp_path / "rir" / row["file"], dtype="float32")
        assert rate == RATE and len(audio) / RATE == pytest.approx(row["seconds"], abs=1e-3)
        assert np.abs(audio).max() == pytest.approx(0.9, abs=1e-3)
        heard.append(audio.tobytes())
    assert len(set(heard)) == 5
    main(tmp_path / "again", count=5)
    again = [soundfile.read(tmp_path / "again" / row["file"], dtype="float32")[0] for row in rows]
    assert [audio.tobytes() for audio in again] == heard


def test_a_room_of_long_reverberation_fades_later() -> None:
    rooms = [response(np.random.default_rng(seed)) for seed in range(24)]
    rooms.sort(key=lambda room: float(str(room[1]["rt60_target"])))
    fades = [_fade_s(audio) for audio, _ in rooms]
    assert 2 * np.mean(fades[:8]) < np.mean(fades[-8:])
    assert all(RT60_S[0] <= float(str(told["rt60_target"])) <= RT60_S[1] for _, told in rooms)


def _fade_s(audio: NDArray[np.float32]) -> float:
    """When 20 dB of a response's energy is over (Schroeder 1965, backward integration)."""
    left = np.cumsum(audio[::-1].astype(np.float64) ** 2)[::-1]
    return float(np.flatnonzero(left > left[0] / 100)[-1]) / RATE
