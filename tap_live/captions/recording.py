"""Captions of a recording, 30 s at a time: of everybody, or of voices that were extracted of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, tee
from typing import NamedTuple

import numpy as np

from tap_live.captions.speech import Knows, SpeechMap, VoiceMap
from tap_live.captions.vad import Vad
from tap_live.events import Caption
from tap_live.processor import Audio
from tap_live.whisper.batch import BatchOptions, Segment, transcribe
from tap_live.whisper.decoding import DecodingOptions
from tap_live.whisper.model import Prompt, Whisper


class Alone(NamedTuple):
    """How a voice is heard in what is extracted of it: a prompt, and what tells it from others."""

    prompt: Prompt | None
    knows: Knows


def caption_recording(
    model: Whisper, blocks: Iterable[Audio], decoding: DecodingOptions
) -> Iterator[Caption]:
    """Caption everybody in 16 kHz audio, (T,) blocks."""
    speech, number = SpeechMap(Vad.open()), count()
    options = BatchOptions(decoding=decoding)
    for segment in transcribe(model, speech.heard(blocks), options):
        if speech.spoken(segment.start, segment.end):
            yield _caption(next(number), segment)


def caption_voices(
    model: Whisper,
    blocks: Iterable[Audio],
    voices: Mapping[str, Alone],
    decoding: DecodingOptions,
) -> Iterator[Caption]:
    """Caption voices that were extracted at 16 kHz, (T, C) blocks, in the order of their words.

    A segment that is not the voice's as a whole is left out: what is extracted where a voice does
    not speak is somebody else's. Of several voices, what one was read ahead of another is held in
    memory: 230 MB an hour for each of them, where one is silent all the time.
    """
    channels, number = tee(blocks, len(voices)), count()
    said = [
        _segments(model, _column(channel, column), name, alone, decoding)
        for column, (channel, (name, alone)) in enumerate(
            zip(channels, voices.items(), strict=True)
        )
    ]
    # Segments that are left out are ordered too: they say how far a voice was read.
    for one in _in_order(said):
        if one.its_own:
            yield _caption(next(number), one.segment, one.name)


class _Said(NamedTuple):
    segment: Segment
    name: str
    its_own: bool


def _in_order(said: Sequence[Iterator[_Said]]) -> Iterator[_Said]:
    """Merge by time. Where one fails or is stopped, what others said already still comes."""
    waiting: dict[int, _Said] = {}
    unread = [*range(len(said))]
    try:
        while unread or waiting:
            while unread:
                if one := next(said[unread[0]], None):
                    waiting[unread[0]] = one
                unread.pop(0)
            if waiting:
                first = min(waiting, key=lambda voice: waiting[voice].segment.start)
                unread.append(first)
                yield waiting.pop(first)
    except (Exception, KeyboardInterrupt):
        yield from sorted(waiting.values(), key=lambda one: one.segment.start)
        raise


def _segments(
    model: Whisper, blocks: Iterable[Audio], name: str, alone: Alone, decoding: DecodingOptions
) -> Iterator[_Said]:
    speech = VoiceMap(Vad.open(), alone.knows)
    options = BatchOptions(decoding=decoding)
    for segment in transcribe(model, speech.heard(blocks), options, prompt=alone.prompt):
        yield _Said(segment, name, speech.spoken(segment.start, segment.end))


def _column(blocks: Iterable[Audio], number: int) -> Iterator[Audio]:
    return (np.ascontiguousarray(block[:, number]) for block in blocks)


def _caption(number: int, segment: Segment, speaker: str | None = None) -> Caption:
    return Caption(
        id=number,
        revision=0,
        state="final",
        start=segment.start,
        end=segment.end,
        words=segment.words,
        speaker=speaker,
        language=segment.language,
    )
