"""Measure what a reader gets of dialogues whose voices are enrolled: the whole streaming path.

    python -m tap_live.export.voices_path DATA OUT --whisper base

DATA has `eval/turns.csv` and the speech. Every dialogue is captioned with each of its voices
as the only target, others hidden; with both enrolled; and with each voice's turns alone,
which says what there was to keep. With an `--extractor` captions hear what it extracts of those
who are asked for (`--captions extract`), else the mixture. With both enrolled, delays and shares
are taken too, against the words of each turn decoded by itself. OUT (a JSON file) gets the figures
of each dialogue.
"""

import difflib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import track

from tap_live.captions.agreement import bare
from tap_live.captions.gate import Gate
from tap_live.captions.streaming import StreamingCaptioner
from tap_live.captions.vad import RATE, Vad
from tap_live.captions.whisper import WhisperRecogniser
from tap_live.errors import TapError
from tap_live.events import Word
from tap_live.export.product import folder_of, heard_voice
from tap_live.export.replay import Replay, delays, replay, together
from tap_live.export.streaming_eval import CORES, Stream, batch
from tap_live.export.voices import read_clip
from tap_live.export.voices_eval import Bench, Turn, read_dialogues, render
from tap_live.extractors.network import Network
from tap_live.models.training.plain_errors import plainly
from tap_live.processor import Audio
from tap_live.voices.gate import OTHER, GateConfig, Others, VoiceGate
from tap_live.voices.scoring import Print
from tap_live.whisper.model import Whisper

NEAR_S = 0.5  # a word so near a turn belongs to it
RESAMPLES = 500


@dataclass
class Read:
    """Words of one dialogue, both voices together."""

    dialogue: str
    alone: int = 0  # words that captioning each voice's turns alone gives
    kept: int = 0  # of them, with the other voice there and hidden; maybe spelled otherwise
    same: int = 0  # of them, the same word
    leaked: int = 0  # words with the other voice hidden, where the target does not speak
    named: int = 0  # words with a name, both enrolled
    misnamed: int = 0  # of them, said in the other's turn
    shown: list[float] = field(default_factory=list)  # seconds after each word's end
    final: list[float] = field(default_factory=list)
    share: float = 0.0  # of one core


def measure(
    dialogue: str,
    rows: Sequence[Turn],
    data: Path,
    bench: Bench,
    model: Whisper,
    network: Network | None = None,
) -> Read:
    """Caption one dialogue in every way, of the mixture or of what a network extracts."""
    read, recogniser = Read(dialogue), WhisperRecogniser(model)
    clips = {row.speaker: read_clip(data / row.enrolment) for row in rows}
    voices = {name: bench.enrolled(clip) for name, clip in clips.items()}
    prints = {name: bench.scorer.print_of(voice.state) for name, voice in voices.items()}
    audio = render(data, rows)

    def heard_of(name: str) -> Audio:
        if network is None:
            return audio
        return heard_voice(
            network, np.asarray(voices[name].embedding, np.float32), audio, live=True
        )

    apart = {
        name: _captioned(recogniser, heard_of(name), _gate(bench, {name: enrolled}, "hide"))
        for name, enrolled in prints.items()
    }
    for voice, replayed in apart.items():
        own = [row for row in rows if row.speaker == voice]
        alone = _finals(_captioned(recogniser, _only(data, rows, voice), None))
        heard = _finals(replayed)
        mine = [word for _, word in heard if _within(word, own)]
        matched, slots = _compared([word for _, word in alone], mine)
        read.alone += len(alone)
        read.same += matched
        read.kept += slots
        read.leaked += len(heard) - len(mine)
    if network:  # captions of several voices hear what is extracted of each
        both = together([*apart.values()])
    else:
        both = _captioned(recogniser, audio, _gate(bench, prints, "label"))
    for speaker, word in _finals(both):
        if speaker not in (None, OTHER):
            read.named += 1
            own = [row for row in rows if row.speaker == speaker]
            read.misnamed += not _within(word, own)
    said, _ = batch(model, _turns(rows, data, audio))
    late = delays(both, said)
    read.shown, read.final, read.share = list(late.shown), list(late.final), both.share()
    return read


