"""What captions of one voice made of lists of mixtures, as Markdown."""

import difflib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tap_live.export.word_errors import Errors, a_minute, rate

WAYS = {
    "mixture": "plain, mixture",
    "extracted": "plain, extracted voice",
    "prompted": "prompted, mixture",
    "both": "prompted, extracted voice",
    "alone": "plain, clean voice",
    "prompted alone": "prompted, clean voice",
}
HEADING = (
    "| list | heard | cases | WER, % | substituted | left out | put in | words a minute "
    "where it is absent |\n|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Case:
    """One mixture, heard in one way."""

    list: str
    id: str
    way: str
    seconds: float
    overlap: float  # share of the target's time in which another voice speaks
    snr_db: float | None  # of the target beside all else; None: nothing else, or no target
    text: str
    errors: Errors


def report(cases: Sequence[Case]) -> list[str]:
    """Lines of a Markdown table: every list in every way, then parted by overlap and SNR."""
    lines = [HEADING]
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.list].append(case)
    parted: dict[str, Callable[[Case], bool]] = {
        "overlap below half": lambda case: case.overlap < 0.5,
        "overlap of half and more": lambda case: case.overlap >= 0.5,
        "SNR above 2 dB": lambda case: case.snr_db is not None and case.snr_db > 2,
        "SNR of -2 to 2 dB": lambda case: case.snr_db is not None and -2 <= case.snr_db <= 2,
        "SNR below -2 dB": lambda case: case.snr_db is not None and case.snr_db < -2,
    }
    lists = list(groups.values())
    for name, belongs in parted.items():
        part = [case for case in cases if case.errors.words and belongs(case)]
        if part not in lists:  # what is a whole list is told already
            groups[name] = part
    for name, its in groups.items():
        for way, words in WAYS.items():
            own = [case for case in its if case.way == way]
            if own:
                lines.append(_line(name, words, own))
    return lines


def spelling(cases: Sequence[Case]) -> list[str]:
    """Say how far a prompt leaves casing, punctuation and numbers of clean voices as they are."""
    plain = {(case.list, case.id): case.text for case in cases if case.way == "alone"}
    same = count = 0
    for case in cases:
        if case.way == "prompted alone":
            wanted, found = plain[case.list, case.id].split(), case.text.split()
            matcher = difflib.SequenceMatcher(None, wanted, found, False)
            same += sum(block.size for block in matcher.get_matching_blocks())
            count += len(wanted)
    if not count:
        return []
    share = 100 * same / count
    return ["", f"Clean voices: {share:.1f} % of {count} words written alike with the prompt."]


def _line(name: str, way: str, cases: Sequence[Case]) -> str:
    found = [case.errors for case in cases]
    if not any(its.words for its in found):
        silent = a_minute(found, [case.seconds for case in cases])
        return f"| {name} | {way} | {len(cases)} | | | | | {silent} |"
    parts = (
        rate(found),
        rate(found, lambda its: its.substituted),
        rate(found, lambda its: its.left_out),
        rate(found, lambda its: its.put_in),
    )
    return f"| {name} | {way} | {len(cases)} | " + " | ".join(map(str, parts)) + " | |"
