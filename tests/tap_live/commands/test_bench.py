import json


def test_extraction_is_measured_at_both_rates(tap_live, voice_bundle):
    words = ("bench", "--only", "extraction", "--hops", 1000, "--extractor", voice_bundle)
    _, out, err = tap_live(*words, "--json")
    results = {row["what"]: row for row in json.loads(out)}
    assert err == ""
    for rate in ("48", "44.1"):
        latency = results[f"voice-compact at {rate} kHz, latency, ms"]
        assert latency["budget"] == 32 and 19.9 < latency["value"] < 20.1
    assert results["  share of a core, alone"]["value"] > 0


def test_without_an_extractor_that_is_said_and_left_out(tap_live, monkeypatch):
    monkeypatch.setattr("tap_live.commands.bench_extraction.installed", lambda kind: None)
    code, out, err = tap_live("bench", "--only", "extraction", "--json")
    assert (code, json.loads(out)) == (0, [])
    assert "voice-compact is not installed" in err
