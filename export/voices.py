"""Make the `voices` bundle: what tells training voices apart, and how sure a score is.

    python -m tap_live.export.voices DATA [FOLDER]

DATA holds `speech/`, `sounds/` and `rir/`, each with a `manifest.jsonl` (file, seconds,
speaker, split). Only clips of the split "train" are read, and every second room.
Each voice is also read at other speeds, as further voices, and with noise and rooms.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.signal
import soundfile
import soxr
from numpy.typing import NDArray

from tap_live.bundle import FORMAT, Bundle, Manifest, file_spec, open_bundle, write_manifest
from tap_live.captions.vad import Vad
from tap_live.export.error_curves import error_curves
from tap_live.processor import Audio
from tap_live.voices.encoder import LENGTHS, STEP_FRAMES, SpeakerEncoder, initial_state, unit
from tap_live.voices.features import RATE
from tap_live.voices.gate import GateConfig
from tap_live.voices.scoring import BUNDLE, Backend, Scorer
from tap_live.voices.speech import find_speech

SECONDS = 60.0  # of one voice, at most
SPEEDS = (0.88, 1.13)  # further voices made of each
AXES = 120
SHRINK = 0.3  # of the spread within voices towards a sphere: few clips a voice
FOLDS = 4
FILES = ("voices.npz", "README.md", "calibration.svg")
STEP = 80  # frames from one training window to the next
VOICES = ("speech", "voice", "talk", "laugh", "cry", "sing")  # no noise: left out
CARD = """\
# voices

How surely two pieces of speech are of one voice: for the states of the `speaker` bundle, {axes}
directions in which {voices} training voices differ (linear discriminant analysis), a cohort
of {cohort} voices, and a line from score to log-likelihood ratio for windows of 0.2 to 1.6 s.

- **From:** {voices} voices of LibriSpeech and VCTK (CC BY 4.0), Multilingual LibriSpeech
  (CC BY 4.0), LJSpeech and LibriVox (public domain), Asterisk's prompts (CC BY-SA 3.0) and the Free
  Spoken Digit Dataset (CC BY-SA 4.0), also at speeds {speeds}; noise of ESC-10, OLPC, noise-of-life
  and others (CC0, CC BY, CC BY-SA), synthetic rooms. A voice of the cohort is {axes} numbers, the
  mean over its clips, and cannot be turned back into speech.
- **Made by:** `python -m tap_live.export.voices DATA`
- **Figures on its own training voices**, never enrolled and tested on the same half of a clip and
  never among the voices that the axes were learned from ({folds} folds), three quarters of it
  with noise, rooms or both: equal error rate at 0.4, 0.8, 1.6 s: {eers}.
  The threshold in use: `calibration.svg`. Unseen voices: `docs/voices.md`.
