"""How often it is said rightly, and wrongly, that a target is there: thresholds, and what they do.

    python -m tap_live.export.presence_eval BUNDLE --data DATA [--speaker pretrained.pt]   choose
    ... --data DATA --lists LISTS                       both; sounds: without the clips of the lists
    python -m tap_live.export.presence_eval BUNDLE --lists LISTS                           measure
    ... --like 0.5 --on -20 --off -22                                                      others
    ... --write                                         keep them, with these figures in the card

Thresholds are chosen on scenes of voices that were held out of training and of clips of split
`dev`, never on the lists. A bundle that is made anew has those of its kind (`compact_card.py`)
until they are chosen again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import torch
import typer
from numpy.typing import NDArray

from tap_live.bundle import file_spec, read_manifest, write_manifest
from tap_live.export.compact_card import told_presence, with_presence
from tap_live.export.presence_scenes import (
    Scene,
    listed_files,
    listed_scenes,
    sound_scenes,
    voice_scenes,
)
from tap_live.extraction import Extraction, Mixed, Wanted
from tap_live.extractors.network import Network, liken_of
from tap_live.extractors.offline import extractor_of
from tap_live.models.training.evaluate import open_render
from tap_live.models.training.intervals import bootstrap
from tap_live.presence import WINDOW_S, Presence
from tap_live.processor import Audio, TargetKind
from tap_live.signs import Signs, Thresholds

LISTS = {"voice": ("voice_2mix", "voice_absent"), "sound": ("sound_2mix", "sound_absent")}
GRACE_S = 1.0  # after a target, in which neither is wrong
HEARD_DBFS, RANGE_DB = -55.0, 30.0  # a target is there while louder, and so near to its loudest
Lit = NDArray[np.bool_]


@dataclass(frozen=True)
class Played:
    """A scene and what a network made of it; `there` and `lit` are (N,), ten a second."""

    scene: Scene
    mixed: Mixed
    there: Lit

    def lit(self, thresholds: Thresholds) -> Lit:
        """When it is said to be there."""
        signs = replace(self.mixed.signs[0], thresholds=thresholds)
        presence, size = Presence(self.scene.rate), round(WINDOW_S * self.scene.rate)
        said, now = np.zeros(len(self.there), np.bool_), False
        for number in range(len(said)):
            part = slice(number * size, (number + 1) * size)
            mixture, rows = self.mixed.mixture[part], self.mixed.targets[:, part]
            block = Mixed(mixture, mixture, rows, self.mixed.names, signs=(signs,))
            for event in presence.push(block):
                now = event.present
            said[number] = now
        presence.end()
        return said


def play(network: Network, scene: Scene, liken: Callable[..., float] | None) -> Played:
    """Extract from a scene as the live engine does; `liken` compares a cue with audio."""
    extractor = extractor_of({network.kind: network}, scene.rate)
    extraction = Extraction(extractor, [Wanted(scene.cue)], rest_gain=0.0, rate=scene.rate)
    parts = [extraction.push(scene.mixture), extraction.flush()]
    signs = Signs(network.thresholds, liken and remembered(partial(liken, scene.cue.positive)))
    mixed = Mixed(
        np.concatenate([part.mixture for part in parts]),
        np.concatenate([part.output for part in parts]),
        np.concatenate([part.targets for part in parts], axis=1),
        parts[0].names,
        signs=(signs,),
    )
    return Played(scene, mixed, _there(scene))


def remembered(liken: Callable[[Audio, int], float]) -> Callable[[Audio, int], float]:
    """The same, which compares no audio twice."""
    known: dict[bytes, float] = {}

    def look(audio: Audio, rate: int) -> float:
        key = audio.tobytes()
        if key not in known:
            known[key] = liken(audio, rate)
        return known[key]

    return look


def _there(scene: Scene) -> Lit:
    size = round(WINDOW_S * scene.rate)
    windows = scene.target[: len(scene.target) // size * size].reshape(-1, size)
    levels = 10 * np.log10(np.square(windows, dtype=np.float64).mean(axis=1) + 1e-12)
    heard: Lit = (levels > HEARD_DBFS) & (levels > levels.max() - RANGE_DB)
    return heard


def figures(played: Sequence[Played], thresholds: Thresholds) -> dict[str, list[float]]:
    """Each case's share of time, in per cent: lit while it is there, and while it is not; and
    whether it was never lit, or lit at all where nothing of it is there.
    """
    found: dict[str, list[float]] = {"lit": [], "falsely": [], "missed": [], "alarmed": []}
    for one in played:
        lit, reach = one.lit(thresholds), round(GRACE_S / WINDOW_S)
        near = np.convolve(one.there, np.ones(reach + 1))[: len(lit)] > 0
        if one.there.any():
            found["lit"].append(100 * float(lit[one.there].mean()))
            found["missed"].append(100.0 * (not lit[near].any()))
        else:
            found["alarmed"].append(100.0 * bool(lit.any()))
        if not near.all():
            found["falsely"].append(100 * float(lit[~near].mean()))
    return found


def row(name: str, thresholds: Thresholds, found: dict[str, list[float]]) -> str:
    """A line of the table."""
    like = "-" if thresholds.like is None else f"{thresholds.like:g}"
    told = [
        f"{bootstrap(values).value:.0f} [{bootstrap(values).low:.0f}, {bootstrap(values).high:.0f}]"
        if values
        else ""
        for values in found.values()
    ]
    levels = f"{thresholds.on:g}, {thresholds.off:g}"
    times = f"{thresholds.appears:g}, {thresholds.leaves:g}"
    return f"| {name} | {levels} | {like} | {times} | {' | '.join(told)} |"


HEAD = (
    "| cases | from, until, dB | like | after, for s | lit while there, % | lit while not, % "
    "| never lit, % of cases | lit though absent, % of cases |\n|" + "---|" * 8
)


def swept(thresholds: Thresholds) -> Iterator[Thresholds]:
    """Others to choose from, the bundle's own first."""
    yield thresholds
    for on in (-12.0, -8.0, -5.0, -3.0, -2.0, -1.0):
        yield replace(thresholds, on=on, off=on - 1, like=None, appears=0.2, leaves=0.5)
    for like in (0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8):
        for on in (-20.0, -10.0, -5.0):
            yield replace(thresholds, on=on, off=on - 2, like=like, appears=0.2, leaves=0.5)


