from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from tap_live.captions import whisper
from tap_live.captions.recogniser import Request
from tap_live.captions.whisper import WhisperRecogniser, _after
from tap_live.errors import TapError
from tap_live.whisper import decoding
from tap_live.whisper.model import Whisper
from tap_live.whisper.timing import TimedWord

WORDS = [
    TimedWord(" so", (1,), 0.0, 0.2, 0.9),
    TimedWord(" we", (2,), 0.2, 0.4, 0.9),
    TimedWord(" went,", (3, 4), 0.4, 0.8, 0.9),
    TimedWord(" too", (5,), 0.8, 1.0, 0.9),
]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (0, [(" so", 0), (" we", 0), (" went,", 0), (" too", 0)]),
        (2, [(" went,", 0), (" too", 0)]),
        (3, [(" went,", 1), (" too", 0)]),  # a comma came after a word that is final
        (5, []),
    ],
)
def test_words_after_the_prefix_say_how_much_of_them_is_in_it(prefix, expected):
    assert [(word.text, skip) for word, skip in _after(WORDS, prefix)] == expected


@pytest.fixture(scope="module")
def tiny():
    try:
        return WhisperRecogniser(Whisper.open("tiny.en"))
    except TapError as error:
        pytest.skip(f"needs the weights of tiny.en: {error}")


@pytest.fixture(scope="module")
def request_(shared):
    file = shared / "data" / "speech" / "ls" / "3331" / "3331-159605-0007.ogg"
    return Request(audio=soundfile.read(file, dtype="float32")[0])


@pytest.mark.slow
def test_words_are_heard_with_their_places(tiny, request_):
    found = tiny.recognise(request_)
    text = "".join(word.text for word in found.words)
    assert text == " He has known her all her life and has a good influence over her."
    assert found.no_speech < 0.2
    starts = [word.start for word in found.words]
    assert starts == sorted(starts)
    assert 4.0 * 16_000 < found.words[-1].end <= len(request_.audio)


@pytest.mark.slow
def test_a_prefix_is_not_said_again_and_a_draft_changes_nothing(tiny, request_):
    whole = tiny.recognise(request_)
    prefix = tuple(token for word in whole.words[:5] for token in word.tokens)
    rest = tiny.recognise(replace(request_, prefix=prefix))
    assert [word.text for word in rest.words] == [word.text for word in whole.words[5:]]
    wrong = tuple(token for word in whole.words[7:] for token in word.tokens)
    drafted = tiny.recognise(replace(request_, prefix=prefix, draft=wrong))
    assert [word.text for word in drafted.words] == [word.text for word in rest.words]


def test_an_english_model_knows_one_language(tiny):
    assert tiny.languages == ("en",)


class SilentWhisper:
    """Hears what it is given, and that nobody speaks."""

    dims = SimpleNamespace(multilingual=False, prompt_length=4)
    folder = None

    def encode(self, mel, prompt=None):
        self.mel, self.prompt = mel, prompt
        return "encoded"


def prompted(monkeypatch, no_speech):
    found = decoding.Hypothesis((5,), "hello", "en", -0.2, no_speech, 1.0, 0.0, (-0.2,))
    times = [TimedWord(" hello", (5,), 0.1, 0.4, 0.9)]
    monkeypatch.setattr(whisper, "tokenizer_of", lambda model: SimpleNamespace(multilingual=False))
    monkeypatch.setattr(whisper, "decode", lambda model, encoded, options, prompt: found)
    monkeypatch.setattr(whisper, "word_times", lambda *_: times)
    model = SilentWhisper()
    return model, WhisperRecogniser(model, "prompt").recognise(Request(audio=np.ones(16_000)))


def test_a_prompt_stands_in_front_of_the_audio(monkeypatch):
    model, found = prompted(monkeypatch, no_speech=0.1)
    assert [word.text for word in found.words] == [" hello"]
    assert model.prompt == "prompt"
    assert model.mel.shape == (1, 80, 10 + 1000)
    assert not model.mel[..., :10].any() and model.mel[..., 10:100].any()


def test_a_voice_that_is_not_there_says_nothing(monkeypatch):
    _, found = prompted(monkeypatch, no_speech=0.9)
    assert found.words == () and found.no_speech == 0.9
