"""Synthesise English speech of many voices, to train on beside recorded speech.

    python -m tap_live.export.synthesised KOKORO TEXTS OUT --voices 160

KOKORO holds `kokoro.onnx` (Kokoro-82M, Apache-2.0), its `vocab.json`, and `voices/*.bin`: styles
for every length of text, as kokoro-js has them. TEXTS has a sentence a line. A new voice is a
blend of two: Kokoro has some fifty, a network that is to tell voices apart wants hundreds.
OUT becomes a folder that `models/training/data.py` reads. The program can be stopped and goes on
where it was. espeak-ng spells the sentences in IPA, which is what Kokoro reads.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import onnxruntime
import soundfile
import typer
from numpy.typing import NDArray
from rich.progress import track

RATE = 24_000  # Hz, Kokoro's
STYLE = 256  # numbers of a style
SHARES = (0.25, 0.75)  # of the first of two voices
SPEEDS = (0.85, 1.2)
LENGTHS_S = (1.5, 20.0)  # what is kept


@dataclass(frozen=True)
class Voice:
    """A voice: styles by the number of tokens, (510, 256), and how fast it speaks."""

    name: str
    styles: NDArray[np.float32]
    speed: float


class Kokoro:
    """Kokoro-82M: speech from IPA, in any style."""

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(folder / "kokoro.onnx", options)
        self._tokens = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))["vocab"]

    def say(self, text: str, voice: Voice) -> NDArray[np.float32]:
        """(T,) audio at 24 kHz; none of a text that is longer than its styles."""
        tokens = [self._tokens[sign] for sign in spelled(text) if sign in self._tokens]
        if not 0 < len(tokens) <= len(voice.styles):
            return np.zeros(0, np.float32)
        asked = {
            "tokens": np.array([[0, *tokens, 0]]),
            "style": voice.styles[len(tokens) - 1][None],
            "speed": np.array([voice.speed], np.float32),
        }
        return np.asarray(self._session.run(None, asked)[0], np.float32).ravel()


def spelled(text: str) -> str:
    """A sentence in IPA; espeak-ng leaves out what ends it."""
    command = ["espeak-ng", "-v", "en-us", "-q", "--ipa", "--stdin"]
    said = subprocess.run(command, input=text, capture_output=True, encoding="utf-8", check=True)
    parts = [part.strip() for part in said.stdout.splitlines()]
    return ", ".join(filter(None, parts)) + (text[-1] if text[-1] in ".!?" else "")


def blended(styles: dict[str, NDArray[np.float32]], count: int, seed: int) -> Iterator[Voice]:
    """Blend voices, two at a time."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        first, second = rng.choice(sorted(styles), 2, replace=False)
        share = rng.uniform(*SHARES)
        mixed = share * styles[first] + (1 - share) * styles[second]
        yield Voice(f"kokoro{seed}_{number:03}", mixed.astype(np.float32), rng.uniform(*SPEEDS))


def main(
    kokoro: Annotated[Path, typer.Argument(help="folder of Kokoro")],
    texts: Annotated[Path, typer.Argument(help="a sentence a line")],
    out: Annotated[Path, typer.Argument(help="folder to fill")],
    voices: Annotated[int, typer.Option(help="how many")] = 160,
    clips: Annotated[int, typer.Option(help="of a voice")] = 4,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Fill a folder with synthesised speech."""
    if not shutil.which("espeak-ng"):
        raise typer.BadParameter("wanted espeak-ng, found none: apt-get install espeak-ng")
    model = Kokoro(kokoro)
    lines = [line.strip() for line in texts.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        raise typer.BadParameter(f"wanted a sentence a line, found none in {texts}")
    styles = {
        file.stem: np.fromfile(file, np.float32).reshape(-1, STYLE)
        for file in sorted((kokoro / "voices").glob("*.bin"))
    }
    if len(styles) < 2:
        raise typer.BadParameter(
            f"wanted two styles or more to blend, found {len(styles)} in {kokoro / 'voices'}: "
            "`voices/*.bin` of kokoro-js"
        )
    out.mkdir(parents=True, exist_ok=True)
    manifest = out / "manifest.jsonl"
    manifest.touch()
    done = {json.loads(line)["file"] for line in manifest.read_text().splitlines()}
    with manifest.open("a", encoding="utf-8") as file:
        for number, voice in enumerate(track(blended(styles, voices, seed), total=voices)):
            for clip in range(clips):
                name = f"{voice.name}_{clip}.flac"
                if name in done:
                    continue
                text = lines[(seed + number * clips + clip) % len(lines)]
                audio = model.say(text, voice)
                if not LENGTHS_S[0] <= len(audio) / RATE <= LENGTHS_S[1]:
                    continue
                soundfile.write(out / name, 0.9 * audio / np.abs(audio).max(), RATE)
                file.write(json.dumps(_row(name, voice.name, text, len(audio) / RATE)) + "\n")
                file.flush()


def _row(name: str, speaker: str, text: str, seconds: float) -> dict[str, object]:
    return {
        "file": name,
        "seconds": round(seconds, 3),
        "rate": RATE,
        "source": "Kokoro-82M",
        "licence": "Apache-2.0",
        "speaker": speaker,
        "text": text,
        "text_source": "official",
        "lang": "en",
        "split": "train",
    }


if __name__ == "__main__":
    typer.run(main)
