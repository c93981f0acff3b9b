import importlib.util
import json
import os
import subprocess
import sys

import pytest

import tap_live.commands.export as command
from tap_live.export.exporters import EXPORTERS

torch_is_here = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs the extra [export]"
)
WORDS = ("--checkpoint", "best.pt", "--out", "bundle")


def report(parity=1e-6):
    from tap_live.export.export_report import Graph, Output, Report, Speed, Task

    return Report(
        model="compact", to="onnx", precision="fp32", folder="bundle", made_by="tap-live export",
        parameters=1_234_567, graphs=[Graph("step", 3, {"MatMul": 2, "Add": 1}, 5_000_000)],
        parity=[Output("step", "mask", parity, parity / 10, 7)], tolerance=1e-4,
        speed=[Speed("step", 3.0, 1.0)],
        task=Task("SI-SDR", "dB", 10.0, 9.99, higher_is_better=True), allowed_loss=0.1,
        kept_in_fp32=["Log"], versions={"torch": "2"},
    )  # fmt: skip


def test_without_torch_the_message_names_the_extra(tap_live, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, out, err = tap_live("export", "compact", *WORDS)
    assert (code, out) == (1, "")
    assert "wants PyTorch and ONNX, torch, onnx" in err
    assert "pip install 'tap-live[export]'" in err


def test_a_model_that_is_none_lists_those_that_are(tap_live):
    code, _, err = tap_live("export", "siri", *WORDS)
    assert code == 2
    assert all(name in err for name in EXPORTERS)


@pytest.mark.parametrize(
    "words", [("--to", "tflite"), ("--precision", "fp8"), ("--threads", 0)], ids=str
)
def test_what_cannot_be_asked_for_is_a_wrong_argument(tap_live, words):
    assert tap_live("export", "compact", *WORDS, *words)[0] == 2


def test_the_help_names_every_model_and_what_it_takes(tap_live, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    code, out, _ = tap_live("export", "--help")
    assert code == 0
    assert all(name in out for name in EXPORTERS)
    assert "gentse: vocoder, whisper, seconds, steps, figures" in out


@pytest.fixture(autouse=True)
def _checkpoint_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "best.pt").touch()


@pytest.mark.parametrize("missing", ["checkpoint", "clap", "tokenizer"])
def test_a_file_that_is_missing_is_said_before_anything_is_loaded(
    tap_live, tmp_path, monkeypatch, missing
):
    files = {name: tmp_path / name for name in ("checkpoint", "clap", "tokenizer")}
    for name, path in files.items():
        if name != missing:
            path.touch() if name != "tokenizer" else path.mkdir()
    if files["tokenizer"].exists():
        (files["tokenizer"] / "tokenizer.json").touch()
    monkeypatch.setattr(command, "_maker", lambda: pytest.fail("PyTorch was loaded"))
    options = [f"--option={name}={files[name]}" for name in ("clap", "tokenizer")]
    words = ["--checkpoint", str(files["checkpoint"]), "--out", str(tmp_path / "out"), *options]
    code, _, err = tap_live("export", "clapsep", *words)
    wanted = {
        "checkpoint": "wanted CLAPSep's weights, best_model.ckpt",
        "clap": "wanted CLAP's weights, music_audioset_epoch_15_esc_90.14.pt",
        "tokenizer": "wanted the tokenizer of roberta-base",
    }
    assert code == 1 and wanted[missing] in err and f"{files[missing]}" in err


RUN = """
import sys
from tap_live.commands import main
sys.argv[0] = "tap-live"
try:
    main()
finally:
    print("imported:", sorted({"torch", "transformers", "onnx", "scipy"} & sys.modules.keys()))
"""


@torch_is_here
@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("clapsep --checkpoint there.ckpt", "goes with --option clap=FILE"),
        ("clapsep --checkpoint there.ckpt --option clap=best.pt", "as --option tokenizer=FOLDER"),
        ("compact --checkpoint none.pt", "wanted best.pt or .safetensors of a compact extractor"),
        ("compact --checkpoint best.pt --option clap=x", "compact takes --option captions"),
        ("gentse --checkpoint best.pt", "add --option vocoder=FILE"),
        ("gentse --checkpoint best.pt --option vocoder=none.pt", "wanted best.pt of `fit-vocoder`"),
        ("ts-whisper --checkpoint /none/best.pt", "wanted prompts for Whisper, found no file"),
        ("whisper --checkpoint /none/base.pt", "wanted weights of a Whisper, found no /none"),
        ("whisper --checkpoint there.ckpt", "wanted weights of a Whisper, there.ckpt is none"),
        ("whisper --checkpoint siri", "no Whisper called 'siri'"),
        ("whisper --checkpoint best.pt --to tensorrt", "take --to onnx"),
    ],
)
def test_refusals_come_before_pytorch(tmp_path, words, told):
    (tmp_path / "there.ckpt").touch()
    done = subprocess.run(
        [sys.executable, "-c", RUN, "export", *words.split(), "--out", "out"],
        capture_output=True, text=True, cwd=tmp_path, timeout=120,
        env={**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub")},
    )  # fmt: skip
    assert done.returncode in (1, 2) and told in done.stderr
    assert done.stdout.endswith("imported: []\n")
    assert not (tmp_path / "out").exists()


def test_an_option_is_a_name_and_a_value(tap_live):
    code, _, err = tap_live("export", "compact", *WORDS, "--option", "captions")
    assert code == 2 and "wanted --option NAME=VALUE, found 'captions'" in err


@torch_is_here
def test_the_report_is_a_table(tap_live, monkeypatch):
    monkeypatch.setattr(command, "_maker", lambda: lambda job, tell: report())
    code, out, err = tap_live("export", "compact", *WORDS)
    assert code == 0, err
    for text in (
        *("1,234,567 parameters", "2 MatMul", "5.00", "step/mask", "1.0e-06", "allowed 1e-04"),
        *("SI-SDR: 9.99 dB, PyTorch 10.00 (loss 0.01", "3.00 times as fast as PyTorch"),
        *("kept in fp32: Log", "compact is in bundle"),
    ):
        assert text in out


@torch_is_here
def test_progress_and_report_are_lines_of_json(tap_live, monkeypatch):
    def make(job, tell):
        assert (job.model, job.options) == ("compact", {"captions": "yes"})
        tell("graphs", 1, 2)
        return report()

    monkeypatch.setattr(command, "_maker", lambda: make)
    code, out, _ = tap_live("export", "compact", *WORDS, "--json", "--option", "captions=yes")
    progress, last = map(json.loads, out.splitlines())
    assert code == 0
    assert (progress["type"], progress["text"], progress["done"]) == ("progress", "graphs", 1)
    assert last["parity"][0]["largest"] == 1e-6


@torch_is_here
def test_a_failing_parity_is_a_failing_command(tap_live, monkeypatch):
    monkeypatch.setattr(command, "_maker", lambda: lambda job, tell: report(parity=1e-3))
    code, out, err = tap_live("export", "compact", *WORDS)
    assert code == 1
    assert "FAILED" in out and "compact is in" not in out
    assert "output 'step/mask' differs by 1.00e-03 at step 7" in err
