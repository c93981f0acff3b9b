"""Caption from the recording what live captions had to skip."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import soundfile

from tap_live.audio.resample import StreamResampler
from tap_live.captions.stream import MakeCaptioner
from tap_live.captions.vad import RATE
from tap_live.events import Caption
from tap_live.processor import Processor

BLOCK_S = 1


def caption_late(
    recording: Path,
    spans: Sequence[tuple[int, int]],
    make_captioner: MakeCaptioner,
    first_id: int,
) -> Iterator[Caption]:
    """Yield the finals of parts of a recording, marked late.

    Args:
        recording: a WAV file of the mixture, closed.
        spans: (start, stop) in samples of it.
        first_id: the id of the first caption.
    """
    next_id = first_id
    with soundfile.SoundFile(recording) as file:
        for start, stop in spans:
            captioner = make_captioner(start / file.samplerate, next_id)
            for caption in _captions(file, start, stop, captioner):
                next_id = max(next_id, caption.id + 1)
                if caption.state == "final":
                    yield msgspec.structs.replace(caption, late=True)


def _captions(
    file: soundfile.SoundFile, start: int, stop: int, captioner: Processor[list[Caption]]
) -> Iterator[Caption]:
    resampler = StreamResampler(file.samplerate, RATE)
    file.seek(start)
    while file.tell() < stop:
        block = file.read(min(BLOCK_S * file.samplerate, stop - file.tell()), dtype="float32")
        if not len(block):
            break
        yield from captioner.push(resampler.push(block))
    yield from captioner.push(resampler.flush())
    yield from captioner.flush()
