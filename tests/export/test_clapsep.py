"""The bundle of the full sound model: what PyTorch computes, through every way it is run."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from transformers import ClapConfig, ClapModel

from tap_live.bundle import Bundle, open_bundle
from tap_live.commands.extracting import asking
from tap_live.cues.clap import ClapCues
from tap_live.export.clapsep import Exported, export
from tap_live.extractors.chunked import ChunkConfig, ChunkedExtractor
from tap_live.extractors.context import KIND, RATE, ContextNetwork
from tap_live.extractors.context_spectra import log_mel
from tap_live.models.clap import Clap, HtsatDims
from tap_live.models.clap_files import tokens_of
from tap_live.models.clapsep import CLAPSep, Dims, Separator
from tap_live.runtime import Engine
from tap_live.targets import EmbeddedCue

from ..conftest import GoldenClapsep, filled, filled_audio

pytestmark = pytest.mark.slow  # tracing takes a minute

DIMS = Dims(
    htsat=HtsatDims(channels=8, depths=(2, 1, 1), heads=(1, 2, 4), side=128),
    cue=16,
    mask_width=16,
    mask_layers=1,
    mask_heads=2,
    seconds=2.5,
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaTokenizerFast

    folder = tmp_path_factory.mktemp("tokenizer")
    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(["a dog barking"] * 9, vocab_size=300, special_tokens=special)
    trained.save_model(str(folder))
    files = (str(folder / "vocab.json"), str(folder / "merges.txt"))
    RobertaTokenizerFast(*files).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def net(tokenizer: Path) -> CLAPSep:
    """A small separator and a small CLAP, random but not still."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    audio = HtsatDims(channels=8, depths=(1, 1), heads=(1, 2)).config()
    audio.projection_dim = 16
    text = {
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 32, "vocab_size": 50_000, "projection_dim": 16,
    }  # fmt: skip
    config = ClapConfig(audio_config=audio.to_dict(), text_config=text, projection_dim=16)
    separator = Separator(DIMS).eval().requires_grad_(False)
    for parameter in separator.decoder_model.mask_net[3].parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return CLAPSep(separator, Clap(ClapModel(config)), tokenizer)


