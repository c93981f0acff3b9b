import msgspec
import pytest

from tap_live.errors import ConfigError, VoiceError
from tap_live.voices.store import ClipFigures, Voice, VoiceStore
from tap_live.voices.targets import THRESHOLD, gate_maker, voice_names


@pytest.fixture
def store(tmp_path):
    store = VoiceStore(tmp_path)
    clip = ClipFigures("2026-01-31", "a.wav", 12.0, 10.0, -25.0, 30.0, 0.0, 0.8)
    ana = Voice("ana", (0.0625,) * 256, (0.1,) * 256, (clip,))
    store.save(ana)
    store.save(msgspec.structs.replace(ana, name="bob"))
    return store


def test_voices_are_found_among_targets_without_their_gains():
    assert voice_names(["voice:ana@-3dB", "text:a dog", "voice:bob", "voice:ana"]) == ["ana", "bob"]


def test_a_voice_without_a_name_is_refused():
    with pytest.raises(ConfigError, match="--target voice:ana"):
        voice_names(["voice:"])


def test_without_a_voice_there_is_no_gate(store):
    assert gate_maker(["text:a dog barking"], store=store) is None


def test_others_without_a_voice_mean_nothing(store):
    with pytest.raises(ConfigError, match="add --target voice:NAME"):
        gate_maker([], "hide", store=store)


def test_a_threshold_without_a_voice_means_nothing(store):
    with pytest.raises(ConfigError, match="--voice-threshold is about a voice: add --target"):
        gate_maker([], threshold=2.0, store=store)


def test_the_threshold_is_the_calibrated_one_unless_another_is_given(store):
    def threshold(given):
        make = gate_maker(["voice:ana"], threshold=given, store=store)
        return make()._config.threshold

    assert (threshold(None), threshold(0.0), threshold(3.0)) == (THRESHOLD, 0.0, 3.0)


def test_who_is_not_enrolled_cannot_be_asked_for(store):
    with pytest.raises(VoiceError, match="no voice 'eve' is enrolled, only ana, bob"):
        gate_maker(["voice:eve"], store=store)


def test_a_gate_is_made_anew_for_every_captioner(store):
    make = gate_maker(["voice:ana", "voice:bob"], "label", store=store)
    assert make is not None
    assert make() is not make()
