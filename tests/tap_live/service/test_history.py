from tap_live.events import Caption, Level, Loudness, Stats, Target, Warned
from tap_live.service.history import PARTIALS, History
from tap_live.service.protocol import message_of

QUIET = Loudness(None, None)


def caption(seq, state="final", id=None, end=None):
    id = seq if id is None else id
    end = float(seq) if end is None else end
    return Caption(seq=seq, id=id, revision=0, state=state, start=0, end=end, words=())


def level(seq):
    return Level(seq=seq, mixture=QUIET, output=QUIET)


def told(history, after):
    return [int(m.frame.rpartition(b'"seq":')[2].partition(b",")[0]) for m in history.since(after)]


def history_of(*events, **options):
    history = History(**options)
    for event in events:
        history.take(event, message_of(event))
    return history


def test_finals_come_again_in_order_and_then_the_last_of_everything_else():
    stats = Stats(seq=5, stages={}, backlog=0, lost=0, overload=0)
    history = history_of(
        level(1), caption(2), level(3), caption(4), stats, caption(6, "partial"), level(7)
    )
    assert told(history, 0) == [2, 4, 5, 6, 7]
    assert told(history, 2) == [4, 5, 6, 7]
    assert told(history, 6) == [7]
    assert told(history, 7) == []


def test_a_partial_that_turned_final_does_not_come_again():
    history = history_of(caption(1, "partial", id=9), caption(2, id=9))
    assert told(history, 0) == [2]


def test_each_target_and_each_warning_is_told_of_once():
    events = [Target(seq=n, name="ab"[n % 2], present=True, level=None) for n in range(1, 6)]
    warnings = [Warned(seq=n, code="x", text="") for n in range(6, 9)]
    assert told(history_of(*events, *warnings), 0) == [4, 5, 8]


def test_a_long_stream_forgets_its_first_finals_and_says_until_when():
    history = history_of(*(caption(n, end=n / 2) for n in range(1, 11)), most=4)
    assert history.finals == 10
    held = [c.seq for c in history.captions()]
    assert held == list(range(held[0], 11))
    assert 4 <= len(held) < 8
    assert history.gone(0) == (held[0] - 1) / 2
    assert history.gone(held[0] - 1) is None
    assert [c.seq for c in history.captions(skip=9)] == [10]
    assert [c.seq for c in history.captions(skip=1)] == held


def test_partials_that_never_turn_final_are_forgotten():
    history = history_of(*(caption(n, "partial") for n in range(1, 100)))
    assert told(history, 0) == list(range(100 - PARTIALS, 100))
