"""What ships, as checkpoints that training goes on from."""

from pathlib import Path

import pytest
import torch

from tap_live.cues.text import TextCues
from tap_live.export.shipped import audio_cue_net, compact_net
from tap_live.export.warm import COMPACT, warm
from tap_live.models.training.checkpoint import open_network
from tap_live.models.training.cue_files import CueEncoders


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("warm")
    warm(folder)
    return folder


@pytest.mark.parametrize("name", COMPACT)
def test_a_checkpoint_holds_the_weights_that_ship(written: Path, name: str) -> None:
    net, shipped = open_network(written / f"{name}.pt"), compact_net(name)
    assert net.dims == shipped.dims
    for key, weight in shipped.state_dict().items():
        assert torch.equal(net.state_dict()[key], weight)


def test_the_cue_encoders_give_the_cues_that_ship(written: Path) -> None:
    encoders = CueEncoders.open(written / "cues")
    mel = torch.rand(3, 150, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(encoders.audio(mel), audio_cue_net()(mel), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "words", ["a dog barking", "rain on a tin roof", "the sound of dogbark", "the sound"]
)
def test_the_table_gives_the_cues_of_words_that_ship(written: Path, words: str) -> None:
    ours = CueEncoders.open(written / "cues").of_text(words)
    shipped = torch.from_numpy(TextCues.open().embed(words))
    torch.testing.assert_close(ours, shipped, rtol=0, atol=1e-5)
