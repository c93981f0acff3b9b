"""Compare what was kept with what was played, sample by sample and word by word."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile

from tap_live.events import Caption, decode_event
from tap_live.processor import Audio
from tap_live.recorder import LINES, MIXTURE
from tap_live.soak.meeting import RATE, Meeting

CHUNK = 60 * RATE
SAME = 2**-22  # 24 bits
NEAR = 16  # samples by which positions may be off, for gaps are measured by a clock
MARK = 256  # samples by which a place is found


def missing_samples(
    recording: Path, seed: int, delivered: Sequence[tuple[int, int]], end: int
) -> int:
    """Count the samples that were delivered and are not in their place in a recording.

    Args:
        delivered: ranges of the meeting's samples, in order.
        end: position up to which they are due; a recording that ends before lacks the rest.
    """
    missing = 0
    with soundfile.SoundFile(recording) as file:
        for start, audio in _spans(seed, delivered, end):
            there = audio[: max(0, file.frames - NEAR - start)]
            missing += len(audio) - len(there)
            if len(there) >= MARK:
                begin = max(0, start - NEAR)
                file.seek(begin)
                kept = file.read(start - begin + len(there) + NEAR, dtype="float32")
                missing += _differing(there, kept)
    return missing


def _spans(
    seed: int, delivered: Sequence[tuple[int, int]], end: int
) -> Iterator[tuple[int, Audio]]:
    """Yield positions and samples of the meeting that were delivered, up to `end`."""
    chunks = Meeting(seed).blocks(CHUNK)
    for begin in range(0, min(end, delivered[-1][1] if delivered else 0), CHUNK):
        chunk = next(chunks)
        for start, stop in delivered:
            first, last = max(start, begin), min(stop, begin + CHUNK, end - NEAR)
            if last - first >= MARK:
                yield first, chunk[first - begin : last - begin]


def _differing(audio: Audio, kept: Audio) -> int:
    """Count the samples that differ, at the shift at which the fewest do."""
    shifts = range(max(1, len(kept) - len(audio) + 1))
    differing = [
        int(np.sum(np.abs(kept[k : k + len(audio)] - audio[: len(kept) - k]) > SAME))
        for k in shifts
        if np.abs(kept[k : k + MARK] - audio[:MARK]).max() <= SAME
    ]
    return min(differing, default=len(audio))


def finals_of(folder: Path) -> list[Caption]:
    """Read the finals that a recording kept."""
    events = map(decode_event, (folder / LINES).read_bytes().splitlines())
    return [event for event in events if isinstance(event, Caption)]


def wrong_words(part: Path, whole: Path, finals: Sequence[Caption]) -> int:
    """Count the words of a part of a stream that its recording lacks, or has too many.

    Args:
        part, whole: folders of recordings.
        finals: of the whole stream.
    """
    begin, end = _place(part / MIXTURE, whole / MIXTURE)
    said = [
        word.text
        for final in finals
        if not final.late
        for word in final.words
        if word.end > begin and word.start < end
    ]
    kept = [word.text for final in finals_of(part) if not final.late for word in final.words]
    return sum(a != b for a, b in zip(said, kept, strict=False)) + abs(len(said) - len(kept))


def _place(part: Path, whole: Path) -> tuple[float, float]:
    """Find where in the whole a part lies, in seconds. Raises: ValueError if nowhere."""
    with soundfile.SoundFile(part) as file:
        played = file.read(dtype="float32")  # all of it: noise and turns come again
    with soundfile.SoundFile(whole) as file:
        for begin in range(0, file.frames, CHUNK):
            file.seek(begin)
            chunk = file.read(CHUNK + len(played), dtype="float32")
            for place in np.flatnonzero(chunk == played[0]):
                if np.array_equal(chunk[place : place + len(played)], played):
                    start = begin + int(place)
                    return start / RATE, (start + len(played)) / RATE
    raise ValueError(f"{part} is no part of {whole}")
