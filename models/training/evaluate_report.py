"""What an evaluation found, as Markdown, plots and lines of JSON, with bootstrap intervals.

Cases are held by list; those of a list that is asked about in several ways by `list: way`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from .evaluate import Case
from .intervals import bootstrap, mean_of_means
from .plot import bars

HEADING = (
    "| list | cases | SI-SDRi, dB | its median | SDRi, dB | made worse, % "
    "| output when absent, dB | DNSMOS (of the mixture) |\n"
    "|---|---|---|---|---|---|---|---|"
)


def table(cases: Mapping[str, Sequence[Case]]) -> list[str]:
    """Lines of a Markdown table, one or two for each list and way of asking."""
    return [HEADING, *(line for name, its in cases.items() for line in summarise(name, its))]


def summarise(name: str, cases: Sequence[Case]) -> list[str]:
    """One line of a Markdown table for the cases with a target, one for those without."""
    lines = []
    gains = [case.gain for case in cases if case.gain is not None]
    if gains:
        sdr_gains = [case.sdr_gain for case in cases if case.sdr_gain is not None]
        worse = bootstrap([100.0 * (gain < 0) for gain in gains])
        rated = [case.mos for case in cases if case.mos is not None]
        before = [case.mixture_mos for case in cases if case.mixture_mos is not None]
        mos = f"{bootstrap(rated)} ({np.mean(before):.2f})" if rated else ""
        if 0 < len(rated) < len(gains):
            mos += f", of {len(rated)}"
        lines.append(
            f"| {name} | {len(gains)} | {bootstrap(gains)} | {bootstrap(gains, np.median)} "
            f"| {bootstrap(sdr_gains)} | {worse} | | {mos} |"
        )
    leaks = [case.leak for case in cases if case.leak is not None]
    if leaks:
        lines.append(f"| {name} | {len(leaks)} | | | | | {bootstrap(leaks)} | |")
    return lines


def by_name(cases: Mapping[str, Sequence[Case]]) -> list[str]:
    """Tables of each list's speakers or kinds of sound: mean SI-SDRi in every way of asking.

    The last line of each is the mean of the means, in which every name counts alike.
    """
    lists: dict[str, dict[str, Sequence[Case]]] = {}
    for key, its in cases.items():
        name, _, way = key.partition(": ")
        if any(case.gain is not None for case in its):
            lists.setdefault(name, {})[way or "SI-SDRi, dB"] = its
    return [line for name, ways in lists.items() for line in _names_of(name, ways)]


def _names_of(name: str, ways: Mapping[str, Sequence[Case]]) -> list[str]:
    gains: dict[str, dict[str, list[float]]] = {}
    for way, its in ways.items():
        for case in its:
            if case.gain is not None:
                gains.setdefault(case.name, {}).setdefault(way, []).append(case.gain)
    first = next(iter(ways))
    lines = [
        "",
        f"| of {name} | cases | " + " | ".join(ways) + " |",
        "|---" * (2 + len(ways)) + "|",
    ]
    for one in sorted(gains):
        found = " | ".join(str(bootstrap(gains[one][way])) for way in ways)
        lines.append(f"| {one} | {len(gains[one][first])} | {found} |")
    means = (str(mean_of_means([its[way] for its in gains.values()])) for way in ways)
    return [*lines, f"| mean of these | {len(gains)} | " + " | ".join(means) + " |"]


def write_cases(cases: Mapping[str, Sequence[Case]], file: Path) -> None:
    """Write a line of JSON for each case."""
    rows = [json.dumps({"list": name, **asdict(case)}) for name in cases for case in cases[name]]
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")


def draw(cases: Mapping[str, Sequence[Case]], folder: Path) -> None:
    """Draw how gains are spread, or what is let through, an SVG a list and way of asking."""
    for name, its in cases.items():
        drawn = {
            "SI-SDR improvement, dB": [case.gain for case in its if case.gain is not None],
            "output beside the mixture when absent, dB": [
                case.leak for case in its if case.leak is not None
            ],
        }
        for axis, values in drawn.items():
            if values:
                picture = bars(name, axis, values, width=1.0)
                (folder / f"{_file_name(name)}.svg").write_text(picture, encoding="utf-8")


def _file_name(name: str) -> str:
    return "-".join(re.findall(r"\w+", name))
