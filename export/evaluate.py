"""Measure a bundle of a compact extractor on lists of mixtures, by the product's own path.

    python -m tap_live.export.evaluate voice-compact LISTS --out OUT
    python -m tap_live.export.evaluate voice-compact LISTS --out OUT --dnsmos --wer voice_2mix
    python -m tap_live.export.evaluate voice-compact LISTS --out LIVE --names "" \
        --wer voice_2mix,voice_absent --streaming
    python -m tap_live.export.evaluate FOLDER LISTS --out OUT --checkpoint RUN/best.pt

LISTS holds lists of mixtures with the program that renders them (`render.py`: `rows(name)`,
`voice_case(row)`, `sound_case(row)`). Voices are enrolled as `tap-live enrol` does, sounds asked
for through the cue encoders that ship (words that users would be told are unknown, too), and the
bundle runs in the live engine, as of a recording or, with `--live`, hop by hop.

OUT gets `evaluation.md`, which `export compact` takes for the card (`figures=`), a plot of every
list, and lines of every case: a run that was stopped, or is asked for more, goes on from them.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.progress import track

from tap_live.errors import TapError
from tap_live.export.compact import write
from tap_live.export.compact_graph import build
from tap_live.export.extractor_report import Found, report
from tap_live.export.ledger import Ledger
from tap_live.export.product import (
    BundleSounds,
    BundleVoices,
    ShippedCues,
    fingerprint,
    folder_of,
)
from tap_live.export.prompts_eval import Listener
from tap_live.export.prompts_eval import measure as hear
from tap_live.extractors.network import BUNDLES, Network, kind_of
from tap_live.models.training.checkpoint import open_network
from tap_live.models.training.choices import DEFAULT_LISTS
from tap_live.models.training.dnsmos import dnsmos as rated
from tap_live.models.training.dnsmos import open_dnsmos
from tap_live.models.training.evaluate import Case, open_render
from tap_live.models.training.evaluate_report import draw
from tap_live.models.training.plain_errors import plainly
from tap_live.models.training.sound_evaluate import WAYS, Way, name_of_way
from tap_live.voices.enrolment import Enroller

CUES = {"voice": ("speaker",), "sound": ("text-cue", "audio-cue")}
ONE_WAY = WAYS[:1]  # words, what is kept: enough to see what rounding costs

Row = dict[str, str]


class Rows:
    """Rows of lists, all of them or some that are drawn."""

    def __init__(self, render: Any, count: int | None, seed: int) -> None:
        self.render, self._count, self._seed = render, count, seed

    def of(self, name: str) -> Sequence[Row]:
        """Raises: FileNotFoundError if there is no such list."""
        rows: list[Row] = self.render.rows(name)
        drawn = np.random.default_rng(self._seed).permutation(len(rows))[: self._count]
        return [rows[number] for number in sorted(drawn)]


@dataclass(frozen=True)
class Measuring:
    """A network over lists; what is in the ledger is not measured again.

    Attributes:
        by: what tells this network from others there.
        mos: whether speech is rated, too.
    """

    meter: BundleVoices | BundleSounds
    ledger: Ledger
    by: str
    ways: Sequence[Way] = WAYS
    mos: bool = False

    def cases(self, name: str, rows: Rows) -> dict[str, list[Case]]:
        """Cases of a list, by `list: way` of asking where there are several."""
        found: dict[str, list[Case]] = {}
        shown = track(rows.of(name), description=name, transient=True)
        for row in shown:
            known = dict(self._known(name, row)) or dict(self._new(name, row, rows.render))
            for way, case in known.items():
                found.setdefault(f"{name}: {way}" if way else name, []).append(case)
        return found

    def _known(self, name: str, row: Row) -> Iterator[tuple[str, Case]]:
        """All that was measured of a row, or nothing if something is missing."""
        known = [
            (way, self.ledger.find(name, row["id"], way, self.by, Case)) for way in self._ways(row)
        ]
        if all(case is not None and self._enough(case) for _, case in known):
            yield from ((way, case) for way, case in known if case is not None)

    def _new(self, name: str, row: Row, render: Any) -> Iterator[tuple[str, Case]]:
        if isinstance(self.meter, BundleSounds):
            measured = self.meter.measure(render.sound_case(row))
        else:
            measured = {"": self.meter.measure(row["id"], row["speaker"], render.voice_case(row))}
        for way, case in measured.items():
            self.ledger.add(name, row["id"], way, self.by, case)
            yield way, case

    def _ways(self, row: Row) -> Sequence[str]:
        if isinstance(self.meter, BundleVoices):
            return [""]
        absent = row.get("absent") == "1"
        return [name_of_way(*way) for way in self.ways if way[1] or not absent]

    def _enough(self, case: Case) -> bool:
        return case.mos is not None or case.gain is None or not self.mos


def measuring(
    folder: Path,
    ledger: Ledger,
    mos: bool = False,
    ways: Sequence[Way] = WAYS,
    by: str = "",
    *,
    live: bool = False,
) -> Measuring:
    """Open a bundle; `live`: as a stream is extracted. Raises: BundleError."""
    network = Network.open(folder)
    own = by or fingerprint(folder, *(BUNDLES / cue for cue in CUES[network.kind]))
    own = own if live else f"{own} as a file"
    if network.kind == "sound":
        cues = ShippedCues(any_word=True)
        return Measuring(BundleSounds(network, cues, ways, live=live), ledger, own, ways)
    voices = BundleVoices(network, Enroller.open(), rated if mos else None, live=live)
    return Measuring(voices, ledger, own, mos=mos)


def exact_cases(
    checkpoint: Path, ledger: Ledger, name: str, rows: Rows, live: bool
) -> dict[str, list[Case]]:
    """Cases of the network before its weights were rounded, by the very same path."""
    net = open_network(checkpoint)
    by = f"fp32 {sha256(checkpoint.read_bytes()).hexdigest()[:12]}"
    with TemporaryDirectory() as folder:
        write(Path(folder), build(net, stored_small=False), net.dims, "", False)
        return measuring(Path(folder), ledger, ways=ONE_WAY, by=by, live=live).cases(name, rows)


def command_of(context: typer.Context) -> str:
    """The command with the options that were given; paths by their last names."""
    given = context.params
    words = ["python -m tap_live.export.evaluate", folder_of(given["bundle"]).name, "LISTS"]
    for option in context.command.params:
        value, name = given.get(option.name or ""), option.opts[0]
        if name.startswith("--") and value not in (None, option.default):
            told = [] if value is True else [Path(value).name if isinstance(value, Path) else value]
            words += [name, *(shlex.quote(str(one)) for one in told)]
    return " ".join(words)


def main(
    context: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="a bundle's folder, or the name of a shipped one")],
    lists: Annotated[Path, typer.Argument(help="folder of lists with their render.py")],
    out: Annotated[Path, typer.Option(help="folder for evaluation.md, cases and plots")],
    names: Annotated[
        str | None, typer.Option(help="lists to measure in dB, with commas [default: of its kind]")
    ] = None,
    wer: Annotated[str, typer.Option(help="lists of voices whose words are counted")] = "",
    whisper: Annotated[str, typer.Option(help="name, or folder of weights")] = "base",
    beam: Annotated[int, typer.Option(help="of offline decoding")] = 5,
    streaming: Annotated[bool, typer.Option("--streaming", help="as live captions hear")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="as a stream is extracted, not as a recording")
    ] = False,
    dnsmos: Annotated[bool, typer.Option("--dnsmos", help="rate voices; slow")] = False,
    checkpoint: Annotated[
        Path | None, typer.Option(help="that it was made of: what did rounding cost?")
    ] = None,
    cases: Annotated[int | None, typer.Option(help="of each list, drawn [default: all]")] = None,
    wer_cases: Annotated[
        int | None, typer.Option(help="of each list whose words are counted [default: all]")
    ] = None,
    seed: Annotated[int, typer.Option(help="of drawing cases")] = 0,
) -> None:
    """Print Markdown tables, and write them."""
    torch.set_num_threads(1)
    folder, render = folder_of(bundle), open_render(lists)
    if dnsmos:
        open_dnsmos()  # says so at once if it is not there
    ledger, rows = Ledger(out / "cases.jsonl"), Rows(render, cases, seed)
    found = Found(command=command_of(context))
    measure = measuring(folder, ledger, dnsmos, live=live)
    names = DEFAULT_LISTS[kind_of(folder)] if names is None else names
    chosen = [name for name in names.split(",") if name]
    for name in chosen:
        found.cases |= measure.cases(name, rows)
    if checkpoint and chosen:
        found.exact = exact_cases(checkpoint, ledger, chosen[0], rows, live)
    if wer:
        listener = Listener(whisper, None, folder, streaming=streaming, beam=beam, live=live)
        heard, drawn = Ledger(out / "words.jsonl"), Rows(render, wer_cases, seed)
        for name in wer.split(","):
            found.words += hear(listener, render, name, drawn.of(name), heard)
    text = "\n".join(report(found))
    (out / "evaluation.md").write_text(text + "\n", encoding="utf-8")
    draw(found.cases, out)
    typer.echo(text)


if __name__ == "__main__":
    plainly(lambda: typer.run(main), TapError)
