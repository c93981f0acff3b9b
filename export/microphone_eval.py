"""Prove the microphone's path: what a room says is captioned as its file is, and nothing is lost.

    python -m tap_live.export.microphone_eval DATA --minutes 5

Needs PulseAudio. A server of our own gets a null sink, the room; dialogues of the turns
list are played into it, while `tap-live run` records and captions its monitor at 48 kHz
with blocks of 10 ms. Then the same dialogues are captioned from their file.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated

import jiwer
import numpy as np
import soundfile
import soxr
import typer

from tap_live.export.wer import normalised
from tap_live.processor import Audio

RATE = 48_000
PAUSE_S = 2.0


def evaluate(
    data: Annotated[Path, typer.Argument(help="Folder with eval/turns.csv and the speech.")],
    minutes: Annotated[float, typer.Option(help="Length of what is played.")] = 5.0,
    whisper: Annotated[str, typer.Option()] = "base",
) -> None:
    """Play dialogues into a room and compare live captions with those of the file."""
    with tempfile.TemporaryDirectory() as name, _sound_server(Path(name)) as env:
        folder = Path(name)
        soundfile.write(folder / "played.wav", _dialogues(data, minutes * 60), RATE, "PCM_16")
        live, lost = _live(folder, env, whisper)
        file = _streamed(folder / "played.wav", whisper)
    measures = jiwer.process_words(normalised(file), normalised(live))
    print(f"words of the file: {len(normalised(file).split())}")
    print(f"words that differ live: {100 * measures.wer:.2f} %")
    print(f"lost samples: {lost}")


def _dialogues(data: Path, seconds: float) -> Audio:
    """Join dialogues of the list until they last long enough."""
    sys.path.insert(0, str(data / "eval"))
    render = import_module("render")
    parts: list[Audio] = []
    for id in sorted({row["id"] for row in render.rows("turns")}):
        audio, _ = render.dialogue("turns", id)
        parts += [audio, np.zeros(round(PAUSE_S * 16_000), np.float32)]
        if sum(map(len, parts)) >= seconds * 16_000:
            break
    played: Audio = soxr.resample(np.concatenate(parts), 16_000, RATE)
    return played


def _live(folder: Path, env: dict[str, str], whisper: str) -> tuple[str, int]:
    """Run on the room's monitor while it plays; return the captions and the lost samples."""
    command = [sys.executable, "-m", "tap_live", "run", "--input", "room", "--rate", str(RATE)]
    command += ["--block-ms", "10", "--whisper", whisper, "--json"]
    with (folder / "events.jsonl").open("w") as out:
        run = subprocess.Popen([*command, "--record", str(folder / "kept")], stdout=out, env=env)
        _until(lambda: '"opened"' in (folder / "events.jsonl").read_text())
        subprocess.run(["paplay", "-d", "room", str(folder / "played.wav")], env=env, check=True)
        time.sleep(2)
        run.terminate()
        run.wait(120)
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    lost = max(event["lost"] for event in events if event["type"] == "stats")
    return (folder / "kept" / "captions.txt").read_text(), lost


def _streamed(path: Path, whisper: str) -> str:
    out = path.with_suffix(".txt")
    command = [sys.executable, "-m", "tap_live", "transcribe", str(path), "--streaming"]
    subprocess.run([*command, "--whisper", whisper, "-o", str(out)], check=True)
    return out.read_text()


def _until(true: Callable[[], bool], patience_s: float = 60) -> None:
    deadline = time.monotonic() + patience_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so within {patience_s} s")
        time.sleep(0.1)


@contextmanager
def _sound_server(folder: Path) -> Iterator[dict[str, str]]:
    """Run a PulseAudio with a room, in an environment of its own."""
    if not shutil.which("pulseaudio"):
        raise SystemExit("PulseAudio is not installed: apt install pulseaudio pulseaudio-utils")
    socket = folder / "native"
    env = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "PULSE_SERVER": f"unix:{socket}"}
    options = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
    protocol = f"module-native-protocol-unix auth-anonymous=1 socket={socket}"
    server = subprocess.Popen(["pulseaudio", *options, "-L", protocol], env=env)
    try:
        info = ["pactl", "info"]
        _until(lambda: not subprocess.run(info, env=env, capture_output=True).returncode)
        sink = ["load-module", "module-null-sink", "sink_name=room", f"rate={RATE}"]
        subprocess.run(["pactl", *sink], env=env, check=True, capture_output=True)
        yield env
    finally:
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    typer.run(evaluate)
