"""Caption from the recording what live captions had to skip."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile
from msgspec.structs import replace

from tap_live.audio.resample import StreamResampler
from tap_live.captions.stream import MakeCaptioner
from tap_live.captions.vad import RATE
from tap_live.events import Caption, Warned
from tap_live.processor import Processor

BLOCK_S = 1
MARGIN_S = 2  # heard around a span, so that no word is cut: it belongs where its middle lies


def caption_late(
    recording: Path,
    spans: Sequence[tuple[int, int]],
    make_captioner: MakeCaptioner,
    first_id: int,
) -> Iterator[Caption | Warned]:
    """Yield the finals of parts of a recording, marked late; before each, which part it is.

    Args:
        recording: a WAV file of the mixture, closed.
        spans: (start, stop) in samples of it.
        first_id: the id of the first caption.
    """
    next_id = first_id
    with soundfile.SoundFile(recording) as file:
        for start, stop in spans:
            begin, end = start / file.samplerate, stop / file.samplerate
            yield _announced(begin, end)
            margin = MARGIN_S * file.samplerate
            file.seek(max(0, start - margin))
            captioner = make_captioner(file.tell() / file.samplerate, next_id)
            for caption in _captions(file, stop + margin, captioner):
                next_id = max(next_id, caption.id + 1)
                if caption.state == "final":
                    yield from _within(caption, begin, end)


def _announced(begin: float, end: float) -> Warned:
    text = f"{begin:.1f} to {end:.1f} s, which captions had skipped, follows from the recording"
    return Warned(code="captions-late", text=text, start=begin, stop=end)


def _captions(
    file: soundfile.SoundFile, stop: int, captioner: Processor[list[Caption]]
) -> Iterator[Caption]:
    """Caption from where the file stands."""
    resampler = StreamResampler(file.samplerate, RATE)
    while file.tell() < stop:
        block = file.read(min(BLOCK_S * file.samplerate, stop - file.tell()), dtype="float32")
        if not len(block):
            break
        yield from captioner.push(resampler.push(block))
    yield from captioner.push(resampler.flush())
    yield from captioner.flush()


def _within(caption: Caption, begin: float, end: float) -> Iterator[Caption]:
    """Yield what of a caption was skipped: its neighbours were captioned in time."""
    words = tuple(w for w in caption.words if begin <= (w.start + w.end) / 2 < end)
    if words:
        yield replace(caption, start=words[0].start, end=words[-1].end, words=words, late=True)
