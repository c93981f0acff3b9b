import pytest

from tap_live import waiting
from tap_live.errors import CancelledError
from tap_live.waiting import Waiting, spoken


def test_a_time_is_told_ever_more_seldom_and_every_minute_at_last(monkeypatch):
    now, told = [0.0], []
    monkeypatch.setattr(waiting.time, "monotonic", lambda: now[0])

    def done(seconds):
        now[0] += seconds
        return now[0] > 300

    Waiting(told.append).until(done, "it")
    assert [text.removeprefix("it: ").removesuffix(" so far") for text in told] == [
        *("15 s", "45 s", "1 min 45 s", "2 min 45 s", "3 min 46 s", "4 min 46 s"),
    ]


def test_what_is_done_at_once_is_not_told_and_what_is_given_up_ends():
    told = []
    waits = Waiting(told.append)
    waits.until(lambda seconds: True, "it")
    waits.cancelled.set()
    with pytest.raises(CancelledError, match="it: that was cancelled"):
        waits.until(lambda seconds: False, "it")
    assert told == []


def test_nobody_in_particular_reads_the_log(caplog):
    Waiting().tell("100 % done")
    assert [record.message for record in caplog.records] == ["100 % done"]


def test_times_are_for_people():
    assert [spoken(one) for one in (0.2, 59.4, 60, 125)] == [
        "0 s",
        "59 s",
        "1 min 0 s",
        "2 min 5 s",
    ]
