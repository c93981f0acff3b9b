"""Vocoder and generative model train in two processes, as `torchrun` starts them."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tap_live.models.gentse_files import load
from tap_live.models.ts_whisper import open_whisper
from tap_live.models.vocoder_files import open_vocoder
from tap_live.models.vocos import VocosDims

pytestmark = pytest.mark.slow  # each process imports torch and opens the speech


def trained(command: str, data: Path, out: Path, *options: str) -> Path:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    module = ["-m", "tap_live.models.training", command, str(data), str(out), *options]
    short = ["--batch", "1", "--cache", str(out.parent / "cache")]
    done = subprocess.run(
        [*torchrun, *module, *short], capture_output=True, text=True, timeout=540, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out / "best.pt"


def resumed(out: Path) -> int:
    return int(torch.load(out.parent / "last.pt", weights_only=True)["step"])


def test_a_vocoder_and_its_discriminators_train_in_two_processes_and_resume(
    corpus_folder: Path, tmp_path: Path
) -> None:
    tiny = ("--channels", "16", "--segment", "16", "--share", "0.125", "--scales", "1")
    for steps in (2, 3):
        best = trained(
            "fit-vocoder", corpus_folder, tmp_path / "run", *tiny,
            "--adversary-from", "1", "--steps", str(steps),
        )  # fmt: skip
        assert resumed(best) == steps
    dims = open_vocoder(best).dims
    assert isinstance(dims, VocosDims)
    assert dims.width == 16


@pytest.fixture
def whisper(whisper_files: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "whisper"
    folder.mkdir()
    weights = open_whisper(whisper_files / "small.pt").state_dict()
    save_file({n: part.contiguous() for n, part in weights.items()}, folder / "model.safetensors")
    (folder / "tokenizer.json").write_bytes((whisper_files / "tokenizer.json").read_bytes())
    return folder


# A parameter that gets no gradient stops processes at their second step: so three.
@pytest.mark.parametrize(
    "left_out",
    [(), ("--no-enrolment",), ("--text", "0", "--lora", "0"), ("--no-mixture", "--dropped", "0")],
)
def test_the_generative_model_trains_in_two_processes(
    left_out: tuple[str, ...], corpus_folder: Path, labels: Path, whisper: Path, tmp_path: Path
) -> None:
    best = trained(
        "fit-gentse", corpus_folder, tmp_path / "run", "--whisper", str(whisper), "--seconds", "2",
        "--labels", str(labels), "--width", "16", "--layers", "1", "--draws", "1", "--steps", "3",
        *left_out,
    )  # fmt: skip
    assert resumed(best) == 3
    dims = load(best, whisper).dims
    assert (dims.width, dims.enrolment > 0, dims.mixture, dims.lora > 0) == (
        16, "--no-enrolment" not in left_out, "--no-mixture" not in left_out,
        "--lora" not in left_out,
    )  # fmt: skip


def test_a_student_trains_in_two_processes(
    corpus_folder: Path, labels: Path, whisper: Path, tmp_path: Path
) -> None:
    given = ("--whisper", str(whisper), "--seconds", "2", "--labels", str(labels), "--steps", "3")
    tiny = ("--width", "16", "--layers", "1", "--no-enrolment")
    teacher = trained("fit-gentse", corpus_folder, tmp_path / "run", *given, *tiny)
    best = trained(
        "fit-gentse", corpus_folder, tmp_path / "student", *given, "--distil", str(teacher)
    )
    assert resumed(best) == 3
