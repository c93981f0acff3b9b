"""Whisper in PyTorch behind the live engine's interface, and its bounds in every precision."""

import numpy as np
import onnx
import pytest
import torch

from tap_live.export.exporters import Job
from tap_live.export.verify import compare
from tap_live.export.whisper import write_bundle
from tap_live.export.whisper_proof import opened, proved_in, static
from tap_live.export.whisper_sessions import Decoding, Encoding, in_pytorch
from tap_live.models.whisper import Dims
from tap_live.models.whisper import Whisper as Network
from tap_live.whisper.assemble import assembled
from tap_live.whisper.model import STATIC, Prompt

DIMS = Dims(80, 1500, 64, 1, 2, 1600, 448, 64, 1, 2)
HEADS = ((0, 0), (1, 0))
LENGTH = 4


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = Network(DIMS, HEADS).eval()
    torch.nn.init.normal_(network.decoder.positional_embedding, std=0.1)
    return network


@pytest.fixture(scope="module", params=["fp32", "fp16", "bf16", "int8"])
def made(request, network, tmp_path_factory):
    from safetensors.numpy import save_file

    folder = tmp_path_factory.mktemp(request.param) / "tiny"
    folder.mkdir()
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text("{}")
    write_bundle(
        "tiny", DIMS, HEADS, tokenizer, folder, made_by="a test", prompt_length=LENGTH,
        precisions=[request.param],
    )  # fmt: skip
    job = Job(model="whisper", checkpoint="", out=folder, precision=request.param)
    return job, assembled(folder, precision=request.param, cache=folder / "cache")


def test_encoder_and_decoder_compute_what_pytorch_does(made, network):
    job, folder = made
    allowed = {"fp32": 1e-4, "fp16": 1e-2, "bf16": 5e-2, "int8": 0.1}[job.precision]
    reference, candidate = in_pytorch(network, folder), opened(proved_in(folder, job), job)
    mel = np.random.default_rng(0).standard_normal((1, 80, 60)).astype(np.float32)
    compare(Encoding(reference), Encoding(candidate), [{"mel": mel}] * 2).check(allowed)
    encoded = reference.encode(mel)
    tokens = [{"tokens": np.array([[token]])} for token in (5, 7, 1000, 3)]
    found = compare(
        Decoding(reference, reference.start(encoded)),
        Decoding(candidate, candidate.start(encoded)),
        tokens,
    )
    found.check(allowed)
    assert {parity.output for parity in found.parities} == {"logits", "align", "self_kv"}
    assert found.reference_s > 0 and found.candidate_s > 0


@pytest.mark.parametrize("on", [None, True], ids=["plain", "prompted"])
def test_a_decoder_whose_caches_are_static_says_what_pytorch_and_growing_ones_do(made, network, on):
    """Over beams that part and are reordered, and a draft of which some is forgotten."""
    job, folder = made
    if job.precision == "int8":
        assert not (folder / f"{STATIC}.onnx").exists()  # its operators are the CPU's
        return
    rng = np.random.default_rng(1)
    mel = rng.standard_normal((1, 80, 60)).astype(np.float32)
    tokens = [rng.integers(0, DIMS.n_vocab, (3, columns)) for columns in (5, 1, 4, 1, 1)]
    # fp16 as a CPU runs it: how a card rounds is compared above
    proved, found = folder if job.precision == "fp16" else proved_in(folder, job), []
    for whisper in (in_pytorch(network, folder), opened(proved, job), static(proved, job)):
        prompt = on and prompt_of(whisper)
        state = whisper.start(whisper.encode(mel, prompt), prompt).reorder([0, 0, 0])
        said = []
        for step, given in enumerate(tokens):
            logits, align, state = whisper.decode(given, state)
            said += [logits, align]
            state = state.reorder([2, 0, 0]) if step == 1 else state.truncate(8)
        found.append([*said, np.stack(state.cache)])
    pytorch, growing, fixed = found
    for one, other, third in zip(fixed, growing, pytorch, strict=True):
        # bf16 says logits of 16 and more to an eighth
        apart, off = {"fp32": (1e-4, 1e-4), "fp16": (1e-2, 2e-2), "bf16": (0.1, 0.25)}[
            job.precision
        ]
        np.testing.assert_allclose(one, other, atol=apart)
        np.testing.assert_allclose(one, third, atol=off)


def prompt_of(whisper):
    rng, none = np.random.default_rng(2), whisper.no_prompt(1)
    parts = (rng.standard_normal(part.shape) for part in (none.encoder, none.decoder))
    return Prompt(*(part.astype(np.float32) for part in parts), np.array([True]))


def test_what_a_card_runs_names_operators_and_shapes_that_it_has(made):
    """No shape of a step of one token depends on how many came before."""
    job, folder = made
    if job.precision == "int8":
        return
    model = onnx.load(folder / f"{STATIC}.onnx", load_external_data=False)
    assert {opset.domain for opset in model.opset_import} == {""}
    kinds = {node.op_type for node in model.graph.node}
    assert "ScatterElements" in kinds and not kinds & {"If", "Loop", "Scan", "NonZero"}
    axes = {
        axis.dim_param
        for value in [*model.graph.input, *model.graph.output]
        for axis in value.type.tensor_type.shape.dim
    }
    assert axes == {"", "A", "B", "L", "N", "T"}  # and not S


def test_what_is_multiplied_in_half_is_stored_in_half(made):
    job, folder = made
    model = onnx.load(folder / "encoder.onnx", load_external_data=False)
    stored = {t.name: t.data_type for t in model.graph.initializer if t.external_data}
    linear = {n: kind for n, kind in stored.items() if "linear" in n and "weight" in n}
    attending = {kind for name, kind in linear.items() if "encoder" in name and "self_att" in name}
    matrices = {kind for name, kind in linear.items() if "self_att" not in name}
    norms = {kind for name, kind in stored.items() if "layer_norm" in name}
    assert matrices == {"fp32": {1}, "fp16": {10}, "bf16": {16}, "int8": {1, 3}}[job.precision]
    assert attending == ({1} if job.precision == "bf16" else matrices)
    kernels = {kind for name, kind in stored.items() if "conv" in name}
    assert kernels == {{"fp16": 10}.get(job.precision, 1)}  # no bf16 before opset 22
    assert norms == {onnx.TensorProto.FLOAT}
