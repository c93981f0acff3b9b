"""Word error rates on lists of clips, one text normaliser for everybody.

python -m tap_live.export.wer clips.jsonl --whisper tiny.en --longest 50
python -m tap_live.export.wer clips.jsonl --whisper tiny.en --peer FOLDER

A list has one JSON object a line with `file` (beside the list), `text`, `seconds`, and
perhaps `split` and `text_source`. The normaliser is Whisper's own for English, as the
package whisper-normalizer keeps it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, TypeAlias

import jiwer
import msgspec
import numpy as np
import soxr
import typer
from rich.console import Console
from rich.progress import track

from tap_live.audio.files import read_audio
from tap_live.errors import AudioError, RuntimeMissingError
from tap_live.processor import Audio
from tap_live.whisper.decoding import DecodingOptions, decode
from tap_live.whisper.features import MAX_FRAMES, RATE, context_frames, log_mel
from tap_live.whisper.model import Precision, Whisper

Recogniser: TypeAlias = Callable[[Audio], str]
"""(T,) samples at 16 kHz -> the words in them."""


class Clip(msgspec.Struct, frozen=True):
    """One line of a list."""

    file: str
    seconds: float
    text: str | None = None
    text_source: str | None = None
    split: str | None = None
    lang: str = "en"
    speaker: str | None = None


@dataclass(frozen=True)
class Score:
    """How often words were wrong, over all clips together."""

    errors: int  # substituted, left out or put in
    words: int  # in the references
    inserted: int
    seconds: float  # of processor time, all threads
    texts: tuple[str, ...]

    @property
    def rate(self) -> float:
        """Word error rate, in per cent."""
        return 100 * self.errors / max(self.words, 1)


def read_clips(path: Path, *, split: str = "dev", longest: int | None = None) -> list[Clip]:
    """Return the English clips of a list whose text is official, the longest first.

    Raises: AudioError if there are none.
    """
    decoder = msgspec.json.Decoder(Clip)
    clips = [decoder.decode(line) for line in path.read_bytes().splitlines()]
    known = [c for c in clips if c.text and c.text_source == "official" and c.lang == "en"]
    chosen = sorted((c for c in known if c.split == split), key=lambda c: (-c.seconds, c.file))
    if not chosen:
        raise AudioError(
            f"wanted English clips with official text of split {split!r} in {path}, found none"
        )
    return chosen[:longest]


def evaluate(recognise: Recogniser, clips: Sequence[Clip], folder: Path) -> Score:
    """Let `recognise` hear every clip; clips lie below `folder`."""
    texts: list[str] = []
    seconds = 0.0
    for clip in track(clips, description="word error rate", transient=True):
        audio = _audio(folder / clip.file)
        begun = time.process_time()
        texts.append(recognise(audio))
        seconds += time.process_time() - begun
    return score([clip.text or "" for clip in clips], texts, seconds)


def score(references: Sequence[str], texts: Sequence[str], seconds: float = 0.0) -> Score:
    """Compare texts with what was said, both normalised."""
    result = jiwer.process_words(
        [normalised(r) for r in references], [normalised(t) for t in texts]
    )
    return Score(
        errors=result.substitutions + result.deletions + result.insertions,
        words=result.substitutions + result.deletions + result.hits,
        inserted=result.insertions,
        seconds=seconds,
        texts=tuple(texts),
    )


def normalised(text: str) -> str:
    """Write a text as Whisper's authors compare it: spelling, numbers, no punctuation."""
    return str(_normaliser()(text))


def ours(
    model: Whisper, options: DecodingOptions, frames: Callable[[float], int] = context_frames
) -> Recogniser:
    """Hear with our engine, in a context of `frames(seconds)`."""

    def recognise(audio: Audio) -> str:
        mel = log_mel(audio, frames(len(audio) / RATE))
        return decode(model, model.encode(mel[None]), options).text

    return recognise


def peer(folder: Path, options: DecodingOptions, threads: int = 1) -> Recogniser:
    """Hear with faster-whisper, int8, the same settings; `folder` holds its model.

    Raises: RuntimeMissingError if it is not installed.
    """
    try:
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise RuntimeMissingError(
            "wanted faster-whisper, found none: pip install faster-whisper"
        ) from error
    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads)

    def recognise(audio: Audio) -> str:
        segments, _ = model.transcribe(
            audio,
            language="en",
            beam_size=options.beam,
            temperature=0.0,
            without_timestamps=options.without_timestamps,
            condition_on_previous_text=False,
            no_speech_threshold=None,
        )
        return "".join(segment.text for segment in segments)

    return recognise


def main(
    clips: Annotated[Path, typer.Argument(help="list of clips, one JSON object a line")],
    whisper: Annotated[str, typer.Option(help="name, or folder of weights")] = "tiny.en",
    fp32: Annotated[bool, typer.Option("--fp32", help="unquantised too")] = False,
    longest: Annotated[int | None, typer.Option(help="only so many, the longest")] = None,
    beam: Annotated[int, typer.Option(help="1 is greedy")] = 1,
    timestamps: Annotated[bool, typer.Option(help="decode with timestamps")] = False,
    peer_folder: Annotated[
        Path | None, typer.Option("--peer", help="the same model's folder, for faster-whisper")
    ] = None,
    threads: int = 1,
) -> None:
    """Print word error rates of one model, in whole and short context, and of a peer."""
    chosen = read_clips(clips, longest=longest)
    options = DecodingOptions(language="en", beam=beam, without_timestamps=not timestamps)
    precisions: tuple[Precision, ...] = ("int8", "fp32") if fp32 else ("int8",)
    console = Console()
    console.print(f"{len(chosen)} clips of {chosen[0].seconds:g} to {chosen[-1].seconds:g} s")
    for name, recogniser in contestants(whisper, precisions, options, peer_folder, threads):
        found = evaluate(recogniser, chosen, clips.parent)
        console.print(
            f"{name:<26} word error rate {found.rate:5.2f} % of {found.words}, "
            f"{found.inserted:3d} put in, {found.seconds:6.1f} s of processor time",
            soft_wrap=True,
        )


def contestants(
    whisper: str,
    precisions: Sequence[Precision],
    options: DecodingOptions,
    peer_folder: Path | None,
    threads: int,
) -> Iterator[tuple[str, Recogniser]]:
    """Open one recogniser after the other."""
    for precision in precisions:
        model = Whisper.open(whisper, precision=precision, threads=threads)
        yield f"{precision}, 30 s", ours(model, options, lambda seconds: MAX_FRAMES)
        yield f"{precision}, short context", ours(model, options, context_frames)
    if peer_folder is not None:
        yield "faster-whisper, int8, 30 s", peer(peer_folder, options, threads)


def _audio(path: Path) -> Audio:
    audio, rate = read_audio(path, lambda warning: None)
    return audio if rate == RATE else soxr.resample(audio, rate, RATE).astype(np.float32)


@cache
def _normaliser() -> Callable[[str], str]:
    from whisper_normalizer.english import EnglishTextNormalizer

    normaliser: Callable[[str], str] = EnglishTextNormalizer()
    return normaliser


if __name__ == "__main__":
    typer.run(main)
