from dataclasses import replace

import pytest

from tap_live.captions.agreement import agreed, bare
from tap_live.captions.guards import GuardConfig, believed, plausible
from tap_live.captions.recogniser import Heard, Hypothesis

WORD = 4_000  # samples


def heard(text):
    return [
        Heard(f" {word}", (n,), n * WORD, (n + 1) * WORD, 0.9)
        for n, word in enumerate(text.split())
    ]


def kept(text):
    return "".join(word.text for word in plausible(heard(text), 10**7)).strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("so we went to the sea", "so we went to the sea"),
        ("oh oh oh oh oh oh oh oh", "oh"),
        ("no, no, no, he said", "no, no, no, he said"),
        ("I'm alive! I'm alive! I'm alive! I'm alive!", "I'm alive!"),
        ("he has. He has.", "he has. He has."),
        ("well then go on go on go on go on", "well then go on"),
    ],
)  # fmt: skip
def test_a_phrase_that_goes_round_is_said_once(text, expected):
    assert kept(text) == expected


def squeezed(words, at):
    """The same words, from `at` on in no time."""
    return [
        replace(word, start=at * WORD, end=at * WORD) if n >= at else word
        for n, word in enumerate(words)
    ]


def test_words_that_pile_up_in_no_time_were_not_said():
    words = squeezed(heard("as they do now as they do now"), 4)
    assert plausible(words, 10**7) == tuple(words[:4])
    assert plausible(words[:6], 10**7) == tuple(words[:6])  # two may be a slip of the clock


def test_a_doubtful_word_that_led_to_a_pile_goes_with_it():
    words = squeezed(heard("as they do now but as they do"), 5)
    words[4] = replace(words[4], p=0.5)
    assert plausible(words, 10**7) == tuple(words[:4])


def test_words_that_begin_after_the_audio_are_cut():
    words = heard("thank you for watching")
    assert plausible(words, 2 * WORD) == tuple(words[:2])


@pytest.mark.parametrize(
    ("no_speech", "average_logprob", "text", "expected"),
    [
        (0.05, -0.4, "so we went", True),
        (0.34, -1.3, "lobster scot", True),  # mumbled
        (0.65, -0.3, "so we went", True),  # quiet, but the words are clear
        (0.46, -0.2, "eight eight eight eight eight eight", True),  # one short word
        (0.84, -0.8, "thank you", False),  # noise, and a phrase that is always likely
        (0.78, -0.3, "f f f f f f f f f f f", False),  # a saw
        (0.58, -1.04, "oh my god", False),
        (0.1, -2.0, "boo", False),
    ],
)
def test_a_region_is_believed_by_its_probabilities(no_speech, average_logprob, text, expected):
    words = tuple(heard(text))
    hypothesis = Hypothesis(words, no_speech, average_logprob)
    assert believed(hypothesis, plausible(words, 10**7), GuardConfig()) is expected


def test_a_loop_is_judged_by_what_is_left_of_it():
    words = tuple(
        replace(word, p=0.06 if n == 0 else 0.9) for n, word in enumerate(heard("no " * 8))
    )
    hypothesis = Hypothesis(words, 0.51, -0.33)  # a sound without voices
    assert not believed(hypothesis, plausible(words, 10**7), GuardConfig())


def test_passes_agree_on_what_both_begin_with_but_for_case_and_punctuation():
    assert agreed(heard("Well, I went"), heard("well I want to")) == 2
    assert agreed(heard("I went"), heard("I went home")) == 2
    assert agreed([], heard("I")) == agreed(heard("You"), heard("I")) == 0


def test_only_what_is_pronounced_is_compared():
    assert bare(" Straße!") == bare("STRASSE") == "strasse"
    assert bare(" ...") == ""
