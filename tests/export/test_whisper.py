from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import onnx
import pytest
import torch

from tap_live.bundle import open_bundle
from tap_live.errors import BundleError
from tap_live.export.verify import verify
from tap_live.export.whisper import SHIPPED, convert, export_whisper, write_bundle
from tap_live.models.whisper import Dims
from tap_live.models.whisper import Whisper as Network
from tap_live.runtime import State, Tensors
from tap_live.whisper.assemble import BUNDLES, KIND, assembled
from tap_live.whisper.model import Prompt, Whisper
from tap_live.whisper.names import from_openai, to_openai
from tap_live.whisper.sources import entry_of, local
from tap_live.whisper.weights import read_weights

LENGTH = 4  # of prompts
HEADS = [(1, 0), (2, 1)]


class Exported(NamedTuple):
    """One network and its export."""

    network: Network
    whisper: Whisper
    folder: Path


def exported(network: Network, folder: Path, tokenizer: Path, **options: Any) -> Exported:
    from safetensors.numpy import save_file

    state = {name: value.numpy() for name, value in network.state_dict().items()}
    folder.mkdir()
    save_file(state, folder / "model.safetensors")
    write_bundle(
        "tiny", network.dims, HEADS, tokenizer, folder, made_by="a test", prompt_length=LENGTH
    )
    made = assembled(folder, cache=folder / "cache", **options)
    return Exported(network, Whisper(made), folder)


def small(folder: Path, tokenizer: Path) -> Exported:
    """A network that was taught nothing, in fp32."""
    torch.manual_seed(0)
    network = Network(Dims(80, 1500, 64, 2, 3, 1600, 448, 64, 2, 3), HEADS).eval()
    torch.nn.init.normal_(network.decoder.positional_embedding, std=0.1)
    return exported(network, folder / "tiny", tokenizer, precision="fp32")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    path.write_text("{}")
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, tokenizer: Path) -> Exported:
    return small(tmp_path_factory.mktemp("whisper"), tokenizer)


class TorchDecoder:
    """The network behind the interface that `verify` compares."""

    def __init__(self, exported: Exported, rows: int) -> None:
        self._network = exported.network
        self._rows = rows

    def initial_state(self) -> State:
        return {"kv": self._network.empty_cache(self._rows).numpy()}

    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        with torch.no_grad():
            encoded = self._network.encode(
                *(torch.tensor(inputs[name]) for name in ("mel", "for_encoder", "on"))
            )
            opening, tokens = inputs["opening"], inputs["tokens"]
            first = state["kv"].shape[-2]
            given = tokens if first else np.concatenate([opening, tokens], axis=1)
            position = first - np.where(inputs["on"], 0, opening.shape[1])
            decoded = self._network.decoder(
                torch.tensor(given),
                torch.tensor(state["kv"]),
                encoded.cross_k,
                encoded.cross_v,
                torch.tensor(position),
                torch.tensor(inputs["for_decoder"]),
                torch.tensor(inputs["on"]),
            )
        columns = tokens.shape[1]
        outputs = {
            "hidden": encoded.hidden.numpy(),
            "logits": decoded.logits[:, -columns:].numpy(),
            "align": decoded.align[:, :, -columns:].numpy(),
        }
        return outputs, {"kv": decoded.self_kv.numpy()}


class OnnxDecoder:
    """Its export behind the same."""

    def __init__(self, exported: Exported) -> None:
        self._whisper = exported.whisper
        self._state: Any = None

    def initial_state(self) -> State:
        return {"kv": np.zeros(0, np.float32)}

    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        prompt = Prompt(inputs["for_encoder"], inputs["for_decoder"], inputs["on"])
        encoded = self._whisper.encode(inputs["mel"], prompt)
        if not state["kv"].size:
            self._state = self._whisper.start(encoded, prompt)
        logits, align, self._state = self._whisper.decode(inputs["tokens"], self._state)
        kv = np.stack(self._state.cache)  # (2 Ld, B, H, S, D), key and value in turn
        outputs = {"hidden": encoded.hidden, "logits": logits, "align": align}
        return outputs, {"kv": kv.reshape(-1, 2, *kv.shape[1:])}


def steps(tiny: Exported, on: list[bool], cuts: list[int]) -> list[Tensors]:
    rng = np.random.default_rng(0)
    dims, rows = tiny.network.dims, len(on)
    width = dims.n_text_state
    fixed = {
        "mel": rng.standard_normal((rows, 80, 60)).astype(np.float32),
        "for_encoder": rng.standard_normal((rows, 3, 1 + LENGTH, width)).astype(np.float32),
        "for_decoder": rng.standard_normal((rows, 3, LENGTH, width)).astype(np.float32),
        "on": np.array(on),
        "opening": np.full((rows, 1 + LENGTH), tiny.whisper.dims.previous),
    }
    return [fixed | {"tokens": rng.integers(0, dims.n_vocab, (rows, cut))} for cut in cuts]


