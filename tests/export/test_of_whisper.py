import os
from pathlib import Path

import pytest

from tap_live.export.of_whisper import _place


def refused(*_, **__):
    raise OSError("a required privilege is not held by the client")


@pytest.mark.parametrize("missing", [(), ("symlink_to",), ("symlink_to", "hardlink_to")])
def test_weights_are_placed_whatever_links_the_system_allows(tmp_path, monkeypatch, missing):
    given, work = tmp_path / "model.bin", tmp_path / "work"
    given.write_bytes(b"weights")
    work.mkdir()
    for link in missing:
        monkeypatch.setattr(Path, link, refused)
    _place(given, work / "model.bin")
    assert (work / "model.bin").read_bytes() == b"weights"
    assert (work / "model.bin").is_symlink() == ("symlink_to" not in missing)
    assert os.path.samefile(given, work / "model.bin") == (len(missing) < 2)
    (work / "model.bin").unlink()
    assert given.read_bytes() == b"weights"
