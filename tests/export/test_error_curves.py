import re
from xml.etree import ElementTree

import numpy as np

from tap_live.export.error_curves import error_curves


def test_the_equal_error_rate_of_two_bells_is_where_they_cross():
    rng = np.random.default_rng(0)
    same, different = rng.normal(2, 2, 100_000), rng.normal(-2, 2, 100_000)
    drawn = error_curves(same.astype(np.float32), different.astype(np.float32), 1.0, "two bells")
    rate = float(re.search(r"equal error rate ([\d.]+) %", drawn)[1])
    assert abs(rate - 15.87) < 0.5  # one standard deviation, one side
    taken = float(re.search(r"taken ([\d.]+) %", drawn)[1])
    assert abs(taken - 6.68) < 0.3  # 1.5 standard deviations


def test_it_is_a_picture():
    drawn = error_curves(np.ones(3, np.float32), np.zeros(3, np.float32), 0.5, "a and b")
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
