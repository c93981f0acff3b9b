"""The part of `tap-live bench` that measures networks: `--model`."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from rich.table import Table

from tap_live.bench_graphs import Figure, Way, bundle_way, measure, whisper_way
from tap_live.bench_memory import taken_mb
from tap_live.bundle import MANIFEST, open_bundle, read_manifest
from tap_live.catalogue import BUNDLES, manifests
from tap_live.errors import BundleError, ConfigError, RuntimeMissingError
from tap_live.providers import Where
from tap_live.whisper.assemble import KIND
from tap_live.whisper.model import RECORD
from tap_live.whisper.sources import entry_of, local
from tap_live.whisper.weights import MODEL_BIN

SHIPPED = "shipped"  # for --model
WHISPER = "whisper-"
AS_WRITTEN = "as written"  # ONNX Runtime rewrote nothing
EXPORTED = "as exported"
PEER = "pytorch"


class Absent(msgspec.Struct, frozen=True):
    """What was asked for and has no figure, and why."""

    model: str
    way: str
    why: str


class Measured(msgspec.Struct, frozen=True):
    """What networks take, each alone."""

    figures: list[Figure]
    absent: list[Absent]
    card_mb: dict[str, float]  # of models that ran on a card, its libraries left out


def measure_models(names: Sequence[str], where: Where, peer: str | None, steps: int) -> Measured:
    """Measure models, every way there is. Raises: ConfigError, BundleError, RuntimeMissingError."""
    if peer not in (None, PEER):
        raise ConfigError(f"--model is compared with --peer {PEER}, not with {peer!r}")
    every = [one for given in names for one in (_shipped() if given == SHIPPED else [given])]
    found = Measured([], [], {})
    for name, folder in [(name, _folder_of(name)) for name in every]:
        opened = partial(_ways, folder, where)
        ways = opened()
        beside, why = _beside_pytorch(name, folder, ways) if peer else (ways, "")
        found.figures.extend(measure(name, beside, steps=steps))
        if why:
            found.absent.append(Absent(name, PEER, why))
        if ways[0].device != "cpu":
            del ways, beside
            _weigh(name, opened, found)
    return found


def _weigh(name: str, opened: Callable[[], Sequence[Way]], found: Measured) -> None:
    """How much of the card a model takes, run at one row."""

    def use() -> object:
        ways = opened()
        for way in ways:
            for make in way.graphs.values():
                make(1)()
        return ways

    try:
        found.card_mb[name] = taken_mb(use)
    except RuntimeMissingError as error:
        found.absent.append(Absent(name, "memory of the card", str(error)))


def table_of(measured: Measured) -> Table:
    """Latency, throughput, real-time factor; how many times as fast as the last way."""
    columns = ("model", "graph", "way", "on", "rows", "p50 ms", "slow ms", "rows/s")
    table = Table(*columns, "real time", "ratio", box=None)
    for one in measured.figures:
        table.add_row(
            one.model,
            one.graph,
            one.way,
            one.device,
            str(one.batch),
            _short(one.p50_ms),
            f"worst {_short(one.worst_ms)}" if one.p99_ms is None else f"p99 {_short(one.p99_ms)}",
            _short(one.rows_a_s),
            "" if one.real_time is None else f"{one.real_time:.3g}",
            "" if one.ratio is None else f"{one.ratio:.2f}",
        )
    return table


def _short(value: float) -> str:
    """Three digits, and never a power of ten."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def remarks(measured: Measured) -> list[str]:
    """What the table has no place for."""
    told = [f"{one.model}, {one.way}: no figure, {one.why}" for one in measured.absent]
    weighed = [f"{name} {taken:.0f} MB" for name, taken in measured.card_mb.items()]
    return [*told, *([f"memory of the card: {', '.join(weighed)}"] if weighed else [])]


def _shipped() -> list[str]:
    """Bundles with graphs, and with weights where those are elsewhere."""
    with_graphs = [one.name for one in manifests() if one.graphs]
    return [
        name
        for name in with_graphs
        if not name.startswith(WHISPER) or any(local(entry_of(name.removeprefix(WHISPER))))
    ]


def _folder_of(name: str) -> Path:
    """A folder that is there, else a bundle that ships. Raises: BundleError."""
    given = Path(name)
    if given.is_dir():
        if not _is_whisper(given) and not (given / MANIFEST).is_file():
            raise BundleError(f"no bundle and no Whisper in the folder {name!r}: give an export")
        return given
    if not (BUNDLES / name / MANIFEST).is_file():
        there = ", ".join(one.name for one in manifests() if one.graphs)
        raise BundleError(f"no bundle {name!r} with graphs: there are {there}, or give a folder")
    return BUNDLES / name


def _is_whisper(folder: Path) -> bool:
    """An export, or weights; what ships is recognised by its manifest."""
    if (folder / MANIFEST).is_file():
        return read_manifest(folder).kind == KIND
    return any((folder / one).is_file() for one in (RECORD, MODEL_BIN)) or any(
        folder.glob("*.safetensors")
    )


def _ways(folder: Path, where: Where) -> list[Way]:
    """As it is and, on a CPU, as it is written: an engine of TensorRT is the same of both."""
    if (folder / RECORD).is_file():
        return _exported_ways(folder, where)
    if _is_whisper(folder):
        shipped = folder.parent == BUNDLES
        return _whisper_ways(folder.name.removeprefix(WHISPER) if shipped else folder, where)
    bundle = open_bundle(folder)
    if not bundle.manifest.graphs:
        raise BundleError(f"{bundle.manifest.name!r} has no graphs: there is nothing to measure")
    kind = str(bundle.manifest.settings.get("precision", "fp32"))
    made = bundle_way(kind, bundle, where)
    if made.device != "cpu":
        return [made]
    return [made, bundle_way(f"{kind} {AS_WRITTEN}", bundle, where, optimise=False)]


def _exported_ways(folder: Path, where: Where) -> list[Way]:
    """A Whisper in the one precision that it was exported in."""
    made = whisper_way(EXPORTED, folder, "fp32", where)
    if made.device != "cpu":
        return [made]
    return [made, whisper_way(AS_WRITTEN, folder, "fp32", where, optimise=False)]


def _whisper_ways(source: str | Path, where: Where) -> list[Way]:
    fp32 = whisper_way("fp32", source, "fp32", where)
    if fp32.device != "cpu":
        return [fp32]
    int8 = whisper_way("int8", source, "int8", where)
    return [int8, fp32, whisper_way(f"fp32 {AS_WRITTEN}", source, "fp32", where, optimise=False)]


def _beside_pytorch(name: str, folder: Path, ways: list[Way]) -> tuple[list[Way], str]:
    """The ways, one in 8 bits where a bundle ships none and has what gains by it, and PyTorch's.

    Returns: also why there is none of PyTorch, in words.
    """
    try:
        from tap_live.export.twins import int8_way, pytorch_way
    except ImportError as error:
        return ways, f"{error}: pip install 'tap-live[export]'"
    if folder.parent != BUNDLES:
        return ways, "an export has no checkpoint with it: `tap-live export` compared them"
    if ways[0].name != "int8" and ways[0].device == "cpu":
        ways = [*ways, *int8_way(open_bundle(folder))]
    try:
        return [*ways, pytorch_way(name)], ""
    except ConfigError:
        return ways, "there is no PyTorch network of it here"
