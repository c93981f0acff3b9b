import shutil
import struct

import msgspec
import numpy as np
import pytest
import soundfile
import soxr

from tap_live.bundle import read_manifest, write_manifest
from tap_live.errors import AudioError
from tap_live.events import Caption, Word, decode_event
from tap_live.extraction import Extraction, Wanted
from tap_live.extractors.network import Network
from tap_live.extractors.offline import extractor_of
from tap_live.targets import EmbeddedCue
from tap_live.voices.store import Voice, VoiceStore

RATE = 16_000


def words(text):
    return "".join(c for c in text.lower() if c.isalpha() or c.isspace()).split()


@pytest.mark.parametrize("mode", [[], ["--streaming"]])
def test_a_file_is_captioned_in_every_format(tap_live, tiny, speech, tmp_path, mode):
    outs = [tmp_path / f"talk.{suffix}" for suffix in ("vtt", "srt", "txt", "jsonl")]
    options = [word for out in outs for word in ("-o", out)]
    code, out, _ = tap_live("transcribe", speech, "--whisper", tiny, *mode, *options)
    assert (code, out) == (0, "")
    text = outs[2].read_text()
    assert {"late", "bus", "budget"} <= set(words(text))
    assert outs[0].read_text().startswith("WEBVTT\n\n00:00:0")
    assert outs[1].read_text().startswith("1\n00:00:0")
    finals = [decode_event(line) for line in outs[3].read_bytes().splitlines()]
    assert all(isinstance(f, Caption) and f.state == "final" for f in finals)
    assert words(" ".join(f.text for f in finals)) == words(text)


def test_without_a_file_to_write_lines_are_printed(tap_live, tiny, speech):
    code, out, _ = tap_live("transcribe", speech, "--whisper", tiny)
    assert code == 0
    assert out.startswith("00:00:0")
    assert "bus" in out


def test_json_is_one_event_a_line(tap_live, tiny, speech):
    code, out, _ = tap_live("transcribe", speech, "--whisper", tiny, "--json")
    captions = [decode_event(line) for line in out.splitlines()]
    assert code == 0
    starts = [word.start for caption in captions for word in caption.words]
    assert starts == sorted(starts)


@pytest.mark.parametrize("mode", [[], ["--streaming"]])
def test_silence_gives_no_words(tap_live, tiny, silence, mode):
    assert tap_live("transcribe", silence, "--whisper", tiny, *mode)[:2] == (0, "")


@pytest.mark.parametrize("mode", [[], ["--streaming"]])
def test_one_sample_gives_no_words_and_no_error(tap_live, tiny, tmp_path, mode):
    soundfile.write(tmp_path / "one.wav", np.zeros(1, np.float32), RATE)
    assert tap_live("transcribe", tmp_path / "one.wav", "--whisper", tiny, *mode)[:2] == (0, "")


def test_nan_and_clipping_are_told_and_survived(tap_live, tiny, speech, tmp_path):
    samples, rate = soundfile.read(speech, dtype="float32")
    samples = np.clip(8 * samples, -1, 1)
    samples[rate : rate + 100] = np.nan
    soundfile.write(tmp_path / "bad.wav", samples, rate, "FLOAT")
    code, out, err = tap_live("transcribe", tmp_path / "bad.wav", "--whisper", tiny)
    assert code == 0
    assert "bus" in out
    assert "clip" in err


def test_a_cut_file_is_captioned_as_far_as_it_goes_and_said_to_be_cut(
    tap_live, tiny, speech, tmp_path
):
    cut = tmp_path / "cut.wav"
    cut.write_bytes(speech.read_bytes()[: speech.stat().st_size * 2 // 3])
    code, out, err = tap_live("transcribe", cut, "--whisper", tiny)
    assert code == 0
    assert "bus" in out
    assert "cut short" in err


def broken_files(folder):
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("not audio at all\n" * 10)
    soundfile.write(folder / "header.wav", np.empty(0, np.float32), RATE)
    header = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 0, 0, 2, 16) + b"data" + b"\0" * 4
    (folder / "rate0.wav").write_bytes(b"RIFF" + struct.pack("<I", 36) + b"WAVE" + header)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.wav", "found no such file"),
        ("empty.wav", "found an empty file"),
        ("text.wav", "found text"),
        ("header.wav", "holds no audio"),
        ("rate0.wav", "rate"),
    ],
)
def test_what_is_no_audio_is_one_clear_line(tap_live, tmp_path, name, reason):
    broken_files(tmp_path)
    code, out, err = tap_live("transcribe", tmp_path / name)
    assert (code, out) == (1, "")
    assert err.startswith("tap-live: ")
    assert err.count("\n") == 1
    assert reason in err


def test_an_unknown_model_is_answered_with_those_there_are(tap_live, speech):
    code, _, err = tap_live("transcribe", speech, "--whisper", "huge")
    assert code == 1
    assert "no Whisper called 'huge': use tiny.en, base.en, base" in err


def test_an_unknown_language_is_refused(tap_live, tiny, speech):
    code, _, err = tap_live("transcribe", speech, "--whisper", tiny, "--language", "xx")
    assert code == 2
    assert "language" in err
    assert err.count("\n") == 1


def test_a_format_that_there_is_not_is_refused_before_any_work(tap_live, tiny, speech, tmp_path):
    code, _, err = tap_live("transcribe", speech, "--whisper", tiny, "-o", tmp_path / "talk.doc")
    assert code == 2
    assert ".vtt" in err


