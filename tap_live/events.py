"""Everything that TAP Live says, and everything it can be told.

Events and commands are what the panel draws and sends, what subscribers get as
JSON, what `--json` prints and what tests assert. `seq` and `at` are stamped when
an event is published. A level or gain of None is minus infinity: JSON has no word for it.
"""

from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from tap_live.errors import WireError

Decibels: TypeAlias = float | None
CommandId: TypeAlias = int | str


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Something that happened."""

    seq: int = 0  # one global counter, never reused
    at: float = 0.0  # stream seconds


class Hello(Event, frozen=True, tag="hello"):
    """The first event that anybody gets."""

    version: str
    rate: int  # of the stream, Hz
    bundles: tuple[str, ...]
    capabilities: tuple[str, ...]
    role: Literal["viewer", "controller"]
    stream: str = ""  # its identity: `seq` and caption ids count within one stream


class Word(msgspec.Struct, frozen=True):
    """One word with its times in stream seconds and its probability."""

    text: str
    start: float
    end: float
    p: float


class Caption(Event, frozen=True, tag="caption"):
    """Words of one speaker: a partial may still change, a final never does."""

    id: int  # a final has the id of its partials
    revision: int
    state: Literal["partial", "final"]
    start: float
    end: float
    words: tuple[Word, ...]
    late: bool = False  # transcribed after the stream, because captions had fallen behind
    speaker: str | None = None  # a name, "other", or not known
    confidence: float | None = None  # that `speaker` is right
    language: str = "en"

    @property
    def text(self) -> str:
        """The words as written."""
        return "".join(word.text for word in self.words).strip()


class Loudness(msgspec.Struct, frozen=True):
    """RMS and peak of the last moment, in dBFS."""

    rms: Decibels
    peak: Decibels


class Level(Event, frozen=True, tag="level"):
    """How loud everything is."""

    mixture: Loudness
    output: Loudness
    targets: dict[str, Loudness] = {}


class Target(Event, frozen=True, tag="target"):
    """A target came or went: the hearing-assist alert."""

    name: str
    present: bool
    level: Decibels


class Spectrum(Event, frozen=True, tag="spectrum"):
    """64 bands of one moment, low to high on a log scale; byte b is b / 2 - 120 dBFS."""

    stream: Literal["mixture", "output", "rest"]
    position: int  # sample at the middle of the moment
    bands: bytes


class StageStats(msgspec.Struct, frozen=True):
    """One stage of the path."""

    delay: float  # seconds, the algorithm's own
    time: float  # seconds of compute a block
    share: float  # of one core


class Stats(Event, frozen=True, tag="stats"):
    """How the engine keeps up."""

    stages: dict[str, StageStats]
    backlog: float  # seconds of audio that captions still have to read
    lost: int  # samples since the start
    overload: float  # seconds since the start that captions skipped or extraction let pass


class Device(Event, frozen=True, tag="device"):
    """A sound device was opened, went or came back."""

    role: Literal["input", "output"]
    name: str
    change: Literal["opened", "lost", "returned", "closed"]
    text: str


class Warned(Event, frozen=True, tag="warning"):
    """Something is not as it should be, and the stream goes on."""

    code: str  # for programs: "captions-behind", "howling", "samples-lost", ...
    text: str
    start: float | None = None  # the part of the stream it is about
    stop: float | None = None


class Failed(Event, frozen=True, tag="error"):
    """Something does not work; as an answer it carries the command's id."""

    code: str
    text: str
    id: CommandId | None = None


class Progress(Event, frozen=True, tag="progress"):
    """How far a long task is; `total` is None while it is not known."""

    id: CommandId
    done: int
    total: int | None
    text: str = ""


class Ok(Event, frozen=True, tag="ok"):
    """A command was carried out."""

    id: CommandId
    result: Any = None


