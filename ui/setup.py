"""What is wished for, whether a stream runs or not; commands change it."""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from tap_live.events import (
    AnyCommand,
    Decibels,
    Mute,
    RemoveTarget,
    SetCaptions,
    SetDevice,
    SetExtractor,
    SetMix,
    SetTarget,
    Start,
)
from tap_live.processor import TargetKind
from tap_live.providers import Device

NO_OUTPUT, DEFAULT_OUTPUT = "none", "headset"


class TargetWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One target: voice:NAME, text:WORDS or clip:FILE."""

    name: str
    gain: Decibels = 0.0
    suppress: bool = False
    on: bool = True

    @property
    def kind(self) -> TargetKind:
        return "voice" if self.name.startswith("voice:") else "sound"

    @property
    def label(self) -> str:
        """For people."""
        return self.name.partition(":")[2]


class Setup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a stream is begun with."""

    input: str | None = None  # None is the system's microphone
    output: str = NO_OUTPUT
    extractor: Literal["none", "compact", "clapsep"] = "compact"
    captions: bool = True
    whisper: str = "base"
    language: str | None = None
    others: Literal["show", "hide", "label"] = "label"
    rest: Decibels = -18.0
    targets: tuple[TargetWish, ...] = ()
    muted: bool = False
    device: Device = "auto"  # where networks run

    def target(self, name: str) -> TargetWish | None:
        return next((one for one in self.targets if one.name == name), None)


def applied(setup: Setup, command: AnyCommand) -> Setup:
    """Return what is wished for after a command; others than these change nothing."""
    match command:
        case SetDevice(role="input", name=name):
            return replace(setup, input=name)
        case SetDevice(name=name):
            return replace(setup, output=DEFAULT_OUTPUT if name is None else name)
        case SetExtractor(extractor="none" | "compact" | "clapsep" as extractor):
            return replace(setup, extractor=extractor)
        case SetCaptions():
            return _captioned(setup, command)
        case SetMix(rest=rest):
            return replace(setup, rest=rest)
        case Mute(on=on):
            return replace(setup, muted=on)
        case Start(device=str() as device):
            return replace(setup, device=device)
        case SetTarget(target=name, gain=gain, suppress=suppress):
            return with_target(setup, TargetWish(name=name, gain=gain, suppress=suppress))
        case RemoveTarget(target=name):
            kept = tuple(one for one in setup.targets if one.name != name)
            return replace(setup, targets=kept)
    return setup


def with_target(setup: Setup, wish: TargetWish) -> Setup:
    """Add a target, or change the one of that name where it stands."""
    if setup.target(wish.name) is None:
        return replace(setup, targets=(*setup.targets, wish))
    kept = tuple(wish if one.name == wish.name else one for one in setup.targets)
    return replace(setup, targets=kept)


def told(state: dict[str, Any]) -> Setup:
    """What an engine that runs says of itself, in answer to `get_state`."""
    return Setup(
        captions=state.get("captions", True),
        muted=state.get("muted", False),
        rest=state.get("rest", 0.0),
        targets=tuple(
            TargetWish(
                name=one["name"],
                gain=0.0 if one["suppress"] else one["gain"],
                suppress=one["suppress"],
            )
            for one in state.get("targets", ())
        ),
    )


def commands_for(setup: Setup, ids: Iterator[str]) -> list[AnyCommand]:
    """What brings an engine that knows nothing to a setup."""
    commands: list[AnyCommand] = [
        SetDevice(id=next(ids), role="input", name=setup.input),
        SetDevice(
            id=next(ids),
            role="output",
            name=None if setup.output == DEFAULT_OUTPUT else setup.output,
        ),
        SetExtractor(id=next(ids), extractor=setup.extractor),
        SetCaptions(
            id=next(ids),
            on=setup.captions,
            whisper=setup.whisper,
            language=setup.language,
            others=setup.others,
        ),
        SetMix(id=next(ids), rest=setup.rest),
        Mute(id=next(ids), on=setup.muted),
    ]
    return commands + [
        SetTarget(id=next(ids), target=one.name, gain=one.gain, suppress=one.suppress)
        for one in setup.targets
        if one.on
    ]


def _captioned(setup: Setup, command: SetCaptions) -> Setup:
    return replace(
        setup,
        captions=command.on,
        whisper=setup.whisper if command.whisper is None else command.whisper,
        language=setup.language if command.language is None else command.language or None,
        others=setup.others if command.others is None else command.others,
    )
