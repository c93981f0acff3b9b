import pytest

from tap_live.ui.words import PHRASES, WordBook


@pytest.fixture(scope="module")
def book():
    return WordBook()


@pytest.mark.parametrize("phrase", PHRASES)
def test_everything_that_is_suggested_can_be_asked_for(book, phrase):
    assert book.complaint(phrase) == ""


def test_phrases_and_ends_of_the_last_word_are_suggested(book):
    found = book.suggestions("a dog bar")
    assert found[0] == "a dog barking"
    assert all(one.startswith("a dog bar") for one in found)
    assert book.suggestions("") == list(PHRASES[:12])


def test_a_word_that_nobody_knows_is_named(book):
    assert "'zxqv'" in book.complaint("a zxqv barking")
