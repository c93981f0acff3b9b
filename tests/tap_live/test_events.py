import json
import typing

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_live import events
from tap_live.errors import WireError

EVENTS = typing.get_args(events.AnyEvent)
COMMANDS = typing.get_args(events.AnyCommand)


# JSON has neither NaN nor infinity; no message may need them.
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


def tags(types):
    return {msgspec.inspect.type_info(t).tag for t in types}


def values(kind):
    return st.text() if kind is typing.Any else st.from_type(kind)


def test_every_event_and_command_of_the_design_exists():
    assert tags(EVENTS) == {
        *("hello", "caption", "level", "target", "spectrum", "stats", "device"),
        *("warning", "error", "progress", "ok", "bye"),
    }
    assert tags(COMMANDS) == {
        *("start", "stop", "set_target", "remove_target", "set_mix", "mute", "enrol"),
        *("list_voices", "delete_voice", "list_devices", "set_device", "set_extractor"),
        *("set_captions", "list_bundles", "pull", "export", "cancel", "record"),
        *("cue_from_span", "get_state", "subscribe", "authenticate"),
        *("rename_voice", "check_voice", "show_bundle", "doctor", "send_clip"),  # for the panel
    }


@given(st.data())
def test_what_is_encoded_is_decoded_the_same(data):
    kind = data.draw(st.sampled_from(EVENTS + COMMANDS))
    fields = {f.name: values(f.type) for f in msgspec.structs.fields(kind)}
    message = data.draw(st.builds(kind, **fields))
    decode = events.decode_event if kind in EVENTS else events.decode_command
    once = decode(events.encode(message))
    assert type(once) is kind
    assert events.encode(decode(events.encode(once))) == events.encode(once)


def test_every_message_fits_the_published_schema():
    schema = events.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    caption = events.Caption(
        id=3, revision=1, state="final", start=0.5, end=1.0,
        words=(events.Word(" hello", 0.5, 1.0, 0.9),), speaker="ana",
    )  # fmt: skip
    jsonschema.validate(json.loads(events.encode(caption)), schema)
    jsonschema.validate({"type": "set_mix", "id": "a", "rest": None}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"type": "set_mix", "id": "a"}, schema)


def test_a_caption_reads_as_its_words():
    words = (events.Word(" Good", 0, 1, 1), events.Word(" day.", 1, 2, 1))
    caption = events.Caption(id=1, revision=0, state="partial", start=0, end=2, words=words)
    assert caption.text == "Good day."


def test_a_token_is_not_shown_with_its_command():
    assert "secret" not in repr(events.Authenticate(id=1, token="secret"))


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"type":"nosuch","id":1}', b'{"type":"mute"}', b"\xff\xfe"]
)
def test_what_is_no_command_is_refused_with_what_was_found(data):
    with pytest.raises(WireError, match="wanted a JSON command of tap-live, found"):
        events.decode_command(data)
