"""What a context of the full model costs on this machine, and the shortest hop that leaves.

python -m tap_live.export.context_bench BUNDLE --threads 2
"""

import resource
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from tap_live.extractors.chunked import HEADROOM
from tap_live.extractors.context import COPY, RATE, ContextNetwork
from tap_live.targets import EmbeddedCue


def main(
    bundle: Annotated[Path, typer.Argument(help="folder of the bundle")],
    threads: Annotated[int, typer.Option(help="of ONNX Runtime")] = 2,
    runs: Annotated[int, typer.Option()] = 5,
    targets: Annotated[int, typer.Option(help="asked for at once")] = 1,
) -> None:
    """Time contexts of noise: wall and processor seconds, and the process's peak memory."""
    before = _peak_mb()
    network = ContextNetwork.open(bundle, threads)
    rng = np.random.default_rng(0)
    mixture = 0.1 * rng.standard_normal(network.samples).astype(np.float32)
    copy = 0.1 * rng.standard_normal(network.samples * COPY // RATE).astype(np.float32)
    width = network.cue_width
    cues = [
        EmbeddedCue(f"text:{n}", "sound", _unit(rng, width), _unit(rng, width))
        for n in range(targets)
    ]
    vectors = [network.vector(cue) for cue in cues]
    walls, shares = [], []
    for _ in range(runs):
        wall, share = time.monotonic(), time.process_time()
        network.targets(mixture, copy, vectors)
        walls.append(time.monotonic() - wall)
        shares.append(time.process_time() - share)
    seconds = network.samples / RATE
    best = min(walls)
    typer.echo(
        f"a context of {seconds:g} s, {targets} targets, {threads} threads: {best:.2f} s at best, "
        f"{np.median(walls):.2f} s median, {np.median(shares):.2f} processor seconds "
        f"({np.median(shares) / seconds:.2f} of a core at a hop of a context)"
    )
    typer.echo(f"shortest hop that keeps up: {HEADROOM * best:.2f} s")
    typer.echo(f"peak memory {_peak_mb():.0f} MB, {before:.0f} MB of it before the bundle")


def _unit(rng: np.random.Generator, width: int) -> np.ndarray:
    vector = rng.standard_normal(width)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    typer.run(main)
