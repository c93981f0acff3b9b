import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_live.errors import ClosingError
from tap_live.events import (
    Authenticate,
    Bye,
    Caption,
    Failed,
    GetState,
    Hello,
    Level,
    Loudness,
    Mute,
    Ok,
    Subscribe,
    encode,
)
from tap_live.service.access import Access
from tap_live.service.audio_frames import unpack
from tap_live.service.hub import LOG_AGAIN_S, Hub
from tap_live.service.protocol import (
    AUTHENTICATE_S,
    MAX_MESSAGE,
    MOST_GARBAGE,
    STALLED_S,
    CloseCode,
    Session,
)

HELLO = Hello(seq=1, version="1", rate=16_000, bundles=(), capabilities=(), role="controller")
QUIET = Loudness(None, None)


def level(seq):
    return Level(seq=seq, mixture=QUIET, output=QUIET)


def caption(seq, state="final", id=None, **more):
    id = seq if id is None else id
    return Caption(seq=seq, id=id, revision=0, state=state, start=0, end=1, words=(), **more)


@pytest.fixture
def hub():
    hub = Hub(stream="one", now=lambda: 0.0)
    hub.publish(HELLO)
    return hub


@pytest.fixture
def access():
    return Access()


def join(hub, access, role="viewer"):
    session = Session(hub, access, role, "192.0.2.7", now=0.0)
    hub.join(session)
    return session


def frames(session):
    """What a client sees of the bytes that were sent."""
    data = session.outbox.take(1 << 30)
    while data:
        length, begin = data[1], 2
        if length == 126:
            length, begin = int.from_bytes(data[2:4], "big"), 4
        elif length == 127:
            length, begin = int.from_bytes(data[2:10], "big"), 10
        text = data[0] == 0x81
        yield json.loads(data[begin : begin + length]) if text else data[begin : begin + length]
        data = data[begin + length :]


def tell(session, command, now=0.0):
    return session.receive(encode(command).decode(), now)


def subscribe(session, *channels, **more):
    tell(session, Subscribe(id="s", channels=channels, **more))
    *_before, answer = [f for f in frames(session) if f["type"] != "hello"][:1]
    return answer


def test_hello_comes_first_and_carries_the_role_and_the_stream(hub, access):
    (hello,) = frames(join(hub, access))
    assert (hello["type"], hello["role"], hello["stream"], hello["rate"]) == (
        *("hello", "viewer", "one", 16_000),
    )


def test_one_who_came_before_the_stream_is_greeted_when_it_begins(access):
    hub = Hub()
    session = join(hub, access)
    hub.publish(level(1))
    assert list(frames(session)) == []
    hub.publish(HELLO)
    hub.publish(level(2))
    assert [f["type"] for f in frames(session)] == ["hello", "level"]


def test_without_a_word_one_gets_all_events_but_spectra_and_sound(hub, access):
    session = join(hub, access)
    hub.publish(caption(2))
    hub.publish_audio("mixture", 0, np.zeros(16, np.float32))
    hub.publish(Bye(seq=3, reason="end"))
    assert [f["type"] for f in frames(session)] == ["hello", "caption", "bye"]


def test_channels_are_what_was_asked_for_and_bye_comes_always(hub, access):
    session = join(hub, access)
    assert subscribe(session, "level")["result"] == {"channels": ["level"]}
    for event in (caption(2), level(3), Bye(seq=4, reason="end")):
        hub.publish(event)
    assert [f["type"] for f in frames(session)] == ["level", "bye"]


def test_a_channel_that_is_not_there_changes_nothing_and_names_those_that_are(hub, access):
    session = join(hub, access)
    list(frames(session))
    tell(session, Subscribe(id=7, channels=("level", "../etc")))
    (answer,) = frames(session)
    assert (answer["type"], answer["id"], answer["code"]) == ("error", 7, "no-such-channel")
    assert "audio:mixture" in answer["text"]
    assert "caption" in session.channels


def test_sound_goes_in_binary_and_only_to_those_who_ask(hub, access):
    asked, other = join(hub, access), join(hub, access)
    subscribe(asked, "audio:output", "audio:rest:f32")
    list(frames(other))
    samples = np.linspace(-1, 1, 32, dtype=np.float32)
    assert hub.wanted_audio() == {"output": {"s16"}, "rest": {"f32"}}
    for stream in ("mixture", "output", "rest"):
        hub.publish_audio(stream, 4800, samples)
    output, rest = map(unpack, frames(asked))
    assert list(frames(other)) == []
    assert (output.stream, output.position, output.rate) == ("output", 4800, 16_000)
    np.testing.assert_allclose(output.samples[:, 0], samples, atol=1 / 32767)
    np.testing.assert_array_equal(rest.samples[:, 0], samples)


