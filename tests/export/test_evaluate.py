"""A bundle measured as the product runs it: resumed, with figures that say what is wanted."""

import json
import math
import shutil
from dataclasses import asdict

import msgspec
import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from tap_live.bundle import file_spec, read_manifest, write_manifest
from tap_live.errors import BundleError
from tap_live.export import evaluate
from tap_live.export.compact import export
from tap_live.export.extractor_report import Found, macro, report
from tap_live.export.product import BundleVoices, fingerprint, folder_of
from tap_live.export.prompts_report import Case as Heard
from tap_live.export.word_errors import Errors
from tap_live.extractors.network import Network
from tap_live.models.compact import CompactExtractor, Dims
from tap_live.models.training.checkpoint import save
from tap_live.models.training.evaluate import Case, VoiceMeter
from tap_live.voices.enrolment import Enroller

RENDER = """
from types import SimpleNamespace
import numpy as np

def rows(name):
    return [{"id": f"{name}{i}", "speaker": "ab"[i % 2], "absent": "10"["two" in name]}
            for i in range(4)]

def parts(row, length):
    rng = np.random.default_rng(int(row["id"][-1]))
    made = rng.standard_normal((4, length)).astype(np.float32) * 0.1
    return made, made[0] * ("absent" not in row["id"])

def voice_case(row):
    (own, other, enrolment, _), target = parts(row, 16000)
    return SimpleNamespace(mixture=own + other, target=target, enrolment=enrolment, text="")

def sound_case(row):
    (own, other, clip, away), target = parts(row, 16000)
    return SimpleNamespace(id=row["id"], label="dog", mixture=own + other, target=target, cue="dog",
                           negative="rain", cue_clip=clip, negative_clip=away)
"""


def passing(kind, gain):
    """A network whose mask is `gain` everywhere."""
    dims = Dims(kind=kind, cue=256, band_width=4, full_width=8, blocks=1, condition_width=4)
    net = CompactExtractor(dims).eval()
    for parameter in net.mask.parameters():
        torch.nn.init.zeros_(parameter)
    for layer in net.mask.layers:
        torch.nn.init.constant_(layer.bias[..., ::2], gain)
    return net


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """A voice's that halves, with its checkpoint, and a sound's that passes everything."""
    folder = tmp_path_factory.mktemp("bundles")
    half = passing("voice", 0.5)
    export(half, folder / "voice")
    export(passing("sound", 1.0), folder / "sound")
    save(folder / "voice.pt", {"dims": asdict(half.dims), "weights": half.state_dict()})
    return folder


@pytest.fixture
def lists(tmp_path):
    (tmp_path / "render.py").write_text(RENDER)
    return tmp_path


def run(*arguments):
    app = typer.Typer()
    app.command()(evaluate.main)
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_voice_is_measured_to_the_decibel(bundles, lists):
    names = ("--names", "two,absent", "--checkpoint", bundles / "voice.pt")
    text = run(bundles / "voice", lists, "--out", lists / "out", *names)
    two, absent = (
        next(line for line in text.splitlines() if line.startswith(f"| {name} |")).split("|")
        for name in ("two", "absent")
    )
    assert two[2].strip() == "4" and two[3].startswith(" 0.00 [") and "| b | 2 |" in text
    assert absent[7].strip().startswith(f"{20 * math.log10(0.5):.2f}")
    assert "Rounding weights changes SI-SDRi on two by +0.0000 dB" in text
    told = "python -m tap_live.export.evaluate voice LISTS --out out --names two,absent "
    assert f"Measured by `{told}--checkpoint voice.pt`" in text
    made = {file.name for file in (lists / "out").iterdir()}
    assert made == {"cases.jsonl", "evaluation.md", "two.svg", "absent.svg"}


def test_what_is_there_is_not_measured_again(bundles, lists, monkeypatch):
    arguments = (bundles / "voice", lists, "--out", lists / "out", "--names", "two")
    run(*arguments, "--cases", 2)
    lines = (lists / "out" / "cases.jsonl").read_text().splitlines()
    assert len(lines) == 2
    whole = run(*arguments)
    monkeypatch.setattr(BundleVoices, "extract", None)
    assert run(*arguments) == whole
    after = (lists / "out" / "cases.jsonl").read_text().splitlines()
    assert after[:2] == lines and len({json.loads(line)["id"] for line in after}) == 4


def test_sounds_are_asked_for_in_every_way_that_makes_sense(bundles, lists):
    arguments = (bundles / "sound", lists, "--out", lists / "out", "--names", "two,absent")
    text = run(*arguments)
    assert "| two: clip, negative | 4 | " in text and "| two: words, positive | 4 | " in text
    assert "absent: words, negative" not in text and "| absent: clip, positive | 4 |" in text
    assert "| of two | cases | words, positive |" in text
    assert run(*arguments) == text


def test_the_product_extracts_what_the_network_does_in_pytorch(bundles):
    torch.manual_seed(0)
    net = passing("voice", 0.5)
    mixture = np.random.default_rng(0).standard_normal(12_345).astype(np.float32) * 0.1
    meter = BundleVoices(Network.open(bundles / "voice"), Enroller.open())
    found = meter.extract(mixture, mixture)

    class Anyone:
        def embed(self, audio):
            return torch.zeros(256)

    np.testing.assert_allclose(
        found, VoiceMeter(net, Anyone()).extract(mixture, mixture), atol=1e-4
    )


def test_bundles_are_told_apart_by_what_they_compute_and_not_by_their_cards(bundles):
    assert fingerprint(bundles / "voice") != fingerprint(bundles / "sound")
    again = bundles / "again"
    shutil.copytree(bundles / "voice", again)
    manifest = read_manifest(again)
    (again / "README.md").write_text("another card")
    files = manifest.files | {"README.md": file_spec(again / "README.md")}
    write_manifest(again, msgspec.structs.replace(manifest, files=files))
    assert fingerprint(again) == fingerprint(bundles / "voice")
    assert folder_of("voice-compact").name == "voice-compact"
    with pytest.raises(BundleError, match="wanted a bundle's folder"):
        folder_of("nothing")


def test_a_report_says_what_is_wanted_and_what_is_there():
    gains = [Case(str(n), "a", gain=7.0, sdr_gain=7.0) for n in range(3)]
    leaks = [Case("1", "a", leak=-9.0)]
    words = [
        Heard("voice_2mix", "1", way, 1.0, 1.0, None, "", Errors(10, wrong, 0, 0))
        for way, wrong in (("mixture", 8), ("extracted", 4))
    ]
    text = "\n".join(report(Found({"voice_2mix": gains, "voice_absent": leaks}, words=words)))
    assert "| voice_2mix: mean SI-SDRi of 6 dB | 7.00 [7.00, 7.00] | reached |" in text
    assert "| voice_2mix: below 10 % made worse | 0.00 [0.00, 0.00] | reached |" in text
    assert "| voice_absent: output -15 dB or less | -9.00 [-9.00, -9.00] | **missed** |" in text
    assert "| 80.0 [80.0, 80.0] to 40.0 [40.0, 40.0] % | reached |" in text


KINDS = (("a", 1.0), ("a", 1.0), ("b", 4.0))


def test_kinds_of_sound_count_alike():
    cases = [Case(str(n), name, gain, gain) for n, (name, gain) in enumerate(KINDS)]
    assert macro(cases).value == 2.5
    text = "\n".join(report(Found({"sound_2mix: words, positive": cases})))
    assert "mean over kinds of SI-SDRi of 6 dB | 2.50 [2.50, 2.50] | **missed** |" in text
