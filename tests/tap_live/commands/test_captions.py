"""`--captions`: what captions are made of, and honest answers where that is not installed."""

from difflib import SequenceMatcher
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile
import soxr

from tap_live.bundle import (
    FORMAT,
    Manifest,
    file_spec,
    open_bundle,
    read_manifest,
    write_manifest,
)
from tap_live.catalogue import BUNDLES
from tap_live.commands.demo import BUNDLE
from tap_live.commands.prompting import hearing
from tap_live.export.word_errors import errors
from tap_live.voices.enrolment import Enroller
from tap_live.voices.store import Voice, VoiceStore
from tap_live.whisper.prompts import FILE, KIND

RATE = 16_000
BEFORE = " Good morning, Anna. It rained all night, so I took the train."
TINY = {"spk_embed_layer.weight": (384, 256), "spk_embed_layer.bias": (384,)} | {
    f"soft_prompt_extra_{side}": (4, 16, 384) for side in ("encoder", "decoder")
}


@pytest.fixture
def ana(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    numbers = tuple((np.ones(256) / 16).tolist())
    VoiceStore().save(Voice(name="ana", embedding=numbers, state=numbers, clips=()))
    return "voice:ana"


@pytest.fixture
def prompts(tmp_path):
    """A bundle of prompts for tiny.en that nobody has trained."""
    from safetensors.numpy import save_file

    folder = tmp_path / "prompts-tiny.en"
    folder.mkdir()
    rng = np.random.default_rng(0)
    tensors = {n: 0.01 * rng.standard_normal(shape).astype(np.float32) for n, shape in TINY.items()}
    save_file(tensors, folder / FILE)
    manifest = Manifest(
        format=FORMAT, name="prompts-tiny.en", kind=KIND, licence="Apache-2.0", made_by="a test",
        sources=(), files={FILE: file_spec(folder / FILE)}, settings={"whisper": "tiny.en"},
    )  # fmt: skip
    write_manifest(folder, manifest)
    return folder


@pytest.mark.parametrize("command", ["transcribe", "run"])
@pytest.mark.parametrize(
    ("words", "expected", "told"),
    [
        (["--captions", "prompt"], 2, "follows a voice: add --target voice:NAME"),
        (
            ["--captions", "prompt", "--target", "voice:ana", "--extractor", "none"],
            1,
            "no prompts for Whisper 'tiny.en' are installed: make them with",
        ),
        (
            ["--captions", "both", "--target", "voice:ana", "--extractor", "none"],
            1,
            "wants the bundle 'voice-compact', which is not installed",
        ),
        (
            ["--captions", "extract", "--target", "voice:ana", "--extractor", "none"],
            1,
            "wants the bundle 'voice-compact', which is not installed",
        ),
        (
            ["--captions", "prompt", "--target", "voice:ana", "--others", "label"],
            2,
            "hears no other voices: leave --others label",
        ),
        (
            ["--captions", "auto", "--target", "voice:ana", "--prompts", "folder"],
            2,
            "--captions auto takes no --prompts: ask for prompt or both",
        ),
        (
            ["--captions", "extract", "--target", "voice:ana", "--prompts", "folder"],
            2,
            "--captions extract takes no --prompts: ask for prompt or both",
        ),
    ],
)
def test_what_cannot_be_is_one_clear_line(tap_live, ana, speech, command, words, expected, told):
    file = [speech] if command == "transcribe" else ["--input", speech]
    code, out, err = tap_live(command, *file, "--whisper", "tiny.en", *words)
    assert (code, out) == (expected, "")
    assert told in err
    assert err.rstrip().splitlines()[-1].startswith("tap-live: ")


@pytest.mark.parametrize(
    ("changes", "extracted", "prompted"),
    [
        ({}, True, True),
        ({"language": None}, True, False),  # prompts were trained on English
        ({"language": "de"}, True, False),
        (
            {"asked": SimpleNamespace(voices=[])},
            True,
            False,
        ),  # `run --suppress voice:bob`, `--serve`
        ({"whisper": "tiny.en"}, True, False),  # for which none ship
        ({"plan": None}, False, False),
        ({"plan": SimpleNamespace(captions=False)}, False, False),
        ({"others": "show"}, False, False),
    ],
)
def test_by_itself_captions_hear_the_extracted_voice_and_prompts_where_they_help(
    changes, extracted, prompted
):
    asked: Any = SimpleNamespace(voices=["voice:ana"])
    given: Any = {
        "by": None, "folder": None, "asked": asked, "plan": SimpleNamespace(captions=True),
        "others": None, "whisper": None, "language": "en",
    }  # fmt: skip
    found = hearing(**given | changes)
    assert (found.extracted, found.prompts is not None) == (extracted, prompted)
    assert found.prompts is None or found.prompts.name == "prompts-base"


@pytest.mark.parametrize(
    ("by", "extracted", "warned"),
    [(None, True, False), ("both", True, False), ("prompt", False, True)],
)
def test_prompts_are_used_for_what_they_learned_from(capsys, by, extracted, warned):
    plan, asked = SimpleNamespace(captions=True), SimpleNamespace(voices=["voice:ana"])
    given: Any = (by, BUNDLES / "prompts-base", asked, plan, None, None, None)
    found = hearing(*given)
    assert found.prompts is not None and found.extracted is extracted
    assert ("was trained for --captions both" in capsys.readouterr().err) is warned


@pytest.mark.slow
def test_a_voice_asked_away_is_captioned_of_nobody_in_english_too(tap_live, ana, speech):
    words = ("--input", speech, "--suppress", ana, "--language", "en", "--json")
    code, _, err = tap_live("run", *words)
    assert code == 0, err


def test_prompts_for_another_whisper_are_refused(tap_live, ana, speech, prompts):
    words = (speech, "--target", ana, "--prompts", prompts, "--extractor", "none")
    code, _, err = tap_live("transcribe", *words, "--whisper", "base")
    assert code == 1
    assert "give --whisper tiny.en" in err


def test_a_voice_of_a_file_is_prompted(
    tap_live, ana, tiny, speech, prompts, voice_bundle, monkeypatch
):
    asked = []
    monkeypatch.setattr(
        "tap_live.commands.transcribe.caption_voices",
        lambda model, blocks, voices, decoding: asked.append(voices) or iter(()),
    )
    words = (speech, "--target", ana, "--extractor", voice_bundle, "--prompts", prompts)
    code, _, err = tap_live("transcribe", *words, "--captions", "both", "--whisper", tiny)
    assert code == 0, err
    ((name, alone),) = asked[0].items()
    assert name == "ana" and alone.prompt is not None
    assert not alone.knows(np.zeros(RATE, np.float32), np.zeros(31, np.float32))


@pytest.fixture
def beginning(prompts, tiny, speech, tmp_path):
    """The same bundle with what training begins with: Whisper stays about as it is."""
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    from tap_live.models.log_mel import LogMel
    from tap_live.models.training.prompt_start import begin_plainly
    from tap_live.models.training.whisper_files import TOKENIZER, whisper_folder
    from tap_live.models.training.words import Script, Word
    from tap_live.models.ts_whisper import Prompts, TargetSpeakerWhisper, open_whisper

    torch.manual_seed(0)
    folder = whisper_folder(tiny, tmp_path, tmp_path / "cache")
    whisper = open_whisper(folder)
    net = TargetSpeakerWhisper(whisper, Prompts(whisper.dims, length=16))
    said = Script(folder / TOKENIZER, whisper.dims.n_vocab).context((Word(BEFORE, 0.0, 3.0),), 16)
    samples, rate = soundfile.read(speech, dtype="float32")
    audio = torch.from_numpy(soxr.resample(samples, rate, RATE))[: 10 * RATE]
    begin_plainly(net, LogMel()(audio[None]), torch.tensor([said]))
    save_file(net.prompts.settled(), prompts / FILE)
    manifest = read_manifest(prompts)
    files = {FILE: file_spec(prompts / FILE)}
    write_manifest(prompts, msgspec.structs.replace(manifest, files=files))
    return prompts


@pytest.mark.slow
def test_a_voice_is_captioned_by_a_prompted_whisper(
    tap_live, tiny, beginning, speech, tmp_path, monkeypatch
):
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    audio, rate = soundfile.read(speech, dtype="float32")
    VoiceStore().save(Enroller.open().enrol("ben", audio, rate, source="", day="").voice)
    words = ("--target", "voice:ben", "--extractor", "none", "--whisper", tiny, "--json")

    def captions(*more):
        code, out, err = tap_live("transcribe", speech, *words, *more)
        assert code == 0, err
        return [event for event in map(msgspec.json.decode, out.splitlines()) if "words" in event]

    plain, prompted = captions(), captions("--prompts", beginning)
    said, again = ([w["text"] for one in its for w in one["words"]] for its in (plain, prompted))
    assert len(said) > 20
    assert SequenceMatcher(None, said, again).ratio() > 0.7, (said, again)
    assert {one["speaker"] for one in prompted} == {"ben"}


@pytest.mark.slow
@pytest.mark.parametrize("command", ["transcribe", "run"])
def test_two_who_talk_at_once_are_captioned_each_from_what_is_extracted(
    tap_live, tiny, tmp_path, monkeypatch, command
):
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    demo = open_bundle(BUNDLE, "demo")
    for name in ("maya", "ben"):
        assert tap_live("enrol", name, "--from", demo.path(f"{name}.ogg"))[0] == 0
    file = demo.path("overlap.ogg")
    heard = [file] if command == "transcribe" else ["--input", file]
    targets = ["--target", "voice:maya", "--target", "voice:ben"]
    code, out, err = tap_live(command, *heard, *targets, "--whisper", tiny, "--json")
    assert code == 0, err
    finals = [event for event in map(msgspec.json.decode, out.splitlines()) if "words" in event]
    finals = [event for event in finals if event["state"] == "final"]
    said = {
        name: [word for one in finals if one["speaker"] == name for word in one["words"]]
        for name in ("maya", "ben")
    }
    within = {  # the seconds in which both talk
        name: [word for word in words if 1.1 < word["start"] < 5.9] for name, words in said.items()
    }
    assert min(len(words) for words in within.values()) >= 4, said
    spans = [(words[0]["start"], words[-1]["end"]) for words in within.values()]
    assert min(end for _, end in spans) - max(start for start, _ in spans) > 1.5
    assert "microphones" in "".join(word["text"] for word in said["maya"])
    assert len({(one["id"], one["revision"]) for one in finals}) == len(finals)


@pytest.mark.slow
def test_a_file_is_understood_no_worse_than_a_stream(tap_live, tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    demo = open_bundle(BUNDLE, "demo")
    assert tap_live("enrol", "ben", "--from", demo.path("ben.ogg"))[0] == 0
    words = ("transcribe", demo.path("overlap.ogg"), "--target", "voice:ben", "--language", "en")

    def said(*more):
        code, out, err = tap_live(*words, *more, "--json")
        assert code == 0, err
        events = [event for event in map(msgspec.json.decode, out.splitlines()) if "words" in event]
        return "".join(w["text"] for e in events if e["state"] == "final" for w in e["words"])

    whole, live = said(), said("--streaming")
    text = "Wait, wait. First we have to ask Martin who pays for it, "
    text += "and only then can we order anything."
    found = errors(text, whole)
    assert found.count <= 0.2 * found.words, whole
    assert found.count <= errors(text, live).count, live
