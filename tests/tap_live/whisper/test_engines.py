"""Whisper through TensorRT's provider, which `PlayedOrt` plays: one engine a graph, whatever comes.

A played engine refuses what its profile does not hold, so each of these searches is a proof.
"""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tap_live import engine_cache, providers
from tap_live.captions.recogniser import Request
from tap_live.captions.whisper import WhisperRecogniser
from tap_live.engine_cache import Machine
from tap_live.errors import BundleError, ConfigError
from tap_live.providers import Where
from tap_live.whisper.batch import MOST_SHOWN
from tap_live.whisper.decoding import DecodingOptions, decode, decode_rows
from tap_live.whisper.features import MAX_FRAMES, RATE
from tap_live.whisper.model import RECORD, ROWS, Whisper

from ..played_ort import PlayedOrt
from .test_rows import mel, prompts, same

ENGINES = [("encoder", "opening"), ("decoder-static", "opening")]
GREEDY = DecodingOptions(language="en", without_timestamps=True, max_tokens=12)


@pytest.fixture
def ort(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, built_here: None) -> PlayedOrt:
    played = PlayedOrt()
    card = Machine("H200", "9.0", "570.86", "10.9.0", "1.31.1")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setattr(engine_cache, "this_machine", lambda: card)
    monkeypatch.setattr(providers, "mismatch", lambda: None)
    monkeypatch.setitem(sys.modules, "onnxruntime", played)
    return played


@pytest.fixture
def card(plain: Whisper, ort: PlayedOrt) -> Whisper:
    return Whisper(plain.folder, where=Where("tensorrt", strict=True))


def test_engines_are_there_when_the_model_is_open(card: Whisper, ort: PlayedOrt) -> None:
    assert card.device == "tensorrt" and ort.builds == ENGINES
    recogniser = WhisperRecogniser(card)
    recogniser.warm_up("en")
    assert ort.builds == ENGINES
    assert Whisper(card.folder, where=Where("tensorrt", strict=True)).device == "tensorrt"
    assert ort.builds == ENGINES  # the next start has them


@pytest.mark.parametrize("frames", [2 * 5, 60, 1000, MAX_FRAMES])
def test_audio_of_every_length_stays_within_the_engines(
    plain: Whisper, card: Whisper, ort: PlayedOrt, frames: int
) -> None:
    sound = mel(1, frames=frames)
    found = decode(card, card.encode(sound), GREEDY)
    same(found, decode(plain, plain.encode(sound), GREEDY))
    assert ort.builds == ENGINES


@pytest.mark.parametrize("seconds", [0.1, 1.0, 8.0, 30.0])
def test_a_pass_of_captions_stays_within_them_with_and_without_a_prompt(
    card: Whisper, ort: PlayedOrt, seconds: float
) -> None:
    audio = np.random.default_rng(1).standard_normal(round(seconds * RATE)).astype(np.float32)
    for prompt in (None, prompts(card, [True])):
        WhisperRecogniser(card, prompt).recognise(Request(audio=audio, language="en"))
    assert ort.builds == ENGINES


@pytest.mark.parametrize("beam", [1, 5, ROWS, ROWS + 1])
def test_a_window_after_as_much_text_as_is_ever_shown_stays_within_them(
    plain: Whisper, card: Whisper, ort: PlayedOrt, beam: int
) -> None:
    """A beam of more rows than engines take is searched beside them, with the same words."""
    options = replace(GREEDY, beam=beam, previous=(65,) * MOST_SHOWN)
    found = decode(card, card.encode(mel(1)), options)
    assert found.tokens == decode(plain, plain.encode(mel(1)), options).tokens
    assert ort.builds == ENGINES


def test_rows_at_once_are_those_that_it_was_opened_for(
    plain: Whisper, card: Whisper, ort: PlayedOrt
) -> None:
    with pytest.raises(ConfigError, match=f"built for {ROWS} rows, found {ROWS + 1}"):
        card.encode(mel(ROWS + 1))
    found = decode_rows(card, card.encode(mel(ROWS)), [GREEDY] * ROWS)
    wanted = decode_rows(plain, plain.encode(mel(ROWS)), [GREEDY] * ROWS)
    assert [one.tokens for one in found] == [one.tokens for one in wanted]
    many = Whisper(plain.folder, where=Where("tensorrt"), rows=ROWS + 1)
    assert len(decode_rows(many, many.encode(mel(ROWS + 1)), [GREEDY] * (ROWS + 1))) == ROWS + 1
    assert ort.builds == ENGINES * 2  # its own, in place of those


def test_what_samples_has_no_engine_and_runs_on_cuda(card: Whisper, ort: PlayedOrt) -> None:
    warm = replace(GREEDY, temperatures=(0.6,))
    decode(card, card.encode(mel(1)), warm)
    assert ort.builds == ENGINES
    name, given = ort.asked[-1]
    assert name == "decoder.onnx" and providers.NAMES["tensorrt"] not in given


def test_an_export_without_static_caches_is_decoded_on_cuda_and_that_is_said(
    plain: Whisper, ort: PlayedOrt, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    older = tmp_path / "older"
    shutil.copytree(plain.folder, older)
    (older / "decoder-static.onnx").unlink()
    card = Whisper(older, where=Where("auto"))
    assert (card.device, card.resident, ort.builds) == ("tensorrt", None, ENGINES[:1])
    assert "axis 'S' of 'self_k.0' may have any length" in caplog.text
    assert decode(card, card.encode(mel(1)), GREEDY).tokens
    with pytest.raises(BundleError, match=r"axis 'S' of 'self_k\.0'"):
        Whisper(older, where=Where("tensorrt", strict=True))


def test_other_weights_for_the_same_graphs_have_engines_of_their_own(
    plain: Whisper, ort: PlayedOrt, tmp_path: Path
) -> None:
    folder, strict = tmp_path / "mine", Where("tensorrt", strict=True)
    shutil.copytree(plain.folder, folder)
    (folder / RECORD).write_text("of the first weights")
    Whisper(folder, where=strict)
    (folder / RECORD).write_text("of tuned ones")
    Whisper(folder, where=strict)
    assert ort.builds == ENGINES * 2
