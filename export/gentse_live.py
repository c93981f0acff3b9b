"""What hearing a stream in contexts costs a re-made voice: seams, disagreement, time.

    python -m tap_live.export.gentse_live BUNDLE

Maya and Ben, the demo's voices, speak over each other, again and again, he later each time; each
is asked for. One table has, for some numbers of steps, the delay, processor seconds for a second
of audio, and the joins at which the spectral flux is unusual (`seams.py`). The other has, for some
fades and lookaheads, how far contexts are apart where they overlap, how much what was heard changes
at a join, and how far the mel frames are from those of one context that hears more on both sides.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import soxr
import typer

from tap_live.bundle import open_bundle
from tap_live.errors import TapError
from tap_live.export.seams import context_joins, frame_joins, high_joins
from tap_live.export.task import clip
from tap_live.extractors.chunked import ChunkConfig
from tap_live.extractors.gentse import GenExtractor
from tap_live.extractors.gentse_frames import Frames, MelStream, noise_at, places, read_at
from tap_live.extractors.gentse_network import GRAPHS, KIND, POSITION, GenNetwork
from tap_live.extractors.gentse_plan import GenPlan
from tap_live.extractors.gentse_voice import SEED
from tap_live.models.gentse import RATE
from tap_live.models.training.plain_errors import plainly
from tap_live.processor import Audio, Embedding
from tap_live.runtime import Backend, Engine, State, Tensors
from tap_live.targets import EmbeddedCue
from tap_live.voices.encoder import SpeakerEncoder

HOP_S = 0.5
LATER_S = 1.7  # that Ben begins later, each time
STEPS_HEADING = (
    "| steps | frames ahead | delay without compute, s | CPU s a second | high joins of frames, "
    "of contexts, % (of so many) |\n|---|---|---|---|---|"
)
FADES_HEADING = (
    "| fade, lookahead, s | apart where contexts overlap, % | largest change at a join; elsewhere "
    "(medians) | nats from one context; with other noise |\n|---|---|---|---|"
)
FADES = ((0.02, 0.24), (0.06, 0.20), (0.10, 0.16), (0.20, 0.06), (0.10, 0.24), (0.20, 0.24),
         (0.02, 0.48))  # fmt: skip


class Asked(NamedTuple):
    """A mixture at 16 kHz, and the voice that is wanted of it."""

    mixture: Audio
    voice: Embedding


class Noted:
    """A backend, and what it was given and found."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.given, self.found = list[Tensors](), list[Tensors]()

    def initial_state(self) -> State:
        return self._backend.initial_state()

    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        found, state = self._backend.step(inputs, state)
        self.given.append(dict(inputs))
        self.found.append(dict(found))
        return found, state


@dataclass(frozen=True)
class Contexts:
    """How well contexts agree, for one fade and lookahead.

    Attributes:
        apart: mean distance of two contexts where they overlap, beside the mean magnitude.
        joins, elsewhere: the largest change from one position to the next within a join, and
            within stretches as long, beside the mean magnitude; medians.
        nats, other: distance of mel frames from those of one context, and of that from itself
            with other noise.
    """

    apart: float
    joins: float
    elsewhere: float
    nats: float
    other: float


def mixtures(repeat: int) -> Iterator[Asked]:
    """Maya and Ben over each other, equally loud, `repeat` times; each is asked for."""
    voices = [clip(file, RATE) for file in ("maya.ogg", "ben.ogg")]
    length = min(map(len, voices))
    maya, ben = (0.05 * voice[:length] / np.std(voice[:length]) for voice in voices)
    later = [np.roll(ben, round(number * LATER_S * RATE)) for number in range(repeat)]
    mixture = (np.tile(maya, repeat) + np.concatenate(later)).astype(np.float32)
    encoder = SpeakerEncoder.open()
    for voice in voices:
        yield Asked(mixture, encoder.embed(voice))


def extractor_of(network: GenNetwork, asked: Asked, steps: int) -> GenExtractor:
    extractor = GenExtractor(network, RATE, ChunkConfig(hop_s=HOP_S), steps)
    nothing = np.zeros(0, np.float32)
    extractor.set_cues([EmbeddedCue("voice:asked", "voice", asked.voice, nothing)])
    return extractor


def steps_line(network: GenNetwork, asked: Sequence[Asked], steps: int) -> str:
    """A line of the first table."""
    shares, counts, cost = list[list[float]](), [0, 0], 0.0
    for one in asked:
        extractor = extractor_of(network, one, steps)
        began = time.process_time()
        audio = np.concatenate([extractor.push(one.mixture), extractor.flush()], axis=1)[0]
        cost += (time.process_time() - began) / (len(audio) / RATE) / len(asked)
        plan = extractor.plan
        both = [joins(plan, len(audio)) for joins in (frame_joins, context_joins)]
        shares.append([high_joins(audio, joins) or 0.0 for joins in both])
        counts = [count + len(joins.places) for count, joins in zip(counts, both, strict=True)]
    frames, contexts = 100 * np.mean(shares, axis=0)
    delay = plan.delay_s - plan.compute / RATE
    return (
        f"| {steps} | {plan.after}, {plan.after * plan.form.seconds:.2f} s | {delay:.2f} "
        f"| {cost:.2f} | {frames:.1f}, {contexts:.1f} ({counts[0]}, {counts[1]}) |"
    )


