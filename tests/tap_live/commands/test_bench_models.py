import importlib.util
import json
import lzma
import sys
from dataclasses import replace

import pytest

from tap_live.bench_graphs import Way
from tap_live.catalogue import BUNDLES
from tap_live.commands import bench_models
from tap_live.errors import RuntimeMissingError

torch_is_here = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs the extra [export]"
)


def test_a_shipped_network_is_measured_optimised_and_as_written(tap_live, tmp_path):
    words = ("bench", "--model", "vad", "--steps", 2, "--plot", tmp_path / "p.svg", "--json")
    code, out, err = tap_live(*words)
    assert code == 0, err
    found = json.loads(out)
    ways = [(one["model"], one["way"], one["device"]) for one in found["figures"]]
    assert ways == [("vad", "fp32", "cpu"), ("vad", "fp32 as written", "cpu")]
    assert all(one["worst_ms"] >= one["p50_ms"] > 0 for one in found["figures"])
    assert all((one["steps"], one["p99_ms"]) == (6, None) for one in found["figures"])  # too few
    assert found["memory_mb"] > 10
    assert (tmp_path / "p.svg").read_text().startswith("<svg")


@torch_is_here
def test_a_network_is_compared_with_pytorch_in_the_same_run(tap_live):
    code, out, err = tap_live("bench", "--model", "audio-cue", "--steps", 2, "--peer", "pytorch")
    assert code == 0, err
    assert "pytorch" in out and "1.00" in out


@torch_is_here
def test_the_shipped_extractor_is_compared_in_8_bits_too(tap_live):
    words = ("bench", "--model", "voice-compact", "--steps", 2, "--peer", "pytorch", "--json")
    code, out, err = tap_live(*words)
    assert code == 0, err
    ways = {one["way"]: one for one in json.loads(out)["figures"]}
    assert [*ways] == ["fp32", "fp32 as written", "int8", "pytorch"]
    assert ways["pytorch"]["ratio"] == 1 and all(one["ratio"] > 0 for one in ways.values())


@torch_is_here
def test_twins_have_as_many_parameters_as_what_ships():
    from tap_live.export.shipped import compact_net

    for folder in BUNDLES.glob("*-compact"):
        count = sum(weights.numel() for weights in compact_net(folder.name).parameters())
        assert f"{count:,} parameters" in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("words", "expected", "text"),
    [
        (
            ("--model", "nothing"),
            1,
            "no bundle 'nothing' with graphs: there are audio-cue, ",
        ),
        (("--model", "vad", "--model", "text-cue"), 1, "'text-cue' has no graphs"),
        (("--model", BUNDLES), 1, "no bundle and no Whisper in the folder"),
        (("--model", "vad", "--peer", "faster-whisper"), 2, "compared with --peer pytorch"),
        (("--peer", "pytorch"), 2, "are for networks: add --model"),
        (("--model", "vad", "--device", "cuda", "--strict"), 1, "wanted cuda, but"),
    ],
)
def test_what_cannot_be_measured_is_said(tap_live, words, expected, text):
    code, _, err = tap_live("bench", *words)
    assert code == expected and text in err


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder with random weights of a small Whisper, and graphs for them."""
    pytest.importorskip("torch", reason="needs the extra [export]")
    from safetensors.torch import save_file

    from tap_live.export.whisper import write_bundle
    from tap_live.models.whisper import Dims, Whisper

    folder = tmp_path_factory.mktemp("small-whisper")
    dims = Dims(80, 1500, 64, 1, 2, 51865, 448, 64, 1, 2)
    save_file(Whisper(dims).state_dict(), folder / "model.safetensors")
    tokenizer = folder / "tokenizer.json"
    packed = BUNDLES / "whisper-base" / "tokenizer.json.xz"
    tokenizer.write_bytes(lzma.decompress(packed.read_bytes()))
    write_bundle("small", dims, [(0, 0)], tokenizer, folder, made_by="a test")
    return folder


@torch_is_here
def test_a_whisper_is_measured_as_it_was_exported(tap_live, weights, tmp_path):
    from tap_live.whisper.assemble import assembled

    exported = assembled(weights, precision="int8", cache=tmp_path)
    words = ("bench", "--model", exported, "--steps", 2, "--peer", "pytorch", "--json")
    code, out, err = tap_live(*words)
    assert code == 0, err
    found = json.loads(out)
    ways = [(one["graph"], one["way"]) for one in found["figures"] if one["batch"] == 1]
    assert ways == [
        (graph, way) for graph in ("encoder", "decoder") for way in ("as exported", "as written")
    ]
    (absent,) = found["absent"]
    assert absent["model"] == str(exported)
    assert absent["why"].startswith("an export has no checkpoint with it")


@torch_is_here
def test_weights_that_somebody_has_are_measured_in_every_precision(tap_live, weights):
    code, out, err = tap_live("bench", "--model", weights, "--steps", 2, "--json")
    assert code == 0, err
    ways = {one["way"] for one in json.loads(out)["figures"]}
    assert ways == {"int8", "fp32", "fp32 as written"}


@torch_is_here
def test_a_network_without_a_peer_says_so(tap_live, monkeypatch):
    words = ("bench", "--model", "vad", "--steps", 2, "--peer", "pytorch")
    code, out, _ = tap_live(*words)
    assert code == 0
    assert "vad, pytorch: no figure, there is no PyTorch network of it here" in out
    monkeypatch.setitem(sys.modules, "tap_live.export.twins", None)
    code, out, _ = tap_live(*words)
    assert code == 0
    assert "vad, pytorch: no figure, import of tap_live.export.twins halted" in out
    assert "pip install 'tap-live[export]'" in out


@pytest.fixture
def on_a_card(monkeypatch):
    """Networks that say that they run on a card; what they take of it is told by a test."""
    opened = bench_models.bundle_way

    def way(*given, **how) -> Way:
        return replace(opened(*given, **how), device="cuda")

    monkeypatch.setattr(bench_models, "bundle_way", way)

    def take(taken_mb):
        monkeypatch.setattr(bench_models, "taken_mb", taken_mb)

    return take


def test_what_a_network_takes_of_a_card_is_told(tap_live, on_a_card):
    def taken_mb(use):
        assert [way.name for way in use()] == ["fp32"]  # once, as it is run
        return 12.3

    on_a_card(taken_mb)
    code, out, err = tap_live("bench", "--model", "vad", "--steps", 2)
    assert code == 0, err
    assert "memory of the card: vad 12 MB" in out


def test_where_a_card_does_not_say_what_is_free_that_is_told(tap_live, on_a_card):
    def taken_mb(use):
        raise RuntimeMissingError("the memory of a card is told by `cuda-bindings`")

    on_a_card(taken_mb)
    code, out, err = tap_live("bench", "--model", "vad", "--steps", 2, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["card_mb"] == {}
    assert [(one["way"], one["why"][:27]) for one in found["absent"]] == [
        ("memory of the card", "the memory of a card is tol")
    ]
