"""Figures of re-made voices: what a line of the table says."""

from dataclasses import replace

from tap_live.export.gentse_eval import Heard, row
from tap_live.export.word_errors import errors


def heard(**other: object) -> Heard:
    whole = Heard("1", "mixture", "a b", errors("a b", "a c"), 2.0, 0.5, -3.0, 0.1, 0.0, 0.02)
    return replace(whole, **other)


def test_a_line_of_the_table_has_means_and_pooled_errors() -> None:
    line = row("gentse, 2 steps", [heard(), heard(mos=4.0, errors=errors("a b c d", "a b c d"))])
    assert line.startswith("| gentse, 2 steps | 3.00 [")
    assert "| 16.7 [" in line and line.endswith("| -3.0 | 10, 0 | 0.02 |")
    assert row("clean", [heard(joins=None, contexts=None)]).endswith("| -3.0 |  | 0.02 |")