def test_after_a_break_finals_come_again_and_the_last_of_the_rest(hub, access):
    for event in (caption(2), level(3), caption(4), caption(5, "partial", id=9), level(6)):
        hub.publish(event)
    session = join(hub, access)
    tell(session, Subscribe(id=1, channels=("caption", "level"), after=2, stream="one"))
    hub.publish(caption(7))
    _hello, answer, *events = frames(session)
    assert answer["result"]["replayed"] == 3
    assert "gone" not in answer["result"]
    assert [f["seq"] for f in events] == [4, 5, 6, 7]


def test_one_who_comes_after_the_end_is_told_of_it(hub, access):
    for event in (caption(2), Bye(seq=3, reason="end")):
        hub.publish(event)
    session = join(hub, access)
    tell(session, Subscribe(id=1, channels=("caption",), after=0))
    assert [f["type"] for f in frames(session)] == ["hello", "ok", "caption", "bye"]


def test_one_who_comes_back_to_another_stream_is_told_so_and_gets_all_of_it(hub, access):
    hub.publish(caption(2))
    session = join(hub, access)
    answer = subscribe(session, "caption", after=900, stream="zero")
    assert answer["result"]["stream"] == "one"
    assert "that stream is over" in answer["result"]["gone"]


def test_one_who_was_away_too_long_is_told_what_is_gone(hub, access):
    hub.history._most = 2
    for seq in range(2, 12):
        hub.publish(caption(seq))
    answer = subscribe(join(hub, access), "caption", after=1, stream="one")
    assert answer["result"]["gone"] == "finals up to 1.0 s of the stream are no longer held"


def test_a_controller_commands_and_a_viewer_does_not(hub, access):
    assert tell(join(hub, access, "controller"), Mute(id=1, on=True)) == Mute(id=1, on=True)
    viewer = join(hub, access)
    for command in (Mute(id=2, on=True), GetState(id=3)):
        assert tell(viewer, command) is None
    assert [(f["code"], f["id"]) for f in list(frames(viewer))[1:]] == [
        *[("not-allowed", 2), ("not-allowed", 3)]
    ]
    assert hub.refusals["viewer"] == 2


def test_a_stranger_hears_nothing_before_a_token_and_all_after_it(hub, access):
    session = join(hub, access, role=None)
    hub.publish(caption(2))
    assert list(frames(session)) == []
    assert tell(session, Authenticate(id=1, token=access.control_token)) is None
    hub.publish(caption(3))
    assert [f["type"] for f in frames(session)] == ["ok", "hello", "caption"]
    assert tell(session, Mute(id=1, on=True))


def test_the_viewers_token_takes_nothing_from_who_controls(hub, access):
    session = join(hub, access, "controller")
    tell(session, Authenticate(id=1, token=access.viewer_token))
    assert session.role == "controller"


@pytest.mark.parametrize("role", [None, "viewer"])
def test_a_wrong_token_ends_the_connection(hub, access, role):
    session = join(hub, access, role)
    with pytest.raises(ClosingError, match="not right") as closing:
        tell(session, Authenticate(id=1, token="guess"))
    assert closing.value.code == CloseCode.UNAUTHORISED
    assert hub.refusals["token"] == 1


def test_a_stranger_with_another_first_message_is_shown_out(hub, access):
    with pytest.raises(ClosingError, match="wanted a token in the first message"):
        tell(join(hub, access, None), Subscribe(id=1, channels=("caption",)))
    with pytest.raises(ClosingError) as closing:
        join(hub, access, None).receive("{", 0.0)
    assert closing.value.code == CloseCode.GARBAGE


def test_a_stranger_who_says_nothing_is_shown_out_in_time(hub, access):
    session = join(hub, access, None)
    session.check(AUTHENTICATE_S)
    with pytest.raises(ClosingError, match="no token came within 5 s"):
        session.check(AUTHENTICATE_S + 0.1)
    join(hub, access).check(1e9)


def test_what_is_no_command_is_answered_with_its_id_and_too_much_of_it_ends_it(hub, access):
    session = join(hub, access)
    list(frames(session))
    session.receive('{"type":"nosuch","id":"mine"}', 0.0)
    session.receive(b"\x00\x01", 0.0)
    first, second = frames(session)
    assert (first["code"], first["id"], second["id"]) == ("not-understood", "mine", None)
    assert "found a binary message" in second["text"]
    with pytest.raises(ClosingError) as closing:
        for _ in range(MOST_GARBAGE):
            session.receive("{", 0.0)
    assert closing.value.code == CloseCode.GARBAGE


