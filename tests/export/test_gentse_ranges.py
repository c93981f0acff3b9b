"""The lengths that gentse's engines are built for hold all that a stream asks of its graphs."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tap_live.export.gentse import NOT_MEASURED, RANGES, Wanted, begin, context_of
from tap_live.extractors.chunked import LONGEST_S, SHORTEST_S, ChunkConfig
from tap_live.extractors.gentse_frames import MelForm
from tap_live.extractors.gentse_network import MOST_STEPS
from tap_live.extractors.gentse_plan import GenPlan
from tap_live.models.gentse import GenDims, GenTSE
from tap_live.models.training.gentse import FULL
from tap_live.models.vocoder import Generator, VocoderDims
from tap_live.models.whisper import Dims
from tap_live.models.whisper import Whisper as Listener
from tap_live.profiles import shapes_of

STEPS = MOST_STEPS  # of the flow


@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
@pytest.mark.parametrize("hop_s", [SHORTEST_S, 0.5, LONGEST_S])
def test_every_hop_draws_and_speaks_within_the_range(rate: int, hop_s: float) -> None:
    reach = FULL.flow(whisper_width=512).reach
    network = SimpleNamespace(
        name="gentse", form=MelForm(rate, 1024, 256, np.zeros((513, 80), np.float32)),
        positions=1500, before=reach[0], after=reach[1], reach=30, compute_s=0.1,
    )  # fmt: skip
    plan = GenPlan.of(ChunkConfig(hop_s=hop_s), network, STEPS)
    least, _, most = RANGES["frames"]
    for chunk in range(200):
        first, last = plan.drawn(chunk - 1), plan.drawn(chunk)
        drawn = plan.heard(chunk) - max(0, first - plan.before)
        assert last == first or least <= last - first <= drawn <= most


@pytest.mark.parametrize(
    ("learned", "asked", "found"),
    [(3.0, None, 3.0), (3.0, 3.0, 3.0), (0.0, 6.0, 6.0), (0, None, 4)],
)
def test_a_context_is_as_long_as_in_training(
    learned: float, asked: float | None, found: float
) -> None:
    net = SimpleNamespace(dims=GenDims(context_s=learned))
    assert context_of(net, asked) == found
    if learned:
        with pytest.raises(
            ValueError, match="of the 3 s that the model was trained on, found seco"
        ):
            context_of(net, 4.0)


def test_the_manifest_has_a_range_for_every_axis_of_any_length(tmp_path: Path) -> None:
    listener = Listener(Dims(80, 1500, 16, 2, 1, 1600, 448, 16, 2, 1))
    net = GenTSE(GenDims(width=16, layers=1, heads=2, enrolment=0), listener)
    vocoder = Generator(VocoderDims(mel=net.dims.mel, channels=32))
    content = begin(net, vocoder, Wanted(seconds=1.5), "a test", NOT_MEASURED)
    for name in content.graphs:
        (tmp_path / f"{name}.onnx").touch()
    graphs = content.write(tmp_path).manifest.graphs
    given = {name: [(one.name, one.shape) for one in its.inputs] for name, its in graphs.items()}
    shapes = {name: shapes_of(given[name], its.ranges) for name, its in graphs.items()}
    assert not shapes["flow"]["x"].fixed and not shapes["vocoder"]["mel"].fixed
    assert all(one.fixed for one in shapes["encode"].values())
