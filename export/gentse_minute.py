"""Whether a model that learned a minute by heart says it again.

    python -m tap_live.export.gentse_minute DATA RUN/best.pt VOCODER/best.pt OUT \\
        --whisper tiny.en --examples 20 --seconds 3 --speaker pretrained.pt --labels words.jsonl

The mixtures are those of `fit-gentse --examples` with the same data, labels, seconds and seed. For
the mixture, the clean voice, it through the vocoder, and what the model, or with `--student` one
that draws in one step, makes of it: the distance of mel frames from the clean voice's, in nats,
word errors, DNSMOS, likeness to the voice (cosine of speaker embeddings), loudness beside the clean
voice, and processor seconds for a second of audio, in PyTorch, each mixture as a whole. OUT gets
the audio.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import soundfile as sf
import soxr
import torch
import typer
from torch import Tensor

from tap_live.export.gentse import counted
from tap_live.export.word_errors import Errors, errors, rate
from tap_live.extractors.gentse_frames import MelForm, noise_at
from tap_live.extractors.gentse_loudness import Loudness
from tap_live.models.gentse import RATE, GenTSE, levels
from tap_live.models.gentse_files import load
from tap_live.models.present import check_file
from tap_live.models.speaker import SpeakerEncoder
from tap_live.models.training.dnsmos import dnsmos, open_dnsmos
from tap_live.models.training.gentse_batches import GenBatch, GenMixtures
from tap_live.models.training.gentse_commands import Material
from tap_live.models.training.plain_errors import plainly
from tap_live.models.training.prompt_files import whisper_folder
from tap_live.models.training.prompt_mixing import MIXING, PromptRecipe
from tap_live.models.training.runner import Place
from tap_live.models.training.words import IGNORED, LABELS, Script, check_labels
from tap_live.models.vocoder import Vocoder
from tap_live.models.vocoder_files import open_vocoder
from tap_live.processor import Audio
from tap_live.whisper.batch import BatchOptions, transcribe
from tap_live.whisper.decoding import DecodingOptions
from tap_live.whisper.model import Whisper

HEADING = (
    "| what | mel frames, nats apart | WER, % | DNSMOS | likeness | loudness, dB (least, most) "
    "| CPU s a second |\n|---|---|---|---|---|---|---|"
)


class Said(NamedTuple):
    """What one way made of one voice."""

    way: str
    apart: float  # nats
    errors: Errors
    mos: float
    likeness: float
    loudness: float  # dB beside the clean voice
    cost: float  # processor seconds for a second of audio
    audio: Audio  # at 16 kHz


class Judge:
    """Rate audio beside the clean voice.

    Args:
        whisper: name, or folder of weights.
    """

    def __init__(self, whisper: str, script: Script, encoder: SpeakerEncoder) -> None:
        self._script, self._encoder = script, encoder
        self._whisper = Whisper.open(whisper)
        self._options = BatchOptions(decoding=DecodingOptions(language="en", beam=1))

    def rate(
        self,
        way: str,
        audio: Audio,
        batch: GenBatch,
        row: int,
        rate: int,
        apart: float,
        cost: float,
    ) -> Said:
        """What is to be said of (T',) audio at the vocoder's rate, made of a row of a batch."""
        labels = [label for label in batch.labels[row].tolist() if label != IGNORED]
        made = np.asarray(soxr.resample(audio, rate, RATE), np.float32)
        text = " ".join(s.text for s in transcribe(self._whisper, made, self._options))
        return Said(
            way=way,
            apart=apart,
            errors=errors(self._script.read(labels), text),
            mos=dnsmos(made),
            likeness=float(self._encoder.embed(torch.from_numpy(made)) @ batch.speaker[row]),
            loudness=_decibels(audio) - _decibels(batch.target[row].numpy()),
            cost=cost,
            audio=made,
        )


def _decibels(audio: Audio) -> float:
    return float(10 * np.log10(np.mean(np.square(audio)) + 1e-12))


class Minute:
    """Judge what the model, and a student of it, make of the voices of a batch."""

    def __init__(
        self, net: GenTSE, vocoder: Vocoder, judge: Judge, student: GenTSE | None = None
    ) -> None:
        self._net, self._vocoder, self._judge, self._student = net, vocoder, judge, student
        mel = net.dims.mel
        self._form = MelForm(mel.rate, mel.fft, mel.hop, net.mel.filters.numpy())

    @torch.no_grad()
    def judge(self, batch: GenBatch, steps: Sequence[int]) -> Iterator[Said]:
        """Every way of every voice that is there and whose words are known."""
        net = self._net
        mixture, clean = net.mel(batch.heard), net.mel(batch.target)
        level = levels(mixture, net.dims.mel)
        wanted = net.relative(clean, level)
        for way, make in self._ways(batch, mixture, clean, steps).items():
            began = time.process_time()
            mel = make()
            audio = self._spoken(mel)
            cost = (time.process_time() - began) / (
                len(audio) * audio.shape[-1] / net.dims.mel.rate
            )
            apart = (net.relative(mel, level) - wanted).abs().mean((1, 2)) * net.mel_scale
            yield from self._said(way, batch, apart, audio, cost)
        yield from self._said("clean voice", batch, 0 * level[:, 0], batch.target, 0.0)

    def _ways(
        self, batch: GenBatch, mixture: Tensor, clean: Tensor, steps: Sequence[int]
    ) -> Mapping[str, Callable[[], Tensor]]:
        noise = torch.from_numpy(noise_at(0, 0, clean.shape[-1], self._net.dims.mel.bands))
        given = (batch.mixture, batch.speaker, batch.enrolment, noise.expand(len(clean), -1, -1))
        ways: dict[str, Callable[[], Tensor]] = {
            "mixture, vocoder": lambda: mixture,
            "clean voice, vocoder": lambda: clean,
        }
        for count in steps:
            drawn = partial(self._net.extract, *given, steps=count, heard=batch.heard)
            ways[counted(count)] = drawn
        if self._student:
            drawn = partial(self._student.extract, *given, steps=1, heard=batch.heard)
            ways["student, 1 step"] = drawn
        return ways

    def _spoken(self, mel: Tensor) -> Tensor:
        """(B, M, F) -> (B, F hop), as loud as it is live."""
        made = [
            Loudness(self._form).follow(frames.T.numpy(), audio.numpy())
            for frames, audio in zip(mel, self._vocoder(mel), strict=True)
        ]
        return torch.from_numpy(np.stack(made))

    def _said(
        self, way: str, batch: GenBatch, apart: Tensor, audio: Tensor, cost: float
    ) -> Iterator[Said]:
        rate = self._net.dims.mel.rate
        for row in range(len(audio)):
            if batch.target[row].any():
                made = audio[row].numpy()
                yield self._judge.rate(way, made, batch, row, rate, float(apart[row]), cost)


def line(way: str, said: Sequence[Said]) -> str:
    """A line of the table."""
    loudness = [one.loudness for one in said]
    cost = np.mean([one.cost for one in said])
    return (
        f"| {way} | {np.mean([one.apart for one in said]):.2f} "
        f"| {rate([one.errors for one in said])} | {np.mean([one.mos for one in said]):.2f} "
        f"| {np.mean([one.likeness for one in said]):.2f} "
        f"| {np.mean(loudness):.1f} ({min(loudness):.1f}, {max(loudness):.1f}) "
        f"| {f'{cost:.2f}' if cost else ''} |"
    )


def main(
    data: Annotated[Path, typer.Argument(help="that it was trained on")],
    checkpoint: Annotated[Path, typer.Argument(help="best.pt of `fit-gentse --examples`")],
    vocoder: Annotated[Path, typer.Argument(help="best.pt of `fit-vocoder`")],
    out: Annotated[Path, typer.Argument(help="folder for the audio")],
    whisper: Annotated[
        str, typer.Option(help="name or folder of the Whisper that it learned with")
    ],
    judge: Annotated[str, typer.Option(help="the Whisper that counts word errors")] = "base",
    speaker: Annotated[Path | None, typer.Option(help="Resemblyzer's pretrained.pt")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="words of the speech [default: words.jsonl in it]")
    ] = None,
    student: Annotated[
        Path | None, typer.Option(help="best.pt of `fit-gentse --distil`: draws in one step")
    ] = None,
    examples: Annotated[int, typer.Option()] = 20,
    seconds: Annotated[float, typer.Option()] = 3.0,
    steps: Annotated[str, typer.Option(help="with commas")] = "1,2,4,10",
    cache: Annotated[Path, typer.Option()] = Path("runs/cache"),
) -> None:
    """Print a Markdown table, and write the audio of every way."""
    for file, what in ((checkpoint, "a model"), (vocoder, "a vocoder"), (student, "a student")):
        if file:
            check_file(file, f"best.pt of {what}", "give the one of its training")
    speaker = speaker or data / "speaker.safetensors"
    check_file(speaker, "Resemblyzer's pretrained.pt", "give it with --speaker")
    check_labels(labels or data / "speech" / LABELS)
    open_dnsmos()
    torch.set_num_threads(1)
    folder = whisper_folder(whisper, data, cache)
    net, taught = load(checkpoint, folder), load(student, folder) if student else None
    recipe = PromptRecipe(lengths=(seconds,), mixing=replace(MIXING, ramp=20_000))
    course = Material(data, speaker, folder, labels, cache).course(recipe, 0, Place.find())
    mixtures = GenMixtures(
        course.train, course.voices, course.script, net.dims.mel.rate, 1,
        positions=net.dims.enrolment, enrolled=0.5,
    )  # fmt: skip
    rated = Judge(judge, course.script, SpeakerEncoder.open(speaker))
    minute = Minute(net, open_vocoder(vocoder), rated, taught)
    counts = [int(count) for count in steps.split(",")]
    found = [said for n in range(examples) for said in minute.judge(mixtures[n], counts)]
    typer.echo(HEADING)
    for way in dict.fromkeys(said.way for said in found):
        its = [said for said in found if said.way == way]
        folder = out / way.replace(",", "")
        folder.mkdir(parents=True, exist_ok=True)
        for number, said in enumerate(its):
            sf.write(folder / f"{number:02}.flac", said.audio, RATE)
        typer.echo(line(way, its))


if __name__ == "__main__":
    plainly(partial(typer.run, main))
