from tap_live.events import Target
from tap_live.ui.presence import ABSENT, NOBODY, PRESENT, Lanes


def lane(lanes, number):
    rows = lanes.picture.rows
    return lanes.picture.view()[:, rows - 4 * number - 2].tolist()


def test_each_target_has_a_lane_the_first_on_top():
    lanes = Lanes(columns=3, a_second=10)
    lanes.show(["voice:ana", "text:rain"])
    lanes.put(0.0)
    lanes.take(Target(name="voice:ana", present=True, level=-20.0))
    lanes.put(0.11)
    assert lane(lanes, 0) == [NOBODY, ABSENT, PRESENT]
    assert lane(lanes, 1) == [NOBODY, ABSENT, ABSENT]


def test_captions_tell_afterwards_when_a_voice_was_there():
    lanes = Lanes(columns=10, a_second=10)
    lanes.show(["voice:ana"])
    for place in range(10):
        lanes.put(place / 10 + 0.01)
    lanes.spoke("voice:ana", 0.2, 0.45)
    lanes.spoke("voice:nobody", 0.6, 0.9)
    assert lane(lanes, 0) == [1, 1, 2, 2, 2, 1, 1, 1, 1, 1]


def test_more_targets_than_lanes_are_left_out():
    lanes = Lanes(columns=2, a_second=10)
    lanes.show([f"text:{n}" for n in range(12)])
    lanes.put(0.0)
    assert len(lanes.names) == 8