@pytest.fixture(scope="module")
def exported(net: CLAPSep, tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("bundles") / "clapsep"
    return export(net.separator, folder, net.clap, tokenizer)


@pytest.fixture(scope="module")
def network(exported: Exported) -> ContextNetwork:
    return ContextNetwork.open(exported.bundle.folder, threads=1)


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal(5 * RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def cue() -> EmbeddedCue:
    rng = np.random.default_rng(1)
    sides = rng.standard_normal((2, 16)).astype(np.float32)
    return EmbeddedCue("text:dog", "sound", sides[0], sides[1])


def offline(net: CLAPSep, mixture: np.ndarray, cue: EmbeddedCue) -> np.ndarray:
    sides = [torch.from_numpy(side)[None] for side in (cue.positive, cue.negative)]
    return net.separate(torch.from_numpy(mixture)[None], sides[0], sides[1])[0].numpy()


def close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


def test_every_graph_computes_what_pytorch_does(exported: Exported) -> None:
    assert set(exported.parity) == {"hear", "find", "audio-cue", "text-cue"}
    assert exported.worst < 1e-3


def test_a_bundle_in_fp16_computes_nearly_the_same(net: CLAPSep, tmp_path: Path) -> None:
    half = export(net.separator, tmp_path / "half", precision="fp16")
    assert half.worst < 3e-2
    kinds = [t.data_type for t in onnx.load(tmp_path / "half" / "find.onnx").graph.initializer]
    assert onnx.TensorProto.FLOAT16 in kinds
    assert half.bundle.manifest.settings["cues"] == "compact"


def test_a_context_gives_what_the_model_extracts(
    net: CLAPSep, network: ContextNetwork, audio: np.ndarray, cue: EmbeddedCue
) -> None:
    from scipy.signal import resample_poly

    mixture = audio[: DIMS.samples]
    copy = resample_poly(mixture, 3, 2).astype(np.float32)
    found = network.targets(mixture, copy, [network.vector(cue)])
    close(found[0], offline(net, mixture, cue))


def test_a_stream_in_chunks_gives_what_the_model_does_with_the_same_context(
    net: CLAPSep, network: ContextNetwork, audio: np.ndarray, cue: EmbeddedCue
) -> None:
    config = ChunkConfig(hop_s=0.5, ahead_s=0.1, fade_s=0.02)
    extractor = ChunkedExtractor(network, RATE, config)
    extractor.set_cues([cue])
    found = np.concatenate([extractor.push(audio), extractor.flush()], axis=1)[0]
    hop, beyond, fade = RATE // 2, RATE * 12 // 100, RATE // 50
    for number in range(5, 9):
        end = (number + 1) * hop + beyond
        whole = offline(net, audio[end - DIMS.samples : end], cue)
        expected = whole[-hop - beyond : -beyond]
        close(found[number * hop + fade : (number + 1) * hop], expected[fade:])


def test_cues_are_the_models_and_are_kept(
    net: CLAPSep, exported: Exported, tmp_path: Path, audio: np.ndarray
) -> None:
    cues = ClapCues(exported.bundle, tmp_path)
    expected = net.embed_tokens(tokens_of(net._tokenizer, ["a dog barking"]))[0]
    close(cues.of_text("a  dog barking"), expected.numpy())
    short = audio[:RATE]
    copy = torch.from_numpy(_at_48k(short))[None]
    close(cues.of_clip(short, RATE), net.embed_audio(copy)[0].numpy())
    kept = sorted(tmp_path.iterdir())
    assert len(kept) == 2
    np.save(kept[0], np.zeros(16, np.float32))
    np.save(kept[1], np.zeros(16, np.float32))
    assert not cues.of_text("a dog barking").any()


def _at_48k(audio: np.ndarray) -> np.ndarray:
    from tap_live.audio.resample import StreamResampler

    resampler = StreamResampler(RATE, 48_000)
    return np.concatenate([resampler.push(audio), resampler.flush()])


def test_the_command_line_takes_the_folder_of_a_bundle(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = asking(["text:a dog"], ["text:music"], extractor=f"{exported.bundle.folder}@0.5")
    plan = asked.extracting()
    assert plan is not None and plan.bundles == ("clapsep",) and plan.kinds == ("sound",)
    extraction = plan.make(48_000, lambda event: None)
    assert extraction.lookahead > 0.5 * 48_000
    assert extraction.push(np.zeros(480, np.float32)).names == ("text:a dog", "text:music")


def test_the_card_and_the_manifest_say_what_it_is(exported: Exported) -> None:
    bundle = open_bundle(exported.bundle.folder, KIND)
    card = bundle.path("README.md").read_text()
    assert "2.5 s of context" in card and "look at their terms" in card
    assert b"/models/" not in bundle.path("hear.onnx").read_bytes()


@pytest.fixture(scope="module")
def full(
    golden_clapsep: GoldenClapsep, tokenizer: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bundle]:
    """With its own cues; 1.3 GB."""
    folder = tmp_path_factory.mktemp("full") / "clapsep"
    yield export(golden_clapsep.net.separator, folder, golden_clapsep.net.clap, tokenizer).bundle
    shutil.rmtree(folder)


def test_the_full_bundles_cues_are_those_of_the_authors_program(
    golden_clapsep: GoldenClapsep, full: Bundle
) -> None:
    expected = golden_clapsep.expected
    mel = log_mel(filled_audio("query", 10, 48_000))[None]
    (heard, _), tokens = Engine(full, "audio-cue").step({"mel": mel}, {}), expected["text_tokens"]
    close(heard["cue"][0], expected["audio_embedding"])
    given = {"tokens": tokens.astype(np.int64), "counts": (tokens != 1).astype(np.int64)}
    for row, embedding in enumerate(np.atleast_2d(expected["text_embedding"])):
        one = {name: value[row : row + 1] for name, value in given.items()}
        close(Engine(full, "text-cue").step(one, {})[0]["cue"][0], embedding)


def test_the_full_bundle_live_gives_the_numbers_of_the_authors_program(
    golden_clapsep: GoldenClapsep, full: Bundle
) -> None:
    from scipy.signal import resample_poly

    network = ContextNetwork.open(full.folder)
    sides = [filled(f"embed_{name}", (512,)) for name in ("pos", "neg")]
    pos, neg = (side / np.linalg.norm(side) for side in sides)
    zeros = np.zeros(512, np.float32)
    cues = [
        EmbeddedCue(name, "sound", positive, negative)
        for name, positive, negative in (
            ("pred", pos, neg), ("pred_pos_only", pos, zeros), ("pred_neg_only", zeros, neg)
        )
    ]  # fmt: skip
    mixture = filled_audio("mixture", 10, RATE)
    copy = resample_poly(mixture, 3, 2).astype(np.float32)
    whole = network.targets(mixture, copy, [network.vector(cue) for cue in cues])
    for cue, found in zip(cues, whole, strict=True):
        expected = golden_clapsep.expected[cue.name]
        close(found[: len(expected)], expected)
    config = ChunkConfig(hop_s=1.9, ahead_s=0.48, fade_s=0.02)  # the fifth context ends at 10 s
    extractor = ChunkedExtractor(network, RATE, config)
    extractor.set_cues(cues)
    live = np.concatenate([extractor.push(mixture), extractor.flush()], axis=1)
    start, stop = round((4 * 1.9 + 0.02) * RATE), round(5 * 1.9 * RATE)
    close(live[:, start:stop], whole[:, start:stop])
