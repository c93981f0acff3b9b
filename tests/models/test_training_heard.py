"""A loss that hears as Whisper does: what it counts, and that Whisper stays as it is."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tap_live.models.compact import CompactExtractor, Dims
from tap_live.models.spectra import Spectra, extract
from tap_live.models.training.batches import LISTENED, Batch, Objective
from tap_live.models.training.config import Schedule, TrainConfig
from tap_live.models.training.corpus import Corpus, voice_course
from tap_live.models.training.heard import RATE, Heard
from tap_live.models.training.mixing import Recipe
from tap_live.models.training.trainer import Place, Trainer
from tap_live.models.ts_whisper import open_whisper

CPU = Place(torch.device("cpu"), rank=0, processes=1)
DIMS = Dims(band_width=4, full_width=8, blocks=1, condition_width=4)
WEIGHT = 4.0


@pytest.fixture
def heard(whisper_files: Path) -> Heard:
    return Heard(open_whisper(whisper_files / "small.pt"))


@pytest.fixture
def voices() -> torch.Tensor:
    """(3, T) noises that come and go, 1 s."""
    torch.manual_seed(0)
    loud = torch.rand(3, 20).repeat_interleave(RATE // 20, dim=1)
    return 0.1 * loud * torch.randn(3, RATE)


def test_nothing_lies_between_a_recording_and_itself(heard: Heard, voices: torch.Tensor) -> None:
    assert heard(voices, voices).max() < 1e-6


def test_the_more_noise_the_further(heard: Heard, voices: torch.Tensor) -> None:
    noise = torch.randn_like(voices)
    little, much = (heard(voices + level * noise, voices) for level in (1e-3, 0.1))
    assert (little < much).all()


def test_the_level_of_a_mixture_does_not_count(heard: Heard, voices: torch.Tensor) -> None:
    found = voices + 0.05 * torch.randn_like(voices)
    torch.testing.assert_close(
        heard(0.1 * found, 0.1 * voices), heard(found, voices), rtol=1e-3, atol=1e-4
    )


def test_following_its_slope_brings_an_estimate_nearer(heard: Heard, voices: torch.Tensor) -> None:
    estimate = (voices + 0.05 * torch.randn_like(voices)).requires_grad_()
    before = heard(estimate, voices)
    (slope,) = torch.autograd.grad(before.sum(), estimate)
    after = heard(estimate - 1e-3 * slope / slope.norm(dim=-1, keepdim=True), voices)
    assert (after < before).all()


def test_where_the_voice_is_absent_nothing_is_heard(heard: Heard, voices: torch.Tensor) -> None:
    net = CompactExtractor(DIMS)
    batch = Batch(voices, torch.zeros(3, 2, RATE), torch.randn(3, 2, DIMS.cue))
    plain, listening = (Objective(net, RATE, 0.5, its, WEIGHT) for its in (None, heard))
    torch.testing.assert_close(listening(batch), plain(batch))


def test_it_is_added_to_the_loss_by_its_weight(heard: Heard, voices: torch.Tensor) -> None:
    net = CompactExtractor(DIMS)
    both = torch.stack([voices, torch.zeros_like(voices)], dim=1)  # the second one is absent
    batch = Batch(voices, both, torch.randn(3, 2, DIMS.cue))
    estimate = extract(net, Spectra(DIMS, RATE), batch.mixture, batch.cues)[:, 0]
    distance = heard(estimate, voices[:, : estimate.shape[1]])
    losses, slopes = [], []
    for listener in (None, heard):
        net.zero_grad()
        loss = Objective(net, RATE, 0.5, listener, WEIGHT)(batch)
        loss.backward()
        losses.append(loss)
        slopes.append(torch.cat([part.grad.flatten() for part in net.parameters()]))
    torch.testing.assert_close(losses[1] - losses[0], WEIGHT * distance.sum() / 6)
    assert (slopes[1] - slopes[0]).norm() > 1e-5 * slopes[0].norm()


def test_of_many_rows_some_are_heard_for_all(heard: Heard, voices: torch.Tensor) -> None:
    net = CompactExtractor(DIMS)
    targets = voices[:, None].expand(3, 2, RATE)  # six rows, all there
    batch = Batch(voices, targets, torch.randn(3, 2, DIMS.cue))
    plain, listening = (Objective(net, RATE, 0.5, its, WEIGHT)(batch) for its in (None, heard))
    estimate = extract(net, Spectra(DIMS, RATE), batch.mixture, batch.cues).flatten(0, 1)
    rows = targets.flatten(0, 1)[:LISTENED, : estimate.shape[1]]
    distance = heard(estimate[:LISTENED], rows)
    torch.testing.assert_close(listening - plain, WEIGHT * distance.mean())


def test_a_run_tells_what_is_heard_and_leaves_whisper_as_it_is(
    corpus: Corpus, tmp_path: Path, heard: Heard
) -> None:
    before = [part.clone() for part in heard.parameters()]
    config = TrainConfig(
        dims=DIMS, heard=WEIGHT, schedule=Schedule(steps=3, batch=2, warmup=1), check_cases=4
    )
    course = voice_course(corpus, Recipe(seconds=0.5), config.seed)
    its = Trainer(config, course, tmp_path, CPU, heard)
    its.run()
    figures = its.measure()
    assert figures["heard"] > 0
    assert its.score(figures) < its.score({**figures, "heard": 0.0})
    torch.testing.assert_close(list(heard.parameters()), before)
    learned = torch.load(tmp_path / "last.pt", weights_only=True)["net"]
    assert learned.keys() == its.net.state_dict().keys()  # and no Whisper


def test_without_it_nothing_is_told_of_it(corpus: Corpus, tmp_path: Path) -> None:
    config = TrainConfig(dims=DIMS, check_cases=4)
    course = voice_course(corpus, Recipe(seconds=0.5), config.seed)
    its = Trainer(config, course, tmp_path, CPU)
    assert "heard" not in its.measure()


@pytest.mark.parametrize(
    ("weight", "given", "rate", "message"),
    [
        (0.0, True, RATE, "a weight of it, found weight 0"),
        (WEIGHT, False, RATE, "a weight of it, found weight 4"),
        (WEIGHT, True, 32_000, "16000 Hz for Whisper, found 32000 Hz"),
    ],
)
def test_what_cannot_be_heard_is_refused(
    corpus: Corpus,
    tmp_path: Path,
    heard: Heard,
    weight: float,
    given: bool,
    rate: int,
    message: str,
) -> None:
    config = TrainConfig(dims=DIMS, heard=weight)
    course = replace(voice_course(corpus, Recipe(seconds=0.5), config.seed), rate=rate)
    with pytest.raises(ValueError, match=message):
        Trainer(config, course, tmp_path, CPU, heard if given else None)


def test_a_run_that_counts_it_from_now_on_keeps_a_best_of_its_own(
    corpus: Corpus, tmp_path: Path, heard: Heard
) -> None:
    first = TrainConfig(dims=DIMS, schedule=Schedule(steps=1, batch=2), check_cases=4)
    course = voice_course(corpus, Recipe(seconds=0.5), first.seed)
    Trainer(first, course, tmp_path, CPU).run()
    second = replace(first, heard=WEIGHT, schedule=Schedule(steps=2, batch=2))
    its = Trainer(second, course, tmp_path, CPU, heard)
    assert its.resume()
    its.run()
    kept = torch.load(tmp_path / "best.pt", weights_only=True)
    assert kept["figures"]["step"] == 2
    again = Trainer(second, course, tmp_path, CPU, heard)
    assert again.resume() and again.best == its.best
