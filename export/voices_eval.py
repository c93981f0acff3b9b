"""Measure voices: verification, turns of a dialogue, verdicts on clips to enrol.

    python -m tap_live.export.voices_eval DATA OUT [verification] [turns] [verdicts]

DATA is as for `export.voices`, with `eval/turns.csv`. OUT gets `voices.json` with the figures.
Voices, noise and rooms of the evaluation were not trained on; what is enrolled is never tested.
"""

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import scipy.signal
import soundfile
from numpy.typing import NDArray

from tap_live.captions.vad import RATE, WINDOW, Edge, Segmenter, Vad
from tap_live.events import Word
from tap_live.export.voices import Corpus, Trials, equal_error_rate, read_clip, rolling_states
from tap_live.processor import Audio
from tap_live.voices.encoder import SpeakerEncoder, unit
from tap_live.voices.enrolment import Enroller
from tap_live.voices.gate import OTHER, GateConfig, VoiceGate
from tap_live.voices.scoring import Print, Scorer
from tap_live.voices.speech import find_speech
from tap_live.voices.store import Voice
from tap_live.whisper.batch import BatchOptions, transcribe
from tap_live.whisper.decoding import DecodingOptions
from tap_live.whisper.model import Whisper

LENGTHS_S = (1, 2, 3, 5)
TARGET_RMS = 10 ** (-26 / 20)
NOISY_DB = (5.0, 15.0)
RESAMPLES = 500
Figures: TypeAlias = dict[str, object]


@dataclass(frozen=True)
class Piece:
    """A projected piece of speech of a dev voice."""

    voice: str
    clip: str
    vector: NDArray[np.float32]


