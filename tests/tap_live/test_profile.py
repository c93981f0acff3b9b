import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_live.errors import ConfigError
from tap_live.profile import load_profile


def test_a_profile_holds_a_table_for_each_command(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text('[run]\ninput = "pulse"\nblock_ms = 10\n')
    assert load_profile(path) == {"run": {"input": "pulse", "block_ms": 10}}


def test_without_a_profile_there_are_no_settings(tmp_path, monkeypatch):
    monkeypatch.setattr("tap_live.profile.default_path", lambda: tmp_path / "none.toml")
    assert load_profile() == {}


def test_a_named_profile_must_be_there(tmp_path):
    with pytest.raises(ConfigError, match="cannot read profile"):
        load_profile(tmp_path / "none.toml")


def test_a_setting_outside_a_table_is_named(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text('input = "pulse"\n')
    with pytest.raises(ConfigError, match=r"found input = 'pulse'"):
        load_profile(path)


@given(data=st.binary(max_size=100))
def test_any_bytes_are_a_profile_or_a_clear_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("profile") / "p.toml"
    path.write_bytes(data)
    try:
        assert all(isinstance(table, dict) for table in load_profile(path).values())
    except ConfigError as error:
        assert "profile" in str(error)


WORDS = st.lists(
    st.sampled_from(
        ["[run]", "[[run]]", "[run.a]", "run", "input", "=", ".", "1", "1e999", "0x", "-inf", '"x"',
         "\'", '"""', "[", "]", "{", "}", ",", "\n", "\r", "\x00", "1979-05-27T07:32:00Z", "#", " ",
         "\\u0000", "true", "[" * 3000, "a." * 3000]
    ),
    max_size=30,
)  # fmt: skip


@settings(max_examples=200)
@given(words=WORDS)
def test_any_pieces_of_toml_are_a_profile_or_a_clear_error(tmp_path_factory, words):
    path = tmp_path_factory.mktemp("profile") / "p.toml"
    path.write_text("".join(words), encoding="utf-8", newline="")
    try:
        assert all(isinstance(table, dict) for table in load_profile(path).values())
    except ConfigError as error:
        assert "profile" in str(error)


@pytest.mark.parametrize("opening", ["a = " + "[" * 100_000, "a = " + "{b=" * 100_000])
def test_a_profile_of_any_depth_is_refused(tmp_path, opening):
    (tmp_path / "p.toml").write_text(opening)
    with pytest.raises(ConfigError, match="cannot read profile"):
        load_profile(tmp_path / "p.toml")
