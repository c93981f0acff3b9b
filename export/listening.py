"""A listener's check: mixtures of an evaluation list before and after extraction, on a page.

    python -m tap_live.export.listening LISTS voice_2mix BUNDLE OUT --count 10

Each voice is enrolled as a user would and extracted as `tap-live extract` does.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import track

from tap_live.extraction import Extraction, Wanted
from tap_live.extractors.compact import CompactExtractor
from tap_live.extractors.network import Network
from tap_live.models.training.evaluate import open_render
from tap_live.outputs.file import FileOutput
from tap_live.pairs import PAGE, add_pair, plan_pair
from tap_live.processor import Audio
from tap_live.targets import EmbeddedCue
from tap_live.voices.enrolment import Enroller

RATE = 16_000  # of the voice lists
SPREAD_SEED = 0


def make_pairs(network: Network, enroller: Enroller, cases: Sequence[Any], out: Path) -> Path:
    """Add a pair for each case (.id .mixture .enrolment .text) to the page in `out`."""
    for case in track(cases, "extracting"):
        enrolment = enroller.enrol("target", case.enrolment, RATE, source="list", day="")
        cue = np.asarray(enrolment.voice.embedding, np.float32)
        pair = plan_pair(out, case.id, case.text or "no words are known")
        after = extracted(network, case.mixture, cue)
        for name, audio in ((pair.before, case.mixture), (pair.after, after)):
            with FileOutput(out / name, RATE) as file:
                file.write(audio)
        add_pair(out, pair)
    return out / PAGE


def extracted(network: Network, mixture: Audio, embedding: Audio) -> Audio:
    """Extract one voice from a whole mixture, (T,) at 16 kHz, nothing of the rest."""
    cue = EmbeddedCue("voice:target", "voice", embedding, np.zeros(0, np.float32))
    extraction = Extraction(
        CompactExtractor({"voice": network}, RATE), [Wanted(cue)], rest_gain=0.0, rate=RATE
    )
    return np.concatenate([extraction.push(mixture).output, extraction.flush().output])


def main(
    lists: Annotated[Path, typer.Argument(help="folder of lists with their render.py")],
    name: Annotated[str, typer.Argument(help="a list of voices, as voice_2mix")],
    bundle: Annotated[Path, typer.Argument(help="folder of the extractor")],
    out: Annotated[Path, typer.Argument(help="folder for the page and its audio")],
    count: Annotated[int, typer.Option(help="pairs, drawn evenly from a fixed shuffle")] = 10,
) -> None:
    """Write the page."""
    render = open_render(lists)
    rows = render.rows(name)
    order = np.random.default_rng(SPREAD_SEED).permutation(len(rows))[:count]
    cases = [render.voice_case(rows[number]) for number in sorted(order)]
    typer.echo(make_pairs(Network.open(bundle), Enroller.open(), cases, out))


if __name__ == "__main__":
    typer.run(main)
