import json
import shutil

import msgspec
import numpy as np
import pytest
import soundfile

from tap_live.bundle import read_manifest, write_manifest
from tap_live.events import Hello, Level, decode_event
from tap_live.extractors import offline
from tap_live.voices.store import VoiceStore

RATE = 44_100


@pytest.fixture
def store(monkeypatch, tmp_path, somebody):
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / "data" / name)
    store = VoiceStore()
    for name, seed in (("ana", 0), ("bob", 1)):
        store.save(somebody(name, seed))
    return store


@pytest.fixture
def clip(tmp_path):
    samples = 0.1 * np.random.default_rng(0).standard_normal((2 * RATE, 2))
    soundfile.write(tmp_path / "clip.flac", samples, RATE)
    return tmp_path / "clip.flac"


@pytest.fixture
def extract(tap_live, voice_bundle, store, clip, tmp_path):
    """Extract from the clip; give the code, the samples written (if any), output and errors."""

    def extract(*words):
        out = tmp_path / "out.wav"
        out.unlink(missing_ok=True)
        code, *told = tap_live("extract", clip, "-o", out, "--extractor", voice_bundle, *words)
        samples = soundfile.read(out, dtype="float32")[0] if out.exists() else None
        return code, samples, *told

    return extract


def heard(clip):
    return soundfile.read(clip, dtype="float32")[0].mean(axis=1)


def test_targets_and_rest_add_up_to_the_file(extract, clip):
    code, ana, _, err = extract("--target", "voice:ana")
    assert code == 0, err
    assert len(ana) == len(heard(clip)) and np.abs(ana).max() > 1e-3
    _, rest, _, _ = extract("--suppress", "voice:ana")
    np.testing.assert_allclose(ana + rest, heard(clip), atol=1e-5)


def test_where_the_network_ran_is_in_the_json(extract):
    code, _, out, _ = extract("--target", "voice:ana", "--json")
    assert (code, json.loads(out)["devices"]) == (0, {"voice-compact": "cpu"})
    code, _, _, err = extract("--target", "voice:ana", "--device", "cuda", "--strict")
    assert code == 1
    assert "wanted cuda, but this ONNX Runtime has only" in err


SENTENCE = "text:I would like to hear the dog next door barking while the train goes by"


@pytest.mark.parametrize(
    ("cue", "told"),
    [
        (SENTENCE, f"warning: {SENTENCE!r}: a sentence of 15 words, taken for "),
        ("text:microwave", "warning: 'text:microwave': far from every sound that is known, "),
        ("text:a cow mooing", ""),
    ],
)
def test_what_ships_tells_what_it_took_words_for(tap_live, clip, tmp_path, cue, told):
    code, _, err = tap_live("extract", clip, "-o", tmp_path / "out.wav", "--target", cue)
    assert code == 0, err
    assert told in err and ("warning" in err) == bool(told)
    assert soundfile.info(tmp_path / "out.wav").frames == 2 * RATE


def test_with_every_gain_at_0_db_the_file_comes_out(extract, clip):
    words = ("--target", "voice:ana", "--target", "voice:bob@0dB", "--rest", "0dB")
    np.testing.assert_allclose(extract(*words)[1], heard(clip), atol=1e-6)


def test_gains_and_rest_are_as_asked_for(extract, clip):
    ana = extract("--target", "voice:ana")[1]
    mixed = extract("--target", "voice:ana@-6dB", "--rest", "-20dB")[1]
    np.testing.assert_allclose(mixed, 0.50119 * ana + 0.1 * (heard(clip) - ana), atol=1e-5)


def test_what_was_done_can_be_read_by_programs(extract, tmp_path):
    code, _, out, _ = extract("--target", "voice:ana", "--json")
    done = json.loads(out)
    assert code == 0
    assert done["seconds"] == pytest.approx(2.0)
    assert list(done["present"]) == ["voice:ana"]
    assert done["written"] == [str(tmp_path / "out.wav")]


def test_a_report_keeps_pairs_of_one_file_that_were_asked_for_otherwise(
    tap_live, voice_bundle, store, clip, tmp_path
):
    words = ("extract", clip, "--extractor", voice_bundle, "--report", tmp_path / "pairs")
    for target in ("voice:ana", "voice:bob", "voice:bob@-6dB", "voice:ana"):
        code, _, err = tap_live(*words, "--target", target)
        assert code == 0, err
    rows = json.loads((tmp_path / "pairs" / "pairs.json").read_text())
    assert [row["title"] for row in rows] == ["clip-2", "clip-3", "clip"]
    once, again = (
        soundfile.read(tmp_path / "pairs" / f"clip{n}-after.flac", dtype="float32")[0]
        for n in ("-2", "-3")
    )
    np.testing.assert_allclose(again, 0.50119 * once, atol=1e-4)


