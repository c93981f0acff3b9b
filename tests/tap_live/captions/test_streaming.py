"""Captions of made-up speech: when passes are made, what becomes final, what is never said.

In this room words are numbers. Word k sounds as samples of k / 1000. Whoever hears all of
it understands " wk"; whoever hears only a part understands something else.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_live.captions.config import StreamingConfig
from tap_live.captions.recogniser import Heard, Hypothesis, Request
from tap_live.captions.streaming import StreamingCaptioner
from tap_live.captions.vad import Edge
from tap_live.errors import ConfigError

RATE = 16_000
WORD = 4_000  # samples, a quarter of a second
SPACE = 800


def speech(first, count):
    """`count` words, each followed by a short silence."""
    parts = []
    for k in range(first, first + count):
        parts += [np.full(WORD, k / 1000, np.float32), silence(SPACE / RATE)]
    return np.concatenate(parts)


def silence(seconds):
    return np.zeros(round(seconds * RATE), np.float32)


class Ear:
    """Stands for the voice activity detector: whatever is not silent is speech."""

    lookahead = 512

    def push(self, block):
        return (np.abs(block.reshape(-1, 512)).max(axis=1) > 0).astype(np.float32)

    def flush(self):
        return np.zeros(0, np.float32)


@dataclass
class Listener:
    """Stands for Whisper: understands words that it hears whole, and remembers what it was asked.

    `no_speech` is what it thinks of everything; `babble` makes it say something new each time.
    Words in `doubtful` it finds improbable.
    """

    no_speech: float = 0.0
    babble: bool = False
    doubtful: frozenset[int] = frozenset()
    languages: tuple[str, ...] = ("en",)
    spoken: dict[str, float] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    detected: int = 0

    def recognise(self, request):
        self.asked.append(request)
        words = [word for word in self._words(request.audio) if word.tokens[0] >= 0]
        assert [w.tokens[0] for w in words][: len(request.prefix)] == list(request.prefix)
        return Hypothesis(tuple(words[len(request.prefix) :]), self.no_speech, -0.1)

    def detect(self, audio):
        self.detected += 1
        return self.spoken

    def _words(self, audio):
        numbers = np.round(audio * 1000).astype(int)
        edges = np.flatnonzero(np.diff(numbers, prepend=0, append=0))
        for start, stop in pairwise(edges):
            if numbers[start]:
                yield self._word(int(numbers[start]), int(start), int(stop))

    def _word(self, number, start, stop):
        text = f" w{number}" if stop - start == WORD else f" part{stop - start}"
        if self.babble:
            text = f" b{len(self.asked)}-{number}"
        p = 0.2 if number in self.doubtful else 0.9
        return Heard(text, (number,), start, stop, p)


DIALOGUE = np.concatenate(
    [silence(0.7), speech(1, 9), silence(0.35), speech(10, 5), silence(1.2), speech(15, 30)]
)


def captioner(listener=None, **options):
    return StreamingCaptioner(listener or Listener(), Ear(), **options)


def run(stage, audio, size=512):
    captions = []
    for start in range(0, len(audio), size):
        captions += stage.push(audio[start : start + size])
    return captions + stage.flush()


def finals(captions):
    return [caption for caption in captions if caption.state == "final"]


def texts(captions):
    return [word.text for caption in finals(captions) for word in caption.words]


def said(first, count):
    return [f" w{k}" for k in range(first, first + count)]


def test_every_word_becomes_final_once_and_in_order():
    assert texts(run(captioner(), DIALOGUE)) == said(1, 44)


@pytest.mark.parametrize("size", [1, 160, 511, 16_000, 10**6])
def test_cutting_does_not_change_the_captions(size):
    audio = DIALOGUE if size > 100 else DIALOGUE[: 3 * RATE]
    assert run(captioner(), audio, size) == run(captioner(), audio)


@given(st.lists(st.integers(0, 5_000), max_size=40))
def test_cutting_anywhere_does_not_change_the_captions(sizes):
    audio = np.concatenate([speech(1, 6), silence(0.6), speech(7, 3)])
    stage = captioner()
    captions = []
    for size in sizes:
        captions += stage.push(audio[:size])
        audio = audio[size:]
    captions += stage.push(audio) + stage.flush()
    assert texts(captions) == said(1, 9)


def test_the_last_words_are_not_lost_when_the_stream_stops_in_them():
    assert texts(run(captioner(), speech(1, 7)[: -SPACE - 1])) == [*said(1, 6), " part3999"]


def test_after_flush_it_is_as_new():
    stage = captioner()
    assert run(stage, DIALOGUE) == run(stage, DIALOGUE)


def test_a_final_has_the_id_of_its_partials_and_comes_last():
    latest = {}
    for caption in run(captioner(), DIALOGUE):
        if caption.id in latest:
            assert latest[caption.id].state == "partial"
            assert caption.revision == latest[caption.id].revision + 1
        else:
            assert caption.revision == 0
        latest[caption.id] = caption
    assert all(caption.state == "final" for caption in latest.values())
    assert list(latest) == sorted(latest)


def test_times_are_those_of_the_words():
    captions = run(captioner(start=100.0, first_id=7), DIALOGUE)
    words = [word for caption in finals(captions) for word in caption.words]
    assert captions[0].id == 7
    assert words[0].start == pytest.approx(100.7, abs=1e-3)
    assert words[1].start == pytest.approx(100.7 + (WORD + SPACE) / RATE, abs=1e-3)
    assert all(c.start == c.words[0].start and c.end == c.words[-1].end for c in captions)


def test_words_are_shown_soon_and_final_soon_after():
    stage = captioner()
    audio = speech(1, 100)
    shown, final = {}, {}
    for start in range(0, len(audio), 512):
        for caption in stage.push(audio[start : start + 512]):
            for word in caption.words:
                delay = (start + 512) / RATE - word.end
                shown.setdefault(word.text, delay)
                if caption.state == "final":
                    final.setdefault(word.text, delay)
    whole = {text for text in final if text.startswith(" w")}
    assert np.median([shown[text] for text in whole]) <= 0.6
    assert np.median([final[text] for text in whole]) <= 1.6


def test_a_doubtful_word_becomes_final_later_and_loses_nothing():
    def left(listener):
        stage, audio, times = captioner(listener), speech(1, 24), {}
        for start in range(0, len(audio), 512):
            for caption in finals(stage.push(audio[start : start + 512])):
                times |= {word.text: start / RATE - word.end for word in caption.words}
        return times

    sure, doubtful = left(Listener()), left(Listener(doubtful=frozenset({8})))
    config = StreamingConfig()
    assert config.hold <= sure[" w8"] < config.doubt
    assert doubtful[" w8"] >= config.doubt
    assert doubtful[" w7"] == sure[" w7"]
    assert texts(run(captioner(Listener(doubtful=frozenset({8}))), DIALOGUE)) == said(1, 44)


@pytest.mark.parametrize("pause_s", [0.0, 0.6])
def test_words_that_were_agreed_on_grow_final_without_another_pass(pause_s):
    listener, asked, left = Listener(), [], []
    stage, audio = captioner(listener), np.concatenate([speech(1, 20), silence(pause_s)])
    for start in range(0, len(audio), 512):
        captions = finals(stage.push(audio[start : start + 512]))
        asked.append(len(listener.asked))
        left += [(len(asked), start + 512, word) for c in captions for word in c.words]
    last_pass = asked.index(asked[-1]) + 1  # the block in which it was made
    grown = [
        (at / RATE - word.end) for block, at, word in left if asked[block - 2] == asked[block - 1]
    ]
    assert grown and left[-1][0] > last_pass
    hold = StreamingConfig().hold + 0.1 * StreamingConfig().doubt
    assert all(hold <= late < hold + 2 * 512 / RATE for late in grown)
    assert [word.text for _, _, word in left] == said(1, len(left))


class Forgetful(Listener):
    """Takes everything for what it knows already, once it has been told `known` words."""

    known: int = 6

    def recognise(self, request):
        found = super().recognise(request)
        deaf = len(request.prefix) >= self.known
        return type(found)((), 0.0, -0.1) if deaf else found


def test_speech_that_is_taken_for_what_was_said_before_is_heard_afresh():
    turns = np.concatenate([speech(1, 8), silence(0.6), speech(9, 8)])
    assert texts(run(captioner(Forgetful()), turns)) == said(1, 16)


def test_what_stays_skipped_is_heard_afresh_once():
    class Deaf(Listener):
        def recognise(self, request):
            found = super().recognise(request)
            words = tuple(word for word in found.words if word.tokens[0] <= 8)
            return type(found)(words, found.no_speech, found.average_logprob)

    listener = Deaf()
    audio = speech(1, 40)
    run(captioner(listener), audio)
    passes = len(audio) / RATE / StreamingConfig().interval
    assert passes - 2 <= len(listener.asked) <= passes + 2


@pytest.mark.slow
def test_a_monologue_of_half_an_hour_costs_the_same_all_the_time():
    listener = Listener()
    words = speech(1, 900)
    stage = captioner(listener)
    count = 0
    for _ in range(7):
        count += len(texts(stage.push(words)))
    count += len(texts(stage.flush()))
    config = StreamingConfig()
    longest = max(len(request.audio) for request in listener.asked) / RATE
    assert longest <= config.window + config.interval + 0.1
    assert count == 7 * 900
    assert stage._held.capacity == 30 * RATE


def test_passes_that_never_agree_are_cut_and_their_words_said_all_the_same():
    listener = Listener(babble=True)
    captions = run(captioner(listener), speech(1, 400))
    config = StreamingConfig()
    longest = max(len(request.audio) for request in listener.asked) / RATE
    assert longest <= config.window + config.patience + config.interval + 0.1
    numbers = [int(text.split("-")[1]) for text in texts(captions)]
    assert sorted(set(numbers)) == list(range(1, 401))


def test_fast_turns_lose_no_words():
    turns = [np.concatenate([speech(n, 2), silence(0.6)]) for n in range(1, 80, 2)]
    assert texts(run(captioner(), np.concatenate(turns))) == said(1, 80)


def test_in_silence_nothing_is_asked_and_nothing_said():
    listener = Listener()
    assert run(captioner(listener), silence(60)) == []
    assert listener.asked == []


def test_what_is_not_believed_to_be_speech_gives_no_caption():
    assert run(captioner(Listener(no_speech=0.9)), DIALOGUE) == []


def test_long_noise_that_seems_to_be_speech_stays_cheap_and_silent():
    listener = Listener(no_speech=0.9)
    assert run(captioner(listener), speech(1, 300)) == []
    assert max(len(request.audio) for request in listener.asked) <= 16 * RATE


def test_a_partial_that_came_to_nothing_is_taken_back():
    class Fickle(Listener):
        def recognise(self, request):
            found = super().recognise(request)
            return found if len(request.audio) < 1.2 * RATE else type(found)((), 0.0, 0.0)

    captions = run(captioner(Fickle()), np.concatenate([speech(1, 6), silence(1)]))
    assert captions[0].words
    assert captions[-1].state == "partial" and captions[-1].words == ()


def test_a_region_is_heard_together_with_the_speech_before_it():
    listener = Listener()
    run(captioner(listener), np.concatenate([speech(1, 6), silence(1.0), speech(7, 6)]))
    assert listener.asked[-1].prefix[0] == 1
    listener = Listener()
    run(captioner(listener), np.concatenate([speech(1, 6), silence(5.0), speech(7, 6)]))
    assert listener.asked[-1].prefix[:1] in ((), (7,))


class Doorman:
    """Lets every second region through and names its speaker."""

    lookahead = 0

    def __init__(self):
        self.regions = 0

    def push(self, audio, edges):
        passed = []
        for edge in edges:
            self.regions += edge.kind == "start"
            if self.regions % 2:
                passed.append(Edge(edge.kind, edge.position, edge.noticed, "ana", 0.8))
        return passed

    def flush(self, edges):
        return self.push(None, edges)


def test_a_gate_leaves_regions_out_and_names_the_others():
    turns = [np.concatenate([speech(n, 3), silence(0.8)]) for n in (1, 4, 7, 10)]
    listener = Listener()
    captions = run(captioner(listener, gate=Doorman()), np.concatenate(turns))
    assert texts(captions) == [*said(1, 3), *said(7, 3)]
    assert {(c.speaker, c.confidence) for c in captions} == {("ana", 0.8)}
    heard = {int(n) for r in listener.asked for n in np.round(r.audio * 1000) if n}
    assert not heard & {4, 5, 6, 10, 11, 12}  # not even as context


class Splitter:
    """Notices half a second late that the speaker changes at `position`."""

    lookahead = RATE // 2

    def __init__(self, position):
        self.position, self.heard = position, 0

    def push(self, audio, edges):
        before, self.heard = self.heard, self.heard + len(audio)
        found = [Edge(e.kind, e.position, e.noticed, "ana", 1.0) for e in edges]
        if before < self.position + self.lookahead <= self.heard:
            found += [
                Edge("end", self.position, self.heard),
                Edge("start", self.position, self.heard, "bob", 1.0),
            ]
        return found

    def flush(self, edges):
        return edges


def test_a_gate_that_is_late_cuts_a_turn_where_the_speaker_changed():
    position = 8 * (WORD + SPACE)
    captions = run(captioner(gate=Splitter(position)), speech(1, 20))
    words = {}
    for caption in finals(captions):
        words.setdefault(caption.speaker, []).extend(word.text for word in caption.words)
    assert words == {"ana": said(1, 8), "bob": said(9, 12)}


class Cautious:
    """A gate that is sure of a voice only `late` samples after it went on."""

    lookahead, late = 0, 9600

    def __init__(self):
        self.heard, self.held = 0, []

    def push(self, audio, edges):
        self.heard += len(audio)
        self.held += edges
        sure = [e for e in self.held if e.kind != "resume" or e.noticed + self.late <= self.heard]
        self.held = self.held[len(sure) :]
        return [Edge(e.kind, e.position, self.heard) for e in sure]

    def flush(self, edges):
        return [*self.held, *edges]


def test_what_a_gate_held_back_is_read_as_soon_as_it_is_let_through():
    listener, gate = Listener(), Cautious()
    stage = captioner(listener, gate=gate)
    audio = np.concatenate([speech(1, 10), silence(0.4), speech(11, 8)])
    back = len(speech(1, 10)) + round(0.4 * RATE)
    asked = []
    for start in range(0, len(audio), 512):
        before = len(listener.asked)
        stage.push(audio[start : start + 512])
        if len(listener.asked) > before and start + 512 > back:
            asked.append(start + 512 - back)
    assert gate.late <= asked[0] <= gate.late + 3 * 512


def test_the_language_is_heard_once_a_region_while_it_is_what_it_was():
    listener = Listener(languages=("en", "de"), spoken={"en": 0.9, "de": 0.1})
    stage = captioner(listener)
    turn = np.concatenate([speech(1, 12), silence(1)])
    assert {caption.language for caption in stage.push(turn)} == {"en"}
    assert listener.detected == 1  # when there is enough to be sure
    assert {caption.language for caption in stage.push(turn)} == {"en"}
    assert listener.detected == 2


def test_the_first_words_of_a_stream_are_taken_for_english_until_there_is_enough_to_be_sure():
    listener = Listener(languages=("en", "ar"), spoken={"en": 0.2, "ar": 0.5})
    assert {caption.language for caption in run(captioner(listener), speech(1, 12))} == {"en"}
    listener = Listener(languages=("en", "de"), spoken={"en": 0.01, "de": 0.98})
    captions = run(captioner(listener), speech(1, 30))
    assert (captions[0].language, captions[-1].language) == ("en", "de")
    listener = Listener(languages=("fr", "de"), spoken={"fr": 0.2, "de": 0.7})
    assert {caption.language for caption in run(captioner(listener), speech(1, 12))} == {"de"}


def test_a_voice_that_sounds_foreign_for_a_moment_changes_no_language():
    listener = Listener(languages=("en", "fi"), spoken={"en": 0.98, "fi": 0.02})
    stage = captioner(listener)
    turn = np.concatenate([speech(1, 12), silence(1)])
    stage.push(np.tile(turn, 4))
    listener.spoken = {"en": 0.02, "fi": 0.83}
    assert {caption.language for caption in stage.push(turn)} == {"en"}
    listener.spoken = {"en": 0.98, "fi": 0.02}
    assert {caption.language for caption in stage.push(turn)} == {"en"}


def test_somebody_who_goes_on_in_another_language_is_followed_in_the_second_region():
    listener = Listener(languages=("en", "de"), spoken={"en": 0.98, "de": 0.01})
    stage = captioner(listener)
    turn = np.concatenate([speech(1, 30), silence(1)])
    stage.push(np.tile(turn, 4))
    listener.spoken = {"en": 0.01, "de": 0.98}
    captions = stage.push(np.tile(turn, 2))
    assert captions[-1].language == "de"


def test_a_language_that_is_asked_for_is_not_looked_for():
    listener = Listener(languages=("en", "de"))
    captions = run(captioner(listener, config=StreamingConfig(language="de")), DIALOGUE)
    assert {caption.language for caption in captions} == {"de"}
    assert listener.detected == 0


def test_a_language_that_the_model_does_not_know_is_refused():
    with pytest.raises(ConfigError, match="this model knows en, not the language 'de'"):
        captioner(config=StreamingConfig(language="de"))


@pytest.mark.parametrize(("setting", "value"), [("interval", 0.01), ("window", 40), ("hold", -1)])
def test_settings_that_cannot_be_are_refused(setting, value):
    with pytest.raises(ConfigError, match=str(value)):
        StreamingConfig(**{setting: value})
