"""A listener's check: mixtures of an evaluation list before and after extraction, on a page.

    python -m tap_live.export.listening LISTS voice_2mix voice-compact OUT --count 10
    python -m tap_live.export.listening LISTS sound_2mix sound-compact OUT --count 10

Each voice is enrolled as a user would, each sound asked for in words, with `--both` told what is
beside it too, and extracted as `tap-live extract` does.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import typer
from rich.progress import track

from tap_live.cues.features import RATE as SOUND_RATE
from tap_live.cues.text import TextCues
from tap_live.errors import TapError
from tap_live.export.product import enrolled, folder_of, kept_sound, kept_voices
from tap_live.extractors.network import Network
from tap_live.models.training.evaluate import compared, open_render
from tap_live.models.training.plain_errors import plainly
from tap_live.outputs.file import FileOutput
from tap_live.pairs import PAGE, add_pair, plan_pair
from tap_live.processor import Audio
from tap_live.voices.enrolment import Enroller
from tap_live.voices.features import RATE as SPEECH_RATE

SPREAD_SEED = 0


class Heard(NamedTuple):
    """One case: what is extracted of its mixture, at a rate, and how it was asked for."""

    case: Any  # .id .mixture .target
    after: Audio
    rate: int
    asked: str


def voices(network: Network, enroller: Enroller, cases: Iterable[Any]) -> Iterable[Heard]:
    """Extract the voice of each case (.id .mixture .target .enrolment .text)."""
    for case in cases:
        after = kept_voices(network, [enrolled(enroller, case.enrolment)], case.mixture, live=False)
        yield Heard(case, after, SPEECH_RATE, case.text or "no words are known")


def sounds(network: Network, words: TextCues, cases: Iterable[Any], both: bool) -> Iterable[Heard]:
    """Extract the sound of each case (.id .mixture .target .cue .negative)."""
    for case in cases:
        positive, negative = (
            words.embed(text, any_word=True) for text in (case.cue, case.negative)
        )
        sides = np.concatenate([positive, negative * both])
        after = kept_sound(network, sides, case.mixture, live=False)
        asked = f"{case.cue}, not {case.negative}" if both else case.cue
        yield Heard(case, after, SOUND_RATE, asked)


def make_pairs(heard: Iterable[Heard], out: Path) -> Path:
    """Add a pair for each case to the page in `out`."""
    for case, after, rate, asked in heard:
        pair = plan_pair(out, case.id, f"{_found(case, after)}: {asked}")
        for name, audio in ((pair.before, case.mixture), (pair.after, after)):
            with FileOutput(out / name, rate) as file:
                file.write(audio)
        add_pair(out, pair)
    return out / PAGE


def _found(case: Any, after: Audio) -> str:
    estimate, mixture, target = map(torch.from_numpy, (after, case.mixture, case.target))
    found = compared(case.id, "", estimate, mixture, target)
    if found.gain is None:
        return f"absent, output {found.leak:.1f} dB"
    return f"SI-SDR {found.gain:+.1f} dB"


def main(
    lists: Annotated[Path, typer.Argument(help="folder of lists with their render.py")],
    name: Annotated[str, typer.Argument(help="a list, as voice_2mix or sound_2mix")],
    bundle: Annotated[Path, typer.Argument(help="the extractor's folder, or a shipped one's name")],
    out: Annotated[Path, typer.Argument(help="folder for the page and its audio")],
    count: Annotated[int, typer.Option(help="pairs, drawn evenly from a fixed shuffle")] = 10,
    both: Annotated[
        bool, typer.Option("--both", help="sounds: say what is not wanted too")
    ] = False,
) -> None:
    """Write the page."""
    render, network = open_render(lists), Network.open(folder_of(bundle))
    rows = render.rows(name)
    order = np.random.default_rng(SPREAD_SEED).permutation(len(rows))[:count]
    open_case: Callable[[Any], Any] = (
        render.voice_case if network.kind == "voice" else render.sound_case
    )
    cases = track([open_case(rows[number]) for number in sorted(order)], "extracting")
    if network.kind == "voice":
        heard = voices(network, Enroller.open(), cases)
    else:
        heard = sounds(network, TextCues.open(), cases, both)
    typer.echo(make_pairs(heard, out))


if __name__ == "__main__":
    plainly(lambda: typer.run(main), TapError)
