from dataclasses import replace

import pytest
import soundfile

from tap_live.captions.recogniser import Request
from tap_live.captions.whisper import WhisperRecogniser, _after
from tap_live.errors import TapError
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
