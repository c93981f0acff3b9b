"""Measure captions on this machine, against real time and against a peer.

Delays are those of the stream: where it was when an event left, plus the compute that the
event took, less the end of the word. Ends are taken from batch decoding of the clean audio.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial

import msgspec
import numpy as np

from tap_live.captions.vad import RATE
from tap_live.errors import RuntimeMissingError
from tap_live.events import Caption, Word
from tap_live.journal import Journal, SaidWord, Spread
from tap_live.processor import Audio, Processor

BLOCK = RATE // 10


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """Streaming captions of one recording."""

    seconds: float  # of audio
    cores: int
    share: float  # process CPU seconds over (cores x audio seconds)
    first: float  # likewise, of the first third of the recording
    last: float  # and of the last
    partial: Spread | None  # seconds after the end of a word until it is shown
    final: Spread | None  # and until it is final
    words: int
    memory_mb: float | None  # of the process, at its largest


def stream(
    audio: Audio,
    captioner: Processor[list[Caption]],
    reference: Sequence[Word],
    cores: int,
    tell: Callable[[int], object] = lambda done: None,
) -> Streamed:
    """Caption (T,) samples at 16 kHz block by block, as they would come.

    Args:
        reference: the words with their true times.
        tell: how many samples are captioned.
    """
    journal, spent = Journal(), []
    for stop, work in _work(audio, captioner):
        began, cpu = time.perf_counter(), time.process_time()
        captions = work()
        spent.append(time.process_time() - cpu)
        at = stop / RATE + time.perf_counter() - began
        for caption in captions:
            journal.take(msgspec.structs.replace(caption, at=at))
        tell(stop)
    pairs = list(matched(journal.words, reference))
    seconds, third = len(audio) / RATE, len(spent) // 3
    return Streamed(
        seconds=seconds,
        cores=cores,
        share=sum(spent) / (cores * seconds),
        first=sum(spent[:third]) / (cores * seconds / 3),
        last=sum(spent[-third:]) / (cores * seconds / 3),
        partial=Spread.of([said.shown - true.end for said, true in pairs]),
        final=Spread.of([said.final - true.end for said, true in pairs]),
        words=len(pairs),
        memory_mb=memory_mb(),
    )


def _work(
    audio: Audio, captioner: Processor[list[Caption]]
) -> Iterator[tuple[int, Callable[[], list[Caption]]]]:
    for start in range(0, len(audio), BLOCK):
        block = audio[start : start + BLOCK]
        yield start + len(block), partial(captioner.push, block)
    yield len(audio), captioner.flush


def matched(said: Sequence[SaidWord], reference: Sequence[Word]) -> Iterator[tuple[SaidWord, Word]]:
    """Pair the words that two transcripts of one recording share, in order."""
    ours, theirs = [_bare(word.text) for word in said], [_bare(word.text) for word in reference]
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    for block in blocks:
        yield from zip(
            said[block.a : block.a + block.size],
            reference[block.b : block.b + block.size],
            strict=True,
        )


def ratios(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    runs: int,
    tell: Callable[[int], object] = lambda done: None,
) -> list[float]:
    """Return how many times as fast we are, run by run in turn, for machines drift."""
    ours()
    theirs()  # both are warm now
    measured = []
    for run in range(runs):
        tell(run)
        measured.append(_seconds(theirs) / _seconds(ours))
    return measured


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def faster_whisper(folder: str, threads: int) -> Callable[[Audio], str]:
    """Load the peer: CTranslate2 through faster-whisper, int8, greedy, full context.

    Raises: RuntimeMissingError if it is not installed.
    """
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise RuntimeMissingError(
            "the peer is not installed: `pip install faster-whisper`"
        ) from error
    model = WhisperModel(folder, compute_type="int8", cpu_threads=threads)

    def transcribe(audio: Audio) -> str:
        segments, _ = model.transcribe(
            audio, language="en", beam_size=1, temperature=0.0, word_timestamps=True
        )
        return "".join(segment.text for segment in segments)

    return transcribe


def memory_mb() -> float | None:
    """The process's largest resident size so far, where the system tells."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def repeated(audio: Audio, seconds: float) -> Audio:
    """Play audio again and again until it lasts `seconds`."""
    return np.resize(audio, round(seconds * RATE)).astype(np.float32)


def _bare(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
