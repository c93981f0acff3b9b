import json
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# A loaded machine is slow at times; a test that hangs is stopped by CI's own limit.
hypothesis.settings.register_profile("tap-live", deadline=None)
hypothesis.settings.load_profile("tap-live")


GOLDEN = Path(__file__).with_name("golden")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The developers' speech and sounds, which lie beside a checkout and in no release."""
    folder = Path(__file__).parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the developers' data set is not here")
    return folder


def _random_extractor(folder: Path, **options: Any) -> Path:
    """Write a small voice extractor with random weights, whose masks differ from hop to hop."""
    import torch

    from tap_live.export.compact import export
    from tap_live.models.compact import CompactExtractor, Dims

    torch.manual_seed(0)
    torch.set_num_threads(1)
    future = folder.name in ("voice-offline", "voice-told")
    dims = Dims(
        band_width=8, full_width=16, blocks=2, condition_width=8, past_hops=3, future=future,
        cue=512 if folder.name in ("voice-beside", "voice-told") else 256,
    )  # fmt: skip
    net = CompactExtractor(dims).eval()
    for parameter in net.mask.layers.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    export(net, folder, **options)
    torch.save({"dims": asdict(dims), "weights": net.state_dict()}, folder.with_suffix(".pt"))
    return folder


@pytest.fixture(scope="session")
def voice_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small voice extractor; its checkpoint lies beside it."""
    return _random_extractor(tmp_path_factory.mktemp("bundles") / "voice-compact", captions=True)


@pytest.fixture(scope="session")
def offline_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for recordings, likewise, in 8 bits."""
    return _random_extractor(tmp_path_factory.mktemp("offline") / "voice-offline", bits=8)


@pytest.fixture(scope="session")
def beside_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that is also told who speaks beside a voice."""
    return _random_extractor(tmp_path_factory.mktemp("beside") / "voice-beside")


@pytest.fixture(scope="session")
def told_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for recordings that is told so, as `voice-offline` ships."""
    return _random_extractor(tmp_path_factory.mktemp("told") / "voice-told")


@pytest.fixture
def built_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines are built in this process, where ONNX Runtime may be played."""
    from tap_live import tensorrt_provider

    monkeypatch.setattr(tensorrt_provider, "build_apart", lambda job, waiting: job.build())


def filled(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Stand-in weights, made from a tensor's name by the rule of the authors' golden vectors."""
    rng = np.random.Generator(np.random.PCG64([zlib.crc32(name.encode()), 0]))
    values = rng.standard_normal(shape, dtype=np.float64)
    if name.endswith("running_var"):
        values = 1.0 + 0.1 * np.abs(values)
    elif len(shape) >= 2:
        values = values / np.sqrt(np.prod(shape[1:]))
    elif name.endswith("weight"):
        values = 1.0 + 0.05 * values
    else:
        values = 0.05 * values
    return values.astype(np.float32)


def filled_audio(name: str, seconds: float, rate: int) -> NDArray[np.float32]:
    """A signal in [-0.9, 0.9] by the same rule: gliding tones, clicks and noise."""
    rng = np.random.Generator(np.random.PCG64([zlib.crc32(name.encode()), 0]))
    time = np.arange(int(seconds * rate)) / rate
    signal = 0.1 * rng.standard_normal(time.size)
    for _ in range(4):
        first, last = rng.uniform(80, 4000, 2)
        level, phase = rng.uniform(0.05, 0.3), rng.uniform(0, 2 * np.pi)
        glide = first * time + (last - first) * time**2 / (2 * time[-1])
        signal += level * np.sin(2 * np.pi * glide + phase)
    signal[rng.integers(0, time.size, 20)] += rng.uniform(-0.5, 0.5, 20)
    return (0.9 * signal / np.max(np.abs(signal))).astype(np.float32)


class GoldenWhisper(NamedTuple):
    """A tiny prompted Whisper, and what the authors' own program computes with it."""

    state: dict[str, NDArray[np.float32]]  # OpenAI's names, without the encoder's positions
    mel: NDArray[np.float32]  # (1, 80, 3000), ten zero frames in front
    encoder_prompt: NDArray[np.float32]  # (1, 3, 5, 64)
    decoder_prompt: NDArray[np.float32]  # (1, 3, 4, 64)
    tokens: NDArray[np.int64]  # (1, 13)
    hidden: NDArray[np.float32]  # (40, 64), the first of them
    logits: NDArray[np.float32]  # (13, 2000), those of the first tokens
    argmax: NDArray[np.int64]  # (13,)


