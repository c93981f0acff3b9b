import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import typer

from tap_live.export import synthesised
from tap_live.export.synthesised import RATE, Kokoro, Voice, blended, spelled
from tap_live.models.training.data import read_clips


def styles() -> dict[str, np.ndarray]:
    return {name: np.full((510, 256), ord(name) - ord("a"), np.float32) for name in "abc"}


def test_a_new_voice_lies_between_two() -> None:
    voices = list(blended(styles(), 50, seed=0))
    assert len({voice.name for voice in voices}) == 50
    for voice in voices:
        assert 0.25 <= voice.styles.max() <= 1.75  # of 0, 1 and 2, two at a time
        assert 0.85 <= voice.speed <= 1.2
    again = list(blended(styles(), 50, seed=0))
    assert np.array_equal(voices[7].styles, again[7].styles)
    assert not np.array_equal(voices[7].styles, list(blended(styles(), 8, seed=1))[7].styles)


class Humming(Kokoro):
    """What it is asked for, in place of the weights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def say(self, text: str, voice: Voice) -> np.ndarray:
        seconds = 0.5 if text.startswith("Short") else 2.0
        return np.sin(np.arange(int(seconds * RATE)) * 0.05 * voice.speed).astype(np.float32)


def test_a_folder_is_filled_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesised, "Kokoro", Humming)
    monkeypatch.setattr("shutil.which", lambda program: program)
    (tmp_path / "voices").mkdir()
    for name, style in styles().items():
        style.tofile(tmp_path / "voices" / f"{name}.bin")
    texts, out = tmp_path / "texts.txt", tmp_path / "out"
    texts.write_text("Somebody says this.\nShort.\nAnd that is all.\n")
    synthesised.main(tmp_path, texts, out, voices=3, clips=2)
    clips = read_clips(out)
    numbers = [clip.name.removeprefix("kokoro0_") for clip in clips]
    assert numbers == ["000", "001", "001", "002"]
    assert [clip.text for clip in clips[:2]] == ["Somebody says this.", "And that is all."]
    audio, rate = sf.read(clips[0].file)
    assert (rate, len(audio)) == (RATE, clips[0].seconds * RATE)
    assert np.abs(audio).max() == pytest.approx(0.9, abs=1e-3)

    manifest = out / "manifest.jsonl"
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join(lines[:2]) + "\n")  # as one that was stopped
    synthesised.main(tmp_path, texts, out, voices=3, clips=2)
    assert sorted(manifest.read_text().splitlines()) == sorted(lines)
    assert all(json.loads(line)["licence"] == "Apache-2.0" for line in lines)


@pytest.mark.parametrize(
    ("voices", "text", "found"),
    [(2, "", "found none in"), (1, "Words.", "found 1 in"), (2, "Words.", "found none: apt-get")],
)
def test_what_is_missing_is_told(
    voices: int, text: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesised, "Kokoro", Humming)
    here = None if "apt-get" in found else "espeak-ng"
    monkeypatch.setattr("shutil.which", lambda program: here)
    (tmp_path / "voices").mkdir()
    for name, style in [*styles().items()][:voices]:
        style.tofile(tmp_path / "voices" / f"{name}.bin")
    (tmp_path / "texts.txt").write_text(text)
    with pytest.raises(typer.BadParameter, match=found):
        synthesised.main(tmp_path, tmp_path / "texts.txt", tmp_path / "out")
    assert not (tmp_path / "out").exists()


class Session:
    """What it was asked for."""

    def run(self, names: None, asked: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.asked = asked
        return [np.ones((1, 7), np.float32)]


def test_a_sentence_is_said_in_the_style_of_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesised, "spelled", lambda text: text)
    model = object.__new__(Kokoro)
    model._session, model._tokens = Session(), {"a": 43, "b": 44}
    lengths = np.repeat(np.arange(510, dtype=np.float32)[:, None], 256, axis=1)
    voice = Voice("x", lengths, 1.1)
    assert model.say("ab?a", voice).shape == (7,)  # what has no token is left out
    assert model._session.asked["tokens"].tolist() == [[0, 43, 44, 43, 0]]
    assert model._session.asked["style"].tolist() == [[2.0] * 256]
    assert model._session.asked["speed"] == pytest.approx(1.1)
    assert len(model.say("?", voice)) == len(model.say("a" * 511, voice)) == 0


def test_a_sentence_is_spelled_with_what_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "espeak-ng"
    program.write_text("#!/bin/sh\necho hˈuː ˈæskt hˌɪm\necho ænd wˈaɪ\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert spelled("Who asked him, and why?") == "hˈuː ˈæskt hˌɪm, ænd wˈaɪ?"
