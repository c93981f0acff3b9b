import importlib.util
import json

import pytest

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
    from tap_live.catalogue import BUNDLES
    from tap_live.export.twins import compact_net

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
        (("--model", "vad", "--peer", "faster-whisper"), 2, "compared with --peer pytorch"),
        (("--peer", "pytorch"), 2, "are for networks: add --model"),
        (("--model", "vad", "--device", "cuda", "--strict"), 1, "wanted cuda, but"),
    ],
)
def test_what_cannot_be_measured_is_said(tap_live, words, expected, text):
    code, _, err = tap_live("bench", *words)
    assert code == expected and text in err
