"""Simulate rooms to train in: `python -m tap_live.export.rooms OUT --count 600`.

OUT becomes the `rir` folder of a pack: responses of shoebox rooms by the image source method
(Allen and Berkley, 1979), their walls as reverberant as Sabine's formula says.
What a network is measured in should be other rooms than those that it was trained in; this makes
as many as are wanted.
"""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import pyroomacoustics
import soundfile
import typer
from numpy.typing import NDArray
from rich.progress import track

RATE = 32_000  # Hz
SIZES_M = ((2.5, 9.0), (2.2, 7.0), (2.3, 3.6))  # length, width, height
RT60_S = (0.12, 0.7)
FROM_WALLS_M = 0.3
NEAREST_M = 0.3  # a voice to its microphone
HEARD_DB = 45.0  # what lies further below the direct path is cut off behind


def response(rng: np.random.Generator) -> tuple[NDArray[np.float32], dict[str, object]]:
    """The response of a random room between two random places, and what it is; (T,) at `RATE`."""
    while True:
        size = np.array([rng.uniform(*limits) for limits in SIZES_M])
        rt60 = rng.uniform(*RT60_S)
        voice, microphone = (rng.uniform(FROM_WALLS_M, size - FROM_WALLS_M) for _ in range(2))
        distance = float(np.linalg.norm(voice - microphone))
        try:
            absorption, order = pyroomacoustics.inverse_sabine(rt60, size)
        except ValueError:  # too large for so short a reverberation
            continue
        if distance >= NEAREST_M:
            break
    room = pyroomacoustics.ShoeBox(
        size, RATE, materials=pyroomacoustics.Material(absorption), max_order=order
    )
    room.add_source(voice)
    room.add_microphone(microphone)
    room.compute_rir()
    heard = np.asarray(room.rir[0][0], np.float32)
    peak = np.abs(heard).max()
    last = int(np.flatnonzero(np.abs(heard) > peak * 10 ** (-HEARD_DB / 20))[-1])
    told = {
        "room": [round(float(side), 2) for side in size],
        "rt60_target": round(rt60, 3),
        "distance": round(distance, 2),
    }
    return 0.9 * heard[: last + 1] / peak, told


def main(
    out: Annotated[Path, typer.Argument(help="folder to fill")],
    count: Annotated[int, typer.Option(help="how many")] = 600,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Fill a folder with room responses."""
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in track(range(count)):
        audio, told = response(np.random.default_rng([seed, number]))
        name = f"room{number:04}.flac"
        soundfile.write(out / name, audio, RATE)
        about = {"source": "simulated with pyroomacoustics", "licence": "CC0", "split": "train"}
        seconds = round(len(audio) / RATE, 3)
        rows.append({"file": name, "seconds": seconds, "rate": RATE, **told, **about})
    (out / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    typer.run(main)
