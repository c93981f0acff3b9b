"""Measure voices that the generative model re-made, beside all that they could be.

    python -m tap_live.export.gentse_eval LISTS OUT --bundle FOLDER --student FOLDER

For each case of the lists (`render.py`, as in `export.prompts_eval`): the mixture, what the
compact extractor makes of it, what the model makes of it in 1, 2, 4 and 10 steps, a student of it
in one, the clean voice through the vocoder alone, which is as good as it can get, and the clean
voice. Of each: DNSMOS, word error rate, likeness to the enrolled voice (cosine of GE2E
embeddings), loudness beside the clean voice, and processor seconds for a second of audio. `joins`
is how often the spectral flux where chunks meet is above what 95 % of the rest stay below: 5 % is
no seam.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import track

from tap_live.export.mix_lists import open_lists
from tap_live.export.voices_eval import Bench
from tap_live.export.word_errors import Errors, errors, rate
from tap_live.extraction import Extraction, Wanted
from tap_live.extractors.chunked import ChunkConfig
from tap_live.extractors.compact import CompactExtractor
from tap_live.extractors.gentse import GenExtractor
from tap_live.extractors.gentse_frames import MelStream
from tap_live.extractors.gentse_network import GenNetwork
from tap_live.extractors.network import Network
from tap_live.models.training.evaluate import bootstrap, dnsmos
from tap_live.processor import Audio, Extractor
from tap_live.targets import EmbeddedCue
from tap_live.voices.features import RATE
from tap_live.whisper.batch import BatchOptions, transcribe
from tap_live.whisper.decoding import DecodingOptions
from tap_live.whisper.model import Whisper

STEPS = "1,2,4,10"
HOP_S = 0.5
FLUX_WINDOW, FLUX_HOP = 512, 128  # samples
HEADING = (
    "| what | DNSMOS | WER, % | likeness | loudness, dB | joins, % | CPU s a second |\n"
    "|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Heard:
    """What one way made of one case.

    Attributes:
        joins: share of joins at which the flux is high; None where there are none.
        cost: processor seconds for a second of audio.
    """

    case: str
    way: str
    text: str
    errors: Errors
    mos: float
    likeness: float
    loudness: float  # dB beside the clean voice
    joins: float | None
    cost: float


Way = Callable[[Any, EmbeddedCue], tuple[Audio, list[int]]]
"""A rendered case (.mixture .target) and the cue -> audio at 16 kHz, and samples of joins."""


def through(make: Callable[[], Extractor]) -> Way:
    """What an extractor gives, as `extract` runs it."""

    def way(case: Any, cue: EmbeddedCue) -> tuple[Audio, list[int]]:
        extractor = make()
        extraction = Extraction(extractor, [Wanted(cue, 1.0)], rest_gain=0.0, rate=RATE)
        mixed = [extraction.push(case.mixture), extraction.flush()]
        found = np.concatenate([part.output for part in mixed])[: len(case.mixture)]
        return found, joins_of(extractor, len(found))

    return way


def joins_of(extractor: Extractor, length: int) -> list[int]:
    """The samples at 16 kHz at which chunks of mel frames meet."""
    if not isinstance(extractor, GenExtractor):
        return []
    plan, own = extractor.plan, extractor.plan.form
    frames = [plan.drawn(chunk) for chunk in range(length // (plan.hop * 320) + 1)]
    samples = [round(frame * own.hop * RATE / own.rate) for frame in frames]
    return [sample for sample in samples if 0 < sample < length - FLUX_WINDOW]


def vocoded(network: GenNetwork) -> Way:
    """The clean voice through the vocoder alone."""
    import soxr

    def way(case: Any, cue: EmbeddedCue) -> tuple[Audio, list[int]]:
        own = network.form.rate
        audio = np.asarray(soxr.resample(case.target, RATE, own), np.float32)
        mel = MelStream(network.form)
        mel.push(np.pad(audio, (0, network.form.fft)))
        frames, state = mel.heard.mel, network.silence()
        silent = np.zeros((network.reach, network.bands), np.float32)
        body, state = network.speak(frames, np.ones(len(frames), bool), state)
        rest, _ = network.speak(silent, np.zeros(len(silent), bool), state)
        made = np.concatenate([body, rest])[network.reach * network.form.hop :]
        back = np.asarray(soxr.resample(made, own, RATE), np.float32)
        return back[: len(case.target)], []

    return way


def flux(audio: Audio) -> np.ndarray:
    """Rise of the spectrum from frame to frame: (F,), in nats a bin."""
    views = np.lib.stride_tricks.sliding_window_view(audio, FLUX_WINDOW)[::FLUX_HOP]
    spectra = np.log(np.abs(np.fft.rfft(views * np.hanning(FLUX_WINDOW))) + 1e-3)
    rises: np.ndarray = np.maximum(np.diff(spectra, axis=0), 0).mean(1)
    return rises


def high_joins(audio: Audio, joins: Sequence[int]) -> float | None:
    """The share of joins at which the flux is above the 95th percentile of all other places."""
    if not joins:
        return None
    rises = flux(audio)
    near = np.zeros(len(rises), bool)
    worst = []
    for sample in joins:
        first = max(0, (sample - FLUX_WINDOW) // FLUX_HOP)
        place = slice(first, first + FLUX_WINDOW // FLUX_HOP + 1)
        near[place] = True
        worst.append(float(np.median(rises[place])))
    limit = np.percentile(rises[~near], 95)
    return float(np.mean(np.array(worst) > limit))


class Judge:
    """Rate what a way made of a case."""

    def __init__(self, whisper: Whisper) -> None:
        self.bench = Bench()
        self._whisper = whisper
        self._options = BatchOptions(decoding=DecodingOptions(language="en", beam=1))

    def cue(self, clip: Audio) -> EmbeddedCue:
        voice = self.bench.enroller.enrol("target", clip, RATE, source="", day="").voice
        embedding = np.array(voice.embedding, np.float32)
        return EmbeddedCue("voice:target", "voice", embedding, np.zeros(0, np.float32))

    def hear(self, number: str, case: Any, name: str, way: Way) -> Heard:
        cue = self.cue(case.enrolment)
        began = time.process_time()
        audio, joins = way(case, cue)
        cost = (time.process_time() - began) / (len(audio) / RATE)
        text = " ".join(s.text for s in transcribe(self._whisper, audio, self._options))
        return Heard(
            case=number,
            way=name,
            text=text,
            errors=errors(case.text, text),
            mos=dnsmos(audio),
            likeness=float(self.bench.encoder.embed(audio) @ cue.positive),
            loudness=_decibels(audio) - _decibels(case.target),
            joins=high_joins(audio, joins),
            cost=cost,
        )


def _decibels(audio: Audio) -> float:
    return float(10 * np.log10(np.mean(np.square(audio)) + 1e-12))


def row(name: str, heard: Sequence[Heard]) -> str:
    """A line of the table."""
    joins = [one.joins for one in heard if one.joins is not None]
    return (
        f"| {name} | {bootstrap([one.mos for one in heard])} "
        f"| {rate([one.errors for one in heard])} | {bootstrap([one.likeness for one in heard])} "
        f"| {np.mean([one.loudness for one in heard]):.1f} "
        f"| {f'{100 * np.mean(joins):.0f}' if joins else ''} "
        f"| {np.mean([one.cost for one in heard]):.2f} |"
    )


def main(
    lists: Annotated[Path, typer.Argument(help="folder of lists with their render.py")],
    out: Annotated[Path, typer.Argument(help="folder for gentse.md and cases.jsonl")],
    bundle: Annotated[Path, typer.Option(help="of `export.gentse`")],
    student: Annotated[Path | None, typer.Option(help="a bundle that draws in one step")] = None,
    extractor: Annotated[Path | None, typer.Option(help="a compact voice bundle")] = None,
    whisper: Annotated[str, typer.Option(help="that counts word errors")] = "base",
    names: Annotated[str, typer.Option(help="lists, with commas")] = "voice_2mix",
    first: Annotated[int | None, typer.Option(help="only so many of each")] = None,
    steps: Annotated[str, typer.Option(help="of the flow, with commas")] = STEPS,
    hop: Annotated[float, typer.Option(help="seconds from one chunk to the next")] = HOP_S,
) -> None:
    """Print a Markdown table, and write it with every case."""
    network, config = GenNetwork.open(bundle, threads=1), ChunkConfig(hop_s=hop)
    ways: dict[str, Way] = {"mixture": lambda case, cue: (case.mixture, [])}
    if extractor:
        compact = Network.open(extractor)
        ways["compact extractor"] = through(lambda: CompactExtractor({"voice": compact}, RATE))
    for count in map(int, steps.split(",")):
        make = partial(GenExtractor, network, RATE, config, count)
        ways[f"gentse, {count} steps"] = through(make)
    if student:
        one = GenNetwork.open(student, threads=1)
        ways["student, 1 step"] = through(lambda: GenExtractor(one, RATE, config, 1))
    ways["clean voice, vocoder alone"] = vocoded(network)
    ways["clean voice"] = lambda case, cue: (case.target, [])
    judge, render = Judge(Whisper.open(whisper)), open_lists(lists)
    out.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    with (out / "cases.jsonl").open("w", encoding="utf-8") as file:
        for chosen in names.split(","):
            heard: list[Heard] = []
            for listed in track(render.rows(chosen)[:first], description=chosen, transient=True):
                case = render.voice_case(listed)
                its = [judge.hear(listed["id"], case, name, way) for name, way in ways.items()]
                file.writelines(json.dumps(asdict(found)) + "\n" for found in its)
                heard += its
            lines += [f"{chosen}, {len(heard) // len(ways)} cases", "", HEADING]
            lines += [row(way, [found for found in heard if found.way == way]) for way in ways]
    text = "\n".join(lines)
    (out / "gentse.md").write_text(text + "\n", encoding="utf-8")
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
