"""Measure voices that the generative model re-made, beside all that they could be.

    python -m tap_live.export.gentse_eval LISTS OUT --bundle FOLDER --student FOLDER

For each case of the lists (`render.py`, as in `export.prompts_eval`): the mixture, what the
compact extractor makes of it, what the model makes of it in 1, 2, 4 and 10 steps, a student of it
in one, the clean voice through the vocoder alone, which is as good as it can get, and the clean
voice. Of each: DNSMOS, word error rate, likeness to the enrolled voice (cosine of GE2E
embeddings), loudness beside the clean voice, and processor seconds for a second of audio. High
joins are those at which the spectral flux is unusual where chunks of frames, or of what was heard,
meet: 5 % is chance (`seams.py`). With `--enrolled` the model hears the enrolment clip
too, which the store of voices does not keep. The program can be stopped: what cases.jsonl has is
not measured again.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.progress import track

from tap_live.errors import TapError
from tap_live.export.gentse import counted
from tap_live.export.gentse_ways import Way, through, vocoded
from tap_live.export.ledger import Ledger
from tap_live.export.mix_lists import open_lists
from tap_live.export.product import fingerprint
from tap_live.export.seams import context_joins, frame_joins, high_joins
from tap_live.export.voices_eval import Bench
from tap_live.export.word_errors import Errors, errors, rate
from tap_live.extractors.chunked import ChunkConfig
from tap_live.extractors.gentse import GenExtractor
from tap_live.extractors.gentse_network import GenNetwork
from tap_live.extractors.network import Network
from tap_live.extractors.offline import extractor_of
from tap_live.models.training.dnsmos import dnsmos, open_dnsmos
from tap_live.models.training.intervals import bootstrap
from tap_live.models.training.plain_errors import plainly
from tap_live.processor import Audio
from tap_live.targets import EmbeddedCue
from tap_live.voices.features import RATE
from tap_live.whisper.batch import BatchOptions, transcribe
from tap_live.whisper.decoding import DecodingOptions
from tap_live.whisper.model import Whisper

STEPS = "1,2,4,10"
TARGET = "voice:target"
HOP_S = 0.5
HEADING = (
    "| what | DNSMOS | WER, % | likeness | loudness, dB | high joins of frames, of contexts, % "
    "| CPU s a second |\n|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Heard:
    """What one way made of one case.

    Attributes:
        joins, contexts: share of joins of frames and of contexts at which the flux is high; None
            where there are none.
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
    contexts: float | None
    cost: float


class Judge:
    """Rate what a way made of a case."""

    def __init__(self, whisper: Whisper) -> None:
        self.bench = Bench()
        self._whisper = whisper
        self._options = BatchOptions(decoding=DecodingOptions(language="en", beam=1))

    def cue(self, clip: Audio) -> EmbeddedCue:
        voice = self.bench.enroller.enrol("target", clip, RATE, source="", day="").voice
        embedding = np.array(voice.embedding, np.float32)
        return EmbeddedCue(TARGET, "voice", embedding, np.zeros(0, np.float32))

    def hear(self, number: str, case: Any, name: str, way: Way) -> Heard:
        cue = self.cue(case.enrolment)
        began = time.process_time()
        audio, plan = way(case, cue)
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
            joins=high_joins(audio, frame_joins(plan, len(audio))) if plan else None,
            contexts=high_joins(audio, context_joins(plan, len(audio))) if plan else None,
            cost=cost,
        )


def _decibels(audio: Audio) -> float:
    return float(10 * np.log10(np.mean(np.square(audio)) + 1e-12))


def row(name: str, heard: Sequence[Heard]) -> str:
    """A line of the table."""
    return (
        f"| {name} | {bootstrap([one.mos for one in heard])} "
        f"| {rate([one.errors for one in heard])} | {bootstrap([one.likeness for one in heard])} "
        f"| {np.mean([one.loudness for one in heard]):.1f} "
        f"| {_share([one.joins for one in heard])}{_share([one.contexts for one in heard], ', ')} "
        f"| {np.mean([one.cost for one in heard]):.2f} |"
    )


