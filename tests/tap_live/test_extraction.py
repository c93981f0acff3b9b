from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tap_live.events import Failed, Warned
from tap_live.extraction import FAILURES, Extraction, Wanted

RATE = 8_000
RAMP = 160  # samples, 20 ms
AUDIO = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
T = np.arange(8000) / RATE
TONE = (0.5 * np.sin(2 * np.pi * 50 * T)).astype(np.float32)
EMPTY = np.zeros(0, np.float32)


@dataclass(frozen=True, eq=False)
class Cue:
    name: str
    kind: str = "voice"
    positive: NDArray[np.float32] = field(default_factory=lambda: EMPTY)
    negative: NDArray[np.float32] = field(default_factory=lambda: EMPTY)


class Shares:
    """Every target is a share of the mixture, by its name; known `lookahead` samples late."""

    lookahead = 37

    def __init__(self):
        self.cues, self.broken, self.asked = [], [], 0
        self.restart()

    def set_cues(self, cues):
        self.cues = list(cues)

    def restart(self):
        self._waiting = EMPTY

    def push(self, block):
        self.asked += 1
        heard = np.concatenate([self._waiting, block])
        ready = max(0, len(heard) - self.lookahead)
        out, self._waiting = heard[:ready], heard[ready:]
        if self.broken:
            trouble = self.broken.pop(0)
            if trouble == "nan":
                return np.full((len(self.cues), ready), np.nan, np.float32)
            if trouble is not None:
                raise RuntimeError(trouble)
        return self._rows(out)

    def flush(self):
        out, self._waiting = self._waiting, EMPTY
        return self._rows(out)

    def _rows(self, out):
        shares = [float(cue.name.partition(":")[2]) for cue in self.cues]
        return np.array(shares, np.float32)[:, None] * out


def target(share, gain=1.0, kind="voice"):
    return Wanted(Cue(f"{kind}:{share}", kind), gain)


def extraction(*wanted, rest=0.0, tell=lambda event: None):
    return Extraction(Shares(), wanted, rest_gain=rest, rate=RATE, tell=tell)


def blocks(audio, size):
    return [audio[i : i + size] for i in range(0, len(audio), size)]


def run(extraction, audio=AUDIO, size=100, before=lambda number: None):
    parts = []
    for number, block in enumerate(blocks(audio, size)):
        before(number)
        parts.append(extraction.push(block))
    parts.append(extraction.flush())
    return [np.concatenate([getattr(part, n) for part in parts]) for n in ("mixture", "output")]


def clicks(audio):
    """The largest step between two samples."""
    return np.abs(np.diff(audio)).max()


@pytest.mark.parametrize("size", [1, 7, 320, 1000])
def test_cutting_does_not_change_the_result(size):
    one = extraction(target(0.5), target(0.25, gain=0.0))
    mixture, output = run(one, AUDIO, size)
    np.testing.assert_array_equal(mixture, AUDIO)
    np.testing.assert_allclose(output, AUDIO / 2, atol=1e-6)
    np.testing.assert_array_equal(output, run(one, AUDIO, size)[1])


def test_what_is_remarked_on_a_target_is_told_when_it_comes_and_not_again():
    told = []
    doubtful = replace(target(0.5), remark="taken for a bell")
    one = extraction(target(0.25), tell=told.append)
    one.set_targets([target(0.25), doubtful], 0.0)
    one.set_targets([target(0.25), doubtful], 1.0)
    assert [(event.code, event.text) for event in told] == [("cue", "taken for a bell")]


def test_the_rest_of_what_is_re_made_is_the_whole_mixture_and_it_still_comes_and_goes_softly():
    class Remade(Shares):
        remakes = True

    made = Extraction(Remade(), [target(0.5, gain=2.0)], rest_gain=0.25, rate=RATE)
    np.testing.assert_allclose(run(made)[1], (2.0 * 0.5 + 0.25) * AUDIO, atol=1e-6)
    made = Extraction(Remade(), [target(0.5)], rest_gain=0.25, rate=RATE)
    left = run(made, TONE, before=lambda n: n == 20 and made.set_targets([], 0.25))
    np.testing.assert_allclose(left[1][4000:], 0.25 * TONE[4000:], atol=1e-6)


def test_at_0_db_a_late_extractor_gives_the_input_back():
    mixture, output = run(extraction(target(0.5), target(0.2), rest=1.0))
    np.testing.assert_allclose(output, mixture, atol=1e-6)