def test_no_file_is_touched_before_all_names_are_checked(tap_live, speech, tmp_path):
    kept = tmp_path / "keep.vtt"
    kept.write_text("precious")
    code, _, err = tap_live("transcribe", speech, "-o", kept, "-o", tmp_path / "keep.xyz")
    assert code == 2 and "keep.xyz" in err
    assert kept.read_text() == "precious"


def test_what_fails_before_the_first_word_leaves_an_old_file_as_it_was(
    tap_live, tiny, speech, tmp_path, monkeypatch
):
    kept = tmp_path / "keep.vtt"
    kept.write_text("precious")

    def broken(*_):
        raise AudioError("no more of it")
        yield

    monkeypatch.setattr("tap_live.commands.transcribe.caption_recording", broken)
    assert tap_live("transcribe", speech, "--whisper", tiny, "-o", kept)[0] == 1
    assert kept.read_text() == "precious"


def test_captions_of_silence_replace_an_old_file(tap_live, tiny, silence, tmp_path):
    out = tmp_path / "out.vtt"
    out.write_text("old")
    code, _, err = tap_live("transcribe", silence, "--whisper", tiny, "-o", out)
    assert code == 0 and "no speech was found" in err
    assert out.read_text() == "WEBVTT\n\n"


def test_wrong_arguments_are_exit_code_2(tap_live):
    assert tap_live("transcribe")[0] == 2
    assert tap_live("transcribe", "x.wav", "--beam", "0")[0] == 2


def test_a_sound_has_no_words_to_follow(tap_live, speech):
    code, out, err = tap_live("transcribe", speech, "--target", "text:a dog barking")
    assert (code, out) == (2, "")
    assert "captions follow a voice: wanted --target voice:NAME, found" in err


@pytest.mark.parametrize("captions", [True, False])
def test_captions_hear_what_is_extracted_if_the_network_is_good_enough(
    tap_live, tiny, voice_bundle, speech, tmp_path, monkeypatch, captions
):
    """Its bundle says so; otherwise they hear the mixture, and the gate tells who speaks."""
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    numbers = tuple((np.ones(256) / 16).tolist())
    VoiceStore().save(Voice(name="ana", embedding=numbers, state=numbers, clips=()))
    bundle = tmp_path / "voice-compact"
    shutil.copytree(voice_bundle, bundle)
    manifest = read_manifest(bundle)
    settings = {**manifest.settings, "captions": captions}
    write_manifest(bundle, msgspec.structs.replace(manifest, settings=settings))
    pushed = []
    monkeypatch.setattr(
        "tap_live.commands.transcribe.CaptionStreams.hear",
        lambda streams, audio: pushed.append(audio[:, 0]) or iter(()),
    )
    words = (speech, "--target", "voice:ana", "--extractor", bundle)
    code, _, err = tap_live("transcribe", *words, "--whisper", tiny, "--streaming")
    assert code == 0 and "no speech of voice:ana was found" in err
    heard, rate = soundfile.read(speech, dtype="float32")
    if captions:
        cue = EmbeddedCue("voice:ana", "voice", np.array(numbers, np.float32), np.zeros(0))
        extractor = extractor_of({"voice": Network.open(bundle)}, rate, for_ears=False)
        extraction = Extraction(extractor, [Wanted(cue)], rest_gain=0.0, rate=rate)
        parts = extraction.push(heard), extraction.flush()
        heard = np.concatenate([part.voice("voice:ana") for part in parts])
    np.testing.assert_allclose(np.concatenate(pushed), heard, atol=1e-6)


def test_a_voice_of_a_file_is_read_whole_from_what_is_extracted(
    tap_live, tiny, voice_bundle, speech, tmp_path, monkeypatch
):
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    numbers = tuple((np.ones(256) / 16).tolist())
    VoiceStore().save(Voice(name="ana", embedding=numbers, state=numbers, clips=()))
    pushed, asked = [], []

    def heard(model, blocks, voices, decoding):
        asked.append((voices["ana"], decoding.beam))
        pushed.extend(blocks)
        return iter(())

    monkeypatch.setattr("tap_live.commands.transcribe.caption_voices", heard)
    words = (speech, "--target", "voice:ana", "--extractor", voice_bundle)
    code, _, err = tap_live("transcribe", *words, "--whisper", tiny, "--beam", 3)
    assert code == 0 and "no speech of voice:ana was found" in err
    ((alone, beam),) = asked
    assert beam == 3 and alone.prompt is None
    assert not alone.knows(np.zeros(16_000, np.float32), np.zeros(31, np.float32))

    def undivided(networks, rate, *, live, for_ears):
        return extractor_of(networks, rate, live=live, for_ears=False)

    monkeypatch.setattr("tap_live.commands.extracting.extractor_of", undivided)
    tap_live("extract", *words, "-o", tmp_path / "ana.wav")
    samples, rate = soundfile.read(tmp_path / "ana.wav", dtype="float32")
    expected = soxr.resample(samples, rate, 16_000)
    found = np.concatenate(pushed)[:, 0]
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_ctrl_c_keeps_what_was_transcribed_and_says_so(
    tap_live, tiny, speech, tmp_path, monkeypatch
):
    said = (Word(" hello", 0.0, 1.0, 0.9),)

    def interrupted(*_):
        yield Caption(id=0, revision=0, state="final", start=0, end=1, words=said)
        raise KeyboardInterrupt

    monkeypatch.setattr("tap_live.commands.transcribe.caption_recording", interrupted)
    code, _, err = tap_live("transcribe", speech, "--whisper", tiny, "-o", tmp_path / "said.txt")
    assert code == 1 and "stopped after" in err and "said.txt" in err
    assert "hello" in (tmp_path / "said.txt").read_text()