def _share(found: Sequence[float | None], before: str = "") -> str:
    shares = [one for one in found if one is not None]
    return f"{before}{100 * np.mean(shares):.0f}" if shares else ""


class Tried(NamedTuple):
    """A way of the table."""

    way: Way
    by: str  # what it was measured with, for the ledger


def _ways(
    bundle: Path,
    student: Path | None,
    extractor: Path | None,
    hop_s: float,
    counts: Sequence[int],
    enrolled: bool,
) -> Mapping[str, Tried]:
    """Every way of the table, in its order."""
    config, made = ChunkConfig(hop_s=hop_s), fingerprint(bundle)
    cut = f"{made}, hop {hop_s:g} s"
    network = GenNetwork.open(bundle, threads=1)

    def drawn(net: GenNetwork, count: int, clipped: bool = False) -> Way:
        def make(case: Any) -> GenExtractor:
            clips = {TARGET: case.enrolment} if clipped else {}
            return GenExtractor(net, RATE, config, count, clips)

        return through(make)

    ways = {"mixture": Tried(lambda case, cue: (case.mixture, None), "")}
    if extractor:
        compact = Network.open(extractor)
        way = through(lambda case: extractor_of({"voice": compact}, RATE))
        ways["compact extractor"] = Tried(way, fingerprint(extractor))
    for count in counts:
        said = f"gentse, {counted(count)}"
        ways[said] = Tried(drawn(network, count), cut)
        if enrolled:
            ways[f"{said}, enrolment heard"] = Tried(drawn(network, count, clipped=True), cut)
    if student:
        way = drawn(GenNetwork.open(student, threads=1), 1)
        ways["student, 1 step"] = Tried(way, f"{fingerprint(student)}, hop {hop_s:g} s")
    ways["clean voice, vocoder alone"] = Tried(vocoded(network), made)
    ways["clean voice"] = Tried(lambda case, cue: (case.target, None), "")
    return ways


def main(
    lists: Annotated[Path, typer.Argument(help="folder of lists with their render.py")],
    out: Annotated[Path, typer.Argument(help="folder for gentse.md and cases.jsonl")],
    bundle: Annotated[Path, typer.Option(help="of `tap-live export gentse`")],
    student: Annotated[Path | None, typer.Option(help="a bundle that draws in one step")] = None,
    extractor: Annotated[Path | None, typer.Option(help="a compact voice bundle")] = None,
    whisper: Annotated[str, typer.Option(help="that counts word errors")] = "base",
    names: Annotated[str, typer.Option(help="lists, with commas")] = "voice_2mix",
    first: Annotated[int | None, typer.Option(help="only so many of each")] = None,
    steps: Annotated[str, typer.Option(help="of the flow, with commas")] = STEPS,
    hop: Annotated[float, typer.Option(help="seconds from one chunk to the next")] = HOP_S,
    enrolled: Annotated[bool, typer.Option(help="also with the enrolment's frames")] = False,
) -> None:
    """Print a Markdown table, and write it with every case."""
    open_dnsmos()  # says so at once if it is not there
    counts = [int(count) for count in steps.split(",")]
    render, ways = open_lists(lists), _ways(bundle, student, extractor, hop, counts, enrolled)
    judge, ledger = Judge(Whisper.open(whisper)), Ledger(out / "cases.jsonl")
    lines: list[str] = []
    for chosen in names.split(","):
        heard: list[Heard] = []
        for listed in track(render.rows(chosen)[:first], description=chosen, transient=True):
            case = render.voice_case(listed)
            for name, (way, by) in ways.items():
                hear = partial(judge.hear, listed["id"], case, name, way)
                by = f"{by}, {whisper}"
                heard.append(ledger.measured(chosen, listed["id"], name, by, Heard, hear))
        lines += [f"{chosen}, {len(heard) // len(ways)} cases", "", HEADING]
        lines += [row(way, [found for found in heard if found.way == way]) for way in ways]
    text = "\n".join(lines)
    (out / "gentse.md").write_text(text + "\n", encoding="utf-8")
    typer.echo(text)


if __name__ == "__main__":
    plainly(lambda: typer.run(main), TapError)