@pytest.mark.parametrize("on", [[True], [True, False], [True, True]], ids=str)
def test_graphs_follow_the_network_through_a_prompted_stream(
    tiny: Exported, on: list[bool]
) -> None:
    stream = steps(tiny, on, [3, 1, 1, 6, 1])
    verify(TorchDecoder(tiny, len(on)), OnnxDecoder(tiny), stream, tolerance=1e-4)


def test_graphs_hold_no_weights_and_name_standard_operators_only(tiny: Exported) -> None:
    for graph in ("encoder.fp32.onnx", "decoder.fp32.onnx"):
        model = onnx.load(tiny.folder / graph, load_external_data=False)
        assert {opset.domain for opset in model.opset_import} == {""}
        inline = [t for t in model.graph.initializer if not t.external_data]
        assert sum(len(t.raw_data) for t in inline) < 2000
        assert {t.external_data[0].value for t in model.graph.initializer if t.external_data} == {
            "weights.bin"
        }


def test_weights_of_both_graphs_do_not_overlap(tiny: Exported) -> None:
    for precision in ("fp32", "int8"):
        table = msgspec.json.decode((tiny.folder / f"weights.{precision}.json").read_bytes())
        ends = [0]
        for spec in sorted(table["weights"], key=lambda spec: spec["offset"]):
            assert spec["offset"] >= ends[-1]
            size = np.dtype(spec["dtype"]).itemsize * int(np.prod(spec["shape"]))
            ends.append(spec["offset"] + size)
        assert ends[-1] <= table["bytes"]


def test_prompted_graphs_compute_what_the_authors_program_does(
    golden_whisper: Any, tmp_path: Path, tokenizer: Path
) -> None:
    golden = golden_whisper
    network = Network(Dims(80, 1500, 64, 2, 3, 51865, 448, 64, 2, 3)).eval()
    state = {name: torch.tensor(value) for name, value in golden.state.items()}
    network.load_state_dict(state, strict=False)
    whisper = exported(network, tmp_path / "golden", tokenizer, precision="fp32").whisper

    prompt = Prompt(golden.encoder_prompt, golden.decoder_prompt, np.array([True]))
    encoded = whisper.encode(golden.mel, prompt)
    after = golden.tokens[:, 1 + LENGTH :]  # what stands before is the prompt's own
    logits, _, _ = whisper.decode(after, whisper.start(encoded, prompt))

    np.testing.assert_allclose(encoded.hidden[0, :40], golden.hidden, atol=1e-3)
    np.testing.assert_allclose(logits[0, :, :2000], golden.logits[1 + LENGTH :], atol=1e-3)
    np.testing.assert_array_equal(logits[0].argmax(-1), golden.argmax[1 + LENGTH :])


@pytest.mark.parametrize("name", SHIPPED)
def test_bundles_that_ship_are_what_the_exporter_makes(name: str, tmp_path: Path) -> None:
    if next(local(entry_of(SHIPPED[name].tokenizer)), None) is None:
        pytest.skip("Whisper's tokenizer is not here: pip install 'tap-live[offline]'")
    shipped = open_bundle(BUNDLES / f"whisper-{name}", KIND)
    assert export_whisper(name, tmp_path / name).manifest == shipped.manifest


def test_bundles_of_whisper_stay_under_three_megabytes() -> None:
    files = [file for folder in BUNDLES.glob("whisper-*") for file in folder.iterdir()]
    assert sum(file.stat().st_size for file in files) < 3e6


def test_an_unknown_name_lists_what_ships() -> None:
    with pytest.raises(BundleError, match=r"'huge': tiny\.en, base\.en, base ship"):
        export_whisper("huge")


def test_openais_checkpoint_is_converted_without_running_it(tiny: Exported, tmp_path: Path) -> None:
    path = tmp_path / "tiny.pt"
    state = tiny.network.state_dict()
    torch.save({"dims": vars(tiny.network.dims), "model_state_dict": state}, path)
    convert(path, tmp_path / "converted")
    found = to_openai(read_weights(tmp_path / "converted"))
    for name, value in to_openai(from_openai({n: v.numpy() for n, v in state.items()})).items():
        np.testing.assert_array_equal(found[name], value)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pt"
    torch.save({"model_state_dict": {"x": Path("/")}}, path)
    with pytest.raises(BundleError, match="no checkpoint of OpenAI's Whisper"):
        convert(path, tmp_path / "converted")
