"""What a gate lets through of a voice that was extracted, by how clearly it must be that voice.

    python -m tap_live.export.apart_eval voice-compact DATA --thresholds 1,2,3

DATA is what training reads: mixtures are of training voices (`training_lists.py`), so that dev
lists stay unseen. Time is counted where somebody speaks in what was extracted.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.progress import track

from tap_live.captions.gate import Gate
from tap_live.captions.vad import RATE, WINDOW, Edge, Probabilities, Segmenter, SegmenterConfig, Vad
from tap_live.errors import TapError
from tap_live.export.mix_lists import open_lists
from tap_live.export.product import folder_of, heard_voice
from tap_live.extractors.network import Network
from tap_live.models.training.intervals import ratio
from tap_live.models.training.plain_errors import plainly
from tap_live.processor import Audio
from tap_live.voices.encoder import SpeakerEncoder
from tap_live.voices.enrolment import Enroller
from tap_live.voices.gate import GateConfig, VoiceGate
from tap_live.voices.scoring import Print, Scorer

SPOKEN = SegmenterConfig().off  # probability of speech
THERE, ABSENT = "train_2mix", "train_absent"

Windows = NDArray[np.bool_]


@dataclass(frozen=True)
class Extracted:
    """A voice extracted from a mixture; of a voice that is absent, what leaks.

    Attributes:
        speech: (N,) how likely somebody speaks in each 32 ms.
        own: (N,) whether it is the voice that was asked for.
    """

    audio: Audio
    speech: Probabilities
    own: Windows
    asked: Print


def extracted_cases(bundle: Path, lists: Any, name: str, count: int) -> Iterator[Extracted]:
    """Extract the first cases of a list."""
    network, enroller, scorer = Network.open(bundle), Enroller.open(), Scorer.open()
    for row in track(lists.rows(name)[:count], description=name, transient=True):
        case = lists.voice_case(row)
        voice = enroller.enrol("asked", case.enrolment, RATE, source="", day="").voice
        audio = heard_voice(network, np.array(voice.embedding, np.float32), case.mixture, live=True)
        vad = Vad.open()
        speech = np.concatenate([vad.push(audio), vad.flush()])[: len(audio) // WINDOW]
        own = loud(case.target, len(speech))
        yield Extracted(audio, speech, own, scorer.print_of(voice.state))


def let_through(gate: Gate, heard: Extracted) -> Windows:
    """(N,) which windows are captioned."""
    segmenter, edges = Segmenter(), list[Edge]()
    for number, odds in enumerate(heard.speech):
        block = heard.audio[number * WINDOW : (number + 1) * WINDOW]
        edges += gate.push(block, segmenter.push(odds[None]))
    edges += gate.flush(segmenter.flush())
    through, begun = np.zeros(len(heard.speech), np.bool_), None
    for edge in edges:
        if edge.kind in ("start", "resume"):
            begun = edge.position
        elif begun is not None:
            through[begun // WINDOW : edge.position // WINDOW] = True
            begun = None
    if begun is not None:
        through[begun // WINDOW :] = True
    return through & (heard.speech >= SPOKEN)


def row_of(
    threshold: float,
    there: Sequence[Extracted],
    absent: Sequence[Extracted],
    make: Callable[[Print, GateConfig], Gate],
) -> str:
    """A line of the table; `make` makes the gate of a voice."""
    config = GateConfig(others="hide", threshold=threshold)

    def through(heard: Extracted) -> Windows:
        return let_through(make(heard.asked, config), heard)

    own = [int((through(heard) & heard.own).sum()) for heard in there]
    spoken = [int((heard.own & (heard.speech >= SPOKEN)).sum()) for heard in there]
    leaked = [int(through(heard).sum()) for heard in absent]
    minutes = [len(heard.speech) / (60 * RATE / WINDOW) for heard in absent]
    kept = ratio(own, spoken)
    wrong = ratio([windows * WINDOW / RATE for windows in leaked], minutes, 1.0)
    return f"| {threshold:g} | {kept} | {wrong} | {np.count_nonzero(leaked)} of {len(absent)} |"


def loud(target: Audio, count: int) -> Windows:
    """(count,) windows within 20 dB of a target's mean; none where there is no more of it."""
    whole = min(count, len(target) // WINDOW)
    powers = np.square(target[: whole * WINDOW]).reshape(-1, WINDOW).mean(axis=1)
    return np.pad(powers > 0.01 * target.var(), (0, count - whole))


def main(
    bundle: Annotated[Path, typer.Argument(help="a bundle's folder, or the name of a shipped one")],
    data: Annotated[Path, typer.Argument(help="what training reads")],
    thresholds: Annotated[str, typer.Option(help="log-likelihood ratios, with commas")] = "1,2,3",
    count: Annotated[int, typer.Option(min=1, help="mixtures of each list")] = 40,
) -> None:
    """Print a Markdown table."""
    torch.set_num_threads(1)
    lists, folder = open_lists(data), folder_of(bundle)
    encoder, scorer = SpeakerEncoder.open(), Scorer.open()

    def make(asked: Print, config: GateConfig) -> Gate:
        return VoiceGate(encoder, scorer, {"asked": asked}, config)

    there, absent = (list(extracted_cases(folder, lists, name, count)) for name in (THERE, ABSENT))
    typer.echo("| threshold | of its speech, % | s a minute while absent | absent, some |")
    typer.echo("|---|---|---|---|")
    for threshold in thresholds.split(","):
        typer.echo(row_of(float(threshold), there, absent, make))


if __name__ == "__main__":
    plainly(lambda: typer.run(main), TapError)