def test_too_many_messages_end_the_connection_and_a_steady_pace_does_not(hub, access):
    steady = join(hub, access, "controller")
    for n in range(400):
        assert tell(steady, Mute(id=n, on=True), now=n / 20)
    with pytest.raises(ClosingError, match="at most 20 messages a second") as closing:
        for n in range(100):
            tell(steady, Mute(id=n, on=True), now=30.0)
    assert closing.value.code == CloseCode.FLOOD
    assert n == 60  # as many as may come at once


def test_replays_cost_more_than_other_messages(hub, access):
    session = join(hub, access)
    with pytest.raises(ClosingError, match="messages a second"):
        for n in range(20):
            tell(session, Subscribe(id=n, channels=("caption",), after=0))


def test_one_who_never_reads_is_cut_off_and_costs_little_until_then(hub, access):
    session = join(hub, access)
    for seq in range(2, 10_000):
        hub.publish(level(seq) if seq % 20 else caption(seq))
        if session.closing:
            break
    with pytest.raises(ClosingError, match="too much is waiting") as closing:
        session.check(0.0)
    assert closing.value.code == CloseCode.SLOW
    assert seq > 1000  # only what cannot be left out fills it
    assert len(session.outbox) <= 256


def test_a_connection_that_takes_nothing_for_long_is_cut_off(hub, access):
    session = join(hub, access)
    session.wrote(blocked=True, now=1.0)
    session.check(1.0 + STALLED_S)
    session.wrote(blocked=True, now=5.0)  # it took something
    session.check(5.0 + STALLED_S)
    with pytest.raises(ClosingError, match="nothing was read for 10 s") as closing:
        session.check(5.1 + STALLED_S)
    assert closing.value.code == CloseCode.SLOW
    session.wrote(blocked=False, now=20.0)
    session.check(1e9)


def test_answers_to_others_do_not_go_round(hub, access):
    session = join(hub, access)
    list(frames(session))
    hub.publish(Ok(seq=2, id=1))
    hub.publish(Failed(seq=3, code="x", text="mine", id=1))
    hub.publish(Failed(seq=4, code="x", text="for all"))
    assert [f["text"] for f in frames(session)] == ["for all"]


def test_a_refusal_is_logged_once_in_a_while_and_always_counted(caplog):
    clock = [0.0]
    hub = Hub(now=lambda: clock[0])
    for _ in range(50):
        hub.refuse("token", "192.0.2.7")
    assert len(caplog.records) == 1
    assert "192.0.2.7: token" in caplog.text
    clock[0] = LOG_AGAIN_S
    hub.refuse("token", "192.0.2.8")
    hub.refuse("host", "192.0.2.8")
    assert len(caplog.records) == 3
    assert hub.refusals == {"token": 51, "host": 1}


keys = st.sampled_from(["type", "id", "channels", "after", "stream", "token", "on", "name", "clip"])
tags = st.sampled_from(["subscribe", "authenticate", "mute", "enrol", "get_state", "set_mix"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | tags,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(keys | st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)
messages = (
    st.binary(max_size=200)
    | st.text(max_size=200)
    | json_values.map(json.dumps)
    | st.builds(lambda t, more: json.dumps({"id": 1, **more, "type": t}), tags,
                st.dictionaries(keys, json_values, max_size=5))
)  # fmt: skip


@given(st.lists(messages, max_size=20), st.sampled_from([None, "viewer", "controller"]))
def test_no_message_does_more_than_be_answered_or_end_the_connection(sent, role):
    hub = Hub(stream="one")
    hub.publish(HELLO)
    session = Session(hub, Access(), role, "192.0.2.7", now=0.0)
    hub.join(session)
    for number, data in enumerate(sent):
        try:
            command = session.receive(data, float(number))
        except ClosingError as closing:
            assert closing.code in list(CloseCode)
            assert len(str(closing).encode()) < 124  # fits a close frame
            break
        assert command is None or session.role == "controller"
    assert sum(1 for _ in frames(session)) <= 2 + len(sent)
    assert role is not None or session.role is None


@pytest.mark.parametrize(
    "text", ["[" * MAX_MESSAGE, '{"a":' * (MAX_MESSAGE // 5), '{"type":"mute","id":' + "9" * 5000]
)
def test_deep_and_long_messages_are_refused_like_others(hub, access, text):
    session = join(hub, access, "controller")
    assert session.receive(text, 0.0) is None
    assert [f["code"] for f in frames(session) if f["type"] == "error"] == ["not-understood"]
