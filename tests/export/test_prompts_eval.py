from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tap_live.export.ledger import Ledger
from tap_live.export.prompts_eval import measure, several
from tap_live.export.prompts_report import Case, report, spelling
from tap_live.export.word_errors import Errors

RATE = 16_000


class Render:
    """Two mixtures, ant without the voice that is asked for; a dialogue of bee."""

    def rows(self, name: str) -> list[dict[str, str]]:
        if name == "turns":
            return [dict(id="d0", speaker=s, text=t, enrolment="e") for s, t in TURNS]
        rows = [dict(id="a", interferer="x", interferer_start="1.5")]
        return [*rows, dict(id="b", interferer="x")]

    def voice_case(self, row: dict[str, str]) -> Any:
        there = row["id"] == "a"
        audio = np.ones(2 * RATE, np.float32)
        text = "ant bee cat" if there else ""
        target = audio * np.float32(0.9 * there)
        return SimpleNamespace(mixture=audio, target=target, enrolment=audio, text=text)

    def load(self, file: str, rate: int) -> Any:
        return np.ones(rate, np.float32)

    def dialogue(self, name: str, id: str) -> Any:
        return np.ones(RATE, np.float32), self.rows(name)


TURNS = [("ana", "ant bee"), ("ben", "cat dog"), ("ana", "elk")]


class Listener:
    by: Mapping[str, str] = dict.fromkeys(("mixture", "prompted", "alone"), "tiny")

    def hear(self, case: Any, way: str) -> str:
        return {"mixture": "ant bee dog elk", "prompted": "", "alone": "ant bee cat"}[way]

    def voices(self, audio: Any, enrolments: Any, way: str) -> dict[str, str]:
        assert enrolments.keys() == {"ana", "ben"}
        return {"ben": "ant bee elk", "ana": "cat" if way == "mixture" else "cat dog"}


LISTENER: Any = Listener()
RENDER: Any = Render()


def measured(folder: Path) -> list[Case]:
    return list(
        measure(LISTENER, RENDER, "mix", RENDER.rows("mix"), Ledger(folder / "words.jsonl"))
    )


def test_a_list_is_measured_in_every_way(tmp_path: Path) -> None:
    cases = measured(tmp_path)
    assert [(case.id, case.way) for case in cases] == [
        ("a", "mixture"), ("a", "prompted"), ("a", "alone"), ("b", "mixture"), ("b", "prompted"),
    ]  # fmt: skip
    assert cases[0].overlap == 0.25 and cases[0].snr_db == 19.1
    assert cases[3].snr_db is None
    assert cases[3].errors.put_in == 4


def test_what_was_heard_before_is_not_heard_again(tmp_path: Path, monkeypatch: Any) -> None:
    cases = measured(tmp_path)
    monkeypatch.delattr(Listener, "hear")
    assert measured(tmp_path) == cases


def test_the_report_tells_words_from_silence(tmp_path: Path) -> None:
    cases = measured(tmp_path)
    own = [case for case in cases if case.id == "a"]
    lines = report(own)
    assert any("| mix | plain, mixture | 1 | 66.7" in line for line in lines)
    assert not any("overlap" in line for line in lines)  # that is the whole list
    lines = report(cases)
    assert any("| overlap below half | prompted, mixture | 1 | 100.0" in line for line in lines)
    assert any("| SNR above 2 dB | plain, clean voice | 1 | 0.0" in line for line in lines)
    assert not any("| SNR below -2 dB" in line for line in lines)
    absent = report([case for case in cases if case.id == "b"])
    assert absent[1].endswith("| 120.0 [120.0, 120.0] |")


def test_several_voices_are_matched_by_what_they_say() -> None:
    lines = several(LISTENER, RENDER, "turns", None)
    assert lines[-2].startswith("| plain, mixture | 1 | 20.0")
    assert lines[-1].startswith("| prompted, mixture | 1 | 0.0")


def test_spelling_counts_words_that_a_prompt_leaves_as_they_are() -> None:
    def case(way: str, text: str) -> Case:
        return Case("l", "a", way, 1.0, 0.0, None, text, Errors(0, 0, 0, 0))

    cases = [case("alone", "It cost $20, Ben."), case("prompted alone", "it cost $20, Ben")]
    assert spelling(cases)[-1].startswith("Clean voices: 50.0 % of 4 words")
    assert spelling(cases[:1]) == []
