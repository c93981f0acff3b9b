"""Training of the full sound model: what learns, what is kept, what it is measured by."""

import csv
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from transformers import ClapConfig, ClapModel, GPT2Config, GPT2LMHeadModel

from tap_live.models.clap import Clap, HtsatDims
from tap_live.models.clapsep import RATE, CLAPSep, Dims, Fusion, Separator, state_of
from tap_live.models.training import clapsep_files
from tap_live.models.training.caption_writer import usable, write_captions
from tap_live.models.training.clap_cues import masked, read_captions
from tap_live.models.training.clapsep import (
    RECIPES,
    Scheme,
    SeparatorConfig,
    SeparatorTrainer,
    plateaus,
    separation_course,
    student,
    without_lora,
)
from tap_live.models.training.clapsep_evaluate import separate_long, write_table
from tap_live.models.training.clapsep_files import (
    ClapEncoders,
    content_of,
    open_full,
    open_separator,
)
from tap_live.models.training.config import Schedule
from tap_live.models.training.lookahead import chunked
from tap_live.models.training.pair_lists import Asked, measure_pairs, mixed, read_pairs, table
from tap_live.models.training.runner import Place
from tap_live.models.training.sounds import SoundCorpus

Corpora = tuple[SoundCorpus, SoundCorpus]
DIMS = Dims(
    htsat=HtsatDims(channels=8, depths=(1, 1), heads=(1, 2), side=64),
    cue=128,
    mask_width=16,
    mask_layers=1,
    mask_heads=2,
    seconds=0.6,
)
PLACE = Place(torch.device("cpu"), 0, 1)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def small_clap() -> Clap:
    torch.manual_seed(0)
    audio = DIMS.htsat.config()
    text = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 9}
    return Clap(ClapModel(ClapConfig(audio_config=audio.to_dict(), text_config=text)))


def trainer(
    sounds: Corpora, folder: Path, scheme: Scheme = "paper", steps: int = 4, lora: int = 0
) -> SeparatorTrainer:
    recipe = replace(RECIPES[scheme], seconds=DIMS.seconds)
    config = SeparatorConfig(
        dims=DIMS,
        schedule=Schedule(steps=steps, batch=2, rate=3e-3, warmup=1),
        lora=lora,
        check_cases=4,
    )
    course = separation_course(*sounds, recipe, seed=0)
    return SeparatorTrainer(config, course, folder, PLACE, small_clap() if lora else None)


