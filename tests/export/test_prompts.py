import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tap_live.errors import BundleError, ParityError
from tap_live.export import prompts as exporter
from tap_live.export.prompts import NOT_MEASURED, export, parity
from tap_live.models.training.prompt_files import whisper_folder
from tap_live.models.ts_whisper import (
    Prompts,
    TargetSpeakerWhisper,
    open_whisper,
    prompts_of,
    read_prompts,
)
from tap_live.models.whisper import Dims
from tap_live.models.whisper import Whisper as Network
from tap_live.whisper.assemble import BUNDLES
from tap_live.whisper.model import Whisper
from tap_live.whisper.prompts import FILE, VoicePrompts

from ..conftest import filled
from .test_whisper import LENGTH, Exported, exported

SMALL = Dims(80, 1500, 64, 2, 3, 51864, 448, 64, 2, 3)


@pytest.fixture(autouse=True)
def _no_grad() -> Iterator[None]:
    torch.set_num_threads(1)
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    torch.manual_seed(0)
    network = Network(SMALL).eval()
    torch.nn.init.normal_(network.decoder.positional_embedding, std=0.1)
    folder = tmp_path_factory.mktemp("small")
    return exported(network, folder / "whisper", tokenizer("tiny.en", folder), precision="fp32")


def tokenizer(name: str, folder: Path) -> Path:
    """The one that ships: what is compared is real words."""
    path = folder / "tokenizer.json"
    packed = BUNDLES / f"whisper-{name}" / "tokenizer.json.xz"
    path.write_bytes(lzma.decompress(packed.read_bytes()))
    return path


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    prompts = Prompts(SMALL, length=LENGTH)
    prompts.fit(0.04 * torch.rand(40, 256))
    path = tmp_path / "best.pt"
    torch.save({"weights": prompts.settled()}, path)
    return path


def test_the_live_engine_computes_what_the_network_does(
    small: Exported, trained: Path, tmp_path: Path
) -> None:
    made = export(trained, "small", small.network, small.whisper, tmp_path / "prompts-small")
    assert made.worst < 1e-3
    assert made.bundle.manifest.settings["whisper"] == "small"
    assert made.bundle.manifest.settings["extracted"] is False
    assert sum(f.bytes for f in made.bundle.manifest.files.values()) < 1e6
    assert NOT_MEASURED in (tmp_path / "prompts-small" / "README.md").read_text()


def test_prompts_that_learned_behind_an_extractor_say_so(
    small: Exported, trained: Path, tmp_path: Path
) -> None:
    content = torch.load(trained, weights_only=True)
    torch.save({**content, "about": {"extractor": 123}}, trained)
    folder = tmp_path / "prompts-small"
    made = export(trained, "small", small.network, small.whisper, folder)
    assert made.bundle.manifest.settings["extracted"] is True
    assert "**For:** `--captions both`" in (folder / "README.md").read_text()


@pytest.mark.slow
def test_the_prompts_that_ship_do_what_the_network_does_with_them(tmp_path: Path) -> None:
    network = open_whisper(whisper_folder("base", tmp_path, tmp_path))
    shipped = BUNDLES / "prompts-base"
    asked = TargetSpeakerWhisper(network, prompts_of(read_prompts(shipped / FILE), network.dims))
    live = Whisper.open("base", precision="fp32")
    assert parity(asked, live, VoicePrompts.open(shipped)) < 1e-3


def test_an_engine_that_disagrees_is_not_shipped(
    small: Exported, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "TOLERANCE", 0.0)
    with pytest.raises(ParityError, match="do not ship this export"):
        export(trained, "small", small.network, small.whisper, tmp_path / "prompts-small")


def test_the_authors_prompts_reach_their_numbers_through_bundle_and_graphs(
    golden_whisper: Any, tmp_path: Path
) -> None:
    golden = golden_whisper
    network = Network(Dims(80, 1500, 64, 2, 3, 51865, 448, 64, 2, 3)).eval()
    state = {name: torch.tensor(value) for name, value in golden.state.items()}
    network.load_state_dict(state, strict=False)
    whisper = exported(
        network, tmp_path / "golden", tokenizer("base", tmp_path), precision="fp32"
    ).whisper
    authors = Prompts(network.dims, length=LENGTH, speaker=512)
    names = [name for name in authors.state_dict() if name not in ("mean", "scale")]
    shapes = {name: tuple(authors.state_dict()[name].shape) for name in names}
    torch.save(
        {name: torch.tensor(filled(f"prompt.{name}", shapes[name])) for name in names},
        tmp_path / "prompts.pt",
    )
    folder = tmp_path / "prompts-golden"
    export(tmp_path / "prompts.pt", "golden", network, whisper, folder)
    # In fp16 they are not the authors' to 1e-3: the same numbers, kept exactly, are.
    prompts = VoicePrompts.open(folder)
    kept = authors
    kept.load_state_dict(torch.load(tmp_path / "prompts.pt"), strict=False)
    for name, value in kept.settled().items():
        attribute = {
            "spk_embed_layer.weight": "_weight",
            "spk_embed_layer.bias": "_bias",
            "soft_prompt_extra_encoder": "_encoder",
            "soft_prompt_extra_decoder": "_decoder",
        }[name]
        np.testing.assert_allclose(getattr(prompts, attribute), value, atol=2e-3)
        setattr(prompts, attribute, value.numpy())
    prompt = prompts.of([filled("xvector", (512,))])
    encoded = whisper.encode(golden.mel, prompt)
    after = golden.tokens[:, 1 + LENGTH :]
    logits = whisper.decode(after, whisper.start(encoded, prompt))[0]
    np.testing.assert_allclose(encoded.hidden[0, :40], golden.hidden, atol=1e-3)
    np.testing.assert_allclose(logits[0, :, :2000], golden.logits[1 + LENGTH :], atol=1e-3)


def test_prompts_for_another_whisper_are_refused(
    small: Exported, trained: Path, tmp_path: Path
) -> None:
    other = Network(Dims(80, 1500, 128, 2, 3, SMALL.n_vocab, 448, 128, 2, 3))
    with pytest.raises(ValueError, match="give the Whisper that they were trained for"):
        export(trained, "other", other, small.whisper, tmp_path / "prompts-other")


def test_voices_of_another_encoder_are_refused(
    small: Exported, trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "prompts-small"
    export(trained, "small", small.network, small.whisper, folder)
    with pytest.raises(BundleError, match="takes voices of 256 numbers, found 512"):
        VoicePrompts.open(folder).of([np.zeros(512, np.float32)])


def test_what_is_not_installed_says_how_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no prompts for Whisper 'base' are installed: make them"):
        VoicePrompts.of_whisper("base", tmp_path)
