"""`tap-live export whisper`: any Whisper, into a folder that `--whisper` takes.

The checkpoint is a name (`base.en`), a CTranslate2 or Hugging Face folder, or OpenAI's `.pt`;
option `tokenizer=FOLDER` where none lies beside the weights.
"""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tap_live.errors import BundleError
from tap_live.export.emulation import by_emulation, told
from tap_live.export.export_report import Task
from tap_live.export.exporters import FIXED, Bounds, Job, Tell
from tap_live.export.task import conversation
from tap_live.export.verify import Compared, compare
from tap_live.export.wer import score
from tap_live.export.whisper import (
    ENGLISH_VOCABULARY,
    convert,
    heads_beside,
    parameters_of,
    shipped_tokenizer,
    write_bundle,
)
from tap_live.export.whisper_proof import ROUNDED, graphs_of, opened, proved_in, static
from tap_live.export.whisper_sessions import Decoding, Encoding, in_pytorch
from tap_live.models.training.prompt_files import whisper_folder
from tap_live.models.ts_whisper import open_whisper
from tap_live.models.whisper import Whisper as Network
from tap_live.runtime import Tensors
from tap_live.whisper.assemble import TOKENIZER, assembled
from tap_live.whisper.batch import BatchOptions, transcribe
from tap_live.whisper.decoding import DecodingOptions
from tap_live.whisper.features import RATE, context_frames, log_mel
from tap_live.whisper.model import STATIC, Encoded, Whisper

# Of 8 bits single values are far off while the mean is not: there the task decides.
BOUNDS = Bounds(
    parity={"fp32": 1e-3, "fp16": 3e-2, "bf16": 1e-1, "int8": 1.0},
    task={"fp32": 0.7, "fp16": 0.7, "bf16": 0.7, "int8": 2.0},  # one word of the demo is 0.64 %
)
SPAN_S, SPANS, STEPS = 5.0, 3, 24


def open_subject(job: Job) -> "WhisperSubject":
    """Raises: BundleError if there are no weights."""
    return WhisperSubject(job)


class WhisperSubject:
    """A `Subject`; what it makes is an assembled folder."""

    bounds = BOUNDS
    ranges = FIXED
    kept: tuple[str, ...] = ()  # what stays in fp32 is written into the graphs, node by node

    def __init__(self, job: Job) -> None:
        self._gathered = _Gathered(job)

    @cached_property
    def parameters(self) -> int:
        return round(parameters_of(self._gathered.network.dims))

    def write(self, folder: Path, job: Job, tell: Tell) -> Mapping[str, Path]:
        tell("graphs", 0, 2)
        work = folder / "work"
        work.mkdir()
        for file in self._gathered.weights:
            _place(file.resolve(), work / file.name)
        write_bundle(
            self._gathered.name,
            self._gathered.network.dims,
            self._gathered.network.decoder.alignment_heads,
            self._gathered.tokenizer,
            work,
            made_by=job.command,
            precisions=(job.precision,),
        )
        tell("graphs", 1, 2)
        made = assembled(work, precision=job.precision, cache=folder / "cache")
        for file in made.iterdir():
            file.rename(folder / file.name)
        (work / "README.md").rename(folder / "README.md")
        shutil.rmtree(work)
        shutil.rmtree(folder / "cache")
        tell("graphs", 2, 2)
        return {name: folder / f"{name}.onnx" for name in graphs_of(job)}

    def compare(self, folder: Path, job: Job) -> Mapping[str, Compared]:
        proved = proved_in(folder, job)
        found = self._compared(folder, proved, job)
        if proved == folder or by_emulation(job.precision):
            return found
        apart = {f"{name}, {ROUNDED}": replace(its, candidate_s=0.0) for name, its in found.items()}
        return {**self._compared(folder, folder, job), **apart}

    def _compared(self, folder: Path, proved: Path, job: Job) -> dict[str, Compared]:
        """The network beside the graphs in a folder."""
        network, engine = self._network(folder), opened(proved, job)
        audio = conversation(RATE).audio
        spans = [audio[round(n * SPAN_S * RATE) :][: round(SPAN_S * RATE)] for n in range(SPANS)]
        mels = [log_mel(span, context_frames(SPAN_S))[None] for span in spans]
        encoder = compare(Encoding(network), Encoding(engine), [{"mel": mel} for mel in mels])
        encoded = network.encode(mels[0])
        tokens, compared = _tokens(network, encoded), {"encoder": encoder}
        for name in graphs_of(job)[1:]:
            other = static(proved, job) if name == STATIC else engine
            compared[name] = compare(
                Decoding(network, network.start(encoded)),
                Decoding(other, other.start(encoded)),
                tokens,
            )
        return compared

    def given(self, folder: Path, job: Job) -> Mapping[str, Sequence[Tensors]]:
        return {}

    def task(self, folder: Path, job: Job) -> Task:
        said = conversation(RATE)
        options = DecodingOptions(language="en")
        network, engine = (
            score(
                [said.text],
                [
                    "".join(
                        segment.text
                        for segment in transcribe(
                            one, said.audio, BatchOptions(decoding=options, follow_text=False)
                        )
                    )
                ],
            ).rate
            for one in (self._network(folder), opened(proved_in(folder, job), job))
        )
        return Task("word errors, the demo", "%", network, engine, higher_is_better=False)

    def seal(self, folder: Path, job: Job, compared: Mapping[str, Compared]) -> None:
        """The record that `assembled` wrote covers the files; the card tells the proof."""
        card = folder / "README.md"
        worst = ", ".join(f"{name} {its.largest:.1e}" for name, its in compared.items())
        parity = told(f"parity with PyTorch {worst}", job.precision)
        proved = f"- **This export:** {job.precision}, {parity}.\n"
        card.write_text(card.read_text(encoding="utf-8") + proved, encoding="utf-8")

    def _network(self, folder: Path) -> Whisper:
        return in_pytorch(self._gathered.network, folder)