- **Limits:** mostly read English; noise and rooms cost a lot (`docs/voices.md`).
"""


@dataclass(frozen=True)
class Windows:
    """Rolling windows of training speech."""

    states: NDArray[np.float16]  # (N, 8, 256) after 0.2, ... 1.6 s
    voice: NDArray[np.str_]  # (N,)
    clip: NDArray[np.int64]  # (N,)
    changed: NDArray[np.bool_]  # (N,) with noise, a room, or another speed


@dataclass(frozen=True)
class Trials:
    """Scores of pieces against enrolments."""

    same: NDArray[np.float32]
    different: NDArray[np.float32]


class Corpus:
    """Clips of a data folder, read at 16 kHz."""

    def __init__(self, data: Path, split: str) -> None:
        self._data = data
        speech = [row for row in _manifest(data / "speech") if row["split"] == split]
        self.speech = _at_most(speech, SECONDS)
        self._noises = [row for row in _manifest(data / "sounds") if _is_noise(row, split)]
        self._rooms = _manifest(data / "rir")[(split != "train") :: 2]

    def clip(self, row: dict[str, object]) -> Audio:
        return read_clip(self._data / "speech" / str(row["file"]))

    def disturbed(
        self, audio: Audio, rng: np.random.Generator, snr: tuple[float, float], odds: float = 0.5
    ) -> Audio:
        """Put a recording into a room and into noise, each as `odds` say; `snr` in dB."""
        if rng.random() < odds:
            room = self._rooms[rng.integers(len(self._rooms))]
            echo = read_clip(self._data / "rir" / str(room["file"]))
            direct = int(np.argmax(np.abs(echo)))
            audio = scipy.signal.fftconvolve(audio, echo)[direct : direct + len(audio)]
        if rng.random() < odds:
            row = self._noises[rng.integers(len(self._noises))]
            noise = read_clip(self._data / "sounds" / str(row["file"]))
            noise = np.tile(noise, len(audio) // len(noise) + 1)[: len(audio)]
            ratio = np.sqrt(np.mean(audio**2) / (np.mean(noise**2) + 1e-12))
            audio = audio + noise * ratio * 10 ** (-rng.uniform(*snr) / 20)
        return np.asarray(audio, np.float32)


def read_windows(corpus: Corpus, encoder: SpeakerEncoder, seed: int = 0) -> Windows:
    """Read every clip as it is, disturbed, and disturbed at other speeds."""
    rng, vad = np.random.default_rng(seed), Vad.open()
    states, voice, clip, changed = [], [], [], []
    for number, row in enumerate(corpus.speech):
        audio = corpus.clip(row)
        for speed in (None, 1.0, *SPEEDS):
            heard = audio if speed is None else _at_speed(audio, speed)
            odds = np.concatenate([vad.push(heard), vad.flush()])
            if speed is not None:
                heard = corpus.disturbed(heard, rng, (5.0, 25.0))
            windows = find_speech(heard, odds).windows(STEP)
            if not len(windows):
                continue
            if speed is not None:  # the level of a live voice is known to a few dB only
                windows = windows * np.float32(10 ** (rng.normal(0, 3) / 10))
            states.append(rolling_states(encoder, windows))
            name = str(row["speaker"]) + ("" if speed in (None, 1.0) else f"@{speed}")
            voice += [name] * len(windows)
            clip += [number] * len(windows)
            changed += [speed is not None] * len(windows)
    return Windows(np.concatenate(states), np.array(voice), np.array(clip), np.array(changed))


def rolling_states(encoder: SpeakerEncoder, windows: NDArray[np.float32]) -> NDArray[np.float16]:
    """Read (N, 160, 40) windows in steps: the top state after each, (N, 8, 256)."""
    hidden, cell = initial_state(len(windows))
    tops = []
    for start in range(0, windows.shape[1], STEP_FRAMES):
        piece = np.ascontiguousarray(windows[:, start : start + STEP_FRAMES])
        _, hidden, cell = encoder.advance(piece, hidden, cell)
        tops.append(hidden[-1].astype(np.float16))
    return np.stack(tops, axis=1)


def train(windows: Windows, seed: int = 0) -> tuple[Backend, dict[int, Trials]]:
    """Learn axes and cohort from all voices, and the lines from held-out ones."""
    trials = held_out_trials(windows, seed)
    lines = [fit_line(trials[length]) for length in range(1, LENGTHS + 1)]
    backend = learn_axes(windows, np.ones(len(windows.voice), bool))
    slopes, offsets = np.array(lines, np.float32).T
    return Backend(backend.means, backend.axes, backend.cohort, slopes, offsets), trials


def learn_axes(windows: Windows, chosen: NDArray[np.bool_]) -> Backend:
    """Find where the chosen voices differ most for how much each varies."""
    states = windows.states[chosen].astype(np.float32)
    names, voice = np.unique(windows.voice[chosen], return_inverse=True)
    means = states.mean(axis=0)  # (8, 256)
    full = states[:, -1].astype(np.float64)
    centres = np.stack([full[voice == k].mean(axis=0) for k in range(len(names))])
    within = np.cov((full - centres[voice]).T, bias=True)
    within += SHRINK * np.trace(within) / len(within) * np.eye(len(within))
    between = (centres - full.mean(axis=0)).T @ (centres - full.mean(axis=0)) / len(names)
    values, vectors = scipy.linalg.eigh(between, within)
    axes = vectors[:, np.argsort(-values)[:AXES]].astype(np.float32)
    projected = unit((states[:, -1] - means[-1]) @ axes)
    cohort = unit(np.stack([projected[voice == k].mean(axis=0) for k in range(len(names))]))
    return Backend(
        _halved(means),
        _halved(axes),
        _halved(cohort),
        np.ones(LENGTHS, np.float32),
        np.zeros(LENGTHS, np.float32),
    )


def _halved(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round to what the bundle keeps."""
    return array.astype(np.float16).astype(np.float32)


