import pytest

from tap_live.commands.chunking import Chunking
from tap_live.commands.extracting import asking
from tap_live.commands.generating import Generating
from tap_live.errors import BundleError, ConfigError


def test_without_the_bundle_one_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(BundleError, match=r"'clapsep', which is not installed: make it with") as no:
        asking(["text:a dog"], extractor="clapsep").extracting()
    assert "\n" not in str(no.value) and str(tmp_path) in str(no.value)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    wanted = "wanted --extractor compact, clapsep, gentse, none or a bundle"
    with pytest.raises(BundleError, match=wanted):
        asking(["text:a dog"], extractor=str(tmp_path / "nowhere")).extracting()


@pytest.mark.parametrize("hop", ["soon", "", "-1", "9"])
def test_a_hop_that_is_none_is_refused(tmp_path, monkeypatch, hop):
    folder = tmp_path / "clapsep"
    folder.mkdir()
    (folder / "manifest.json").write_text(
        '{"format": 1, "name": "clapsep", "kind": "clapsep", "licence": "", "made_by": "", '
        '"sources": [], "files": {}}'
    )
    with pytest.raises(ConfigError, match=r"hop|SECONDS"):
        asking(["text:a dog"], extractor=f"{folder}@{hop}").extracting()


def test_another_programs_manifest_in_this_folder_is_not_looked_at(tmp_path, monkeypatch):
    (tmp_path / "manifest.json").write_text('{"name": "an extension", "manifest_version": 3}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for extractor in (None, "compact"):
        assert Chunking.parse(extractor) is None and Generating.parse(extractor) is None
    with pytest.raises(BundleError, match="'gentse', which is not installed"):
        Generating.parse("gentse")


@pytest.mark.parametrize("hop", ["soon", "", "-1"])
def test_a_hop_of_the_generative_model_that_is_none_is_refused(hop):
    with pytest.raises(ConfigError, match=r"hop|SECONDS"):
        Generating.parse(f"gentse@{hop}")
