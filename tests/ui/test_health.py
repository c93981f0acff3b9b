import pytest

from tap_live.events import Device, Failed, Hello, Warned
from tap_live.ui.health import Grade, HealthWatch

HELLO = Hello(version="1", rate=16_000, bundles=(), capabilities=(), role="controller")


@pytest.fixture
def watch():
    watch = HealthWatch()
    watch.take(HELLO)
    return watch


def test_a_stream_that_keeps_up_is_good_with_its_figures(watch, say):
    watch.take(say.stats(share=0.2, backlog=0.4))
    health = watch.verdict()
    assert (health.grade, health.words) == (Grade.GOOD, "keeps up")
    assert (health.delay, health.load, health.backlog, health.lost) == (
        "23 ms",
        "20%",
        "0.4 s",
        "0",
    )
    assert health.parts == "algorithm 20.0 ms, compute 3.0 ms"


@pytest.mark.parametrize(
    "share, backlog, grade, words",
    [
        (0.8, 0.0, Grade.WATCH, "busy: 80% of real time"),
        (0.99, 0.0, Grade.BAD, "too slow: 99% of real time"),
        (0.2, 5.0, Grade.WATCH, "captions are 5 s behind"),
        (0.8, 20.0, Grade.BAD, "captions are 20 s behind"),
    ],
)
def test_it_turns_amber_and_red_with_words(watch, say, share, backlog, grade, words):
    watch.take(say.stats(share=share, backlog=backlog))
    assert watch.verdict().grade is grade
    assert words in watch.verdict().words


def test_lost_samples_are_told_and_pass(watch, say):
    watch.take(say.stats(lost=480, at=1.0))
    assert watch.verdict().words == "480 samples were lost"
    watch.take(say.stats(lost=480, at=60.0))
    assert watch.verdict().grade is Grade.GOOD
    assert watch.verdict().lost == "480"


def test_a_device_that_is_gone_is_red_until_it_returns(watch, say):
    watch.take(say.stats())
    watch.take(Device(role="input", name="mic", change="lost", text="'mic' is gone"))
    assert (watch.verdict().grade, watch.verdict().words) == (
        Grade.BAD,
        "input gone: 'mic' is gone",
    )
    watch.take(Device(role="input", name="mic", change="returned", text="'mic' is back"))
    assert watch.verdict().grade is Grade.GOOD


def test_warnings_and_errors_are_shown_for_a_while(watch, say):
    watch.take(say.stats(at=1.0))
    watch.take(Warned(code="howling", text="it howls", at=2.0))
    assert (watch.verdict().grade, watch.verdict().words) == (Grade.WATCH, "it howls")
    watch.take(Failed(code="recording-stopped", text="the disk is full", at=3.0))
    assert (watch.verdict().grade, watch.verdict().words) == (Grade.BAD, "the disk is full")
    watch.take(say.stats(at=30.0))
    assert watch.verdict().grade is Grade.GOOD


def test_a_new_stream_forgets_the_troubles_of_the_last_one(watch, say):
    watch.take(Device(role="input", name="mic", change="lost", text="gone"))
    watch.take(HELLO)
    watch.take(say.stats())
    assert watch.verdict().grade is Grade.GOOD
    watch.end()
    assert not watch.verdict().running