class _Gathered:
    """A checkpoint's weights, network and tokenizer."""

    def __init__(self, job: Job) -> None:
        given = Path(job.checkpoint)
        scratch = job.scratch
        self.name = given.stem
        try:
            if given.suffix == ".pt" and given.is_file():
                folder = convert(given, scratch).parent
            else:
                folder = given if given.is_dir() else whisper_folder(str(given), scratch, scratch)
            source = given if given.suffix == ".pt" else folder
            self.network: Network = open_whisper(source)
        except (FileNotFoundError, KeyError, RuntimeError, ValueError) as error:
            raise BundleError(f"wanted weights of a Whisper, {given}: {error}") from error
        heads = heads_beside(folder, self.network.dims)
        self.network.decoder.alignment_heads = tuple(sorted(heads))
        self.weights = [*folder.glob("*.safetensors"), *folder.glob("model.bin")]
        self.tokenizer = self._tokenizer(folder, job.options.get("tokenizer"))

    def _tokenizer(self, folder: Path, given: str | None) -> Path:
        for beside in (*([Path(given)] if given else []), folder):
            if (beside / TOKENIZER).is_file():
                return beside / TOKENIZER
        english = self.network.dims.n_vocab == ENGLISH_VOCABULARY
        return shipped_tokenizer("tiny.en" if english else "base")


def _place(file: Path, at: Path) -> None:
    """Have a file in another folder too, without a second copy where the system allows that.

    Windows makes symbolic links only for the privileged; hard links do not cross disks.
    """
    for link in (at.symlink_to, at.hardlink_to):
        with suppress(OSError, NotImplementedError):
            link(file)
            return
    shutil.copyfile(file, at)


def _tokens(network: Whisper, encoded: Encoded) -> list[Tensors]:
    """What the network itself says, token after token."""
    state, given = network.start(encoded), np.array([[network.dims.previous]])
    stream: list[Tensors] = []
    for _ in range(STEPS):
        stream.append({"tokens": given})
        logits, _, state = network.decode(given, state)
        given = logits[:, -1].argmax(-1)[:, None]
    return stream
