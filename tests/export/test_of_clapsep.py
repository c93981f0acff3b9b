"""`export clapsep` of a small separator, in every precision that a CPU can prove."""

import pytest
import torch

from tap_live.bundle import open_bundle
from tap_live.export.exporters import Job
from tap_live.export.making import make
from tap_live.models.clap import HtsatDims
from tap_live.models.clapsep import Dims, Separator
from tap_live.models.training.clapsep_files import content_of

DIMS = Dims(
    htsat=HtsatDims(channels=8, depths=(2, 1, 1), heads=(1, 2, 4), side=128),
    cue=16, mask_width=16, mask_layers=1, mask_heads=2, seconds=2.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    separator = Separator(DIMS).eval().requires_grad_(False)
    for parameter in separator.decoder_model.mask_net[3].parameters():  # masks that differ
        torch.nn.init.normal_(parameter, std=0.5)
    path = tmp_path_factory.mktemp("run") / "best.pt"
    torch.save(content_of(separator, {}), path)
    return path


@pytest.mark.slow
@pytest.mark.usefixtures("traced_once")
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16", "int8"])
def test_a_separator_is_exported_and_proved_on_real_audio(checkpoint, tmp_path, precision):
    job = Job(
        model="clapsep", checkpoint=str(checkpoint), out=tmp_path / "clapsep", precision=precision
    )
    told = []
    report = make(job, lambda *news: told.append(news))
    assert report.faults == []
    assert {one.graph for one in report.parity} == {"hear", "find"}
    assert ("graphs", 2, 2) in told
    assert abs(report.task.loss) <= report.allowed_loss
    manifest = open_bundle(tmp_path / "clapsep", "clapsep").manifest
    assert manifest.settings["precision"] == precision
    assert manifest.made_by == job.command
    assert f"{precision}." in (tmp_path / "clapsep" / "README.md").read_text()
