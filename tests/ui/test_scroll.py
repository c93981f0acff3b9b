import numpy as np
import pytest

from tap_live.ui.scroll import ScrollingPicture


def column(value, rows=2):
    return np.full(rows, value, np.uint8)


def test_the_newest_column_is_at_the_right():
    picture = ScrollingPicture(columns=4, rows=2, a_second=10)
    for place in range(7):
        picture.put(place / 10 + 0.01, column(place + 1))
    assert picture.view()[:, 0].tolist() == [4, 5, 6, 7]
    assert picture.end_s == 0.7


def test_moments_that_nobody_told_of_stay_empty_and_keep_their_place():
    picture = ScrollingPicture(columns=5, rows=2, a_second=10, empty=9)
    picture.put(0.01, column(1))
    picture.put(0.41, column(2))
    assert picture.view()[:, 0].tolist() == [1, 9, 9, 9, 2]


def test_moments_that_come_a_little_unevenly_leave_no_gap():
    picture = ScrollingPicture(columns=20, rows=2, a_second=30)
    for hop in range(0, 300, 2):  # every other hop of 16 ms, and now and then the next
        picture.put((hop + (hop % 6 == 0)) * 0.016, column(5))
    assert (picture.view() == 5).all()


def test_a_jump_further_than_the_picture_clears_it():
    picture = ScrollingPicture(columns=3, rows=2, a_second=10)
    picture.put(0.0, column(1))
    picture.put(50.0, column(2))
    assert picture.view()[:, 0].tolist() == [0, 0, 2]


def test_a_part_that_is_past_can_be_painted():
    picture = ScrollingPicture(columns=4, rows=3, a_second=10)
    picture.put(0.71, column(1, 3))
    picture.fill(-5, 0.55, slice(1, 2), 7)
    assert picture.view()[:, 1].tolist() == [7, 7, 0, 1]
    assert not picture.view()[:3, 0].any()


@pytest.mark.parametrize("seconds", [10, 1000])
def test_memory_does_not_grow_with_the_stream(seconds):
    picture = ScrollingPicture(columns=50, rows=64, a_second=30)
    before = picture.view().base.nbytes
    for frame in range(0, seconds * 30, 7):
        picture.put(frame / 30, bytes(64))
    assert picture.view().base.nbytes == before
    assert np.shares_memory(picture.view(), picture.view().base)
