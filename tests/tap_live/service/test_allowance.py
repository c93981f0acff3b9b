from tap_live.service.allowance import Allowance


def test_what_is_spent_comes_back_with_time_and_never_more_than_fits():
    allowance = Allowance(2.0, 10.0, now=5.0)
    assert allowance.spend(10.0, 5.0)
    assert not allowance.spend(0.1, 5.0)
    assert allowance.spend(1.9, 6.0)
    assert not allowance.spend(10.5, 1e9)