@pytest.mark.parametrize("scheme", ["paper", "unpaired"])
def test_the_loss_falls_under_either_scheme(
    sounds: Corpora, tmp_path: Path, scheme: Scheme
) -> None:
    training = trainer(sounds, tmp_path, scheme)
    batch = training.mixtures[0]
    losses = [training.learn(batch).item() for _ in range(40)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3


def test_a_run_goes_on_where_it_was_stopped(sounds: Corpora, tmp_path: Path) -> None:
    whole = trainer(sounds, tmp_path / "whole", steps=4)
    whole.run()
    first = trainer(sounds, tmp_path / "parts", steps=4)
    first.stopping = True
    first.run()
    second = trainer(sounds, tmp_path / "parts", steps=4)
    assert second.resume() and second.step == 1
    second.run()
    for one, other in zip(whole.net.parameters(), second.net.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_what_is_kept_is_the_average_and_opens_again(sounds: Corpora, tmp_path: Path) -> None:
    training = trainer(sounds, tmp_path)
    training.run()
    opened = open_separator(tmp_path / "best.pt")
    assert opened.dims == DIMS
    expected = state_of(training.average)
    for name, value in state_of(opened).items():
        torch.testing.assert_close(value, expected[name])
    norm = opened.decoder_model.spec_norm
    assert norm.running_var is not None and not norm.running_var.eq(1).all()


def test_beside_a_clap_only_lora_and_the_decoder_learn(sounds: Corpora, tmp_path: Path) -> None:
    training = trainer(sounds, tmp_path, lora=4)
    named = list(training.net.named_parameters())
    frozen = {name: part.clone() for name, part in named if not part.requires_grad}
    assert frozen and all(name.startswith("audio_branch.") for name in frozen)
    learning = {name for name, part in named if part.requires_grad and "audio_" in name}
    assert all("lora_" in name or name.endswith("base_layer.bias") for name in learning)
    assert any(name.endswith("base_layer.bias") for name in learning)  # as the authors' do
    running = training.net.audio_branch.encoder.batch_norm.running_mean.clone()
    for number in range(3):
        training.learn(training.mixtures[number])
    after = dict(training.net.named_parameters())
    assert all(torch.equal(value, after[name]) for name, value in frozen.items())
    assert any(p.abs().max() > 0 for name, p in after.items() if "lora_B" in name)
    torch.testing.assert_close(training.net.audio_branch.encoder.batch_norm.running_mean, running)


def test_an_encoder_may_stay_as_it_is() -> None:
    net = student(SeparatorConfig(dims=DIMS, lora=0, frozen=True), small_clap())
    learning = [name for name, part in net.named_parameters() if part.requires_grad]
    assert learning and not [name for name in learning if name.startswith("audio_branch.")]


def test_lora_is_merged_into_what_is_kept() -> None:
    net = student(SeparatorConfig(dims=DIMS, lora=4), small_clap()).eval()
    for name, parameter in net.named_parameters():
        if "lora_B" in name or name.endswith("base_layer.bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    mixture, cues = torch.randn(1, DIMS.samples), torch.ones(1, 1, 256)
    with torch.no_grad():
        merged = without_lora(net).extract(mixture, cues)
        torch.testing.assert_close(merged, net.extract(mixture, cues), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("lora", [0, 4])
def test_all_that_learns_is_reached(sounds: Corpora, tmp_path: Path, lora: int) -> None:
    """Several processes would wait for ever for the gradient of what is not."""
    training = trainer(sounds, tmp_path, lora=lora)
    training.learn(training.mixtures[0])
    learning = [(n, p.grad) for n, p in training.net.named_parameters() if p.requires_grad]
    assert learning and not [name for name, gradient in learning if gradient is None]


def test_a_network_from_random_weights_hears_its_cue_from_the_start() -> None:
    torch.manual_seed(0)
    cues = torch.nn.functional.normalize(torch.randn(64, 2 * DIMS.cue), dim=-1)

    def scales(net: Separator) -> torch.Tensor:
        fusions = [part for part in net.modules() if isinstance(part, Fusion)]
        return torch.cat([part.skip_conv["gamma"](cues) for part in fusions], dim=1).detach()

    usual = scales(Separator(DIMS))
    found = scales(student(SeparatorConfig(dims=DIMS, lora=0), None))
    assert usual.std(0).mean() < 0.05 and usual.abs().mean() < 0.1  # features stay unheard
    assert 0.4 < found.std(0).mean() < 0.8 and found.mean() == pytest.approx(1.0, abs=0.1)


def test_in_bfloat16_it_extracts_nearly_the_same() -> None:
    torch.manual_seed(0)
    net, mixture = Separator(DIMS).eval(), 0.1 * torch.randn(1, DIMS.samples)
    with torch.no_grad():
        exact = net.extract(mixture, torch.ones(1, 1, 256))
        with torch.autocast("cpu", torch.bfloat16):
            found = net.extract(mixture, torch.ones(1, 1, 256))
    assert found.dtype == torch.float32
    assert (found - exact).square().sum() < 1e-3 * exact.square().sum()


def test_the_rate_falls_at_each_plateau() -> None:
    assert plateaus([1, 2, 3, 4], patience=2) == 0
    assert plateaus([1, 2, 1, 1], patience=2) == 1
    assert plateaus([1, 0, 0, 0, 0, 2, 0], patience=2) == 2


def test_a_check_made_at_a_stop_or_lost_with_the_weights_does_not_count(
    sounds: Corpora, tmp_path: Path
) -> None:
    first = trainer(sounds, tmp_path, steps=1)
    first.run()
    rows = [{"step": step, "gain_db": 0.0} for step in (1, 2)]  # the second is newer than last.pt
    with (tmp_path / "log.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    second = trainer(sounds, tmp_path)
    assert second.resume() and second._scores == [0.0]


@pytest.mark.slow
def test_two_processes_go_on_alike_after_the_rate_has_fallen(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    script = [sys.executable, str(Path(__file__).with_name("one_of_two.py")), str(tmp_path)]
    started = [
        subprocess.Popen(script, env=os.environ | common | {"RANK": rank, "LOCAL_RANK": rank})
        for rank in "01"
    ]
    assert [one.wait(timeout=300) for one in started] == [0, 0]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in "01")
    assert first == second and first["rate"] == pytest.approx(3e-3)


def test_spec_augment_silences_a_stretch_and_a_band() -> None:
    mel = torch.zeros(1, 200, 64)
    found = masked(mel, torch.Generator().manual_seed(3))
    silent = found[0] == -100
    assert silent.any() and not silent.all() and not mel.any()
    assert silent.all(1).sum() <= 100 and silent.all(0).sum() <= 12


def test_a_long_mixture_is_separated_in_overlapping_contexts() -> None:
    class Half(Separator):
        def extract(self, mixture: torch.Tensor, cues: torch.Tensor) -> torch.Tensor:
            assert mixture.shape == (1, DIMS.samples)
            return 0.5 * mixture[:, None].expand(-1, cues.shape[1], -1)

    for length in (100, DIMS.samples, DIMS.samples + 1, 3 * DIMS.samples + 7):
        mixture = torch.randn(length)
        found = separate_long(Half(DIMS), mixture, torch.ones(2, 256))
        torch.testing.assert_close(found, 0.5 * mixture.expand(2, -1), atol=1e-5, rtol=1e-4)


def test_chunks_hear_what_comes_before_and_so_much_beyond() -> None:
    class Edge(Separator):
        """Gives the mixture, less what the end of its context holds."""

        def extract(self, mixture: torch.Tensor, cues: torch.Tensor) -> torch.Tensor:
            return (mixture - mixture[:, -1:])[:, None]

    mixture = torch.randn(20_000)
    found = chunked(Edge(DIMS), mixture, torch.ones(256), hop=3000, ahead=500)
    later = torch.nn.functional.pad(mixture, (0, 6000))[3499::3000][:7]
    expected = mixture - later.repeat_interleave(3000)[:20_000]
    torch.testing.assert_close(found, expected)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A list of two mixtures of tones, with a heading."""
    time = np.arange(RATE) / RATE
    for name, pitch in (("low", 200), ("high", 3000)):
        sf.write(tmp_path / f"{name}.wav", 0.3 * np.sin(2 * np.pi * pitch * time), RATE)
    rows = [
        ("target", "caption", "noise", "noise caption"),
        ("low.wav", "a low tone", "high.wav", "a high tone"),
        ("high.wav", "a high, steady tone", "low.wav", "a low tone"),
    ]
    with (tmp_path / "pairs.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path / "pairs.csv"


def test_a_benchmark_is_measured_by_means_and_deviations(pairs: Path) -> None:
    rows = read_pairs(pairs, pairs.parent)
    assert [row.caption for row in rows] == ["a low tone", "a high, steady tone"]
    mixture, target = mixed(rows[0], RATE, ratio_db=10.0)
    ratio = target.square().sum() / (mixture - target).square().sum()
    assert 10 * float(torch.log10(ratio)) == pytest.approx(10, abs=0.1)

    def perfect(mixture: torch.Tensor, cues: torch.Tensor) -> torch.Tensor:
        """All that is on the side of the first cue's tone."""
        spectrum = torch.fft.rfft(mixture)
        spectrum[1000:] = 0  # 1 kHz
        low = torch.fft.irfft(spectrum, len(mixture))
        wants_low = [bool(cue[0] == 0) and bool(cue.any()) for cue in cues]
        return torch.stack([low if yes else mixture - low for yes in wants_low])

    def embed(text: str) -> torch.Tensor:
        return torch.tensor([1.0, 0.0] if "high" in text else [0.0, 1.0])

    gains = list(measure_pairs(Asked(perfect, embed), rows, RATE))
    assert all(row["both"].si_sdr > 20 and row["positive"].snr > 20 for row in gains)
    said = table(gains)
    assert "| positive | 2 |" in said and "±" in said


def test_a_caption_is_embedded_once_and_what_was_measured_outlives_a_stop(
    pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, texts = pairs.parent, list[str]()

    def embed(text: str) -> torch.Tensor:
        texts.append(text)
        return torch.ones(1)

    def separate(mixture: torch.Tensor, cues: torch.Tensor) -> torch.Tensor:
        if (folder / "rows.jsonl").read_text():
            raise KeyboardInterrupt  # in the second mixture
        return 0.5 * mixture.expand(len(cues), -1)

    with pytest.raises(KeyboardInterrupt):
        write_table(
            Asked(separate, embed),
            read_pairs(pairs, folder),
            RATE,
            0.0,
            folder / "table.md",
            folder / "rows.jsonl",
        )
    assert sorted(texts) == ["a high tone", "a high, steady tone", "a low tone"]
    (row,) = map(json.loads, (folder / "rows.jsonl").read_text().splitlines())
    assert row["both"]["si_sdr"] == pytest.approx(0.0, abs=1e-3)
    assert "| both | 1 |" in capsys.readouterr().out
    assert "| both | 1 |" in (folder / "table.md").read_text()


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_only_a_row_that_names_no_audio_is_a_heading(pairs: Path, mark: str) -> None:
    lines = pairs.read_text().splitlines()
    rows = mark + "\n".join(line.replace(",", ", ") for line in lines[1:])
    pairs.write_text(rows, encoding="utf-8")
    found = read_pairs(pairs, pairs.parent)
    assert [row.noise_caption for row in found] == ["a high tone", "a low tone"]
    pairs.write_text(f"{mark}gone.wav,a,low.wav,b\n{lines[1]}", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="row 1 of"):
        read_pairs(pairs, pairs.parent)
    with pytest.raises(FileNotFoundError, match="wanted a list of mixtures"):
        read_pairs(pairs.parent / "none.csv", pairs.parent)


def test_a_full_model_is_asked_with_claps_cues_or_the_compact_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    separator = Separator(DIMS).eval()
    net = CLAPSep(separator, small_clap())
    monkeypatch.setattr(net.clap, "embed_audio", lambda audio: audio)
    audio = 0.1 * torch.randn(RATE)
    expected = separator.copy_48k(audio[None])[0]  # at 48 kHz, as CLAP hears
    torch.testing.assert_close(ClapEncoders(net).of_clip(audio), expected)
    monkeypatch.setattr(clapsep_files, "load", lambda *files: net)
    opened, encoders = open_full(Path("best_model.ckpt"), Path("clap.pt"), None, None)
    assert opened is separator and isinstance(encoders, ClapEncoders)
    torch.save(content_of(separator, {}), tmp_path / "best.pt")
    with pytest.raises(ValueError, match="wanted --clap for the full model, or --cues"):
        open_full(tmp_path / "best.pt", None, None, None)


def test_a_list_that_names_what_is_not_there_is_refused(pairs: Path) -> None:
    lines = pairs.read_text().splitlines()
    pairs.write_text("\n".join([*lines, "gone.wav,a,low.wav,b"]))
    with pytest.raises(FileNotFoundError, match="row 4 of"):
        read_pairs(pairs, pairs.parent)
    pairs.write_text("\n".join([*lines, "low.wav,a"]))
    with pytest.raises(ValueError, match="wanted target,caption,noise,caption, found"):
        read_pairs(pairs, pairs.parent)


def test_captions_are_lines_without_doubles(tmp_path: Path) -> None:
    (tmp_path / "captions.txt").write_text("a dog\n\n a   dog \nrain\n")
    assert read_captions(tmp_path / "captions.txt") == ["a dog", "rain"]
    with pytest.raises(FileNotFoundError, match="`write-captions` makes one"):
        read_captions(tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("a bell ringing twice.\nand more", "a bell ringing twice"),
        ("bell", ""),
        ("see http://x for more sounds", ""),
        (" ".join(["many"] * 30), ""),
    ],
)
def test_what_is_no_caption_is_left_out(text: str, caption: str) -> None:
    assert usable(text) == caption


def test_without_a_language_model_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="hf download NAME --local-dir FOLDER"):
        write_captions(tmp_path, tmp_path / "captions.txt", 3)


def test_a_local_language_model_adds_captions_to_a_file(tmp_path: Path) -> None:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import GPT2TokenizerFast

    words = ByteLevelBPETokenizer()
    words.train_from_iterator(["a dog barking in the rain\n"] * 9, vocab_size=280)
    words.save_model(str(tmp_path))
    files = (str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    GPT2TokenizerFast(*files, eos_token="a").save_pretrained(tmp_path)
    torch.manual_seed(0)
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 1, "n_positions": 512}
    model = GPT2LMHeadModel(GPT2Config(vocab_size=280, **sizes))
    ids = torch.tensor([words.encode("a dog barking in the rain\n" * 12).ids])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
    model.save_pretrained(tmp_path)
    out = tmp_path / "out" / "captions.txt"
    out.parent.mkdir()
    out.write_text("a caption that was there\n")
    assert write_captions(tmp_path, out, 3) == 3
    lines = out.read_text().splitlines()
    assert lines[0] == "a caption that was there" and len(set(lines)) == 3
