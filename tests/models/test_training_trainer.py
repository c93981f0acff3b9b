"""Training: it learns, resumes where it was, keeps the best, and stops when told."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from tap_live.models.compact import CompactExtractor, Dims
from tap_live.models.training import checkpoint
from tap_live.models.training.batches import Mixtures
from tap_live.models.training.commands import app
from tap_live.models.training.config import Schedule, TrainConfig
from tap_live.models.training.corpus import Corpus, voice_course
from tap_live.models.training.mixing import Recipe
from tap_live.models.training.trainer import Place, Trainer

CPU = Place(torch.device("cpu"), rank=0, processes=1)
CONFIG = TrainConfig(
    dims=Dims(band_width=4, full_width=8, blocks=1, condition_width=4),
    schedule=Schedule(steps=4, batch=2, warmup=1),
    check_cases=4,
)


def trainer(corpus: Corpus, folder: Path, config: TrainConfig = CONFIG) -> Trainer:
    return Trainer(config, voice_course(corpus, Recipe(seconds=0.5), config.seed), folder, CPU)


def weights_of(net: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


def test_the_loss_falls_on_what_is_seen_again_and_again(corpus: Corpus, tmp_path: Path) -> None:
    its = trainer(corpus, tmp_path, replace(CONFIG, schedule=Schedule(rate=0.01, warmup=1)))
    batch = its.mixtures[0]
    losses = [its.learn(batch).item() for _ in range(30)]
    assert losses[-1] < losses[0] - 0.5


def test_a_run_that_was_resumed_ends_like_one_that_was_not(corpus: Corpus, tmp_path: Path) -> None:
    whole = trainer(corpus, tmp_path / "whole")
    whole.run()
    first = trainer(corpus, tmp_path / "cut", replace(CONFIG, schedule=CONFIG.schedule))
    original = first.learn

    def stop_after_two(batch: object) -> torch.Tensor:
        first.stopping = first.step == 1
        return original(batch)  # type: ignore[arg-type]

    first.learn = stop_after_two  # type: ignore[method-assign, assignment]
    first.run()
    assert first.step == 2
    second = trainer(corpus, tmp_path / "cut")
    assert second.resume()
    second.run()
    assert second.step == whole.step == 4
    torch.testing.assert_close(weights_of(second.net), weights_of(whole.net))
    torch.testing.assert_close(weights_of(second.average), weights_of(whole.average))


def test_a_run_writes_a_log_and_a_network_that_can_be_opened(
    corpus: Corpus, tmp_path: Path
) -> None:
    its = trainer(corpus, tmp_path)
    its.run()
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 4
    assert {"gain_db", "worse", "leak_db", "loss", "minutes"} <= rows[-1].keys()
    net = checkpoint.open_network(tmp_path / "best.pt")
    assert net.dims == CONFIG.dims
    torch.testing.assert_close(weights_of(net), weights_of(its.average))


def test_half_precision_on_disk_costs_next_to_nothing(corpus: Corpus, tmp_path: Path) -> None:
    trainer(corpus, tmp_path).run()
    net = checkpoint.open_network(tmp_path / "best.pt")
    checkpoint.write_half(net, tmp_path / "half.safetensors", {"figures": {"gain_db": 1.0}})
    half = checkpoint.open_network(tmp_path / "half.safetensors")
    told = json.loads((tmp_path / "half.json").read_text())
    assert told["figures"] == {"gain_db": 1.0}
    torch.testing.assert_close(weights_of(half), weights_of(net), rtol=1e-3, atol=1e-4)


def test_mixing_in_other_processes_changes_nothing(corpus: Corpus, tmp_path: Path) -> None:
    inline, apart = trainer(corpus, tmp_path / "0"), trainer(corpus, tmp_path / "1")
    apart.config = replace(CONFIG, workers=1)
    inline.run()
    apart.run()
    torch.testing.assert_close(weights_of(apart.net), weights_of(inline.net))


def test_a_warm_start_begins_with_the_weights_given(corpus: Corpus, tmp_path: Path) -> None:
    first = trainer(corpus, tmp_path / "first")
    first.run()
    second = trainer(corpus, tmp_path / "second")
    second.warm_start(tmp_path / "first" / "best.pt")
    torch.testing.assert_close(weights_of(second.net), weights_of(first.average))


def test_networks_are_averaged_by_how_often_they_are_given(tmp_path: Path) -> None:
    nets = [CompactExtractor(CONFIG.dims) for _ in range(2)]
    files = [tmp_path / f"{number}.pt" for number in range(2)]
    for net, file in zip(nets, files, strict=True):
        checkpoint.save(file, {"dims": asdict(net.dims), "weights": net.state_dict()})
    given = [str(file) for file in (files[0], files[1], files[1])]
    done = CliRunner().invoke(app, ["average", *given, "--out", str(tmp_path / "mean.pt")])
    assert done.exit_code == 0, done.output
    mean = checkpoint.open_network(tmp_path / "mean.pt")
    wanted = (weights_of(nets[0]) + 2 * weights_of(nets[1])) / 3
    torch.testing.assert_close(weights_of(mean), wanted)


def test_networks_of_other_sizes_are_not_averaged(tmp_path: Path) -> None:
    files = []
    for width in (4, 8):
        net = CompactExtractor(replace(CONFIG.dims, band_width=width))
        files.append(tmp_path / f"{width}.pt")
        checkpoint.save(files[-1], {"dims": asdict(net.dims), "weights": net.state_dict()})
    with pytest.raises(ValueError, match=r"wanted networks of the same sizes, .*8\.pt is none of"):
        checkpoint.write_average(files, tmp_path / "mean.pt")
    checkpoint.save(files[1], {"weights": {}})
    with pytest.raises(ValueError, match=r"wanted best.pt of compact extractors, .*8\.pt is none"):
        checkpoint.write_average(files, tmp_path / "mean.pt")


def test_a_run_saved_before_it_was_told_how_it_scores_keeps_its_best(
    corpus: Corpus, tmp_path: Path
) -> None:
    first = trainer(corpus, tmp_path)
    first.run()
    content = checkpoint.load(tmp_path / "last.pt")
    del content["scoring"]
    checkpoint.save(tmp_path / "last.pt", content)
    second = trainer(corpus, tmp_path)
    assert second.resume() and second.best == first.best


def test_bfloat16_trains_too(corpus: Corpus, tmp_path: Path) -> None:
    its = trainer(corpus, tmp_path, replace(CONFIG, bf16=True))
    plain = trainer(corpus, tmp_path)
    batch = its.mixtures[0]
    torch.testing.assert_close(its.learn(batch), plain.learn(batch), rtol=0.05, atol=0.1)
    assert torch.isfinite(weights_of(its.net)).all()


def test_there_is_nothing_to_resume_in_a_new_folder(corpus: Corpus, tmp_path: Path) -> None:
    assert not trainer(corpus, tmp_path).resume()


def test_the_rate_rises_and_falls(corpus: Corpus, tmp_path: Path) -> None:
    schedule = Schedule(steps=100, rate=1.0, warmup=10, floor=0.1)
    its = trainer(corpus, tmp_path, replace(CONFIG, schedule=schedule))
    rates = []
    for its.step in range(101):
        rates.append(its.rate())
    assert rates[0] == pytest.approx(0.1, rel=0.01)
    assert max(rates) == rates[9] and rates[9] == pytest.approx(1.0, abs=0.03)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.1)


def test_time_ends_a_schedule_as_steps_do(corpus: Corpus, tmp_path: Path) -> None:
    schedule = Schedule(steps=100, minutes=10.0)
    its = trainer(corpus, tmp_path, replace(CONFIG, schedule=schedule))
    its.step, its.elapsed = 10, 300.0
    assert its.progress() == 0.5


def test_processes_share_the_examples_out_without_repeating(corpus: Corpus, tmp_path: Path) -> None:
    mixer = trainer(corpus, tmp_path).mixtures.mixer
    together = Mixtures(mixer, 4)[3].mixture
    apart = [Mixtures(mixer, 2, rank, processes=2)[3].mixture for rank in (0, 1)]
    torch.testing.assert_close(torch.cat(apart), together)


def test_a_crash_while_saving_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "last.pt"
    checkpoint.save(file, {"step": 1})

    def crash(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(torch, "save", crash)
    with pytest.raises(OSError, match="no space left"):
        checkpoint.save(file, {"step": 2})
    assert checkpoint.load(file) == {"step": 1}


def test_checkpoints_hold_no_classes(tmp_path: Path) -> None:
    file = tmp_path / "foreign.pt"
    torch.save({"dims": Dims()}, file)
    with pytest.raises(Exception, match="weights_only"):
        checkpoint.load(file)


def test_dims_survive_a_checkpoint(tmp_path: Path) -> None:
    dims = Dims(band_width=8, blocks=2)
    checkpoint.save(
        tmp_path / "best.pt",
        {"dims": asdict(dims), "weights": CompactExtractor(dims).state_dict()},
    )
    assert checkpoint.open_network(tmp_path / "best.pt").dims == dims


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"minutes": 0.0}, {"batch": 0}])
def test_a_schedule_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="wanted steps, minutes and batch above 0"):
        Schedule(**wrong)  # type: ignore[arg-type]
