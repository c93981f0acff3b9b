import msgspec
import numpy as np
import pytest
import soundfile

from tap_live.cues.text import Understood
from tap_live.errors import (
    AudioError,
    BundleError,
    ConfigError,
    CueError,
    TapError,
    VoiceError,
)
from tap_live.targets import MOST, Asked, Cues, parse_target, parse_targets
from tap_live.voices.store import Voice, VoiceStore


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("voice:ana", Asked("voice", "ana")),
        ("voice:ana@-3dB", Asked("voice", "ana", -3.0)),
        ("voice:Ana Maria @ 2", Asked("voice", "Ana Maria", 2.0)),
        ("voice:ana@-inf", Asked("voice", "ana", None)),
        ("text:a dog barking", Asked("text", "a dog barking")),
        ("text:dog: barking@-6 dB", Asked("text", "dog: barking", -6.0)),
        ("clip:bell.wav@-3dB", Asked("clip", "bell.wav", -3.0)),
        ("clip:me@home.wav", Asked("clip", "me@home.wav")),
        ("clip:C:\\bell.wav", Asked("clip", "C:\\bell.wav")),
    ],
)
def test_a_cue_is_a_scheme_what_it_names_and_a_gain(text, expected):
    assert parse_target(text) == expected
    assert expected.kind == ("voice" if text.startswith("voice") else "sound")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "wanted voice:NAME, text:WORDS or clip:FILE, found ''"),
        ("ana", "found 'ana': 'voice:ana' is an enrolled voice"),
        ("music:", "wanted voice:NAME, text:WORDS or clip:FILE"),
        ("voice:", "wanted a name after 'voice:', found none"),
        ("text:  @-3dB", "wanted words after 'text:', found none"),
        ("clip:", "wanted a file after 'clip:', found none"),
        ("voice:ana@loud", "wanted a gain like -18dB or -inf, found 'loud'"),
        ("text:dog@300dB", "between -120 and 24 dB"),
        ("voice:../ana", "a voice cannot be called '../ana'"),
    ],
)
def test_what_is_no_cue_is_told_why(text, reason):
    with pytest.raises(TapError, match=reason.replace("(", r"\(").replace("..", r"\.\.")):
        parse_target(text)


def test_what_is_asked_away_comes_last_and_has_no_gain():
    kept, away = parse_targets(["voice:ana"], ["voice:bob"])
    assert (kept.suppress, away.suppress) == (False, True)
    with pytest.raises(ConfigError, match="is asked away: it has no gain, leave '@-3dB' out"):
        parse_targets([], ["voice:bob@-3dB"])


@pytest.mark.parametrize(
    ("targets", "suppressed", "reason"),
    [
        (["voice:ana", "voice:ana@-3dB"], [], "'voice:ana' is given twice"),
        (["text:a dog"], ["text:A  Dog"], "is both kept and asked away"),
        ([f"text:sound {k}" for k in range(20)], [], f"at most {MOST} targets at once, found 20"),
    ],
)
def test_cues_that_cannot_be_together_are_told_why(targets, suppressed, reason):
    with pytest.raises(ConfigError, match=reason):
        parse_targets(targets, suppressed)


@pytest.fixture
def store(tmp_path):
    store = VoiceStore(tmp_path)
    numbers = tuple(np.eye(256)[3].tolist())
    store.save(Voice(name="ana", embedding=numbers, state=numbers, clips=()))
    return store


@pytest.fixture
def sounds(monkeypatch):
    """Encoders of sounds that know three words and hear every clip as a bell."""
    known = {"bell": np.eye(4)[0], "dog": np.eye(4)[1], "rain": np.eye(4)[2]}

    class Words:
        def embed(self, text):
            if text not in known:
                raise CueError(f"unknown in {text!r}: {text!r}; use plain English words")
            return known[text].astype(np.float32)

        def understand(self, text):
            return Understood("a bell", 0.3 if text == "rain" else 0.9, 1)

        def moved(self, cue):
            return cue[::-1]

    class Clips:
        def embed(self, audio, rate):
            if not audio.any():
                raise CueError("the clip is silent")
            return known["bell"][::-1].astype(np.float32)  # moved to a bell

    monkeypatch.setattr("tap_live.targets.TextCues.open", Words)
    monkeypatch.setattr("tap_live.targets.AudioCues.open", Clips)