def held_out_trials(windows: Windows, seed: int) -> dict[int, Trials]:
    """Score voices by axes and a cohort that were learned without them, by length of window."""
    base = np.array([name.split("@")[0] for name in windows.voice])
    names = np.random.default_rng(seed).permutation(np.unique(base))
    trials: dict[int, list[Trials]] = {length: [] for length in range(1, LENGTHS + 1)}
    for fold in range(FOLDS):
        held = np.isin(base, names[fold::FOLDS])
        scorer = Scorer(learn_axes(windows, ~held))
        for length, found in trials.items():
            found.append(_fold_trials(windows, held, scorer, length))
    return {
        length: Trials(
            np.concatenate([t.same for t in found]), np.concatenate([t.different for t in found])
        )
        for length, found in trials.items()
    }


def _fold_trials(windows: Windows, held: NDArray[np.bool_], scorer: Scorer, length: int) -> Trials:
    """Enrol each clip of half a voice's clips (or half of its one clip); test on the rest."""
    same, different = [], []
    plain = np.array(["@" not in name for name in windows.voice])
    sides = _sides(windows)
    enrolled, owners = [], []
    for name in np.unique(windows.voice[held & plain]):
        chosen = (windows.voice == name) & (sides == 0) & ~windows.changed
        if chosen.sum() >= 3:
            state = windows.states[chosen, -1].astype(np.float32).mean(axis=0)
            enrolled.append(scorer.print_of(state))
            owners.append(name)
    tested = held & plain & (sides == 1)
    states = windows.states[tested, length - 1].astype(np.float32)
    scores = scorer.scores(states, enrolled, length)
    own = windows.voice[tested][:, None] == np.array(owners)[None]
    same.append(scores[own])
    different.append(scores[~own])
    return Trials(np.concatenate(same), np.concatenate(different))


