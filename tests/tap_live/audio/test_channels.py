import numpy as np
import pytest

from tap_live.audio.channels import check_channel, check_rate, mono
from tap_live.errors import AudioError


def test_all_channels_count_alike_in_a_mixdown():
    block = np.float32([[0.3, 0.6, 0.9], [-0.3, 0.0, 0.3]])
    np.testing.assert_allclose(mono(block, None), [0.6, 0.0], atol=1e-7)
    np.testing.assert_array_equal(mono(block, 3), block[:, 2])


def test_channels_are_counted_from_one():
    assert check_channel(1, 1, "it") == 1
    assert check_channel(None, 4, "it") is None
    with pytest.raises(AudioError, match="wanted channel 0 of it, which has one channel"):
        check_channel(0, 1, "it")


@pytest.mark.parametrize("rate", [0, 7_999, 192_001])
def test_rates_outside_the_range_are_refused(rate):
    with pytest.raises(AudioError, match=f"it has a rate of {rate} Hz"):
        check_rate(rate, "it")