def test_what_is_asked_away_is_taken_from_the_rest():
    _, output = run(extraction(target(0.3, gain=0.0), rest=1.0))
    np.testing.assert_allclose(output, 0.7 * AUDIO, atol=1e-6)


def test_without_an_extractor_everything_passes_at_once():
    extraction = Extraction()
    mixed = extraction.push(AUDIO)
    np.testing.assert_array_equal(mixed.output, AUDIO)
    np.testing.assert_array_equal(mixed.speech, AUDIO)
    assert mixed.targets.shape == (0, 1000)
    assert (extraction.lookahead, len(extraction.flush().output)) == (0, 0)


def test_captions_hear_the_voices_that_are_kept():
    one = extraction(target(0.5), target(0.25), target(0.1, gain=0.0), target(0.05, kind="text"))
    mixed = one.push(AUDIO)
    np.testing.assert_allclose(mixed.speech, 0.75 * mixed.mixture, atol=1e-6)
    assert mixed.names == ("voice:0.5", "voice:0.25", "voice:0.1", "text:0.05")
    sounds = extraction(target(0.05, kind="text")).push(AUDIO)
    np.testing.assert_array_equal(sounds.speech, sounds.mixture)


@pytest.mark.parametrize("size", [33, 160, 1000])
def test_targets_come_go_and_change_without_a_click(size):
    one = extraction(target(0.5))
    plans = {
        2: ([target(0.5), target(0.3)], 0.0),
        4: ([target(0.3, gain=0.5)], 0.2),
        6: ([], 1.0),
    }

    def change(number):
        if number * size // 1000 in plans and number * size % 1000 < size:
            one.set_targets(*plans.pop(number * size // 1000))

    _, output = run(one, TONE, size, before=change)
    assert clicks(output) < clicks(TONE) + 1.1 * 0.5 / RAMP
    assert not plans
    np.testing.assert_allclose(output[1500:1900], 0.5 * TONE[1500:1900], atol=1e-6)
    np.testing.assert_allclose(output[3400:3900], 0.8 * TONE[3400:3900], atol=1e-6)
    np.testing.assert_allclose(
        output[5400:5900], (0.5 * 0.3 + 0.2 * 0.7) * TONE[5400:5900], atol=1e-6
    )
    np.testing.assert_allclose(output[7400:], TONE[7400:], atol=1e-6)


def test_who_has_left_is_no_longer_extracted():
    one = extraction(target(0.5), target(0.25))
    one.push(TONE[:500])
    one.set_targets([target(0.25)], 0.0)
    assert [one.push(TONE[500 + k : 600 + k]).names for k in (0, 100, 200)] == [
        ("voice:0.5", "voice:0.25"),
        ("voice:0.5", "voice:0.25"),
        ("voice:0.25",),
    ]


@pytest.mark.parametrize("trouble", ["nan", "the model broke"])
def test_a_failed_moment_passes_through_and_extraction_begins_anew(trouble):
    told = []
    one = extraction(target(0.5), tell=told.append)
    one._extractor.broken = [None] * 9 + [trouble]
    mixture, output = run(one, TONE, 400)
    np.testing.assert_array_equal(mixture, TONE)
    (warning,) = told
    assert isinstance(warning, Warned) and warning.code == "extraction-restarted"
    assert "failed at 0.4 s, the mixture passes and it begins anew" in warning.text
    np.testing.assert_allclose(output[:3500], TONE[:3500] / 2, atol=1e-6)
    np.testing.assert_allclose(output[3900:3950], TONE[3900:3950], atol=1e-6)
    np.testing.assert_allclose(output[4400:], TONE[4400:] / 2, atol=1e-6)


def test_the_third_time_it_stays_off_and_says_so():
    told = []
    one = extraction(target(0.5), tell=told.append)
    one._extractor.broken = ["nan", None, "nan", None, "nan"]
    mixture, output = run(one, TONE, 400)
    assert [type(event) for event in told] == [Warned] * (FAILURES - 1) + [Failed]
    assert told[-1].code == "extraction-off"
    assert one._extractor.asked == 5
    np.testing.assert_array_equal(mixture, TONE)
    np.testing.assert_allclose(output[2400:], TONE[2400:], atol=1e-6)


@pytest.mark.parametrize("size", [50, 400])
def test_bypassed_the_mixture_passes_as_late_as_before_and_without_a_click(size):
    one, given, late = extraction(target(0.5)), [], set()
    for start in range(0, len(TONE), size):
        if start in (2000, 5200):
            one.bypass(start == 2000)
        given.append(one.push(TONE[start : start + size]))
        late.add(start + size - sum(len(mixed.output) for mixed in given))
    given.append(one.flush())
    output = np.concatenate([mixed.output for mixed in given])
    np.testing.assert_array_equal(np.concatenate([mixed.mixture for mixed in given]), TONE)
    assert late == {37}
    np.testing.assert_allclose(output[:1900], TONE[:1900] / 2, atol=1e-6)
    np.testing.assert_allclose(output[2200:5100], TONE[2200:5100], atol=1e-6)
    np.testing.assert_allclose(output[5500:], TONE[5500:] / 2, atol=1e-6)
    assert clicks(output) < clicks(TONE) + 0.5 * 0.5 * (1 - 37 / RAMP) + 0.01


class Lengthy(Shares):
    """Gives its rest in parts, of which the first has nothing yet."""

    step_s = 3.0

    def rest(self):
        self.asked = 0
        for part in [EMPTY, *np.split(self._waiting, [10, 20])]:
            self.asked += 1
            if self.broken and self.asked == 3:
                raise RuntimeError(self.broken.pop())
            yield self._rows(part)
        self.restart()


@pytest.mark.parametrize("broken", [[], ["the model broke"]])
def test_the_rest_comes_part_by_part_and_all_of_it_whatever_fails(broken):
    told = []
    one = Extraction(Lengthy(), [target(0.5)], rest_gain=0.0, rate=RATE, tell=told.append)
    assert one.step_s == 3.0
    for _ in range(2):  # afterwards it is as new
        pushed = one.push(AUDIO)
        one._extractor.broken = list(broken)
        parts = list(one.rest())
        assert [len(part.mixture) for part in parts] == [0, 10, *([27] if broken else [10, 17, 0])]
        output = np.concatenate([pushed.output, *[part.output for part in parts]])
        mixture = np.concatenate([pushed.mixture, *[part.mixture for part in parts]])
        np.testing.assert_array_equal(mixture, AUDIO)
        heard = len(output) - (27 if broken else 0)
        np.testing.assert_allclose(output[:heard], AUDIO[:heard] / 2, atol=1e-6)
    assert [event.code for event in told] == ["extraction-restarted"] * 2 * len(broken)


def test_turned_off_one_that_takes_long_is_asked_for_one_part_only():
    one = Extraction(Lengthy(), [target(0.5)], rest_gain=0.0, rate=RATE)
    one.push(TONE[:2000])
    one.bypass(True)
    assert one._extractor.asked == 2
    output = np.concatenate([one.push(TONE[2000:]).output, one.flush().output])
    assert clicks(output) < clicks(TONE) + 0.5 * 0.5 + 0.01
    np.testing.assert_allclose(output[200:], TONE[2000 - 37 + 200 :], atol=1e-6)


def test_bypassed_nothing_is_asked_of_the_extractor():
    one = extraction(target(0.5))
    one.bypass(True)
    run(one, TONE, 400)
    assert one._extractor.asked == 0


def test_targets_can_change_while_the_mixture_passes():
    one = extraction(target(0.5))
    one.push(TONE[:400])
    one.bypass(True)
    one.set_targets([target(0.25), target(0.1)], 0.0)
    passed = np.concatenate([one.push(block).output for block in blocks(TONE[400:2000], 100)])
    one.bypass(False)
    back = np.concatenate([one.push(block).output for block in blocks(TONE[2000:4000], 100)])
    np.testing.assert_allclose(passed[200:], TONE[400 + 200 - 37 :][: len(passed) - 200], atol=1e-6)
    np.testing.assert_allclose(back[300:], 0.35 * TONE[2300 - 37 : 4000 - 37], atol=1e-6)


class Sparing(Shares):
    """Is told which targets nobody hears."""

    spared = frozenset()

    def spare(self, names):
        self.spared = names


def test_a_target_that_nobody_hears_need_not_be_computed():
    extractor = Sparing()
    wanted = [target(0.5), target(0.25, gain=0.0)]
    stream = Extraction(extractor, wanted, rest_gain=0.0, rate=RATE)
    assert extractor.spared == {"voice:0.25"}
    stream.set_targets(wanted, rest_gain=0.1)  # now it is missing from the rest
    assert extractor.spared == set()
    stream.set_targets([target(0.5, gain=0.0)], rest_gain=0.0)
    assert extractor.spared == {"voice:0.5", "voice:0.25"}
