import pytest

from tap_live.errors import BundleError
from tap_live.extractors.compact import CompactExtractor
from tap_live.extractors.network import Network
from tap_live.signs import Telling, Thresholds


def test_a_bundle_brings_its_own_and_what_it_leaves_out_stays():
    found = Thresholds.of({"presence": {"on": -3, "off": -4.5}}, "mine")
    assert found == Thresholds(on=-3, off=-4.5)
    assert Thresholds.of({"presence": Thresholds(like=0.4).settings()}, "") == Thresholds(like=0.4)
    assert Thresholds.of({"captions": True}, "mine") == Thresholds()


@pytest.mark.parametrize(
    "presence",
    [
        3,
        {"loud": -3},
        {"on": "-3"},
        {"on": None},
        {"on": [1]},
        {"on": -6.0, "off": -5.0},
        {"leaves": -1},
    ],
)
def test_what_are_no_thresholds_is_refused_with_the_bundles_name(presence):
    with pytest.raises(BundleError, match="the presence of bundle 'mine' is"):
        Thresholds.of({"presence": presence}, "mine")


def test_an_extractor_tells_those_of_the_bundle_that_a_target_is_for(voice_bundle):
    network = Network.open(voice_bundle)
    extractor = CompactExtractor({"voice": network}, 16_000)
    assert isinstance(extractor, Telling)
    signs = extractor.signs(network.any_cue())
    assert signs.thresholds == network.thresholds and signs.liken is not None