def contexts_of(folder: Path, asked: Asked, fade_s: float, ahead_s: float, steps: int) -> Contexts:
    """Run a bundle over a mixture with this fade and lookahead, and look at what it heard."""
    bundle = open_bundle(folder, KIND)
    noted = {graph: Noted(Engine(bundle, graph, threads=1)) for graph in GRAPHS}
    network = GenNetwork(bundle, backends=noted)
    extractor = extractor_of(network, asked, steps)
    fade, ahead = (round(seconds * RATE / POSITION) for seconds in (fade_s, ahead_s))
    extractor.plan = plan = replace(extractor.plan, fade=fade, ahead=ahead)
    extractor.restart()
    extractor.push(asked.mixture)
    extractor.flush()
    heard = [found["hidden"][0] for found in noted["encode"].found]
    mel = np.concatenate([given["mel"][0].T for given in noted["vocoder"].given])
    line, joins, apart = line_of(heard, plan)
    changes = np.abs(np.diff(line, axis=0)).mean(1) / np.abs(line).mean()
    width = fade + 1
    largest = np.lib.stride_tricks.sliding_window_view(changes, width).max(1)
    firsts = np.array([join - 1 for join in joins if join - 1 < len(largest)])
    away = np.ones(len(largest), bool)
    for first in firsts:
        away[max(0, first - width + 1) : first + width] = False
    nats, other = _beside_one_context(network, asked, mel, steps)
    at, elsewhere = (float(np.median(part)) for part in (largest[firsts], largest[away]))
    return Contexts(apart, at, elsewhere, nats, other)


def line_of(heard: Sequence[Frames], plan: GenPlan) -> tuple[Frames, list[int], float]:
    """Positions of all contexts on one line, where they join, and how far they are apart there."""
    share = ((np.arange(plan.fade) + 0.5) / plan.fade)[:, None]
    parts, joins, apart = list[Frames](), list[int](), list[float]()
    tail: Frames | None = None
    for hidden in heard:
        stop = len(hidden) - plan.ahead
        newest = hidden[stop - plan.fade - plan.hop : stop].copy()
        if tail is not None:
            first = newest[: plan.fade]
            apart.append(float(np.abs(first - tail).mean() / np.abs(tail).mean()))
            newest[: plan.fade] = share * first + (1 - share) * tail
            joins.append(len(parts) * plan.hop)
        tail = newest[plan.hop :]
        parts.append(newest[: plan.hop])
    return np.concatenate(parts), joins, float(np.mean(apart))


def _beside_one_context(
    network: GenNetwork, asked: Asked, mel: Frames, steps: int
) -> tuple[float, float]:
    """Nats from frames in the middles of contexts that hear as much on both sides."""
    form, positions = network.form, network.positions
    stream = MelStream(form)
    stream.push(asked.mixture if form.rate == RATE else _at(asked.mixture, form.rate))
    speaker, enrolled = asked.voice.astype(np.float32), network.enrolled(None)
    near, far = list[float](), list[float]()
    beside = steps * network.before  # drawn too, for the middle depends on them
    for start in range(0, len(asked.mixture) // POSITION - positions, positions // 2):
        begin, end = (round(at * 0.02 / form.seconds) for at in (start, start + positions))
        end = min(end, len(mel), stream.heard.end)
        third = (end - begin) // 3
        first, last = max(begin, begin + third - beside), min(end, end - third + beside)
        context = asked.mixture[start * POSITION : (start + positions) * POSITION]
        hidden = network.hear(context, speaker, enrolled)
        part = stream.heard.part(first, last)
        tokens = read_at(hidden, start, places(first, last - first, form))
        same, other = (
            network.draw(
                tokens, part.mel, part.level, speaker,
                noise_at(seed, first, last - first, network.bands), steps,
            )
            for seed in (SEED, SEED + 1)
        )  # fmt: skip
        middle = slice(begin + third - first, end - third - first)
        near.append(float(np.abs(same[middle] - mel[begin + third : end - third]).mean()))
        far.append(float(np.abs(same[middle] - other[middle]).mean()))
    return float(np.mean(near)), float(np.mean(far))


def _at(audio: Audio, rate: int) -> Audio:
    return np.asarray(soxr.resample(audio, RATE, rate), np.float32)


def main(
    bundle: Annotated[Path, typer.Argument(help="folder that `tap-live export gentse` made")],
    repeat: Annotated[int, typer.Option(help="times that the two speak, 8.7 s each", min=1)] = 8,
    steps: Annotated[str, typer.Option(help="of the flow, with commas")] = "1,2,4,10",
    fades: Annotated[bool, typer.Option(help="the second table, too; in 2 steps")] = True,
) -> None:
    """Print Markdown tables."""
    asked = list(mixtures(repeat))
    network = GenNetwork.open(bundle, threads=1)
    typer.echo(STEPS_HEADING)
    for count in steps.split(","):
        typer.echo(steps_line(network, asked, int(count)))
    if fades:
        typer.echo("\n" + FADES_HEADING)
        for fade, ahead in FADES:
            it = contexts_of(bundle, asked[0], fade, ahead, steps=2)
            typer.echo(
                f"| {fade:.2f}, {ahead:.2f} | {100 * it.apart:.0f} | {it.joins:.2f}; "
                f"{it.elsewhere:.2f} | {it.nats:.2f}; {it.other:.2f} |"
            )


if __name__ == "__main__":
    plainly(lambda: typer.run(main), TapError)
