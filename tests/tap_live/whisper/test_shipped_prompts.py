"""The prompts that ship, on voices alone that nobody trained on: what Whisper writes is kept."""

import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr
from numpy.typing import NDArray

from tap_live.bundle import open_bundle
from tap_live.commands.demo import BUNDLE
from tap_live.events import Word
from tap_live.voices.enrolment import Enroller
from tap_live.whisper.batch import BatchOptions, transcribe
from tap_live.whisper.decoding import DecodingOptions
from tap_live.whisper.model import Prompt, Whisper
from tap_live.whisper.prompts import VoicePrompts

OPTIONS = BatchOptions(decoding=DecodingOptions(language="en", beam=5))


@pytest.mark.slow
def test_a_dozen_sentences_are_written_and_timed_as_without_prompts(shared: Path) -> None:
    model, prompts, enroller = Whisper.open("base"), VoicePrompts.shipped("base"), Enroller.open()
    assert prompts is not None
    written, alike, apart = 0, 0, list[float]()
    cases = list(sentences(shared / "data" / "speech"))
    assert len(cases) == 13
    for clip, other in cases:
        voice = enroller.enrol("asked", other, 16_000, source="test", day="").voice
        told = prompts.of([np.array(voice.embedding, np.float32)])
        plain, prompted = words(model, clip), words(model, clip, told)
        match = SequenceMatcher(None, texts(plain), texts(prompted), autojunk=False)
        written += max(len(plain), len(prompted))
        for first, second, size in match.get_matching_blocks():
            alike += size
            for one, two in zip(
                plain[first : first + size], prompted[second : second + size], strict=True
            ):
                apart += [abs(one.start - two.start), abs(one.end - two.end)]
    assert alike > 0.85 * written  # casing, punctuation and numbers with them
    assert np.mean(np.array(apart) <= 0.1) > 0.95
    assert np.mean(np.array(apart) <= 0.5) > 0.98


def sentences(speech: Path) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """A sentence and another of its voice: twelve that were read, one that names numbers."""
    rows = [json.loads(line) for line in (speech / "manifest.jsonl").read_text().splitlines()]
    voices: dict[str, list[Path]] = {}
    for row in rows:
        known = row["split"] == "dev" and row["text_source"] == "official" and row["lang"] == "en"
        if known and 5 < row["seconds"] < 16:
            voices.setdefault(row["speaker"], []).append(speech / row["file"])
    for _, files in sorted(voices.items())[:12]:
        yield read(files[0]), read(files[1])
    ben = read(open_bundle(BUNDLE, "demo").path("ben.ogg"))
    yield ben, ben


def read(file: Path) -> NDArray[np.float32]:
    audio, rate = sf.read(file, dtype="float32", always_2d=True)
    return soxr.resample(audio.mean(axis=1), rate, 16_000).astype(np.float32)


def words(model: Whisper, clip: NDArray[np.float32], prompt: Prompt | None = None) -> list[Word]:
    said = transcribe(model, clip, OPTIONS, prompt=prompt)
    return [*chain.from_iterable(segment.words for segment in said)]


def texts(said: list[Word]) -> list[str]:
    return [word.text.strip() for word in said]
