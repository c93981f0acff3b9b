"""A meeting without end, made from the shipped conversation: the same for the same seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from tap_live.audio.files import read_audio
from tap_live.audio.resample import StreamResampler
from tap_live.bundle import open_bundle
from tap_live.processor import Audio

RATE = 16_000
BUNDLE = Path(__file__).parents[1] / "bundles" / "demo"
GAP_S = (0.4, 2.5)  # between two turns
LONG_GAP_S = (5.0, 15.0)
LONG_GAPS = 0.15  # of all gaps
GAIN_DB = (-9.0, 0.0)
NOISE_DB = -70.0
EDGE_S = 0.1  # taken before and after a turn, faded
NOISE_S = 7.0  # after which the noise repeats


@dataclass(frozen=True)
class Turn:
    """What somebody says, and where in the stream: positions at `RATE`."""

    text: str
    start: int
    stop: int


class Meeting:
    """Turns of two voices in random order, loudness and distance, over a little noise."""

    def __init__(self, seed: int) -> None:
        self.turns: list[Turn] = []  # so far
        self._rng = np.random.default_rng(seed)
        self._lines = _lines()
        noise = self._rng.standard_normal(round(NOISE_S * RATE)) * 10 ** (NOISE_DB / 20)
        self._noise = noise.astype(np.float32)

    def blocks(self, size: int) -> Iterator[Audio]:
        """Yield (size,) samples, for ever."""
        waiting, position = np.empty(0, np.float32), 0
        for piece in self._pieces():
            waiting = np.concatenate([waiting, piece])
            whole = len(waiting) // size * size
            for block in waiting[:whole].reshape(-1, size):  # (n, size)
                place = np.arange(position, position + size) % len(self._noise)
                yield block + self._noise[place]
                position += size
            waiting = waiting[whole:]

    def _pieces(self) -> Iterator[Audio]:
        position = 0
        while True:
            low, high = LONG_GAP_S if self._rng.random() < LONG_GAPS else GAP_S
            gap = np.zeros(round(self._rng.uniform(low, high) * RATE), np.float32)
            text, audio = self._lines[self._rng.integers(len(self._lines))]
            gain = 10 ** (self._rng.uniform(*GAIN_DB) / 20)
            start = position + len(gap)
            position = start + len(audio)
            self.turns.append(Turn(text, start, position))
            yield gap
            yield audio * np.float32(gain)


def _lines() -> list[tuple[str, Audio]]:
    """Cut the demo's conversation into its turns."""
    bundle = open_bundle(BUNDLE, "demo")
    samples, rate = read_audio(
        bundle.path(str(bundle.manifest.settings["recording"])), lambda warning: None
    )
    resampler = StreamResampler(rate, RATE)
    audio = np.concatenate([resampler.push(samples), resampler.flush()])
    transcript = bundle.path(str(bundle.manifest.settings["transcript"])).read_bytes()
    fade = np.linspace(0, 1, round(EDGE_S * RATE), dtype=np.float32)
    lines = []
    for turn in msgspec.json.decode(transcript)["turns"]:
        start, stop = (round(turn[key] * RATE) for key in ("start", "end"))
        cut = audio[start - len(fade) : stop + len(fade)].copy()
        cut[: len(fade)] *= fade
        cut[-len(fade) :] *= fade[::-1]
        lines.append((str(turn["text"]), cut))
    return lines
