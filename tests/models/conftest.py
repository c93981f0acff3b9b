"""A corpus of synthetic voices, so that training can be tested without anybody's speech."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from tap_live.models.cues import WIDTH
from tap_live.models.speaker import SpeakerEncoder
from tap_live.models.training.corpus import Corpus, open_corpus
from tap_live.models.training.labels import Kinds
from tap_live.models.training.sounds import CUES, CueBank, SoundCorpus, open_sound_corpus
from tap_live.models.training.words import Label, Word
from tap_live.models.whisper import Dims, Whisper

RATE = 16_000
MARKS = ["endoftext", "startoftranscript", "startofprev", "nospeech", "notimestamps"]
VOCABULARY = 400 + 1501
DIMS = Dims(80, 1500, 64, 1, 2, VOCABULARY, 448, 64, 1, 2)


def buzz(seconds: float, pitch: float, seed: int) -> np.ndarray:
    """Harmonics of a wandering pitch in syllables of random loudness."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    wander = np.interp(np.arange(count), np.linspace(0, count, 20), rng.normal(0, 0.03, 20))
    phase = 2 * np.pi * np.cumsum(pitch * (1 + wander)) / RATE
    tones = sum(rng.uniform(0.3, 1) / k * np.sin(k * phase) for k in range(1, 12))
    points = round(seconds * 8)
    loudness = np.interp(
        np.arange(count), np.linspace(0, count, points), rng.uniform(0.1, 1, points)
    )
    return (0.1 * tones * loudness).astype(np.float32)


def write_set(folder: Path, clips: dict[str, np.ndarray], rows: dict[str, dict[str, str]]) -> None:
    """Write clips and their manifest; `rows` adds fields by file name."""
    folder.mkdir(parents=True)
    lines = []
    for name, audio in clips.items():
        sf.write(folder / name, audio, RATE, subtype="PCM_16")
        row = {"file": name, "seconds": len(audio) / RATE, "split": "train"} | rows[name]
        lines.append(json.dumps(row))
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten voices (two of them with two recordings, one of a dev split), noises, rooms."""
    folder = tmp_path_factory.mktemp("corpus")
    clips, rows = {}, {}
    for number in range(10):
        for take in range(2 if number < 2 else 1):
            name = f"v{number}-{take}.flac"
            clips[name] = buzz(9.0, 90.0 + 15 * number, seed=10 * number + take)
            rows[name] = {"speaker": f"v{number}", "split": "dev" if number == 9 else "train"}
    write_set(folder / "speech", clips, rows)
    rng = np.random.default_rng(0)
    noises = {f"n{i}.flac": 0.1 * rng.standard_normal(RATE * 3) for i in range(3)}
    labels = {"n0.flac": "rain", "n1.flac": "rain", "n2.flac": "singing"}
    write_set(folder / "sounds", noises, {name: {"label": labels[name]} for name in noises})
    fade = np.exp(-np.arange(2000) / 300)
    rooms = {f"r{i}.flac": 0.5 * fade * rng.standard_normal(2000) for i in range(2)}
    for room in rooms.values():
        room[40] = 0.9  # the direct path
    write_set(folder / "rir", rooms, {name: {} for name in rooms})
    torch.manual_seed(0)
    encoder = SpeakerEncoder()
    for parameter in encoder.lstm.parameters():  # so that it tells voices apart, untrained
        torch.nn.init.normal_(parameter, std=0.5)
    save_file(encoder.state_dict(), folder / "speaker.safetensors")
    return folder


@pytest.fixture(scope="session")
def whisper_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Whisper with random weights, and a tokenizer of bytes and marks."""
    folder = tmp_path_factory.mktemp("whisper")
    torch.manual_seed(0)
    net = Whisper(DIMS)
    torch.nn.init.normal_(net.decoder.positional_embedding, std=0.1)
    torch.save({"dims": asdict(DIMS), "model_state_dict": net.state_dict()}, folder / "small.pt")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({c: n for n, c in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([f"<|filler{n}|>" for n in range(400 - len(alphabet) - len(MARKS))])
    tokenizer.add_special_tokens([f"<|{mark}|>" for mark in MARKS])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="session")
def labels(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A word every 0.6 s of every clip."""
    path = tmp_path_factory.mktemp("labels") / "words.jsonl"
    words = tuple(Word(f" w{n}", 0.6 * n + 0.1, 0.6 * n + 0.5) for n in range(15))
    names = [file.name for file in sorted((corpus_folder / "speech").glob("*.flac"))]
    rows = [Label(name, -0.1, words).written() for name in names]
    path.write_text("\n".join([*rows, Label("gone.flac", -9.0, ()).written()]))
    return path


@pytest.fixture(scope="session")
def corpus(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    encoder = SpeakerEncoder.open(corpus_folder / "speaker.safetensors")
    return open_corpus(corpus_folder, encoder, tmp_path_factory.mktemp("cache"))


LABELS = ("rain", "dog bark", "bell", "siren", "chainsaw", "truvan")


@pytest.fixture(scope="session")
def sounds_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six labels of twelve clips (one of each of the dev split), a meaningless one, rooms, cues."""
    folder = tmp_path_factory.mktemp("sounds-corpus")
    rng = np.random.default_rng(0)
    clips, rows = {}, {}
    for kind, label in enumerate(LABELS):
        for take in range(12):
            name = f"{kind}-{take}.flac"
            tone = buzz(0.8 + 0.1 * take, 200.0 * (kind + 1), seed=20 * kind + take)
            clips[name] = tone + 0.005 * rng.standard_normal(len(tone))
            split = "dev" if take == 11 else "train"
            rows[name] = {"label": label, "caption": f"the sound of {label}", "split": split}
    clips["odd.flac"] = 0.1 * rng.standard_normal(RATE)
    rows["odd.flac"] = {"label": "enotherapy"}
    write_set(folder / "sounds", clips, rows)
    rooms = {"r.flac": 0.5 * np.exp(-np.arange(2000) / 300) * rng.standard_normal(2000)}
    write_set(folder / "rir", rooms, {"r.flac": {}})
    vectors = rng.standard_normal((len(clips) + 90, 4, WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    kinds = Kinds.open()
    owners = [kind.name for kind in kinds.kinds for _ in kind.sayings]
    CueBank(
        files=[f"sounds/{name}" for name in clips],
        clips=vectors[: len(clips)],
        told=vectors[: len(clips), 2],
        captions=vectors[len(clips) :, 0],
        sayings=np.resize(vectors[:, 1], (len(owners), WIDTH)),
        owners=owners,
    ).save(folder / CUES)
    return folder


@pytest.fixture(scope="session")
def sounds(
    sounds_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SoundCorpus, SoundCorpus]:
    return open_sound_corpus(sounds_folder, tmp_path_factory.mktemp("cache"))
