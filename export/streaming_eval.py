"""Measure streaming captions: words, delays, shares, and what they make of noise.

python -m tap_live.export.streaming_eval clips manifest.jsonl --whisper base
python -m tap_live.export.streaming_eval voices manifest.jsonl
python -m tap_live.export.streaming_eval long manifest.jsonl
python -m tap_live.export.streaming_eval noise noise.csv
python -m tap_live.export.streaming_eval turns turns.csv

Lists name their files from the folder above theirs (`manifest.jsonl`: from its own).
"""

import csv
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import soxr
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tap_live.audio.files import read_audio
from tap_live.captions.streaming import StreamingCaptioner, StreamingConfig
from tap_live.captions.vad import RATE, Vad
from tap_live.captions.whisper import WhisperRecogniser
from tap_live.commands.prompting import Choirs
from tap_live.events import Word
from tap_live.export.replay import delays, median, replay
from tap_live.export.wer import Clip, read_clips, score
from tap_live.processor import Audio
from tap_live.voices.enrolment import Enroller
from tap_live.voices.targets import PREFIX, THRESHOLD, gate_of
from tap_live.whisper.batch import transcribe
from tap_live.whisper.model import Whisper
from tap_live.whisper.prompts import VoicePrompts

LEVEL = 10 ** (-26 / 20)  # RMS of each turn of a dialogue
GAP_S = (0.4, 1.6)  # between two clips
CORES = 2

app = typer.Typer(add_completion=False, help=__doc__)
Whispers = Annotated[str, typer.Option("--whisper", help="name, or folder of weights")]
Seed = Annotated[int, typer.Option(help="of the order of clips and the pauses between them")]


@dataclass(frozen=True)
class Stream:
    """Clips one after the other, with pauses."""

    audio: Audio
    starts: tuple[float, ...]  # seconds at which each clip begins
    clips: tuple[Audio, ...]
    texts: tuple[str, ...]


@app.command()
def clips(manifest: Path, whisper: Whispers = "base", longest: int = 50, seed: Seed = 0) -> None:
    """Compare streaming with batch decoding (beam 5) on clips joined to one stream."""
    model = Whisper.open(whisper)
    stream = joined(read_clips(manifest, longest=longest), manifest.parent, seed)
    said, offline = batch(model, stream)
    heard = replay(captioner(model), stream.audio)
    late = delays(heard, said)
    reference = " ".join(stream.texts)
    table = Table("figure", whisper)
    table.add_row("stream, s", f"{heard.seconds:.0f}")
    table.add_row("WER offline, beam 5, %", f"{score([reference], [' '.join(offline)]).rate:.2f}")
    table.add_row("WER streaming, %", f"{score([reference], [heard.text]).rate:.2f}")
    table.add_row("partial, median s (10 %, 90 %; words)", _spread(late.shown, late.words))
    table.add_row("final, the same", _spread(late.final, late.words))
    table.add_row(f"share of {CORES} cores", f"{heard.share() / CORES:.3f}")
    Console().print(table)


@app.command()
def voices(manifest: Path, whisper: Whispers = "base", seed: Seed = 0) -> None:
    """Caption each voice of a list alone, as `run` does what is extracted of it: prompted, gated.

    A voice is enrolled with its longest clip; its others are a stream.
    """
    model, enroller, prompts = Whisper.open(whisper), Enroller.open(), VoicePrompts.shipped(whisper)
    by_voice: dict[str, list[Clip]] = {}
    for clip in read_clips(manifest):
        if clip.speaker:
            by_voice.setdefault(clip.speaker, []).append(clip)
    shown, final, said, spent, seconds = list[float](), list[float](), 0, 0.0, 0.0
    for name, its in sorted(by_voice.items()):
        enrolment, *others = its
        if not others:
            continue
        voice = enroller.enrol(
            name, load(manifest.parent / enrolment.file), RATE, source=enrolment.file, day=""
        ).voice
        stream = joined(others, manifest.parent, seed)
        if prompts:
            makers = Choirs(model, prompts, [voice], "en", threshold=THRESHOLD).apart()
            hearer = makers[f"{PREFIX}{name}"](0.0, 0)
        else:
            gate = gate_of([voice], "hide")()
            english = StreamingConfig(language="en")
            recogniser = WhisperRecogniser(model)
            hearer = StreamingCaptioner(recogniser, Vad.open(), config=english, gate=gate)
        heard = replay(hearer, stream.audio)
        late = delays(heard, batch(model, stream)[0])
        shown, final, said = [*shown, *late.shown], [*final, *late.final], said + late.words
        spent, seconds = spent + heard.share() * heard.seconds, seconds + heard.seconds
    table = Table("figure", f"{whisper}, {prompts.name if prompts else 'not prompted'}")
    table.add_row("streams, s", f"{seconds:.0f}")
    table.add_row("partial, median s (10 %, 90 %; words)", _spread(shown, said))
    table.add_row("final, the same", _spread(final, said))
    table.add_row(f"share of {CORES} cores", f"{spent / seconds / CORES:.3f}")
    Console().print(table)


def _spread(late: Sequence[float], words: int) -> str:
    low, middle, high = np.percentile(late, [10, 50, 90])
    return f"{middle:.2f} ({low:.2f}, {high:.2f}; {len(late)} of {words})"


