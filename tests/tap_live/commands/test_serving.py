import asyncio
import json
import os
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tap_live.client import connect
from tap_live.commands.link import new_link
from tap_live.commands.serving import page_of, parse_serving
from tap_live.errors import ConfigError
from tap_live.events import GetState, Level, Record, Stop
from tap_live.service.token_file import Tokens


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A user's data folder, empty."""
    for name in ("XDG_DATA_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


@pytest.fixture
def minute(tmp_path):
    """A minute of silence: longer than any test."""
    soundfile.write(tmp_path / "minute.wav", np.zeros(60 * 8000), 8000)
    return tmp_path / "minute.wav"


def test_a_run_is_followed_and_commanded_by_its_user_alone(data, minute):
    words = ("run", "--input", minute, "--no-caption", "--serve", "127.0.0.1:0", "--json")
    process = subprocess.Popen(
        [sys.executable, "-m", "tap_live", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    page = process.stderr.readline().partition("captions: ")[2].strip()
    (path,) = data.rglob("service/*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    tokens = Tokens(**json.loads(path.read_text()))
    assert tokens.page == page

    async def work():
        async with connect(tokens.url, token=tokens.control) as client:
            await client.subscribe(["level"])
            assert (await anext(client)).role == "controller"
            assert isinstance(await anext(client), Level)
            recording = await client.command(Record(id=1, on=True))
            state = await client.command(GetState(id=2))
            assert state["recording"] == recording["folder"]
            for _ in range(20):  # of the stream, a tenth of a second each
                await anext(client)
            assert await client.command(Record(id=3, on=False)) == recording
            await client.command(Stop(id=4))
            return recording["folder"]

    with urllib.request.urlopen(f"{page}health", timeout=5) as health:
        assert json.load(health)["status"] == "ok"
    assert new_link(tokens).startswith(f"{page}#code=")
    folder = asyncio.run(work())
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out.splitlines()[-1])["reason"] == "stopped"
    assert str(data) in folder
    assert (Path(folder) / "mixture.wav").stat().st_size > 44
    assert not path.exists()
    assert tokens.control not in out + err


@pytest.mark.parametrize("address", ["", "8765", "127.0.0.1", "127.0.0.1:", "[::1:80", "a:70000"])
def test_an_address_that_is_none_says_what_is_wanted(address):
    with pytest.raises(ConfigError, match="wanted --serve HOST:PORT"):
        parse_serving(address)


def test_addresses_and_names_are_read(tmp_path):
    assert parse_serving(None) is None
    six = parse_serving("[::1]:80").config
    assert (six.host, six.port) == ("::1", 80)
    named = parse_serving("studio:1", hosts=["Captions.Example"], origins=["https://A.example/"])
    assert {"studio", "captions.example"} <= named.names
    assert named.origins == {"https://a.example"}
    assert page_of("::1", 80, secure=True) == "https://[::1]:80/"
    assert "0.0.0.0" not in page_of("0.0.0.0", 80, secure=False)
    with pytest.raises(ConfigError, match="wanted a certificate and its key, both PEM"):
        parse_serving("127.0.0.1:1", certificate=tmp_path / "none.pem")
    with pytest.raises(ConfigError, match="add --tls-cert"):
        parse_serving("127.0.0.1:1", key=tmp_path / "none.pem")
    with pytest.raises(ConfigError, match="add --serve"):
        parse_serving(None, origins=["https://a.example"])


def test_a_link_to_what_does_not_run_is_one_clear_line(data, tap_live):
    code, out, err = tap_live("link", "--port", 1)
    assert (code, out) == (1, "")
    assert "wanted the tokens of an engine that serves on port 1" in err
