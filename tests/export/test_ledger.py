import json

from tap_live.export.ledger import Ledger
from tap_live.export.prompts_report import Case as Heard
from tap_live.export.word_errors import Errors
from tap_live.models.training.evaluate import Case

HEARD = Heard("l", "a", "alone", 1.0, 0.5, None, "an ant", Errors(2, 1, 0, 0))


def never():
    raise AssertionError("it was measured before")


def test_what_was_measured_once_is_not_measured_again(tmp_path):
    file, case = tmp_path / "out" / "cases.jsonl", Case("a", "ana", gain=1.5, sdr_gain=2.0)
    Ledger(file).add("l", "a", "", "one", case)
    assert Ledger(file).measured("l", "a", "alone", "base", Heard, lambda: HEARD) == HEARD
    again = Ledger(file)
    assert again.measured("l", "a", "", "one", Case, never) == case
    assert again.measured("l", "a", "alone", "base", Heard, never) == HEARD


def test_another_network_is_measured_by_itself(tmp_path):
    ledger = Ledger(tmp_path / "cases.jsonl")
    ledger.add("l", "a", "", "one", Case("a", "ana", leak=-9.0))
    assert ledger.find("l", "a", "", "other", Case) is None
    assert ledger.find("l", "a", "", "one", Case) == Case("a", "ana", leak=-9.0)


def test_a_line_that_was_cut_off_is_dropped(tmp_path):
    file = tmp_path / "cases.jsonl"
    Ledger(file).add("l", "a", "", "one", Case("a", "ana", leak=-9.0))
    whole = file.read_text()
    file.write_text(whole + whole[:20])
    ledger = Ledger(file)
    ledger.add("l", "b", "", "one", Case("b", "ana", leak=-8.0))
    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == ["a", "b"]
