import json

import pytest


def test_extraction_is_measured_at_both_rates(tap_live, voice_bundle):
    words = ("bench", "--only", "extraction", "--hops", 1000, "--extractor", voice_bundle)
    _, out, err = tap_live(*words, "--targets", 1, "--json")
    results = {row["what"]: row for row in json.loads(out)}
    assert err == ""
    for rate in ("48", "44.1"):
        latency = results[f"voice-compact at {rate} kHz, latency, ms"]
        assert latency["budget"] == 32 and 19.9 < latency["value"] < 20.1
    assert results["  share of a core, alone"]["value"] > 0


def test_several_targets_are_measured_at_once(tap_live, voice_bundle):
    words = ("bench", "--only", "extraction", "--hops", 1000, "--extractor", voice_bundle)
    _, out, _ = tap_live(*words, "--targets", 1, "--targets", 3, "--json")
    rows = json.loads(out)
    named = [number for number, row in enumerate(rows) if "at 48 kHz" in row["what"]]
    one, three = (rows[number + 1] for number in named)
    assert rows[named[1]]["what"] == "voice-compact at 48 kHz, 3 targets, latency, ms"
    assert three["value"] > 1.5 * one["value"] and three["budget"] is None


def test_voices_and_sounds_are_measured_as_run_takes_them(tap_live):
    words = ("bench", "--only", "extraction", "--hops", 1000, "--targets", 1)
    _, out, err = tap_live(*words, "--json")
    results = {row["what"]: row["value"] for row in json.loads(out)}
    assert err == ""
    for name in ("voice-compact", "sound-compact"):
        for rate in ("48", "44.1"):
            assert f"{name} at {rate} kHz, latency, ms" in results


def test_without_an_extractor_that_is_said_and_left_out(tap_live, monkeypatch):
    monkeypatch.setattr("tap_live.commands.bench_extraction.installed", lambda kind: None)
    code, out, err = tap_live("bench", "--only", "extraction", "--json")
    assert (code, json.loads(out)) == (0, [])
    assert "voice-compact is not installed" in err and "sound-compact is not installed" in err


def test_the_panel_is_measured_in_a_process_of_its_own(tap_live, monkeypatch):
    monkeypatch.setattr("tap_live.commands.bench.PANEL_S", 0.5)
    _, out, err = tap_live("bench", "--only", "panel", "--json")
    assert err == ""
    frame, share = json.loads(out)
    assert (frame["what"], share["what"]) == ("panel (offscreen), ms a frame", "  share of a core")
    assert frame["budget"] == pytest.approx(1000 / 30) and share["budget"] == 0.15
    assert frame["value"] > 30 and share["value"] > 0


def test_without_the_panel_that_is_said_and_left_out(tap_live, monkeypatch):
    monkeypatch.setattr("tap_live.commands.bench_panel.find_spec", lambda name: None)
    code, out, err = tap_live("bench", "--only", "panel", "--json")
    assert (code, json.loads(out)) == (0, [])
    assert "PyQt6 and pyqtgraph are not installed" in err


def test_a_panel_that_does_not_start_says_why(tap_live, monkeypatch):
    monkeypatch.setattr("tap_live.commands.bench_panel._MODULE", "no_such_module")
    code, _, err = tap_live("bench", "--only", "panel")
    assert code == 1
    assert "the panel did not start" in err and "no_such_module" in err


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("import time; time.sleep(60)", "was to draw for 0.1 s and had not ended after 0.6 s"),
        (
            """print('{"platform": "xcb", "frames": 0, "share": 0.1}')""",
            "wanted frames of the panel, found none in 0.1 s (xcb)",
        ),
    ],
    ids=["stands still", "draws nothing"],
)
def test_a_panel_that_gives_no_figure_is_an_error_and_never_waited_for(
    tap_live, monkeypatch, tmp_path, does, told
):
    (tmp_path / "made_up_panel.py").write_text(does)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for name, value in (
        ("bench_panel._MODULE", "made_up_panel"),
        ("bench_panel.PATIENCE_S", 0.5 if "sleep" in does else 60.0),
        ("bench.PANEL_S", 0.1),
    ):
        monkeypatch.setattr(f"tap_live.commands.{name}", value)
    code, _, err = tap_live("bench", "--only", "panel")
    assert code == 1 and told in err.splitlines()[-1] and err.count("\n") == 2


@pytest.mark.parametrize(
    ("peer", "expected", "told"),
    [("slower-whisper", 2, "found 'slower-whisper'"), ("faster-whisper", 1, "not installed")],
)
def test_a_peer_is_looked_for_before_anything_is_measured(
    tap_live, monkeypatch, peer, expected, told
):
    monkeypatch.setattr("tap_live.commands.bench_captions.find_spec", lambda name: None)
    code, out, err = tap_live("bench", "--peer", peer)
    assert (code, out) == (expected, "") and told in err and err.count("\n") == 1


def test_each_part_is_told_when_it_is_done(tap_live, voice_bundle):
    words = ("bench", "--only", "extraction", "--hops", 1000, "--extractor", voice_bundle)
    _, out, err = tap_live(*words)
    assert "latency, ms" in out and "measuring extraction" in err


@pytest.mark.parametrize("command", ["bench", "run", "transcribe"])
def test_help_tells_what_is_taken_where_nothing_is_said(tap_live, command):
    _, out, _ = tap_live(command, "--help")
    said = " ".join(out.replace("│", " ").split())
    assert "[default: base]" in said and "[default: auto]" in said
