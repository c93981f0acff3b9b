"""Write down what is said in training speech, word by word, as Whisper spells it.

    python -m tap_live.export.prompt_labels SPEECH OUT.jsonl --whisper base

SPEECH is a folder as `models/training/data.py` reads them. A clip is left out if Whisper is
unsure of it, or if its text, where one is known, is not what Whisper heard. The program can be
stopped and goes on where it was. Prompts are trained on these words (`fit --kind prompts`).
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from tap_live.export.voices import read_clip
from tap_live.export.wer import score
from tap_live.models.training.data import Clip, read_clips
from tap_live.models.training.pack import in_turns
from tap_live.models.training.words import Label, Word
from tap_live.processor import Audio
from tap_live.whisper.decoding import DecodingOptions, Hypothesis, decode
from tap_live.whisper.features import RATE, context_frames, log_mel
from tap_live.whisper.model import Whisper
from tap_live.whisper.timing import word_times

LEAST_LOGPROB = -0.7  # a token; less sure clips are left out
MOST_WRONG = 25.0  # per cent of the known text's words
MOST_NO_SPEECH = 0.6
LENGTHS_S = (1.5, 28.0)
OPTIONS = DecodingOptions(language="en", without_timestamps=True)


def label(model: Whisper, audio: Audio, text: str = "") -> tuple[float, tuple[Word, ...]]:
    """Say what is said in (T,) audio at 16 kHz, and how sure that is; no words if it is in doubt.

    Args:
        text: what is known to be said, if it is.
    """
    seconds = len(audio) / RATE
    encoded = model.encode(log_mel(audio, context_frames(seconds))[None])
    heard = decode(model, encoded, OPTIONS)
    sure = round(heard.average_logprob, 3)
    if not trusted(heard, text):
        return sure, ()
    words = word_times(model, encoded, heard, seconds)
    return sure, tuple(Word(w.text, round(w.start, 2), round(w.end, 2)) for w in words)


def trusted(heard: Hypothesis, text: str) -> bool:
    """Whether a transcript is sure of itself, and is what is known to be said."""
    if heard.average_logprob < LEAST_LOGPROB or heard.no_speech > MOST_NO_SPEECH:
        return False
    if heard.repeats(OPTIONS) or not heard.text:
        return False
    return not text or score([text], [heard.text]).rate <= MOST_WRONG


def main(
    speech: Annotated[Path, typer.Argument(help="folder of speech")],
    out: Annotated[Path, typer.Argument(help="one JSON object a line")],
    whisper: Annotated[str, typer.Option(help="name, or folder of weights")] = "base",
    split: Annotated[str, typer.Option(help="of the clips")] = "train",
) -> None:
    """Label the English clips of a folder."""
    model = Whisper.open(whisper)
    done = set[str]()
    if out.exists():
        done = {Label.read(line).file for line in out.read_text(encoding="utf-8").splitlines()}
    with out.open("a", encoding="utf-8") as file:
        for clip in track(clips_of(speech, split), description="labels", transient=True):
            name = str(clip.file.relative_to(speech))
            if name not in done:
                found = Label(name, *label(model, read_clip(clip.file), clip.text))
                file.write(found.written() + "\n")
                file.flush()


def clips_of(speech: Path, split: str) -> list[Clip]:
    """The clips that can be labelled: English, and one window long; every voice in turn."""
    usable = [
        clip
        for clip in read_clips(speech)
        if clip.split == split
        and clip.language == "en"
        and LENGTHS_S[0] <= clip.seconds <= LENGTHS_S[1]
    ]
    return in_turns(sorted(usable, key=lambda clip: -clip.seconds))


if __name__ == "__main__":
    typer.run(main)