def embed(store, targets, away=()):
    return Cues(store).of(parse_targets(targets, away))


def test_a_voice_is_asked_for_by_its_enrolment(store):
    (cue,) = embed(store, ["voice:ana@-3dB"])
    assert (cue.name, cue.kind) == ("voice:ana", "voice")
    np.testing.assert_array_equal(cue.positive, np.eye(256)[3])
    assert len(cue.negative) == 0
    with pytest.raises(VoiceError, match="no voice 'bob' is enrolled, only ana"):
        embed(store, ["voice:bob"])


def test_sounds_that_are_asked_away_are_the_negative_side_of_those_that_are_kept(store, sounds):
    bell, dog, rain = embed(store, ["text:bell"], ["text:dog", "text:rain"])
    np.testing.assert_allclose(bell.negative, [0, 0.5**0.5, 0.5**0.5, 0], atol=1e-6)
    assert not dog.negative.any() and not rain.negative.any()
    np.testing.assert_array_equal(dog.positive, np.eye(4)[1])


def test_a_sound_that_stands_alone_has_no_negative_side(store, sounds, tmp_path):
    soundfile.write(tmp_path / "clip.wav", np.ones(1000) / 2, 16_000)
    (cue,) = embed(store, [f"clip:{tmp_path / 'clip.wav'}"])
    assert (cue.kind, cue.negative.tolist()) == ("sound", [0, 0, 0, 0])


def test_a_clip_and_words_that_mean_the_same_cannot_be_kept_and_asked_away(store, sounds, tmp_path):
    soundfile.write(tmp_path / "clip.wav", np.ones(1000) / 2, 16_000)
    with pytest.raises(CueError, match=r"'text:bell' is kept and 'clip:.*' asked away"):
        embed(store, ["text:bell"], [f"clip:{tmp_path / 'clip.wav'}"])


def test_what_cannot_ask_for_a_sound_is_told_why(store, sounds, tmp_path):
    soundfile.write(tmp_path / "nothing.wav", np.zeros(1000), 16_000)
    with pytest.raises(CueError, match="unknown in 'zxqv'"):
        embed(store, ["text:zxqv"])
    with pytest.raises(CueError, match=r"clip:.*nothing\.wav': the clip is silent"):
        embed(store, [f"clip:{tmp_path / 'nothing.wav'}"])
    with pytest.raises(AudioError, match="found no such file"):
        embed(store, ["clip:none.wav"])


def test_words_that_are_taken_for_something_far_are_remarked_on(store, sounds):
    bell, rain = embed(store, ["text:bell", "text:rain"])
    assert bell.remark == ""
    assert rain.remark.startswith("'text:rain': far from every sound that is known, taken for 'a b")


def test_what_is_wrong_with_a_clip_is_remarked_on(store, sounds, tmp_path):
    audio = np.ones(1000, np.float32) / 2
    audio[100:110] = np.nan
    soundfile.write(tmp_path / "clip.wav", audio, 16_000, subtype="FLOAT")
    (cue,) = embed(store, [f"clip:{tmp_path / 'clip.wav'}"])
    assert "'clip.wav' holds samples that are no numbers" in cue.remark


def test_one_voice_under_two_names_cannot_be_kept_and_asked_away(store):
    ana = store.load("ana")
    store.save(msgspec.structs.replace(ana, name="twin"))
    with pytest.raises(CueError, match="'voice:ana' is kept and 'voice:twin' asked away"):
        embed(store, ["voice:ana"], ["voice:twin"])


def test_voices_that_sound_alike_are_remarked_on(store):
    ana = store.load("ana")
    almost = (np.eye(256)[3] + 0.2 * np.eye(256)[4]).tolist()
    store.save(msgspec.structs.replace(ana, name="sister", embedding=tuple(almost)))
    kept, away = embed(store, ["voice:ana"], ["voice:sister"])
    assert kept.remark.startswith("'voice:ana': sounds like 'voice:sister', which is asked away")
    assert away.remark == ""


def test_a_missing_encoder_is_named_with_the_target(store, monkeypatch):
    def missing():
        raise BundleError("no bundle at text-cue")

    monkeypatch.setattr("tap_live.targets.TextCues.open", missing)
    with pytest.raises(BundleError, match="'text:bell' cannot be asked for: no bundle at text-cue"):
        embed(store, ["text:bell"])
