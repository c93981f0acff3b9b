"""Caption from the recording what live captions had to skip."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile

from tap_live.audio.resample import StreamResampler
from tap_live.captions.stream import MakeCaptioner
from tap_live.captions.vad import RATE
from tap_live.events import Caption, Warned, Word
from tap_live.processor import Processor
from tap_live.seam import Seam

BLOCK_S = 1
MARGIN_S = 2  # heard around a span, so that no word is cut


def caption_late(
    recording: Path,
    spans: Sequence[tuple[int, int]],
    make_captioner: MakeCaptioner,
    first_id: int,
    said: Sequence[Word] = (),
) -> Iterator[Caption | Warned]:
    """Yield the finals of parts of a recording, marked late; before each, which part it is.

    Args:
        recording: a WAV file of the mixture, closed.
        spans: (start, stop) in samples of it.
        first_id: the id of the first caption.
        said: the words that were captioned in time; none of them is said again.
    """
    next_id, known = first_id, list(said)
    with soundfile.SoundFile(recording) as file:
        for start, stop in spans:
            begin, end = start / file.samplerate, stop / file.samplerate
            yield _announced(begin, end)
            margin = MARGIN_S * file.samplerate
            file.seek(max(0, start - margin))
            captioner = make_captioner(file.tell() / file.samplerate, next_id)
            seam = Seam(known, begin, end)
            for caption in _joined(_captions(file, stop + margin, captioner), seam):
                next_id = caption.id + 1
                known += caption.words
                yield caption


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


def _joined(captions: Iterator[Caption], seam: Seam) -> Iterator[Caption]:
    """Yield what of the finals is missing, as soon as that is known."""
    held: list[Caption] = []
    for caption in captions:
        if caption.state == "final" and caption.words:
            held.append(caption)
            if seam.far_from(caption):
                yield from seam.missing(held)
                held = []
    yield from seam.missing(held)