def test_a_report_plays_before_and_after(tap_live, voice_bundle, store, clip, tmp_path):
    words = ("extract", clip, "--target", "voice:ana", "--extractor", voice_bundle)
    code, out, err = tap_live(*words, "--report", tmp_path / "pairs")
    assert code == 0, err
    page = tmp_path / "pairs" / "report.html"
    assert str(page) in out
    assert "only voice:ana, by voice-compact" in page.read_text()
    before, rate = soundfile.read(tmp_path / "pairs" / "clip-before.flac", dtype="float32")
    assert rate == RATE
    np.testing.assert_allclose(before, heard(clip), atol=1e-6)


@pytest.mark.parametrize(
    ("words", "expected", "reason"),
    [
        ([], 2, "wanted something to keep or to take out: add --target or --suppress"),
        (["--target", "ana"], 2, "wanted voice:NAME, text:WORDS or clip:FILE, found 'ana'"),
        (["--target", "voice:eve"], 1, "no voice 'eve' is enrolled, only ana, bob"),
        (["--target", "voice:ana", "--suppress", "voice:ana"], 2, "both kept and asked away"),
        (["--target", "voice:ana", "--rest", "loud"], 2, "wanted a gain like -18dB or -inf"),
        (["--target", "text:zxqv"], 1, "unknown in 'zxqv': 'zxqv'; use plain English words"),
        (["--target", "clip:none.wav"], 1, "in 'none.wav', found no such file"),
        ([w for k in range(20) for w in ("--target", f"voice:v{k}")], 2, "at most 8 targets"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_line(extract, words, expected, reason):
    code, samples, out, err = extract(*words)
    assert (code, samples, out) == (expected, None, "")
    assert reason in err and err.count("\n") == 1


def test_a_file_is_not_written_over_while_it_is_read(tap_live, voice_bundle, store, clip):
    before = clip.read_bytes()
    words = ("extract", clip, "--target", "voice:ana", "--extractor", voice_bundle, "-o", clip)
    code, _, err = tap_live(*words)
    assert code == 2 and "would be written over while it is read" in err
    assert clip.read_bytes() == before


def test_a_model_that_keeps_failing_passes_the_file_and_says_so(extract, clip, monkeypatch):
    def broken(network, *how):
        raise RuntimeError("the model broke")

    monkeypatch.setattr("tap_live.extractors.network.Network._warm_up", lambda network: None)
    monkeypatch.setattr("tap_live.extractors.network.Network.mask", broken)
    monkeypatch.setattr("tap_live.extractors.offline.HOPS", 20)  # of 2 s several stretches
    code, samples, _, err = extract("--target", "voice:ana")
    assert code == 1
    assert "extraction failed 3 times and stays off" in err
    np.testing.assert_allclose(samples, heard(clip), atol=1e-6)


@pytest.mark.parametrize(
    ("target", "bundle"), [("voice:ana", "voice-compact"), ("text:a dog", "sound-compact")]
)
def test_without_the_bundle_it_is_said_which_is_missing(
    tap_live, store, clip, tmp_path, monkeypatch, target, bundle
):
    monkeypatch.setattr("tap_live.commands.extracting.installed", lambda kind, live=True: None)
    code, _, err = tap_live("extract", clip, "--target", target, "-o", tmp_path / "out.wav")
    assert code == 1
    assert f"'{target}' wants the bundle '{bundle}', which is not installed" in err
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize(("more", "live"), [((), False), (("--extractor", "compact"), True)])
@pytest.mark.parametrize(("target", "kind"), [("voice:ana", "voice"), ("text:a dog", "sound")])
def test_files_are_extracted_as_recordings(
    tap_live, store, clip, tmp_path, monkeypatch, more, live, target, kind
):
    made = []

    def extractor_of(networks, rate, *, live, for_ears):
        made.append((live, for_ears))
        return offline.extractor_of(networks, rate, live=live, for_ears=for_ears)

    monkeypatch.setattr("tap_live.commands.extracting.extractor_of", extractor_of)
    words = ("extract", clip, "-o", tmp_path / "out.wav", "--json", "--target", target)
    code, out, err = tap_live(*words, *more)
    assert code == 0, err
    name = f"{kind}-compact" if live else f"{kind}-offline"
    assert json.loads(out)["devices"] == {name: "cpu"} and made == [(live, True)]


def test_a_stream_is_not(tap_live, offline_bundle, store, clip):
    words = ("run", "--input", clip, "--no-caption", "--target", "voice:ana")
    code, _, err = tap_live(*words, "--extractor", offline_bundle)
    assert code == 1 and "wanted an extractor for a stream" in err


def test_how_long_somebody_is_there_does_not_depend_on_how_late_it_is_known(
    tap_live, offline_bundle, store, tmp_path
):
    bundle = shutil.copytree(offline_bundle, tmp_path / "bundle")
    manifest = read_manifest(bundle)
    settings = {**manifest.settings, "presence": {"on": -60.0, "off": -60.0, "leaves": 0.1}}
    write_manifest(bundle, msgspec.structs.replace(manifest, settings=settings))
    samples = 0.1 * np.random.default_rng(0).standard_normal(4 * RATE)
    samples[: 2 * RATE] = 0.0
    soundfile.write(tmp_path / "in.wav", samples, RATE)
    words = ("extract", tmp_path / "in.wav", "-o", tmp_path / "out.wav", "--json")
    code, out, err = tap_live(*words, "--target", "voice:ana", "--extractor", bundle)
    assert code == 0, err
    assert json.loads(out)["present"]["voice:ana"] == pytest.approx(2.0, abs=0.6)


def test_run_keeps_a_voice_and_says_so(
    tap_live, voice_bundle, store, clip, tmp_path, extract, monkeypatch
):
    """A stream is not refined; else what nobody speaks in is kept as of a file."""
    monkeypatch.setattr("tap_live.extractors.offline.Refined", lambda extractor, rate: extractor)
    out = tmp_path / "live.wav"
    words = ("run", "--input", clip, "--no-caption", "-o", out, "--json", "--target", "voice:ana")
    code, printed, err = tap_live(*words, "--extractor", voice_bundle)
    assert code == 0, err
    events = [decode_event(line) for line in printed.splitlines()]
    assert isinstance(events[0], Hello) and "extraction" in events[0].capabilities
    assert "voice-compact" in events[0].bundles
    assert any("voice:ana" in event.targets for event in events if isinstance(event, Level))
    live = soundfile.read(out, dtype="float32")[0]
    offline = extract("--target", "voice:ana")[1]
    np.testing.assert_allclose(live, offline, atol=1e-5)


@pytest.mark.parametrize("extractor", [(), ("--extractor", "none")])
def test_without_a_network_captions_follow_a_voice_and_the_sound_stays(
    tap_live, store, clip, tmp_path, monkeypatch, extractor
):
    monkeypatch.setattr("tap_live.commands.extracting.installed", lambda kind, live=True: None)
    out = tmp_path / "live.wav"
    words = ("run", "--input", clip, "--no-caption", "-o", out, "--target", "voice:ana")
    code, _, err = tap_live(*words, *extractor)
    assert code == 0
    told = "voice-compact is not installed: captions follow voice:ana, the sound stays as it is"
    assert (told in err) == (not extractor)
    np.testing.assert_allclose(soundfile.read(out, dtype="float32")[0], heard(clip), atol=1e-6)


@pytest.mark.parametrize(
    ("words", "expected", "reason"),
    [
        (["--rest", "-18dB"], 2, "--rest says how loud all else is: add --target or --suppress"),
        (["--target", "text:bell", "--extractor", "none"], 2, "--extractor none leaves the sound"),
        (["--target", "voice:ana@-3dB", "--extractor", "none"], 2, "without gains"),
        (["--target", "voice:ana", "--extractor", "big"], 1, "found 'big'"),
        (["--suppress", "voice:ana"], 1, "wants the bundle 'voice-compact'"),
    ],
)
def test_targets_that_cannot_be_run_are_one_clear_line(
    tap_live, store, clip, monkeypatch, words, expected, reason
):
    monkeypatch.setattr("tap_live.commands.extracting.installed", lambda kind, live=True: None)
    code, out, err = tap_live("run", "--input", clip, "--no-caption", *words)
    assert (code, out) == (expected, "")
    assert reason in err and err.count("\n") == 1