def _captioned(recogniser: WhisperRecogniser, audio: Audio, gate: Gate | None) -> Replay:
    return replay(StreamingCaptioner(recogniser, Vad.open(), gate=gate), audio)


def _finals(heard: Replay) -> list[tuple[str | None, Word]]:
    """Return the final words and whose they are said to be."""
    return [
        (left.caption.speaker, word)
        for left in heard.captions
        if left.caption.state == "final"
        for word in left.caption.words
        if bare(word.text)
    ]


def _turns(rows: Sequence[Turn], data: Path, audio: Audio) -> Stream:
    """The dialogue with its turns as clips of their own."""
    clips = tuple(read_clip(data / row.file) for row in rows)
    return Stream(audio, tuple(row.start for row in rows), clips, ("",) * len(rows))


def _gate(bench: Bench, voices: dict[str, Print], others: Others) -> VoiceGate:
    return VoiceGate(bench.encoder, bench.scorer, voices, GateConfig(others=others))


def _only(data: Path, rows: Sequence[Turn], voice: str) -> Audio:
    """The dialogue with one voice left in it, as long as the whole."""
    own = render(data, [row for row in rows if row.speaker == voice])
    end = max(row.start + row.seconds for row in rows)
    return np.pad(own, (0, max(0, round((end + 1) * RATE) - len(own))))


def _within(word: Word, turns: Sequence[Turn]) -> bool:
    middle = (word.start + word.end) / 2
    return any(t.start - NEAR_S <= middle <= t.start + t.seconds + NEAR_S for t in turns)


def _compared(wanted: Sequence[Word], found: Sequence[Word]) -> tuple[int, int]:
    """Return how many words are the same, and how many are there however they are spelled."""
    matcher = difflib.SequenceMatcher(
        None, [bare(w.text) for w in wanted], [bare(w.text) for w in found], False
    )
    same = slots = 0
    for kind, a, b, c, d in matcher.get_opcodes():
        same += (b - a) * (kind == "equal")
        slots += min(b - a, d - c)
    return same, slots


def summary(reads: Sequence[Read], seed: int = 0) -> dict[str, str]:
    """Shares in per cent, with 95 % bootstrap intervals over dialogues."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(reads), size=(RESAMPLES, len(reads)))

    def share(part: str, whole: str) -> str:
        parts = np.array([getattr(read, part) for read in reads])
        wholes = np.array([getattr(read, whole) for read in reads])
        low, high = np.quantile(
            parts[drawn].sum(1) / np.maximum(1, wholes[drawn].sum(1)), (0.025, 0.975)
        )
        rate = parts.sum() / max(1, wholes.sum())
        return f"{100 * rate:.1f} % ({100 * low:.1f} to {100 * high:.1f}) of {wholes.sum()}"

    def median(values: str) -> str:
        every = [value for read in reads for value in getattr(read, values)]
        return f"{np.median(every):.2f} s of {len(every)} words" if every else "no words"

    return {
        "target's words kept, the other hidden": share("kept", "alone"),
        "and the same word": share("same", "alone"),
        "other's words let through": share("leaked", "alone"),
        "words under the wrong name, both enrolled": share("misnamed", "named"),
        "a word is shown after, both enrolled, median": median("shown"),
        "a word is final after": median("final"),
        f"share of {CORES} cores": f"{np.mean([read.share for read in reads]) / CORES:.3f}",
    }


def main(
    data: Path,
    out: Path,
    whisper: Annotated[str, typer.Option(help="name, or folder of weights")] = "base",
    extractor: Annotated[
        Path | None, typer.Option(help="a bundle, or a shipped one's name")
    ] = None,
    first: Annotated[int | None, typer.Option(help="only so many dialogues")] = None,
) -> None:
    """Print the figures and write those of each dialogue to a JSON file."""
    network = Network.open(folder_of(extractor)) if extractor else None
    model, bench = Whisper.open(whisper), Bench()
    reads: list[Read] = []
    for dialogue, rows in track(list(read_dialogues(data).items())[:first], transient=True):
        reads.append(measure(dialogue, rows, data, bench, model, network))
        out.write_text(json.dumps([asdict(read) for read in reads], indent=1) + "\n")
    print(json.dumps(summary(reads), indent=1))


if __name__ == "__main__":
    plainly(lambda: typer.run(main), TapError)
