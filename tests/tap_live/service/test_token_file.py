import platformdirs
import pytest

from tap_live.errors import StorageError
from tap_live.service.access import Access
from tap_live.service.token_file import read_tokens, tokens_on_disk


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_data_path", lambda name: tmp_path)


def test_the_tokens_are_there_while_the_engine_serves_and_no_longer():
    access = Access()
    with tokens_on_disk(access, 8801, "http://127.0.0.1:8801/"):
        assert read_tokens(8801).control == access.control_token
    with pytest.raises(StorageError, match="start one with `tap-live run --serve"):
        read_tokens(8801)


def test_who_asks_at_a_wrong_port_is_told_the_right_one():
    with (
        tokens_on_disk(Access(), 8801, "http://127.0.0.1:8801/"),
        pytest.raises(StorageError, match="yours serve on 8801: give --port"),
    ):
        read_tokens(8765)
