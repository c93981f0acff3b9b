"""Timings are kept for one machine, and never taken from another."""

import msgspec
import pytest

from tap_live.engine_cache import Machine
from tap_live.export.timings import Timings

HERE = Machine("H200", "9.0", "570.86", "10.16.1", "1.31.1")


def opened(path, machine=HERE):
    told = []
    return Timings(path, machine, told.append), told


def test_what_was_measured_is_read_again_without_a_word(tmp_path):
    timings, told = opened(tmp_path / "engines" / "timings")
    assert timings.read() == b""
    timings.write(b"first")
    timings.write(b"second")
    again, also = opened(tmp_path / "engines" / "timings")
    assert again.read() == b"second"
    assert told == also == []
    assert [path.name for path in (tmp_path / "engines").iterdir()] == ["timings"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"gpu": "L4"}, "built for gpu H200, found L4"),
        ({"driver": "580.1"}, "built for driver 570.86, found 580.1"),
        ({"tensorrt": "10.17.0"}, "built for tensorrt 10.16.1, found 10.17.0"),
    ],
)
def test_those_of_another_machine_or_version_are_left_with_the_reason(tmp_path, change, reason):
    opened(tmp_path / "timings")[0].write(b"known")
    timings, told = opened(tmp_path / "timings", msgspec.structs.replace(HERE, **change))
    assert timings.read() == b""
    assert len(told) == 1 and f"are measured again: {reason}" in told[0]


@pytest.mark.parametrize("spoil", [lambda whole: whole[:-3], lambda whole: whole[:-5] + b"other"])
def test_broken_ones_are_left_with_the_reason(tmp_path, spoil):
    timings, told = opened(tmp_path / "timings")
    timings.write(b"known")
    (tmp_path / "timings").write_bytes(spoil((tmp_path / "timings").read_bytes()))
    assert timings.read() == b""
    assert len(told) == 1 and "are measured again: it " in told[0]


def test_where_nothing_can_be_kept_that_is_said(tmp_path):
    (tmp_path / "file").touch()
    timings, told = opened(tmp_path / "file" / "timings")
    timings.write(b"known")
    assert len(told) == 1 and "timings are not kept" in told[0]
