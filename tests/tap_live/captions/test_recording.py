"""Captions of a recording: each voice by itself, all of them in the order of their words."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from tap_live.bundle import open_bundle
from tap_live.captions import recording
from tap_live.captions.recording import Alone, caption_recording, caption_voices
from tap_live.captions.vad import RATE, Probabilities
from tap_live.commands.demo import BUNDLE
from tap_live.events import Word
from tap_live.processor import Audio
from tap_live.whisper.batch import BatchOptions, Segment
from tap_live.whisper.decoding import DecodingOptions

DECODING = DecodingOptions(language="en", beam=5)


def anybody(audio: Audio, odds: Probabilities) -> bool:
    return True


def segment(start: float, end: float, text: str) -> Segment:
    word = Word(text, start, end, 0.9)
    return Segment(start, end, text, (word,), (), "en", -0.3, 0.1, 1.0, 0.0)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Whisper is asked; it says a segment for each second whose audio is not silent."""
    asked: list[dict[str, Any]] = []

    def transcribe(
        model: object, blocks: Iterable[Audio], options: BatchOptions, *, prompt: object = None
    ) -> Iterator[Segment]:
        asked.append({"prompt": prompt, "beam": options.decoding.beam})
        position, audio = 0, np.zeros(0, np.float32)
        for block in blocks:
            audio = np.concatenate([audio, block])
            while len(audio) >= RATE:
                level, audio = float(audio[:RATE].mean()), audio[RATE:]
                if level:
                    yield segment(position, position + 1.0, f" {level:.0f}")
                position += 1

    monkeypatch.setattr(recording, "transcribe", transcribe)
    return asked


def tape(*seconds: tuple[float, ...]) -> list[Audio]:
    """(T, C) blocks of half a second, each second of a channel at one level."""
    whole = np.repeat(np.array(seconds, np.float32), RATE, axis=0)
    return [*np.array_split(whole, 2 * len(seconds)), whole[:0]]


def test_voices_are_merged_by_time_under_ids_of_one_row(heard: list[dict[str, Any]]) -> None:
    prompt: Any = object()
    voices = {
        "ana": Alone(prompt, anybody),
        "ben": Alone(None, anybody),
    }
    blocks = tape((1, 0), (0, 2), (3, 0), (0, 4))
    model: Any = None
    said = [*caption_voices(model, blocks, voices, DECODING)]
    assert [(one.id, one.speaker, one.start) for one in said] == [
        (0, "ana", 0.0), (1, "ben", 1.0), (2, "ana", 2.0), (3, "ben", 3.0)
    ]  # fmt: skip
    assert [one.words[0].text for one in said] == [" 1", " 2", " 3", " 4"]
    assert all(one.state == "final" and one.language == "en" for one in said)
    assert heard == [{"prompt": prompt, "beam": 5}, {"prompt": None, "beam": 5}]


def test_a_segment_that_is_not_the_voices_is_left_out(heard: list[dict[str, Any]]) -> None:
    voices = {"ana": Alone(None, lambda audio, _: bool(np.median(audio) != 2))}
    model: Any = None
    said = [*caption_voices(model, tape((1,), (2,), (3,), (4,)), voices, DECODING)]
    assert [one.words[0].text for one in said] == [" 1", " 3", " 4"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_what_others_said_comes_before_what_stopped_one_of_them(
    heard: list[dict[str, Any]], stop: type[BaseException]
) -> None:
    def stopped() -> Iterator[Audio]:
        yield from tape((1, 2), (3, 0))
        raise stop

    voices = {name: Alone(None, anybody) for name in ("ana", "ben")}
    model: Any = None
    said = []
    with pytest.raises(stop):
        for one in caption_voices(model, stopped(), voices, DECODING):
            said.append(one.words[0].text)
    assert sorted(said) == [" 1", " 2", " 3"]


def test_without_voices_nobody_is_named_and_silence_says_nothing(
    heard: list[dict[str, Any]],
) -> None:
    model: Any = None
    silence = [np.full(RATE, 1e-6, np.float32)] * 3
    assert [*caption_recording(model, silence, DECODING)] == []
    samples, rate = soundfile.read(
        open_bundle(BUNDLE, "demo").path("conversation.ogg"), dtype="float32", frames=48_000 * 7
    )
    speech = soxr.resample(samples, rate, RATE)  # 1.2 to 6.4 s
    said = [*caption_recording(model, [speech + np.float32(1.0)], DECODING)]
    assert said and [one.id for one in said] == [*range(len(said))]
    assert {one.speaker for one in said} == {None}
