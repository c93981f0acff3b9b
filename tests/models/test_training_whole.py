"""What several processes make at once is read whole or not at all."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from tap_live.models.training import store
from tap_live.models.training.data import Clip
from tap_live.models.training.store import AudioStore
from tap_live.models.training.whole import written_whole


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "cache.npy"
    with written_whole(file) as part:
        part.write_bytes(b"old")
    with pytest.raises(OSError, match="full"), written_whole(file) as part:
        part.write_bytes(b"ne")
        raise OSError("disk full")
    assert file.read_bytes() == b"old"
    assert list(file.parent.iterdir()) == [file]


def test_a_second_process_sees_no_half_of_what_the_first_decodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = []
    for name in ("one", "two"):
        sf.write(tmp_path / f"{name}.wav", np.full(800, 0.25, np.float32), 16_000)
        clips.append(Clip(tmp_path / f"{name}.wav", name, 0.05, "train"))
    cache, seen, real = tmp_path / "cache", [], store.load

    def load(file: Path, rate: int) -> store.Audio:
        seen.append([each.name for each in cache.iterdir() if not each.name.startswith(".")])
        return real(file, rate)

    monkeypatch.setattr(store, "load", load)
    opened = AudioStore.open(clips, 16_000, cache)
    assert seen == [[], []]
    again = AudioStore.open(clips, 16_000, cache)
    assert len(seen) == 2  # nothing was decoded again
    assert opened.read(1, 0, 800).tolist() == again.read(1, 0, 800).tolist() == [0.25] * 800
