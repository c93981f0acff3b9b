import json

import pytest


def test_all_models_are_listed_with_where_they_are(tap_live):
    code, out, _ = tap_live("models", "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["vad"]["state"] == "shipped"
    assert rows["tiny.en"]["state"] in ("here", "to be fetched")
    assert {"base.en", "base", "whisper-base", "demo"} <= rows.keys()


def test_every_shipped_bundle_is_as_it_was_made(tap_live):
    code, out, _ = tap_live("models", "verify")
    assert code == 0
    assert "vad: " in out


def test_a_bundle_says_what_it_is_and_shows_its_card(tap_live):
    code, out, _ = tap_live("models", "info", "vad")
    assert code == 0
    assert "licence MIT" in out
    assert "Silero" in out


def test_an_unknown_bundle_is_answered_with_those_there_are(tap_live):
    code, _, err = tap_live("models", "info", "nosuch")
    assert code == 1
    assert "no bundle 'nosuch': there are " in err
    assert "demo" in err


def test_pulled_weights_are_made_ready(tap_live, tiny):
    code, out, _ = tap_live("models", "pull", tiny)
    assert code == 0
    assert "tiny.en is ready in" in out


def test_a_machine_without_network_gets_a_clear_line_not_a_hang(tap_live, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("tap_live.whisper.assemble.local", lambda entry: iter(()))
    code, _, err = tap_live("models", "pull", "base.en")
    assert code == 1
    assert "no weights of Whisper base.en on this machine" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [["models", "pull"], ["models", "nosuch"], ["nosuch"]])
def test_wrong_arguments_are_exit_code_2(tap_live, words):
    assert tap_live(*words)[0] == 2


@pytest.mark.parametrize(
    ("name", "checkpoint"), [("clapsep", "best_model.ckpt"), ("gentse", "RUN/best.pt")]
)
def test_a_full_model_is_not_published_and_how_it_is_made_is_said(
    tap_live, monkeypatch, tmp_path, name, checkpoint
):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    code, _, err = tap_live("models", "pull", name)
    assert code == 1
    assert f"make it with `tap-live export {name} --checkpoint {checkpoint} --out " in err
