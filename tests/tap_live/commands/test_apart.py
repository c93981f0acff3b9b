import numpy as np
import pytest
import soundfile

from tap_live.bundle import open_bundle
from tap_live.commands.apart import extracted, open_networks, overlap_of, parts_of, take_apart
from tap_live.commands.demo import BUNDLE
from tap_live.extractors.network import BUNDLES, Network
from tap_live.providers import CPU

RATE = 48_000


@pytest.fixture(scope="module")
def bundle():
    return open_bundle(BUNDLE, "demo")


@pytest.fixture
def voices(somebody):
    return [somebody("Maya", 0), somebody("Ben", 1)]


@pytest.fixture
def brief(monkeypatch, bundle):
    """The first second of the recording in place of all of it."""
    audio, rate = soundfile.read(bundle.path("overlap.ogg"), frames=RATE, dtype="float32")
    monkeypatch.setattr("tap_live.commands.apart.read_audio", lambda file, warn: (audio, rate))
    return audio


def test_each_voice_is_written_beside_what_was_heard(
    bundle, voices, voice_bundle, brief, tmp_path, capfd
):
    pairs = take_apart(bundle, voices, {"voice": Network.open(voice_bundle)}, tmp_path)
    assert [pair.title for pair in pairs.pairs] == ["Maya alone", "Ben alone"]
    before, _ = soundfile.read(tmp_path / pairs.pairs[0].before, dtype="float32")
    np.testing.assert_allclose(before, brief, atol=1e-6)
    kept = [soundfile.read(tmp_path / pair.after, dtype="float32")[0] for pair in pairs.pairs]
    assert len(kept[0]) == len(kept[1]) == len(before)
    assert np.abs(kept[0] - kept[1]).max() > 1e-3
    assert (
        "only voice:Maya, by voice-compact. When the demo was made, with what shipped: SI-SDR"
        in pairs.pairs[0].note
    )


def test_where_no_network_for_sounds_is_installed_that_is_one_line(
    bundle, voices, voice_bundle, brief, tmp_path, capfd
):
    pairs = take_apart(bundle, voices, {"voice": Network.open(voice_bundle)}, tmp_path)
    told = "sound-compact is not installed: 'a bird chirping' cannot be asked away"
    out, err = capfd.readouterr()
    assert (out, err) == ("", f"warning: {told}\n")
    assert told in pairs.text


def test_a_broken_network_of_the_users_own_is_named_and_left_out(monkeypatch, tmp_path, capfd):
    (tmp_path / "manifest.json").write_text("{")
    monkeypatch.setattr("tap_live.commands.apart.installed", lambda kind: tmp_path)
    with open_networks(CPU) as networks:
        assert networks == {}
    assert str(tmp_path) in capfd.readouterr().err


def test_without_any_network_it_is_said_and_nothing_fails(bundle, voices, brief, tmp_path, capfd):
    pairs = take_apart(bundle, voices, {}, tmp_path)
    assert not pairs.pairs
    assert capfd.readouterr().err.count("\n") == 2
    assert "voice-compact is not installed: nobody is heard alone" in pairs.text


def test_networks_that_are_not_installed_are_left_out(monkeypatch, voice_bundle):
    there = {"voice": voice_bundle, "sound": None}
    monkeypatch.setattr("tap_live.commands.apart.installed", there.get)
    with open_networks(CPU) as networks:
        assert [(kind, network.name) for kind, network in networks.items()] == [
            ("voice", "voice-compact")
        ]


def test_what_the_shipped_network_takes_away_is_the_bird(bundle, voices):
    """Where only it is heard, half a second before Maya goes on."""
    network = Network.open(BUNDLES / "sound-compact")
    overlap = overlap_of(bundle)
    start = round(7.2 * RATE)
    audio, _ = soundfile.read(
        bundle.path(overlap.recording), start=start, frames=round(0.6 * RATE), dtype="float32"
    )
    *_, away = parts_of(voices, overlap.sound)
    kept = np.concatenate(list(extracted(audio, RATE, away, network)))
    late = slice(RATE // 5, None)
    assert np.std(kept[late]) < 0.3 * np.std(audio[late])