class Bench:
    """The bundles, opened once."""

    def __init__(self) -> None:
        self.encoder, self.scorer, self.vad = SpeakerEncoder.open(), Scorer.open(), Vad.open()
        self.enroller = Enroller(self.encoder, self.scorer, self.vad)

    def enrolled(self, audio: Audio) -> Voice:
        return self.enroller.enrol("voice", audio, RATE, source="clip", day="").voice

    def print_of(self, audio: Audio) -> Print:
        return self.scorer.print_of(self.enrolled(audio).state)

    def probabilities(self, audio: Audio) -> NDArray[np.float32]:
        return np.concatenate([self.vad.push(audio), self.vad.flush()])

    def pieces(
        self, audio: Audio, speaking: NDArray[np.float32], seconds: int
    ) -> list[NDArray[np.float32]]:
        """Project pieces of `seconds` of speech; each starts half its length after the last."""
        speech = find_speech(audio, speaking)
        step = 40
        states = rolling_states(self.encoder, speech.windows(step)).astype(np.float32)
        if seconds == 1:
            return list(self.scorer.project(states[:, 4], 5))
        vectors = self.scorer.project(states[:, -1]) if len(states) else np.zeros((0, 1))
        count = (seconds * 100 - 160) // step + 1  # windows in a piece
        starts = range(0, len(vectors) - count + 1, max(1, seconds * 50 // step))
        return [unit(vectors[k : k + count].mean(axis=0)) for k in starts]


def verification(data: Path, bench: Bench, seed: int = 0) -> Figures:
    """Equal error rates of single-clip enrolments, clean and with noise and rooms."""
    corpus, rng = Corpus(data, "dev"), np.random.default_rng(seed)
    clips = defaultdict(list)
    for row in corpus.speech:
        clips[str(row["speaker"])].append(row)
    enrolled: list[tuple[str, str, Print]] = []
    pieces: dict[tuple[str, int], list[Piece]] = defaultdict(list)
    for voice, rows in sorted(clips.items()):
        for row in rows:
            audio, name = corpus.clip(row), str(row["file"])
            speaking = bench.probabilities(audio)
            if len(rows) > 1 and find_speech(audio, speaking).seconds >= 5:
                enrolled.append((voice, name, bench.print_of(audio)))
            disturbed = corpus.disturbed(audio, rng, NOISY_DB, odds=1.0)
            for condition, heard in (("clean", audio), ("noise and rooms", disturbed)):
                for seconds in LENGTHS_S:
                    vectors = bench.pieces(heard, speaking, seconds)
                    pieces[condition, seconds] += [Piece(voice, name, v) for v in vectors]
    figures: Figures = {
        "enrolments": len(enrolled),
        "voices enrolled": len({e[0] for e in enrolled}),
    }
    for (condition, seconds), found in pieces.items():
        rate, interval, count = _bootstrapped(bench.scorer, enrolled, found, rng)
        figures[f"{condition}, {seconds} s"] = {
            "equal_error_rate": rate, "interval_95": interval, "pieces": count,
        }  # fmt: skip
    return figures


def _bootstrapped(
    scorer: Scorer,
    enrolled: list[tuple[str, str, Print]],
    pieces: list[Piece],
    rng: np.random.Generator,
) -> tuple[float, list[float], int]:
    """Equal error rate, with the interval of drawing the enrolled voices again."""
    scores = scorer.compare(np.stack([p.vector for p in pieces]), [e[2] for e in enrolled])
    voices, clips = (np.array([getattr(p, field) for p in pieces]) for field in ("voice", "clip"))
    own = voices[:, None] == np.array([e[0] for e in enrolled])[None]
    tested = clips[:, None] != np.array([e[1] for e in enrolled])[None]
    owners = np.array([e[0] for e in enrolled])
    by_voice = [
        Trials(scores[:, mine][(own & tested)[:, mine]], scores[:, mine][~own[:, mine]])
        for mine in (owners == name for name in np.unique(owners))
    ]
    by_voice = [trials for trials in by_voice if len(trials.same)]

    def rate(chosen: Sequence[Trials]) -> float:
        same = np.concatenate([t.same for t in chosen])
        return equal_error_rate(Trials(same, np.concatenate([t.different for t in chosen])))[0]

    drawn = [
        rate([by_voice[k] for k in rng.integers(len(by_voice), size=len(by_voice))])
        for _ in range(RESAMPLES // 5)
    ]
    interval = [round(float(q), 4) for q in np.quantile(drawn, (0.025, 0.975))]
    return round(rate(by_voice), 4), interval, len(pieces)


@dataclass(frozen=True)
class Turn:
    """One row of `turns.csv`; seconds of the dialogue."""

    speaker: str
    file: str
    start: float
    seconds: float
    enrolment: str


@dataclass(frozen=True)
class Span:
    """What a gate let through, in seconds."""

    start: float
    end: float
    speaker: str | None


@dataclass
class Count:
    """Words of one dialogue."""

    target: int = 0
    kept: int = 0
    foreign: int = 0
    leaked: int = 0
    words: int = 0
    misnamed: int = 0
    unnamed: int = 0
    turns: int = 0
    late_or_early: int = 0  # turns whose beginning is off by more than 0.5 s


def turns(data: Path, bench: Bench, config: GateConfig, whisper: str, seed: int = 0) -> Figures:
    """Words kept, let through and misnamed; a word is where its middle is."""
    model, words = Whisper.open(whisper), {}
    dialogues = read_dialogues(data)
    counts = []
    for rows in dialogues.values():
        audio = render(data, rows)
        for row in rows:
            if row.file not in words:
                words[row.file] = _words(model, read_clip(data / row.file))
        counts.append(count_words(data, bench, audio, rows, words, config))
    rng = np.random.default_rng(seed)
    return {
        "dialogues": len(counts),
        "kept": _ratio(counts, "kept", "target", rng),
        "let through": _ratio(counts, "leaked", "foreign", rng),
        "under the wrong name, both enrolled": _ratio(counts, "misnamed", "words", rng),
        "without a name, both enrolled": _ratio(counts, "unnamed", "words", rng),
        "turns off by over 0.5 s": _ratio(counts, "late_or_early", "turns", rng),
    }


def count_words(
    data: Path,
    bench: Bench,
    audio: Audio,
    rows: list[Turn],
    words: dict[str, list[Word]],
    config: GateConfig,
) -> Count:
    """Gate one dialogue for each of its voices alone, and for all of them."""
    count = Count()
    said = [
        (row.speaker, row.start + (word.start + word.end) / 2)
        for row in rows
        for word in words[row.file]
    ]
    prints = {row.speaker: bench.print_of(read_clip(data / row.enrolment)) for row in rows}
    for target, enrolled in prints.items():
        hidden = _replaced(config, "hide")
        spans = gated(bench, audio, {target: enrolled}, hidden)
        through = [_speaker_at(spans, middle) == target for _, middle in said]
        own = [speaker == target for speaker, _ in said]
        count.target += sum(own)
        count.foreign += len(own) - sum(own)
        count.kept += sum(t for t, mine in zip(through, own, strict=True) if mine)
        count.leaked += sum(t for t, mine in zip(through, own, strict=True) if not mine)
    spans = gated(bench, audio, prints, _replaced(config, "label"))
    for speaker, middle in said:
        given = _speaker_at(spans, middle)
        count.words += 1
        count.unnamed += given in (None, OTHER)
        count.misnamed += given not in (None, OTHER, speaker)
    for row in rows:
        starts = [abs(s.start - row.start) for s in spans if s.speaker == row.speaker]
        count.turns += 1
        count.late_or_early += min(starts, default=9.0) > 0.5
    return count


def gated(bench: Bench, audio: Audio, voices: dict[str, Print], config: GateConfig) -> list[Span]:
    """Run a gate over a recording as the captioner does."""
    gate, segmenter = VoiceGate(bench.encoder, bench.scorer, voices, config), Segmenter()
    edges: list[Edge] = []
    windows = np.pad(audio, (0, -len(audio) % WINDOW)).reshape(-1, WINDOW)
    for window, p in zip(windows, bench.probabilities(audio), strict=True):
        edges += gate.push(window, segmenter.push(np.array([p])))
    return spans_of(edges + gate.flush(segmenter.flush()))


def spans_of(edges: Sequence[Edge]) -> list[Span]:
    """Pair the edges of turns."""
    spans: list[Span] = []
    begun: Edge | None = None
    for edge in edges:
        if edge.kind == "start":
            begun = edge
        elif edge.kind == "end" and begun is not None:
            spans.append(Span(begun.position / RATE, edge.position / RATE, begun.speaker))
            begun = None
    return spans


def read_dialogues(data: Path) -> dict[str, list[Turn]]:
    """Read `eval/turns.csv`, turns by dialogue."""
    dialogues: dict[str, list[Turn]] = defaultdict(list)
    with (data / "eval" / "turns.csv").open(newline="", encoding="utf-8") as file:
        for r in csv.DictReader(file):
            seconds = float(r["start"]), float(r["seconds"])
            dialogues[r["id"]].append(Turn(r["speaker"], r["file"], *seconds, r["enrolment"]))
    return dialogues


def render(data: Path, rows: Sequence[Turn]) -> Audio:
    """Put the turns of a dialogue where they belong, at -26 dBFS RMS each."""
    end = max(row.start + row.seconds for row in rows)
    audio = np.zeros(round((end + 1) * RATE), np.float32)
    for row in rows:
        clip = read_clip(data / row.file)
        start = int(row.start * RATE)
        audio[start : start + len(clip)] += clip * np.float32(TARGET_RMS / active_rms(clip))
    return audio


def active_rms(audio: Audio) -> float:
    """RMS over the parts within 40 dB of the loudest 20 ms."""
    whole = len(audio) // 320
    energy = np.square(audio[: whole * 320].reshape(whole, 320)).mean(axis=1)
    return float(np.sqrt(energy[energy > energy.max() * 1e-4].mean())) + 1e-9


def verdicts(data: Path, bench: Bench, seed: int = 0) -> Figures:
    """What is said of clips to enrol that are good, and of six kinds that are not."""
    corpus, rng = Corpus(data, "dev"), np.random.default_rng(seed)
    rows = [row for row in corpus.speech if float(str(row["seconds"])) > 7]
    clips = [(str(row["speaker"]), corpus.clip(row)) for row in rows]
    music = [
        soundfile.read(file, dtype="float32")[0]
        for file in sorted((data / "sounds" / "moh").glob("*.ogg"))
    ]
    kinds: dict[str, list[Audio]] = {
        "good": [a for _, a in clips],
        "good, in a room": [
            scipy.signal.fftconvolve(a, room)[: len(a)] for (_, a), room in _with_rooms(data, clips)
        ],
        "silence": [np.zeros(8 * RATE, np.float32), _white(8 * RATE, 1e-4, rng)],
        "music": [a for a in music if len(a) > 6 * RATE],
        "0.5 s": [a[2 * RATE : 2 * RATE + RATE // 2] for _, a in clips],
        "clipped": [np.clip(6 * a / np.abs(a).max(), -1, 1) for _, a in clips],
        "two people": _pairs(clips, rng),
        "noise, 5 dB": [a + _white(len(a), active_rms(a) * 10 ** (-5 / 20), rng) for _, a in clips],
    }
    return {kind: _verdict(bench, audios) for kind, audios in kinds.items()}


def _white(samples: int, rms: float, rng: np.random.Generator) -> Audio:
    return (rms * rng.standard_normal(samples)).astype(np.float32)


def _with_rooms(
    data: Path, clips: list[tuple[str, Audio]]
) -> list[tuple[tuple[str, Audio], Audio]]:
    rooms = sorted((data / "rir").glob("*.flac"))[1::2]
    return [(clip, read_clip(rooms[k % len(rooms)])) for k, clip in enumerate(clips)]


def _pairs(clips: list[tuple[str, Audio]], rng: np.random.Generator) -> list[Audio]:
    chosen = [rng.choice(len(clips), 2, replace=False) for _ in range(60)]
    return [
        np.concatenate([clips[a][1][: 4 * RATE], clips[b][1][: 4 * RATE]])
        for a, b in chosen
        if clips[a][0] != clips[b][0]
    ]


def _verdict(bench: Bench, audios: list[Audio]) -> Figures:
    reasons: dict[str, int] = defaultdict(int)
    refused = warned = 0
    for audio in audios:
        clip = np.asarray(audio, np.float32)
        findings = bench.enroller.enrol("v", clip, RATE, source="", day="").findings
        refused += any(finding.refused for finding in findings)
        warned += bool(findings) and not any(finding.refused for finding in findings)
        for finding in findings:
            reasons[finding.code] += 1
    return {"clips": len(audios), "refused": refused, "warned": warned, "reasons": dict(reasons)}


def _words(model: Whisper, audio: Audio) -> list[Word]:
    options = BatchOptions(decoding=DecodingOptions())  # greedy: only the times matter
    return [word for segment in transcribe(model, audio, options) for word in segment.words]


def _speaker_at(spans: Sequence[Span], middle: float) -> str | None:
    return next((s.speaker for s in spans if s.start <= middle < s.end), None)


def _replaced(config: GateConfig, others: str) -> GateConfig:
    return GateConfig(**{**vars(config), "others": others})


def _ratio(
    counts: list[Count], part: str, whole: str, rng: np.random.Generator
) -> dict[str, object]:
    parts = np.array([getattr(count, part) for count in counts])
    wholes = np.array([getattr(count, whole) for count in counts])
    drawn = rng.integers(len(counts), size=(RESAMPLES, len(counts)))
    low, high = np.quantile(parts[drawn].sum(1) / wholes[drawn].sum(1), (0.025, 0.975))
    return {
        "share": round(float(parts.sum() / wholes.sum()), 4),
        "interval_95": [round(float(low), 4), round(float(high), 4)],
        "of": int(wholes.sum()),
    }


def main(data: Path, out: Path, *parts: str) -> None:
    bench, figures = Bench(), {}
    out.mkdir(parents=True, exist_ok=True)
    for part in parts or ("verification", "turns", "verdicts"):
        if part == "verification":
            figures[part] = verification(data, bench)
        elif part == "turns":
            figures[part] = turns(data, bench, GateConfig(), "tiny.en")
        else:
            figures[part] = verdicts(data, bench)
        print(json.dumps({part: figures[part]}, indent=1), flush=True)
    (out / "voices.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
