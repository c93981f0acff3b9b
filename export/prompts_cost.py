"""What captions of several voices cost, beside those of one.

    python -m tap_live.export.prompts_cost LISTS --whisper tiny.en --prompts BUNDLE

One voice of a list speaks, alone, while it or four voices are enrolled; then two speak at once and
both are enrolled. Every stream is heard on one core, against a clock that counts its CPU time.
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from tap_live.captions.vad import RATE
from tap_live.commands.prompting import TALKED_OVER, Choirs
from tap_live.export.replay import Replay, replay
from tap_live.export.voices_eval import Bench
from tap_live.models.training.evaluate import open_render
from tap_live.processor import Audio
from tap_live.voices.store import Voice
from tap_live.whisper.model import Whisper
from tap_live.whisper.prompts import VoicePrompts

ENROLLED = 4
STREAM_S = 60.0
PAUSE_S = 1.0


class Costs:
    """Streams of the voices of a list, and what captions of them cost."""

    def __init__(self, model: Whisper, prompts: VoicePrompts, render: Any, name: str) -> None:
        self._model, self._prompts = model, prompts
        bench = Bench()
        by_speaker: dict[str, list[dict[str, str]]] = {}
        for row in render.rows(name):
            by_speaker.setdefault(row["speaker"], []).append(row)
        chosen = list(islice(by_speaker.items(), ENROLLED))
        self.voices = [
            bench.enroller.enrol(
                speaker, render.load(rows[0]["enrolment"], RATE), RATE, source="", day=""
            ).voice
            for speaker, rows in chosen
        ]
        self.streams = [
            stream([render.load(row["target"], RATE) for row in rows]) for _, rows in chosen
        ]

    def heard(self, audio: Audio, voices: Sequence[Voice]) -> Replay:
        choirs = Choirs(self._model, self._prompts, voices, "en", threshold=TALKED_OVER)
        return replay(choirs.make(0.0, 0), audio)


def stream(clips: Sequence[Audio]) -> Audio:
    """Clips of a voice with pauses between them, from the first again until it is long enough."""
    pause = np.zeros(round(PAUSE_S * RATE), np.float32)
    once = np.concatenate([part for clip in clips for part in (clip, pause)])
    length = round(STREAM_S * RATE)
    return np.tile(once, -(-length // len(once)))[:length]


def main(
    lists: Annotated[Path, typer.Argument(help="folder of lists with their render.py")],
    prompts: Annotated[Path, typer.Option(help="a bundle of prompts")],
    whisper: Annotated[str, typer.Option(help="name, or folder of weights")] = "base",
    name: Annotated[str, typer.Option(help="the list whose voices speak")] = "voice_2mix",
) -> None:
    """Print shares of one core, and their ratios."""
    model = Whisper.open(whisper)
    costs = Costs(model, VoicePrompts.open(prompts), open_render(lists), name)
    first, second = costs.streams[:2]
    one = costs.heard(first, costs.voices[:1])
    four = costs.heard(first, costs.voices)
    both = costs.heard(first + second, costs.voices[:2])
    for told, found in (
        ("one enrolled, it speaks", one),
        ("four enrolled, one speaks", four),
        ("two enrolled, both speak at once", both),
    ):
        words = len(found.finals)
        typer.echo(
            f"{told:<33} share of a core {found.share():.2f}, {found.share() / one.share():.2f} "
            f"times the first; {words} final words"
        )


if __name__ == "__main__":
    typer.run(main)