def _sides(windows: Windows) -> NDArray[np.int64]:
    """0 for what a voice is enrolled from, 1 for what it is tested on, -1 for the seam."""
    sides = np.zeros(len(windows.voice), np.int64)
    for name in np.unique(windows.voice):
        rows = np.flatnonzero(windows.voice == name)
        clips = np.unique(windows.clip[rows])
        if len(clips) > 1:
            sides[rows] = windows.clip[rows] >= clips[len(clips) // 2]
            continue
        for changed in (False, True):
            part = rows[windows.changed[rows] == changed]
            sides[part[len(part) // 2 :]] = 1
            sides[part[len(part) // 2 : len(part) // 2 + 2]] = -1  # these overlap the first half
    return sides


def fit_line(trials: Trials) -> tuple[float, float]:
    """Fit log-likelihood ratio = slope * score + offset by logistic regression, even odds."""
    scores = np.concatenate([trials.same, trials.different]).astype(np.float64)
    truth = np.concatenate([np.ones(len(trials.same)), -np.ones(len(trials.different))])
    weight = np.where(truth > 0, 0.5 / len(trials.same), 0.5 / len(trials.different))

    def loss(line: NDArray[np.float64]) -> float:
        return float((weight * np.logaddexp(0, -truth * (line[0] * scores + line[1]))).sum())

    found = scipy.optimize.minimize(loss, np.array([1.0, -3.0]), method="Nelder-Mead")
    return float(found.x[0]), float(found.x[1])


def equal_error_rate(trials: Trials) -> tuple[float, float]:
    """Return the rate at which misses equal false alarms, and the score where they do."""
    same, different = np.sort(trials.same), np.sort(trials.different)
    at = np.sort(np.concatenate([same, different]))
    missed = np.searchsorted(same, at) / len(same)
    accepted = 1 - np.searchsorted(different, at) / len(different)
    k = int(np.argmin(np.abs(missed - accepted)))
    return float(missed[k] + accepted[k]) / 2, float(at[k])


def export(data: Path, folder: Path = BUNDLE) -> Bundle:
    """Train on DATA and write the bundle."""
    corpus = Corpus(data, "train")
    windows = read_windows(corpus, SpeakerEncoder.open())
    backend, trials = train(windows)
    folder.mkdir(parents=True, exist_ok=True)
    small = {
        name: getattr(backend, name).astype(np.float16) for name in ("means", "axes", "cohort")
    }
    np.savez(folder / "voices.npz", **small, slopes=backend.slopes, offsets=backend.offsets)
    longest, slope, offset = trials[LENGTHS], backend.slopes[-1], backend.offsets[-1]
    drawn = error_curves(
        slope * longest.same + offset,
        slope * longest.different + offset,
        GateConfig().threshold,
        "one window of 1.6 s, held-out training voices, three quarters disturbed",
    )
    (folder / "calibration.svg").write_text(drawn, encoding="utf-8")
    rates = [f"{100 * equal_error_rate(trials[length])[0]:.1f} %" for length in (2, 4, 8)]
    card = CARD.format(
        axes=AXES, voices=len({str(row["speaker"]) for row in corpus.speech}),
        cohort=len(backend.cohort), speeds=" and ".join(map(str, SPEEDS)), folds=FOLDS,
        eers=", ".join(rates),
    )  # fmt: skip
    (folder / "README.md").write_text(card, encoding="utf-8")
    write_manifest(folder, _bundle_manifest(folder))
    return open_bundle(folder, "voice-scoring")


def _bundle_manifest(folder: Path) -> Manifest:
    return Manifest(
        format=FORMAT,
        name="voices",
        kind="voice-scoring",
        licence="Apache-2.0",
        made_by="python -m tap_live.export.voices DATA",
        sources=(
            "states of the bundle speaker (Resemblyzer 0.1.4), Apache-2.0",
            "LibriSpeech, VCTK, Multilingual LibriSpeech, CC BY 4.0",
            "LJSpeech, LibriVox, public domain",
            "Asterisk prompts, CC BY-SA 3.0; Free Spoken Digit Dataset, CC BY-SA 4.0",
            "noise: ESC-10, OLPC, noise-of-life and others, CC0, CC BY, CC BY-SA",
        ),
        files={file: file_spec(folder / file) for file in FILES},
        rate=RATE,
    )


def _manifest(folder: Path) -> list[dict[str, object]]:
    lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _at_most(rows: list[dict[str, object]], seconds: float) -> list[dict[str, object]]:
    """Keep a spread of each speaker's clips, until there is enough."""
    kept, heard = [], dict.fromkeys({str(row["speaker"]) for row in rows}, 0.0)
    for index in np.random.default_rng(0).permutation(len(rows)):
        row = rows[index]
        length, speaker = float(str(row["seconds"])), str(row["speaker"])
        if length >= 2.0 and heard[speaker] < seconds:
            kept.append(row)
            heard[speaker] += length
    return kept


def _is_noise(row: dict[str, object], split: str) -> bool:
    label = str(row.get("label") or "")
    long = float(str(row["seconds"])) > 1.5
    return row["split"] == split and long and not any(word in label for word in VOICES)


def read_clip(path: Path) -> Audio:
    """Read a file as (T,) mono at 16 kHz."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = audio.mean(axis=1)
    return np.asarray(mono if rate == RATE else soxr.resample(mono, rate, RATE), np.float32)


def _at_speed(audio: Audio, speed: float) -> Audio:
    return np.asarray(soxr.resample(audio, RATE, RATE / speed), np.float32)


if __name__ == "__main__":
    print(export(*map(Path, sys.argv[1:])).folder)