class Bye(Event, frozen=True, tag="bye"):
    """The last event of a stream."""

    reason: str


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Something to do; answered `ok` or `error` with the id it carried."""

    id: CommandId


class Start(Command, frozen=True, tag="start"):
    """Open the devices and begin a stream."""

    preview: bool = False  # only to see how loud the input is: nothing is captioned or kept
    device: Literal["auto", "cpu", "cuda", "tensorrt"] | None = None  # None keeps the one in use
    strict: bool = False  # fail rather than run on a slower device


class Stop(Command, frozen=True, tag="stop"):
    """End the stream; nothing captured is lost."""


class SetTarget(Command, frozen=True, tag="set_target"):
    """Add a target, or change the one of that name."""

    target: str  # "voice:ana", "text:a dog barking", "clip:bell.wav"
    gain: Decibels = 0.0
    suppress: bool = False


class RemoveTarget(Command, frozen=True, tag="remove_target"):
    target: str


class SetMix(Command, frozen=True, tag="set_mix"):
    """Set how loud everything is that is no target."""

    rest: Decibels


class Mute(Command, frozen=True, tag="mute"):
    on: bool


class Enrol(Command, frozen=True, tag="enrol"):
    """Enrol a voice from a clip in the data folder, or from the microphone."""

    name: str
    clip: str | None = None
    seconds: float = 10.0


class ListVoices(Command, frozen=True, tag="list_voices"):
    pass


class DeleteVoice(Command, frozen=True, tag="delete_voice"):
    name: str


class RenameVoice(Command, frozen=True, tag="rename_voice"):
    name: str
    to: str


class CheckVoice(Command, frozen=True, tag="check_voice"):
    """Say whether what the microphone hears next is that voice."""

    name: str
    seconds: float = 5.0


class ListDevices(Command, frozen=True, tag="list_devices"):
    pass


class SetDevice(Command, frozen=True, tag="set_device"):
    role: Literal["input", "output"]
    name: str | None  # None is the platform's default


class SetExtractor(Command, frozen=True, tag="set_extractor"):
    extractor: Literal["none", "compact", "clapsep", "gentse"]


class SetCaptions(Command, frozen=True, tag="set_captions"):
    on: bool
    whisper: str | None = None  # None keeps the one in use
    language: str | None = None
    others: Literal["show", "hide", "label"] | None = None  # what becomes of other voices' words


class ListBundles(Command, frozen=True, tag="list_bundles"):
    pass


class ShowBundle(Command, frozen=True, tag="show_bundle"):
    """Show the card of a bundle that ships: what it is, from what it was made, its figures."""

    bundle: str


class Pull(Command, frozen=True, tag="pull"):
    """Fetch a bundle by name."""

    bundle: str


class Export(Command, frozen=True, tag="export"):
    """Make a bundle from a checkpoint."""

    model: str
    checkpoint: str
    to: Literal["onnx", "tensorrt"] = "onnx"
    precision: Literal["fp32", "fp16", "bf16", "int8"] = "fp32"


class Doctor(Command, frozen=True, tag="doctor"):
    """Look at the engine's machine: what works there, and what to do about the rest."""


class SendClip(Command, frozen=True, tag="send_clip"):
    """Bring one part of an audio file, in order, to where `enrol` and `clip:` targets find it."""

    name: str  # of a file, as "bell.wav"
    part: bytes
    offset: int  # bytes that came before
    last: bool = False


class Cancel(Command, frozen=True, tag="cancel"):
    """Stop the long task that a command of this id began."""

    task: CommandId


class Record(Command, frozen=True, tag="record"):
    on: bool


class CueFromSpan(Command, frozen=True, tag="cue_from_span"):
    """Make a sound target of a part of the stream, in stream seconds."""

    start: float
    stop: float
    suppress: bool = False


class GetState(Command, frozen=True, tag="get_state"):
    pass


class Subscribe(Command, frozen=True, tag="subscribe"):
    """Choose which events and audio frames to get.

    With `after` the finals since that `seq` come again, and the last of everything else;
    of a `stream` that is not the one of `hello`, all that is held comes.
    """

    channels: tuple[str, ...]
    after: int | None = None
    stream: str | None = None


class Authenticate(Command, frozen=True, tag="authenticate"):
    """Show a token; the first message of those who could not in the request."""

    token: str

    def __repr__(self) -> str:  # a token is never shown, not in a log either
        return f"Authenticate(id={self.id!r})"


AnyEvent: TypeAlias = (
    Hello
    | Caption
    | Level
    | Target
    | Spectrum
    | Stats
    | Device
    | Warned
    | Failed
    | Progress
    | Ok
    | Bye
)
AnyCommand: TypeAlias = (
    Start
    | Stop
    | SetTarget
    | RemoveTarget
    | SetMix
    | Mute
    | Enrol
    | ListVoices
    | DeleteVoice
    | RenameVoice
    | CheckVoice
    | ListDevices
    | SetDevice
    | SetExtractor
    | SetCaptions
    | ListBundles
    | ShowBundle
    | Pull
    | Export
    | Doctor
    | SendClip
    | Cancel
    | Record
    | CueFromSpan
    | GetState
    | Subscribe
    | Authenticate
)

_encoder = msgspec.json.Encoder()
_events: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
_commands: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)
_Message = TypeVar("_Message")


def encode(message: AnyEvent | AnyCommand) -> bytes:
    """Write one event or command as JSON on one line."""
    return _encoder.encode(message)


def decode_event(data: bytes | str) -> AnyEvent:
    """Read one event. Raises: WireError if it is none."""
    return _decode(_events, data, "event")


def decode_command(data: bytes | str) -> AnyCommand:
    """Read one command. Raises: WireError if it is none."""
    return _decode(_commands, data, "command")


def schema() -> dict[str, Any]:
    """Describe all events and commands as JSON Schema."""
    (events, commands), definitions = msgspec.json.schema_components((AnyEvent, AnyCommand))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "TAP Live messages",
        "anyOf": [events, commands],
        "$defs": definitions,
    }


def _decode(decoder: msgspec.json.Decoder[_Message], data: bytes | str, what: str) -> _Message:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(
            f"wanted a JSON {what} of tap-live, found {data[:80]!r}: {error}"
        ) from error