def write(folder: Path, thresholds: Thresholds, table: str) -> None:
    """Keep thresholds in a bundle's settings, and a table in its card."""
    card = folder / "README.md"
    told = f"{told_presence(thresholds)}\n\n{table}"
    card.write_text(with_presence(card.read_text(encoding="utf-8"), told), encoding="utf-8")
    manifest = read_manifest(folder)
    settings = manifest.settings | {"presence": thresholds.settings()}
    files = {name: file_spec(folder / name) for name in manifest.files}
    write_manifest(folder, msgspec.structs.replace(manifest, files=files, settings=settings))


def _scenes(
    kind: TargetKind,
    data: Path,
    count: int,
    speaker: Path | None,
    cache: Path,
    lists: Path | None,
) -> Iterator[Scene]:
    if kind == "sound":
        listed = listed_files(open_render(lists), LISTS[kind]) if lists else set[str]()
        return sound_scenes(data / "sounds", count, listed)
    from tap_live.models.speaker import SpeakerEncoder
    from tap_live.models.training.corpus import open_corpus

    encoder = SpeakerEncoder.open(speaker or data / "speaker.safetensors")
    return voice_scenes(open_corpus(data, encoder, cache).held_out, count)


def main(
    bundle: Annotated[Path, typer.Argument(help="of an extractor")],
    data: Annotated[Path | None, typer.Option(help="what it was trained on: to choose")] = None,
    lists: Annotated[Path | None, typer.Option(help="with their render.py: to measure")] = None,
    on: Annotated[float | None, typer.Option(help="dB beside the mixture")] = None,
    off: Annotated[float | None, typer.Option(help="dB beside the mixture")] = None,
    like: Annotated[float | None, typer.Option(help="cosine; -1: levels alone")] = None,
    appears: Annotated[float | None, typer.Option(help="seconds on end")] = None,
    leaves: Annotated[float | None, typer.Option(help="seconds on end")] = None,
    count: Annotated[int, typer.Option(help="scenes to choose on")] = 60,
    first: Annotated[int | None, typer.Option(help="cases of each list")] = None,
    speaker: Annotated[Path | None, typer.Option(help="as for training")] = None,
    cache: Annotated[Path, typer.Option(help="as for training")] = Path("runs/cache"),
    write_them: Annotated[bool, typer.Option("--write", help="into the bundle")] = False,
) -> None:
    """Print a Markdown table of what thresholds do; 95 % bootstrap intervals in brackets."""
    torch.set_num_threads(1)
    network = Network.open(bundle)
    given = {"on": on, "off": off, "like": like, "appears": appears, "leaves": leaves}
    chosen = replace(network.thresholds, **{k: v for k, v in given.items() if v is not None})
    chosen = replace(chosen, like=None) if like == -1 else chosen
    liken = liken_of(network.kind)
    lines = [HEAD]
    if data:
        scenes = _scenes(network.kind, data, count, speaker, cache, lists)
        played = [play(network, scene, liken) for scene in scenes]
        for number, thresholds in enumerate(swept(chosen)):
            name = f"held out ({count})" if number == 0 else "to choose from"
            lines.append(row(name, thresholds, figures(played, thresholds)))
    for name in LISTS[network.kind] if lists else ():
        render = open_render(lists or Path())
        played = [
            play(network, scene, liken) for scene in islice(listed_scenes(render, name), first)
        ]
        lines.append(row(f"{name} ({len(played)})", chosen, figures(played, chosen)))
    typer.echo("\n".join(lines))
    if write_them:
        write(
            bundle,
            chosen,
            "\n".join([HEAD, *(one for one in lines[1:] if "to choose from" not in one)]),
        )


if __name__ == "__main__":
    typer.run(main)
