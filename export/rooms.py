"""Simulate rooms to train in: `python -m tap_live.export.rooms ROOMS --count 600`.

ROOMS takes the place of `rir` in a folder to train on: responses of shoebox rooms by the image
source method (Allen and Berkley, 1979), whose walls absorb what Sabine's formula asks for a
reverberation of 0.12 to 0.7 s. A network should be measured in other rooms than those that it was
trained in: another `--seed` makes others.
"""

import json
from pathlib import Path
from typing import Annotated, NamedTuple

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
HEARD_DB = 45.0  # what lies further below the peak is cut off at the end


class Room(NamedTuple):
    """A room, and two places in it, in metres from a corner."""

    size_m: NDArray[np.float64]
    rt60_s: float
    voice_m: NDArray[np.float64]
    microphone_m: NDArray[np.float64]

    @property
    def distance_m(self) -> float:
        return float(np.linalg.norm(self.voice_m - self.microphone_m))


def drawn(rng: np.random.Generator) -> Room:
    """Draw a room that walls can make so reverberant."""
    while True:
        size_m = np.array([rng.uniform(*limits) for limits in SIZES_M])
        rt60_s = rng.uniform(*RT60_S)
        places = (rng.uniform(FROM_WALLS_M, size_m - FROM_WALLS_M) for _ in range(2))
        room = Room(size_m, rt60_s, *places)
        if room.distance_m < NEAREST_M:
            continue
        try:
            pyroomacoustics.inverse_sabine(rt60_s, size_m)
        except ValueError:  # too large for so short a reverberation
            continue
        return room


def response(room: Room) -> NDArray[np.float32]:
    """(T,) at `RATE`, from the voice to the microphone; the peak is 0.9."""
    absorption, order = pyroomacoustics.inverse_sabine(room.rt60_s, room.size_m)
    shoebox = pyroomacoustics.ShoeBox(
        room.size_m, RATE, materials=pyroomacoustics.Material(absorption), max_order=order
    )
    shoebox.add_source(room.voice_m)
    shoebox.add_microphone(room.microphone_m)
    shoebox.compute_rir()
    heard = np.asarray(shoebox.rir[0][0], np.float32)
    heard *= 0.9 / np.abs(heard).max()
    last = int(np.flatnonzero(np.abs(heard) > 0.9 * 10 ** (-HEARD_DB / 20))[-1])
    return heard[: last + 1]


def main(
    out: Annotated[Path, typer.Argument(help="folder to fill")],
    count: Annotated[int, typer.Option(help="how many")] = 600,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Fill a folder with room responses."""
    if out.exists() and any(out.iterdir()):
        raise typer.BadParameter(
            f"wanted an empty folder for the rooms, found files in {out}: give another"
        )
    out.mkdir(parents=True, exist_ok=True)
    about = {"source": "simulated with pyroomacoustics", "licence": "CC0", "split": "train"}
    rows = []
    for number in track(range(count)):
        room = drawn(np.random.default_rng([seed, number]))
        audio = response(room)
        name = f"room{number:04}.flac"
        soundfile.write(out / name, audio, RATE)
        told = {
            "file": name,
            "seconds": round(len(audio) / RATE, 3),
            "rate": RATE,
            "room": [round(float(side), 2) for side in room.size_m],
            "rt60_target": round(room.rt60_s, 3),
            "distance": round(room.distance_m, 2),
        }
        rows.append(told | about)
    (out / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    typer.run(main)
