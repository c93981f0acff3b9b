import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_live.bundle import (
    FORMAT,
    FileSpec,
    GraphSpec,
    Manifest,
    file_spec,
    open_bundle,
    read_manifest,
    write_manifest,
)
from tap_live.errors import BundleError, TapError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "step.onnx").write_bytes(b"graph")
    write(tmp_path, files={"step.onnx": file_spec(tmp_path / "step.onnx")})
    return tmp_path


def write(folder, **changes):
    manifest = Manifest(
        format=FORMAT, name="gain", kind="test", licence="MIT", made_by="tests", sources=(),
        files={}, graphs={"step": GraphSpec("step.onnx", (), ())},
    )  # fmt: skip
    write_manifest(folder, msgspec.structs.replace(manifest, **changes))


def test_a_whole_bundle_opens(folder):
    bundle = open_bundle(folder, kind="test")
    assert bundle.manifest.name == "gain"
    assert bundle.graph("step").file == "step.onnx"
    assert bundle.path("step.onnx").read_bytes() == b"graph"


def test_a_changed_file_is_refused_before_it_is_used(folder):
    (folder / "step.onnx").write_bytes(b"grapf")
    with pytest.raises(BundleError, match=r"sha256 .* expected; bundle 'gain' is incomplete"):
        open_bundle(folder)


def test_a_cut_file_is_refused_with_both_lengths(folder):
    (folder / "step.onnx").write_bytes(b"gr")
    with pytest.raises(BundleError, match="has 2 bytes, 5 expected"):
        open_bundle(folder)


def test_a_missing_file_is_named(folder):
    (folder / "step.onnx").unlink()
    with pytest.raises(BundleError, match=r"cannot read .*step\.onnx: No such file"):
        open_bundle(folder)


def test_a_folder_without_manifest_is_no_bundle(tmp_path):
    with pytest.raises(BundleError, match=r"no bundle at .*: manifest\.json is missing"):
        open_bundle(tmp_path)


def test_another_kind_is_refused(folder):
    with pytest.raises(BundleError, match=r"wanted a bundle of kind 'whisper', .* is 'test'"):
        open_bundle(folder, kind="whisper")


def test_another_format_is_refused_with_what_to_do(folder):
    write(folder, format=99)
    with pytest.raises(BundleError, match="has format 99, this version reads 1: export"):
        read_manifest(folder)


def test_a_graph_without_hash_is_refused(folder):
    write(folder, files={})
    with pytest.raises(BundleError, match=r"gives no sha256 for step\.onnx"):
        read_manifest(folder)


@pytest.mark.parametrize(
    "file", ["../secret", "/etc/passwd", "a/../../b", "..\\secret", "a\0b", "a\nb"]
)
def test_a_manifest_cannot_reach_outside_its_folder(folder, file):
    write(folder, files={file: FileSpec(5, "0"), "step.onnx": file_spec(folder / "step.onnx")})
    with pytest.raises(BundleError, match="outside the bundle"):
        open_bundle(folder)


def test_an_unknown_graph_is_answered_with_those_there_are(folder):
    with pytest.raises(BundleError, match="has no graph 'encoder', only step"):
        open_bundle(folder).graph("encoder")


@given(data=st.binary(max_size=200))
def test_any_bytes_as_manifest_are_refused_not_crashed_on(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "manifest.json").write_bytes(data)
    with pytest.raises(BundleError, match="cannot read"):
        open_bundle(folder)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
ENTRY = {"bytes": 5, "sha256": "0"}


@given(
    edits=st.dictionaries(st.sampled_from(Manifest.__struct_fields__), JSON, max_size=3),
    names=st.lists(st.text(max_size=9), max_size=3),
)
def test_a_manifest_with_any_values_is_read_or_refused(tmp_path_factory, edits, names):
    folder = tmp_path_factory.mktemp("bundle")
    write(folder, graphs={})
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest |= {"files": dict.fromkeys(names, ENTRY)} | edits
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with suppress(TapError):
        assert open_bundle(folder).folder == folder


@settings(max_examples=20)
@given(depth=st.integers(100, 200_000), kind=st.sampled_from(['{"a":', "["]))
def test_a_manifest_of_any_depth_is_refused(tmp_path_factory, depth, kind):
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "manifest.json").write_text('{"settings":{"a":' + kind * depth)
    with pytest.raises(BundleError, match="cannot read"):
        open_bundle(folder)
