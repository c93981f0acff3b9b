"""The part of `tap-live bench` that measures networks: `--model`."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from tap_live.bench_graphs import Figure, Way, bundle_way, measure, whisper_way
from tap_live.bundle import MANIFEST, open_bundle
from tap_live.catalogue import BUNDLES, manifests
from tap_live.errors import BundleError, ConfigError, RuntimeMissingError
from tap_live.providers import Where
from tap_live.whisper.sources import entry_of, local

SHIPPED = "shipped"  # for --model
WHISPER = "whisper-"
UNOPTIMISED = "fp32 as written"


def measure_models(
    names: Sequence[str], where: Where, peer: str | None, steps: int
) -> list[Figure]:
    """Measure models, every way there is. Raises: ConfigError, BundleError, RuntimeMissingError."""
    if peer not in (None, "pytorch"):
        raise ConfigError(f"--model is compared with --peer pytorch, not with {peer!r}")
    figures = []
    for name in [one for given in names for one in (_shipped() if given == SHIPPED else [given])]:
        ways = _whisper_ways(name, where) if name.startswith(WHISPER) else _ways(name, where)
        if peer:
            ways = _beside_pytorch(name, ways)
        figures += measure(name, ways, steps=steps)
    return figures


def table_of(figures: Sequence[Figure]) -> Table:
    """Latency, throughput, real-time factor; how many times as fast as the last way."""
    columns = ("model", "graph", "way", "on", "rows", "p50 ms", "slow ms", "rows/s")
    table = Table(*columns, "real time", "ratio", box=None)
    for one in figures:
        table.add_row(
            one.model,
            one.graph,
            one.way,
            one.device,
            str(one.batch),
            f"{one.p50_ms:.3g}",
            f"worst {one.worst_ms:.3g}" if one.p99_ms is None else f"p99 {one.p99_ms:.3g}",
            f"{one.rows_a_s:.3g}",
            "" if one.real_time is None else f"{one.real_time:.3g}",
            "" if one.ratio is None else f"{one.ratio:.2f}",
        )
    return table


def _shipped() -> list[str]:
    """Bundles with graphs, and with weights where those are elsewhere."""
    with_graphs = [one.name for one in manifests() if one.graphs]
    return [
        name
        for name in with_graphs
        if not name.startswith(WHISPER) or any(local(entry_of(name.removeprefix(WHISPER))))
    ]


def _ways(name: str, where: Where) -> list[Way]:
    folder = next(
        (path for path in (BUNDLES / name, Path(name)) if (path / MANIFEST).is_file()), None
    )
    if folder is None:
        there = ", ".join(one.name for one in manifests() if one.graphs)
        raise BundleError(f"no bundle {name!r} with graphs: there are {there}, or give a folder")
    bundle = open_bundle(folder)
    return [
        bundle_way("fp32", bundle, where),
        bundle_way(UNOPTIMISED, bundle, where, optimise=False),
    ]


def _whisper_ways(name: str, where: Where) -> list[Way]:
    source = name.removeprefix(WHISPER)
    fp32 = whisper_way("fp32", source, "fp32", where)
    if fp32.device != "cpu":
        return [fp32]
    int8 = whisper_way("int8", source, "int8", where)
    return [int8, fp32, whisper_way(UNOPTIMISED, source, "fp32", where, optimise=False)]


def _beside_pytorch(name: str, ways: list[Way]) -> list[Way]:
    """The ways, one in 8 bits where a bundle ships none and has what gains by it, and PyTorch's."""
    try:
        from tap_live.export.twins import int8_way, pytorch_way
    except ImportError as error:
        raise RuntimeMissingError(
            "--peer pytorch wants PyTorch: pip install 'tap-live[export]'"
        ) from error
    folder = BUNDLES / name
    if ways[0].name != "int8" and ways[0].device == "cpu" and folder.is_dir():
        ways = [*ways, *int8_way(open_bundle(folder))]
    try:
        return [*ways, pytorch_way(name)]
    except ConfigError:  # there is nothing to compare with
        return ways
