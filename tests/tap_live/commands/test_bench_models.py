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


@pytest.mark.parametrize(
    ("words", "expected", "text"),
    [
        (
            ("--model", "nothing"),
            1,
            "no bundle 'nothing' with graphs: there are audio-cue, speaker",
        ),
        (("--model", "vad", "--peer", "faster-whisper"), 2, "compared with --peer pytorch"),
        (("--peer", "pytorch"), 2, "are for networks: add --model"),
        (("--model", "vad", "--device", "cuda", "--strict"), 1, "wanted cuda, but"),
    ],
)
def test_what_cannot_be_measured_is_said(tap_live, words, expected, text):
    code, _, err = tap_live("bench", *words)
    assert code == expected and text in err
