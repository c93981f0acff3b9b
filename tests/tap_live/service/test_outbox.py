import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_live.service.outbox import Message, Outbox
from tap_live.service.protocol import text_frame


def message(text, key=None, lasting=True):
    return Message(text.encode(), "any", key, lasting)


def level(text):
    return message(text, "level", lasting=False)


def everything(outbox):
    return outbox.take(1 << 30).decode()


def test_messages_come_in_order_and_no_more_than_asked():
    outbox = Outbox()
    for letter in "abcdef":
        assert outbox.put(message(letter))
    assert outbox.take(2) == b"ab"
    assert outbox.take(1) == b"c"
    assert everything(outbox) == "def"
    assert outbox.take(100) == b""
    assert not len(outbox)


def test_a_message_longer_than_asked_still_comes():
    outbox = Outbox()
    outbox.put(message("long"))
    assert outbox.take(1) == b"long"


def test_a_full_outbox_keeps_the_newest_of_what_is_replaced_and_all_that_lasts():
    outbox = Outbox(capacity=8)
    for text in "123456":
        outbox.put(level(text))
    for text in "xyz":
        outbox.put(message(text))
    assert everything(outbox) == "6xyz"
    assert outbox.coalesced == 5


def test_a_final_makes_its_partials_obsolete():
    outbox = Outbox(capacity=8)
    for n in range(5):
        outbox.put(message(f"p{n} ", ("caption", 1), lasting=False))
    outbox.put(message("other ", ("caption", 2), lasting=False))
    outbox.put(message("final ", ("caption", 1)))
    for _ in range(2):
        outbox.put(level("l "))
    assert everything(outbox) == "other final l "


def test_one_who_reads_nothing_is_told_from_when_finals_fill_it():
    outbox = Outbox(capacity=8)
    followed = [outbox.put(message(str(n))) for n in range(9)]
    assert followed == [True] * 8 + [False]


def test_bytes_are_bounded_too():
    outbox = Outbox(capacity_bytes=100)
    assert outbox.put(message("x" * 90))
    assert not outbox.put(message("x" * 20))


def test_a_replay_comes_between_what_was_queued_and_what_follows():
    outbox = Outbox(capacity=4)
    outbox.put(message("ok "))
    outbox.replay([message(f"{n} ") for n in range(10)])
    assert outbox.put(message("new"))
    assert everything(outbox) == "ok 0 1 2 3 4 5 6 7 8 9 new"


def test_a_second_replay_takes_the_place_of_the_first_and_keeps_its_answer():
    outbox = Outbox()
    outbox.put(message("first "))
    outbox.replay([message("1 "), message("2 ")])
    outbox.put(message("second "))
    outbox.replay([message("3 ")])
    assert everything(outbox) == "first second 3 "


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 40)) | st.just("take"),
        max_size=200,
    )
)
def test_memory_is_bounded_and_nothing_that_lasts_is_lost_before_the_cut(steps):
    outbox = Outbox(capacity=16, capacity_bytes=200)
    sent, got = [], ""
    for number, step in enumerate(steps):
        if step == "take":
            got += outbox.take(50).decode()
            continue
        key, lasting, size = step
        text = f"<{number}:{'x' * size}>"
        if lasting:
            sent.append(text)
        if not outbox.put(message(text, key, lasting)):
            return
        assert len(outbox) <= 16
    got += everything(outbox)
    assert [text for text in sent if text not in got] == []
    numbers = [int(part.partition(":")[0]) for part in got.split("<")[1:]]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("length", [0, 123, 125, 126, 65_535, 65_536])
def test_a_message_gives_back_what_its_frame_carries(length):
    payload = b"{" * length  # 123 is also the code of this letter
    assert Message(text_frame(payload), "caption").payload == payload