@app.command()
def long(manifest: Path, whisper: Whispers = "base", minutes: int = 30, seed: Seed = 0) -> None:
    """Compare the first minute of a long stream with its last."""
    model = Whisper.open(whisper)
    stream = joined(read_clips(manifest, longest=50), manifest.parent, seed)
    length = minutes * 60 * RATE
    audio = np.tile(stream.audio, -(-length // len(stream.audio)))[:length]
    replay(captioner(model), audio[: 2 * 60 * RATE])  # what two minutes need is no growth
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    heard = replay(captioner(model), audio)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    table = Table("minute", f"share of {CORES} cores", "words", "final words' delay, median s")
    for minute in sorted({1, 2, minutes // 2, minutes - 1, minutes}):
        span = (minute - 1) * 60.0, minute * 60.0
        late = [at - word.end for at, word in heard.finals if span[0] <= word.end < span[1]]
        share = f"{heard.share(*span) / CORES:.3f}"
        table.add_row(str(minute), share, str(len(late)), f"{median(late):.2f}")
    Console().print(table, f"peak memory grew by {grown / 1024:.0f} MB after two minutes")


@app.command()
def noise(listed: Path, whisper: Whispers = "base", silence_s: int = 180) -> None:
    """Caption sounds without voices, and digital silence: no words are wanted."""
    model = Whisper.open(whisper)
    sounds = [load(listed.parents[1] / row["file"]) for row in _rows(listed)]
    table = Table("stream", "s", "final words", "shown words", f"share of {CORES} cores")
    for name, audio in (
        ("sounds", np.concatenate(sounds)),
        ("digital silence", np.zeros(silence_s * RATE, np.float32)),
    ):
        heard = replay(captioner(model), audio)
        shown = {word.text for left in heard.captions for word in left.caption.words}
        row = f"{heard.seconds:.0f}", heard.text or "none", " ".join(sorted(shown)) or "none"
        table.add_row(name, *row, f"{heard.share() / CORES:.3f}")
    Console().print(table)


@app.command()
def turns(listed: Path, whisper: Whispers = "base") -> None:
    """Caption dialogues, each a stream of its own."""
    model = Whisper.open(whisper)
    rows = _rows(listed)
    references, streamed = [], []
    for dialogue in track(sorted({row["id"] for row in rows}), transient=True):
        own = [row for row in rows if row["id"] == dialogue]
        references.append(" ".join(row["text"] for row in own))
        streamed.append(replay(captioner(model), _dialogue(own, listed.parents[1])).text)
    found = score(references, streamed)
    Console().print(f"{len(references)} dialogues, {found.words} words: WER {found.rate:.2f} %")


def captioner(model: Whisper, config: StreamingConfig | None = None) -> StreamingCaptioner:
    return StreamingCaptioner(WhisperRecogniser(model), Vad.open(), config=config)


def joined(listed: Sequence[Clip], folder: Path, seed: int) -> Stream:
    """Put clips into one stream, in an order and with pauses drawn from `seed`."""
    random = np.random.default_rng(seed)
    order = [listed[n] for n in random.permutation(len(listed))]
    parts, starts, audio = [np.zeros(RATE // 2, np.float32)], [], []
    for clip in order:
        starts.append(sum(map(len, parts)) / RATE)
        audio.append(load(folder / clip.file))
        parts += [audio[-1], np.zeros(round(random.uniform(*GAP_S) * RATE), np.float32)]
    texts = tuple(clip.text or "" for clip in order)
    return Stream(np.concatenate(parts), tuple(starts), tuple(audio), texts)


def batch(model: Whisper, stream: Stream) -> tuple[list[Word], list[str]]:
    """Decode each clip by itself; return its words with their times in the stream, its texts."""
    words: list[Word] = []
    texts = []
    pairs = zip(stream.clips, stream.starts, strict=True)
    for clip, start in track(list(pairs), description="batch decoding", transient=True):
        segments = list(transcribe(model, clip))
        texts.append(" ".join(segment.text for segment in segments))
        words += [
            msgspec.structs.replace(word, start=word.start + start, end=word.end + start)
            for segment in segments
            for word in segment.words
        ]
    return words, texts


def load(path: Path) -> Audio:
    """Read a file as 16 kHz mono."""
    audio, rate = read_audio(path, lambda warning: None)
    return audio if rate == RATE else soxr.resample(audio, rate, RATE).astype(np.float32)


def _rows(listed: Path) -> list[dict[str, str]]:
    with listed.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _dialogue(rows: Sequence[dict[str, str]], folder: Path) -> Audio:
    end = max(float(row["start"]) + float(row["seconds"]) for row in rows)
    audio = np.zeros(round((end + 1) * RATE), np.float32)
    for row in rows:
        turn = load(folder / row["file"])
        start = round(float(row["start"]) * RATE)
        audio[start : start + len(turn)] += turn * (LEVEL / _rms(turn))
    return audio


def _rms(audio: Audio) -> float:
    """Return the level of the parts within 40 dB of the loudest 20 ms: pauses do not count."""
    powers = (audio[: len(audio) // 320 * 320].reshape(-1, 320) ** 2).mean(axis=1)
    return float(np.sqrt(powers[powers > powers.max() * 1e-4].mean()))


if __name__ == "__main__":
    app()
