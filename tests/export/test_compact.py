"""The bundle of a small random network: what is written is what the network computes."""

import shutil
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from tap_live.bundle import open_bundle
from tap_live.catalogue import BUNDLES
from tap_live.errors import ParityError
from tap_live.export import compact, presence_eval
from tap_live.export.compact_card import VOICE
from tap_live.export.rounding import rounded
from tap_live.export.shipped import compact_net
from tap_live.export.verify import verify
from tap_live.models.compact import CompactExtractor, Dims
from tap_live.models.training.growing import grown
from tap_live.runtime import Engine, State, Tensors
from tap_live.signs import Thresholds

DIMS = Dims(band_width=8, full_width=16, blocks=2, condition_width=8)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    net = CompactExtractor(DIMS).eval()
    for parameter in net.mask.layers.parameters():  # masks that differ from hop to hop
        torch.nn.init.normal_(parameter, std=0.5)
    return net


@pytest.fixture(scope="module")
def folder(net, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "voice-compact"
    compact.export(net, folder, "| list | SI-SDRi |", "best.pt")
    return folder


@pytest.fixture
def engine(folder):
    return Engine(open_bundle(folder, "voice-extractor"), "step")


def test_the_graph_computes_what_the_network_computes_also_for_noise(net, engine):
    noise = 0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    cue = np.random.default_rng(1).standard_normal(DIMS.cue).astype(np.float32)
    reference = compact.TorchBackend(rounded(net))
    found = compact.compare_streams(reference, engine, compact.hops(DIMS, noise, cue))
    found.check(compact.TOLERANCE)
    assert {p.output for p in found.parities} >= {"mask", "band_h", "full_c", "power", "heard"}


class Changed(compact.TorchBackend):
    """A network whose state is changed on its way."""

    def __init__(self, net: CompactExtractor, change: Callable[[State], State]) -> None:
        super().__init__(net)
        self._change = change

    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        outputs, after = super().step(inputs, state)
        return outputs, self._change(after)


@pytest.mark.parametrize("lost", ["band_h", "full_c", "power"])
def test_a_state_that_is_not_carried_is_found_by_the_masks_and_by_itself(net, lost):
    begun = compact.TorchBackend(net).initial_state()
    forgetful = Changed(net, lambda state: {**state, lost: begun[lost]})
    stream = compact.hops(DIMS, *compact.real_speech(DIMS))[:60]
    found = compact.compare_streams(compact.TorchBackend(net), forgetful, stream)
    off = {p.output for p in found.parities if p.largest > compact.TOLERANCE}
    assert off == {"mask", lost}


def test_silence_gives_a_finite_mask(engine):
    inputs = {"spectrum": np.zeros((256, 2), np.float32), "cue": np.ones(256, np.float32)}
    outputs, state = engine.step(inputs, engine.initial_state())
    assert np.isfinite(outputs["mask"]).all()
    assert all(np.isfinite(part).all() for part in state.values())


def test_another_network_is_told_apart(engine):
    other = rounded(CompactExtractor(DIMS))
    stream = compact.hops(DIMS, *compact.real_speech(DIMS))[:40]
    with pytest.raises(ParityError, match="do not ship"):
        verify(compact.TorchBackend(other), engine, stream)


def test_weights_are_stored_as_half_and_nothing_is_lost(net, folder):
    graph = onnx.load(folder / "step.onnx").graph
    kinds = [tensor.data_type for tensor in graph.initializer if np.prod(tensor.dims) >= 256]
    assert kinds.count(onnx.TensorProto.FLOAT16) > 0.8 * len(kinds)
    stored = sum(int(np.prod(tensor.dims)) for tensor in graph.initializer)
    assert stored >= sum(weight.numel() for weight in net.parameters())


def test_in_8_bits_it_computes_what_is_rounded_and_every_matrix_is_stored_so(net, folder, tmp_path):
    small = tmp_path / folder.name
    net = grown(net, replace(DIMS, past_hops=3))
    for layer in net.split.layers:
        torch.nn.init.normal_(layer.weight, std=0.2)
    made = compact.export(net, small, bits=8)
    assert made.proof.worst < 1e-5 and made.proof.rounding > 25
    stored = onnx.load(small / "step.onnx").graph.initializer
    matrices = [one for one in stored if ".weight" in one.name and "_scale" not in one.name]
    large = {one.data_type for one in matrices if np.prod(one.dims) >= 256}
    assert large == {onnx.TensorProto.INT8}
    exact = rounded(net, 8).state_dict()
    for name, found in compact_net(small).state_dict().items():
        if found.ndim > 1:
            torch.testing.assert_close(found, exact[name], rtol=0, atol=0, msg=name)
    card = (small / "README.md").read_text()
    assert "8-bit steps" in card and "best.pt voice-compact --bits 8" not in card
    assert compact.describe(small, net, "| new |", "by hand").proof.rounding > 25
    assert open_bundle(small).manifest.made_by.endswith("voice-compact --bits 8")


def test_the_graph_names_no_file_of_the_machine_it_was_made_on(folder):
    assert b".py" not in (folder / "step.onnx").read_bytes()


def test_the_card_and_the_manifest_tell_how_it_was_made(folder):
    card = (folder / "README.md").read_text()
    assert "hops of real speech,\n  masks over the whole of it, states hop by hop: " in card
    assert (
        "| list | SI-SDRi |" in card
        and "LibriSpeech" in card
        and "256 bins below 8 kHz at any" in card
    )
    manifest = open_bundle(folder).manifest
    assert manifest.made_by == "python -m tap_live.export.compact best.pt voice-compact"
    assert manifest.settings == {
        "hop_s": 0.016,
        "fade_s": 0.004,
        "cues": ["speaker"],
        "captions": True,
        "presence": VOICE.presence.settings(),
    }


def test_a_card_is_written_anew_and_the_network_stays(net, folder, tmp_path):
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    before = open_bundle(copy).manifest
    assert "Not measured with these weights" in (copy / "README.md").read_text()
    presence_eval.write(copy, Thresholds(like=0.7), "| lists |")
    settings = open_bundle(copy).manifest.settings
    assert settings == before.settings | {"presence": Thresholds(like=0.7).settings()}
    made = compact.describe(copy, net, "| new |", "fit DATA RUN --seed 3")
    assert made.proof.rounding is not None
    card, after = (copy / "README.md").read_text(), open_bundle(copy).manifest
    assert "| new |" in card and "fit DATA RUN --seed 3" in card and "rounding weights" in card
    told = card.partition("## Whether it is there")[2]
    assert "the cue is over 0.7" in told and told.endswith("| lists |\n")
    assert after.files["step.onnx"] == before.files["step.onnx"]
    assert (after.made_by, after.settings) == (before.made_by, settings)
    with pytest.raises(ParityError):
        compact.describe(copy, CompactExtractor(DIMS).eval(), "", "")


def test_a_card_without_its_checkpoint_does_not_tell_what_rounding_cost(tmp_path):
    copy = tmp_path / "sound-compact"
    shutil.copytree(BUNDLES / "sound-compact", copy)
    compact.describe(copy, None, "| new |", compact.NOT_KEPT)
    card = (copy / "README.md").read_text()
    assert "rounding" not in card and "were not kept" in card
    assert "155 kinds of sound" in card and "a dog barking; " in card


def test_a_network_for_sounds_is_proved_at_their_rate():
    bands = ((4, 8), (8, 6), (16, 5), (32, 3), (64, 4))
    sound = Dims(
        kind="sound", bands=bands, band_width=8, full_width=16, blocks=1, condition_width=8
    )
    recipe = compact.recipe_of(sound)
    assert (recipe.name, recipe.rate) == ("sound-compact", 32_000)
    stream = compact.hops(sound, *compact.real_speech(sound))
    assert stream[0]["spectrum"].shape == (512, 2)
    assert len(stream) == 625  # 10 s of 16 ms


def test_a_shipped_bundle_keeps_to_its_ceiling():
    """fp16: two bytes a weight, and what the graph itself takes."""
    weights = sum(weight.numel() for weight in CompactExtractor(Dims()).parameters())
    assert 2 * weights + 100_000 < 4_000_000
