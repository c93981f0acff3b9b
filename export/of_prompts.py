"""`tap-live export ts-whisper`: prompts that tell a Whisper whom to transcribe.

Options: `whisper=NAME`, the model that they are for (tiny.en unless said), `figures=FILE`
(Markdown for the card). The prompts are data, kept in fp16; what --precision names are the
Whisper graphs that they are proved with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tap_live.captions.recogniser import Request
from tap_live.captions.whisper import WhisperRecogniser
from tap_live.errors import BundleError
from tap_live.export import prompts
from tap_live.export.emulation import told
from tap_live.export.export_report import Task
from tap_live.export.exporters import FIXED, Bounds, Job, Tell
from tap_live.export.of_whisper import WhisperSubject
from tap_live.export.prompts import NOT_MEASURED, logits_of_both
from tap_live.export.task import clip
from tap_live.export.verify import Compared, Parity
from tap_live.export.whisper_nodes import SHIPPED_IN
from tap_live.export.whisper_proof import opened, proved_in
from tap_live.export.whisper_sessions import in_pytorch
from tap_live.export.word_errors import errors
from tap_live.models.training.prompt_files import whisper_folder
from tap_live.models.ts_whisper import TargetSpeakerWhisper, open_whisper
from tap_live.processor import Audio
from tap_live.runtime import Tensors
from tap_live.voices.encoder import SpeakerEncoder
from tap_live.whisper.features import RATE
from tap_live.whisper.model import Whisper
from tap_live.whisper.prompts import VoicePrompts

BOUNDS = Bounds(
    parity={"fp32": 1e-4, "fp16": 3e-2, "bf16": 1e-1, "int8": 3e-1},
    task={"fp32": 0.7, "fp16": 0.7, "bf16": 0.7, "int8": 10.0},  # one word is 6 %
)


def open_subject(job: Job) -> "PromptSubject":
    """Raises: BundleError if there is no Whisper of that name."""
    return PromptSubject(job)


class PromptSubject:
    """A `Subject`."""

    bounds = BOUNDS
    ranges = FIXED
    kept: tuple[str, ...] = ()

    def __init__(self, job: Job) -> None:
        self._name, self._source = job.options.get("whisper", "tiny.en"), Path(job.checkpoint)
        self._figures = job.options.get("figures")
        try:
            folder = whisper_folder(self._name, job.scratch, job.scratch)
            self._network = open_whisper(folder)
        except (FileNotFoundError, ValueError) as error:
            raise BundleError(str(error)) from error
        self.parameters = 0

    def write(self, folder: Path, job: Job, tell: Tell) -> Mapping[str, Path]:
        tell("graphs", 0, 1)
        try:
            self._manifest, self._rounded = prompts.write(
                self._source, self._name, self._network, folder, job.command
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise BundleError(f"wanted prompts for Whisper, {self._source}: {error}") from error
        self.parameters = sum(part.numel() for part in self._rounded.settled().values())
        tell("graphs", 1, 1)
        return {}

    def compare(self, folder: Path, job: Job) -> Mapping[str, Compared]:
        network = TargetSpeakerWhisper(self._network, self._rounded)
        live, voices = self._live(job), VoicePrompts.open(folder)
        both = logits_of_both(network, live, voices)
        found, expected = (np.stack(side) for side in zip(*both, strict=True))
        scale, apart = float(np.abs(expected).max()), np.abs(found - expected)
        parity = Parity(
            "logits", len(both), float(apart.max()) / scale, float(apart.mean()) / scale, scale, 0
        )
        return {"prompted": Compared([parity], 0.0, 0.0)}

    def given(self, folder: Path, job: Job) -> Mapping[str, Sequence[Tensors]]:
        return {}

    def task(self, folder: Path, job: Job) -> Task:
        voices = VoicePrompts.open(folder)
        encoder = SpeakerEncoder.open()
        prompt = voices.of([encoder.embed(clip("maya.ogg", RATE))])
        spoken = prompts.talked_over()
        live = self._live(job)
        network, engine = (
            errors(spoken.text, _heard(WhisperRecogniser(model, prompt), spoken.audio))
            for model in (in_pytorch(self._network, live.folder), live)
        )
        before, after = (100 * one.count / one.words for one in (network, engine))
        return Task("words of one of two voices wrong", "%", before, after, False)

    def seal(self, folder: Path, job: Job, compared: Mapping[str, Compared]) -> None:
        text = NOT_MEASURED
        if self._figures:
            text = Path(self._figures).read_text(encoding="utf-8")
        (parity,) = compared["prompted"].parities
        prompts.seal(
            folder,
            self._manifest,
            self._source.name,
            self._rounded,
            parity.largest,
            text,
            BOUNDS.parity[job.precision],
            told(f"graphs in {job.precision}", job.precision),
        )

    def _live(self, job: Job) -> Whisper:
        """Its Whisper in a precision: as it ships, or as `tap-live export whisper` makes it."""
        if job.precision in SHIPPED_IN:
            return Whisper.open(self._name, precision=job.precision, threads=job.threads)
        folder = job.scratch / "whisper"
        wanted = replace(job, model="whisper", checkpoint=self._name, out=folder, options={})
        if not folder.is_dir():
            folder.mkdir(parents=True)
            WhisperSubject(wanted).write(folder, wanted, lambda *news: None)
        return opened(proved_in(folder, wanted), wanted)


def _heard(recogniser: WhisperRecogniser, audio: Audio) -> str:
    found = recogniser.recognise(Request(audio=audio, language="en"))
    return "".join(word.text for word in found.words)
