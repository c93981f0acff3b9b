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


def test_the_generative_model_trains_in_two_processes(
    corpus_folder: Path, labels: Path, whisper_files: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "whisper"
    folder.mkdir()
    weights = open_whisper(whisper_files / "small.pt").state_dict()
    save_file({n: part.contiguous() for n, part in weights.items()}, folder / "model.safetensors")
    (folder / "tokenizer.json").write_bytes((whisper_files / "tokenizer.json").read_bytes())
    best = trained(
        "fit-gentse", corpus_folder, tmp_path / "run", "--whisper", str(folder), "--seconds", "2",
        "--labels", str(labels), "--width", "16", "--layers", "1", "--draws", "1", "--steps", "2",
    )  # fmt: skip
    assert resumed(best) == 2
    assert load(best, folder).dims.width == 16