@pytest.fixture(scope="session")
def golden_whisper() -> GoldenWhisper:
    from tap_live.whisper.features import log_mel

    shapes = json.loads((GOLDEN / "ts_whisper_state_dict.json").read_text())
    expected = np.load(GOLDEN / "ts_whisper_golden.npz")
    tensors = {
        name: filled(name, tuple(shape[0] if isinstance(shape[0], list) else shape))
        for name, shape in shapes.items()
    }
    mel = np.zeros((1, 80, 3000), np.float32)
    mel[0, :, 10:610] = log_mel(filled_audio("speech", 6, 16000))
    speaker = tensors["prompt.spk_embed_layer.weight"] @ filled("xvector", (512,))
    speaker = speaker + tensors["prompt.spk_embed_layer.bias"]
    front = np.zeros((1, 3, 1, 64), np.float32)
    front[0, 0, 0] = speaker
    sides = {
        side: np.stack([_reparameterised(tensors, side, layer) for layer in range(3)])[None]
        for side in ("encoder", "decoder")
    }
    return GoldenWhisper(
        state={
            name.removeprefix("whisper."): value
            for name, value in tensors.items()
            if name.startswith("whisper.") and name != "whisper.encoder.positional_embedding"
        },
        mel=mel,
        encoder_prompt=np.concatenate([front, sides["encoder"]], axis=2),
        decoder_prompt=sides["decoder"],
        tokens=expected["tokens"][None],
        hidden=expected["encoder"],
        logits=expected["logits"],
        argmax=expected["argmax"],
    )


def _reparameterised(
    tensors: dict[str, NDArray[np.float32]], side: str, layer: int
) -> NDArray[np.float32]:
    """A soft prompt added to its residual perceptron with a norm: (4, 64)."""
    soft = tensors[f"prompt.soft_prompt_extra_{side}"][layer]
    net = f"prompt.mlp_{side}.{layer}.net"
    x = np.maximum(soft @ tensors[f"{net}.0.weight"].T + tensors[f"{net}.0.bias"], 0)
    x = x @ tensors[f"{net}.2.weight"].T + tensors[f"{net}.2.bias"]
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return soft + x * tensors[f"{net}.3.weight"] + tensors[f"{net}.3.bias"]


class GoldenClapsep(NamedTuple):
    """The full sound model from files in the authors' layouts, and what their program computes."""

    net: Any  # CLAPSep
    expected: Mapping[str, NDArray[Any]]


@pytest.fixture(scope="session")
def golden_clapsep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoldenClapsep]:
    """Full size, filled by name: 2 GB of files for as long as they are read, 1.5 GB of memory."""
    import torch

    from tap_live.models.clapsep import load

    def tensor(name: str, shape: list[int], kind: str) -> torch.Tensor:
        if kind != "float32":
            return torch.zeros(shape, dtype=torch.int64)
        return torch.from_numpy(filled(name, tuple(shape)))

    folder, clap = tmp_path_factory.mktemp("authors"), "clap_model.model."
    shapes = json.loads((GOLDEN / "clapsep_state_dict.json").read_text())
    laion = {
        f"module.{name.removeprefix(clap)}": tensor(name, *spec)
        for name, spec in shapes.items()
        if name.startswith(clap)
    }
    laion["module.logit_scale_a"] = torch.tensor(1.0)
    torch.save({"epoch": 15, "state_dict": laion}, folder / "laion.pt")
    own = ("audio_branch.", "decoder_model.", "stft.", "istft.")
    authors = {name: tensor(name, *spec) for name, spec in shapes.items() if name.startswith(own)}
    torch.save(authors, folder / "best_model.ckpt")
    del laion, authors
    net = load(folder / "best_model.ckpt", folder / "laion.pt")
    shutil.rmtree(folder)
    yield GoldenClapsep(net, np.load(GOLDEN / "clapsep_golden.npz"))
