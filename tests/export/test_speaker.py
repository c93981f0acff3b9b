import numpy as np
import onnx
import pytest
import torch

from tap_live.bundle import open_bundle
from tap_live.errors import BundleError
from tap_live.export import speaker
from tap_live.export.verify import verify
from tap_live.models.speaker import SpeakerEncoder
from tap_live.runtime import Engine
from tap_live.voices.encoder import BUNDLE


@pytest.fixture
def random_encoder():
    torch.manual_seed(0)
    return SpeakerEncoder().eval()


def write_bundle(encoder, folder):
    onnx.save(speaker.build(encoder), folder / "speaker.onnx")
    for name in ("LICENSE", "README.md"):
        (folder / name).write_text("")
    speaker.write_manifest(folder, speaker._manifest(folder))
    return open_bundle(folder, "speaker")


def test_the_graph_computes_what_the_network_computes(random_encoder, tmp_path):
    engine = Engine(write_bundle(random_encoder, tmp_path), "windows")
    parities = verify(speaker.TorchBackend(random_encoder), engine, speaker.noise_stream())
    assert {p.output for p in parities} == {"embedding", "hidden_out", "cell_out"}


def test_packing_loses_less_than_fp16(random_encoder):
    graph = speaker._Graph()
    weight = random_encoder.lstm.weight_hh_l1
    graph.packed("w", weight, speaker.GROUP)
    arrays = {c.name: onnx.numpy_helper.to_array(c) for c in graph._constants}
    packed = arrays["w_steps"] * arrays["w_scale"].astype(np.float32) / 32767
    exact = weight.detach().numpy()
    half = np.abs(exact.astype(np.float16).astype(np.float32) - exact)
    assert np.abs(packed.reshape(exact.shape) - exact).mean() < half.mean() / 2


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch):
    def absent(name):
        raise speaker.PackageNotFoundError(name)

    monkeypatch.setattr(speaker, "version", absent)
    with pytest.raises(BundleError, match=r"pip install --no-deps Resemblyzer==0\.1\.4"):
        speaker.package_file("pretrained.pt")


def test_the_shipped_bundle_is_what_the_recipe_makes(tmp_path):
    try:
        speaker.package_file("pretrained.pt")
    except BundleError as error:
        pytest.skip(str(error))
    made = speaker.export(tmp_path)
    assert made.manifest.files == open_bundle(BUNDLE).manifest.files


def test_the_bundle_stays_under_its_ceiling():
    assert sum(file.stat().st_size for file in BUNDLE.iterdir()) < 3_000_000
