"""A benchmark's list with the network that ships."""

import csv

import numpy as np
import pytest
import soundfile as sf
import torch
import typer
from typer.testing import CliRunner

import tap_live.export.csv_eval as csv_eval
from tap_live.errors import BundleError
from tap_live.export.shipped import compact_net
from tap_live.models.training.sound_evaluate import SoundMeter

RATE = 32_000


@pytest.fixture
def pairs(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("one", "other"):
        sf.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(RATE), RATE)
    with (tmp_path / "pairs.csv").open("w", newline="") as file:
        csv.writer(file).writerow(["one.wav", "a dog barking", "other.wav", "rain"])
    return tmp_path / "pairs.csv"


def test_the_network_that_ships_is_measured_as_the_live_engine_runs_it(pairs):
    app = typer.Typer()
    app.command()(csv_eval.main)
    done = CliRunner().invoke(app, [str(pairs), str(pairs.parent), "--seconds", "1"])
    assert done.exit_code == 0, done.output
    assert "| both | 1 |" in done.stdout and "SDRi (BSS-eval)" in done.stdout


def test_it_extracts_what_the_network_does_in_pytorch():
    asked = csv_eval.asked_of(csv_eval.BUNDLES / "sound-compact")
    mixture = 0.1 * torch.randn(RATE, generator=torch.Generator().manual_seed(0))
    side, zeros = asked.embed("a dog barking"), torch.zeros(128)
    cues = torch.stack([torch.cat([side, zeros]), torch.cat([zeros, side])])
    found = asked.separate(mixture, cues)[:, : RATE - 2000]
    kept = SoundMeter(compact_net("sound-compact"), None).extract(mixture, cues[:1])
    (expected,) = kept[:, : RATE - 2000]
    np.testing.assert_allclose(found[0], expected, atol=2e-3)
    rest = mixture[: RATE - 2000] - expected  # asked away alone, it is what is taken out
    np.testing.assert_allclose(found[1], rest, atol=2e-3)


def test_a_network_of_voices_is_refused():
    with pytest.raises(BundleError, match="wanted an extractor of sounds"):
        csv_eval.asked_of(csv_eval.BUNDLES / "voice-compact")


def test_a_caption_of_words_that_nobody_knows_is_said_with_the_caption():
    asked = csv_eval.asked_of(csv_eval.BUNDLES / "sound-compact")
    with pytest.raises(ValueError, match=r"caption: unknown in 'Zqxzq noise': 'zqxzq'"):
        asked.embed("Zqxzq noise")
