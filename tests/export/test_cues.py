"""Cue bundles: the same numbers as PyTorch, small, and whole."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tap_live.bundle import open_bundle
from tap_live.cues.audio import AudioCues
from tap_live.cues.text import TextCues
from tap_live.export.cues import TorchBackend, added, export, fuse, noise_stream
from tap_live.export.rounding import packed, unpacked
from tap_live.export.verify import verify
from tap_live.models.cues import WIDTH, AudioCueEncoder, AudioDims, Likes, TextCueTable, windows
from tap_live.models.training.cue_files import CueEncoders, save_audio, save_likes, save_table
from tap_live.models.training.text_cue import Vocabulary
from tap_live.runtime import Engine

PIECES = ("a", "dog", "bark", "##ing", "cat")


@pytest.fixture(scope="module")
def encoders() -> CueEncoders:
    torch.manual_seed(0)
    audio = AudioCueEncoder(AudioDims(channels=(4, 8), hidden=16))
    for _ in range(3):  # so that the norms have something to put into the convolutions
        audio(torch.rand(4, 150, 64))
    table = TextCueTable(len(PIECES))
    torch.nn.init.normal_(table.vectors)
    torch.nn.init.normal_(table.weights)
    sayings, clips = (F.normalize(torch.randn(count, WIDTH), dim=-1) for count in (4, 3))
    likes = Likes(sayings, torch.tensor([0, 1, 2, 1]), clips)
    return CueEncoders(audio.eval(), table.eval(), Vocabulary(PIECES, ()), likes)


@pytest.fixture(scope="module")
def folder(encoders: CueEncoders, tmp_path_factory: pytest.TempPathFactory) -> Path:
    cues, out = tmp_path_factory.mktemp("cues"), tmp_path_factory.mktemp("bundles")
    save_table(cues, encoders.table, encoders.vocabulary)
    save_likes(cues, encoders.likes)
    save_audio(cues, encoders.audio, {"kinds": 2, "figures": {"dev clips": "R@1 0.5"}})
    export(cues, out, ["a dog", "a cat", "barking"])
    return out


def test_the_graph_computes_what_pytorch_does(encoders: CueEncoders, folder: Path) -> None:
    bundle = open_bundle(folder / "audio-cue", "audio-cue")
    reference = TorchBackend(fuse(encoders.audio))
    (parity,) = verify(reference, Engine(bundle, "windows"), noise_stream(seed=1))
    assert parity.output == "cue" and parity.largest < 1e-4


def test_rounding_and_fused_norms_cost_next_to_nothing(encoders: CueEncoders) -> None:
    mel = torch.from_numpy(noise_stream()[0]["mel"])
    with torch.no_grad():
        likeness = (fuse(encoders.audio)(mel) * encoders.audio(mel)).sum(1)
    assert (likeness > 0.9999).all()


def test_a_clip_has_the_cue_that_it_has_in_training(encoders: CueEncoders, folder: Path) -> None:
    audio = 0.1 * np.random.default_rng(0).standard_normal(32_000 * 5, np.float32)
    audio[:40_000] *= 1e-3
    expected = encoders.of_clip(torch.from_numpy(audio)).numpy()
    heard = AudioCues.open(folder / "audio-cue").embed(audio, 32_000)
    found = TextCues.open(folder / "text-cue").moved(heard)
    assert found @ expected > 0.9999 and heard @ expected < 0.999
    mel = encoders.audio.mel(torch.from_numpy(audio))
    assert windows(mel).shape[1:] == (150, 64)


def test_words_have_the_cue_that_they_have_in_training(encoders: CueEncoders, folder: Path) -> None:
    cues = TextCues.open(folder / "text-cue")
    for text in ("a dog barking", "cat", "a cat, a cat"):
        expected = encoders.of_text(text)
        assert cues.embed(text) @ expected.detach().numpy() > 0.9995


def test_steps_and_scales_lose_a_half_step_at_most(encoders: CueEncoders) -> None:
    rows = added(encoders.table)
    steps, scales = packed(rows)
    off = np.abs(unpacked(steps, scales) - rows)
    assert (off <= 0.51 * scales.astype(np.float32)[:, None] + 1e-6).all()


def test_cards_tell_how_they_were_made_and_their_figures(folder: Path) -> None:
    for name in ("text-cue", "audio-cue"):
        card = (folder / name / "README.md").read_text()
        assert "tap_live.export.cues CUES" in card and "dev clips: R@1 0.5" in card
        manifest = json.loads((folder / name / "manifest.json").read_text())
        assert "Apache-2.0" in " ".join(manifest["sources"])
