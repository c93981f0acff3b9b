"""Whether a model that learned a minute by heart says it again.

    python -m tap_live.export.gentse_minute DATA RUN/best.pt VOCODER/best.pt OUT \\
        --whisper tiny.en --examples 20 --seconds 3 --speaker pretrained.pt

The mixtures are those of `fit-gentse --examples` with the same data, seconds and seed. For the
mixture, the clean voice, it through the vocoder, and what the model draws in some steps: the
distance of mel frames from the clean voice's, in nats, and the word error rate. OUT gets the audio.
"""

from collections.abc import Iterator
from dataclasses import replace
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
from tap_live.extractors.gentse_frames import noise_at
from tap_live.models.gentse import RATE, GenTSE, levels
from tap_live.models.gentse_files import load
from tap_live.models.training.gentse_batches import GenBatch, GenMixtures
from tap_live.models.training.gentse_commands import Material
from tap_live.models.training.prompt_files import whisper_folder
from tap_live.models.training.prompt_mixing import MIXING, PromptRecipe
from tap_live.models.training.runner import Place
from tap_live.models.training.words import IGNORED, Script
from tap_live.models.vocoder import Vocoder
from tap_live.models.vocoder_files import open_vocoder
from tap_live.whisper.batch import BatchOptions, transcribe
from tap_live.whisper.decoding import DecodingOptions
from tap_live.whisper.model import Whisper


class Said(NamedTuple):
    """What one way made of one voice."""

    way: str
    apart: float  # nats
    errors: Errors
    audio: np.ndarray


class Minute:
    """Judge what the model makes of the voices of a batch."""

    def __init__(self, net: GenTSE, vocoder: Vocoder, whisper: str, script: Script) -> None:
        self._net, self._vocoder, self._script = net, vocoder, script
        self._whisper = Whisper.open(whisper)
        self._options = BatchOptions(decoding=DecodingOptions(language="en", beam=1))

    @torch.no_grad()
    def judge(self, batch: GenBatch, steps: list[int]) -> Iterator[Said]:
        """Every way of every voice that is there and whose words are known."""
        net = self._net
        mixture, clean = net.mel(batch.heard), net.mel(batch.target)
        rows = {"mixture, vocoder": mixture, "clean voice, vocoder": clean}
        frames = clean.shape[-1]
        noise = torch.from_numpy(noise_at(0, 0, frames, net.dims.mel.bands))
        given = (batch.mixture, batch.speaker, batch.enrolment, noise.expand(len(clean), -1, -1))
        for count in steps:
            rows[counted(count)] = net.extract(*given, steps=count, heard=batch.heard)
        level = levels(mixture, net.dims.mel)
        wanted = net.relative(clean, level)
        for way, mel in rows.items():
            apart = (net.relative(mel, level) - wanted).abs().mean((1, 2)) * net.mel_scale
            yield from self._said(way, batch, apart, self._vocoder(mel))
        yield from self._said("clean voice", batch, 0 * apart, batch.target)

    def _said(self, way: str, batch: GenBatch, apart: Tensor, audio: Tensor) -> Iterator[Said]:
        for row in range(len(audio)):
            if not batch.target[row].any():
                continue
            wanted = self._script.read(label for label in batch.labels[row].tolist()
                                       if label != IGNORED)  # fmt: skip
            made = np.asarray(soxr.resample(audio[row].numpy(), self._net.dims.mel.rate, RATE))
            text = " ".join(s.text for s in transcribe(self._whisper, made, self._options))
            yield Said(way, float(apart[row]), errors(wanted, text), made)


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
    labels: Annotated[Path | None, typer.Option(help="words of the speech")] = None,
    examples: Annotated[int, typer.Option()] = 20,
    seconds: Annotated[float, typer.Option()] = 3.0,
    steps: Annotated[str, typer.Option(help="with commas")] = "1,2,4,10",
    cache: Annotated[Path, typer.Option()] = Path("runs/cache"),
) -> None:
    """Print a Markdown table, and write the audio of every way."""
    torch.set_num_threads(1)
    folder = whisper_folder(whisper, data, cache)
    net, speaks = load(checkpoint, folder), open_vocoder(vocoder)
    recipe = PromptRecipe(lengths=(seconds,), mixing=replace(MIXING, ramp=20_000))
    course = Material(data, speaker, folder, labels, cache).course(recipe, 0, Place.find())
    mixtures = GenMixtures(
        course.train, course.voices, course.script, net.dims.mel.rate, 1,
        positions=net.dims.enrolment, enrolled=0.5,
    )  # fmt: skip
    minute = Minute(net, speaks, judge, course.script)
    counts = [int(count) for count in steps.split(",")]
    found = [said for n in range(examples) for said in minute.judge(mixtures[n], counts)]
    typer.echo("| what | mel frames, nats apart | WER, % |\n|---|---|---|")
    for way in dict.fromkeys(said.way for said in found):
        its = [said for said in found if said.way == way]
        folder = out / way.replace(",", "")
        folder.mkdir(parents=True, exist_ok=True)
        for number, said in enumerate(its):
            sf.write(folder / f"{number:02}.flac", said.audio, RATE)
        apart = np.mean([said.apart for said in its])
        typer.echo(f"| {way} | {apart:.2f} | {rate([said.errors for said in its])} |")


if __name__ == "__main__":
    typer.run(main)
