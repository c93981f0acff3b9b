"""What a bundle did on lists of mixtures, as Markdown for its card."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tap_live.export.prompts_report import Case as Heard
from tap_live.export.prompts_report import report as words_report
from tap_live.export.word_errors import rate
from tap_live.models.training.evaluate import Case
from tap_live.models.training.evaluate_report import by_name, table
from tap_live.models.training.intervals import (
    RESAMPLINGS,
    SEED,
    Interval,
    bootstrap,
    mean_of_means,
)

LEAST_DB = {"voice_2mix": 6.0, "voice_noisy": 4.5, "sound_2mix: words, positive": 6.0}
MOST_WORSE = {"voice_2mix": 10.0}  # %
MOST_LEAK_DB = {"voice_absent": -15.0, "sound_absent: words, positive": -12.0}
CLIP, WORDS, CLIP_WITHIN_DB = "sound_2mix: clip, positive", "sound_2mix: words, positive", 1.0
HALVED = "voice_2mix"  # word errors, by extraction


@dataclass
class Found:
    """What was measured.

    Attributes:
        cases: by list, or `list: way` of asking.
        exact: some of them again, before weights were rounded.
        words: what captions made of cases.
        command: that measured them.
    """

    cases: dict[str, list[Case]] = field(default_factory=dict)
    exact: Mapping[str, Sequence[Case]] = field(default_factory=dict)
    words: list[Heard] = field(default_factory=list)
    command: str = ""


def report(found: Found) -> list[str]:
    """Lines of Markdown."""
    parts = []
    if found.cases:
        parts += [table(found.cases)]
    if found.words:
        parts += [words_report(found.words)]
    parts += [[line] for line in _rounding(found)]
    if bars := list(_bars(found)):
        parts += [["| wanted | found | |", "|---|---|---|", *bars]]
    by = f"Measured by `{found.command}`. " if found.command else ""
    parts += [[f"{by}Intervals hold 95 % of {RESAMPLINGS} resamplings of the cases (seed {SEED})."]]
    lines = [line for part in parts for line in [*part, ""]]
    return [*lines[:-1], *by_name(found.cases)]


def macro(cases: Sequence[Case]) -> Interval:
    """Mean gain in which every speaker or kind of sound counts alike."""
    groups: dict[str, list[float]] = {}
    for case in cases:
        if case.gain is not None:
            groups.setdefault(case.name, []).append(case.gain)
    return mean_of_means(list(groups.values()))


def _rounding(found: Found) -> Iterator[str]:
    """What rounded weights on disk cost: the same cases through the network before and after."""
    for name, its in found.exact.items():
        exact = {case.id: case.gain for case in its}
        lost = [
            case.gain - before
            for case in found.cases[name]
            if case.gain is not None and (before := exact[case.id]) is not None
        ]
        whole = bootstrap([gain for gain in exact.values() if gain is not None])
        yield (
            f"Rounding weights changes SI-SDRi on {name} by {np.mean(lost):+.4f} dB on average "
            f"({max(map(abs, lost)):.3f} dB at most in a case; {whole} before)."
        )


def _bars(found: Found) -> Iterator[str]:
    cases = found.cases
    gains = {
        name: macro(its) if name.startswith("sound") else bootstrap(_gains(its))
        for name, its in cases.items()
        if _gains(its)
    }
    for name, least in LEAST_DB.items():
        if name in gains:
            mean = "mean over kinds of SI-SDRi" if name.startswith("sound") else "mean SI-SDRi"
            found_db = gains[name]
            yield _bar(f"{name}: {mean} of {least:g} dB", f"{found_db}", found_db.value >= least)
    if CLIP in gains and WORDS in gains:
        apart = abs(gains[CLIP].value - gains[WORDS].value)
        wanted = f"{CLIP} within {CLIP_WITHIN_DB:g} dB of words"
        yield _bar(wanted, f"{apart:.2f}", apart <= CLIP_WITHIN_DB)
    for name, most in MOST_WORSE.items():
        if name in gains:
            worse = bootstrap([100.0 * (gain < 0) for gain in _gains(cases[name])])
            yield _bar(f"{name}: below {most:g} % made worse", str(worse), worse.value < most)
    for name, most in MOST_LEAK_DB.items():
        leaks = [case.leak for case in cases.get(name, ()) if case.leak is not None]
        if leaks:
            leak = bootstrap(leaks)
            yield _bar(f"{name}: output {most:g} dB or less", str(leak), leak.value <= most)
    rates = {
        way: rate([one.errors for one in found.words if (one.list, one.way) == (HALVED, way)])
        for way in ("mixture", "extracted")
        if any((one.list, one.way) == (HALVED, way) for one in found.words)
    }
    if len(rates) == 2:
        mixture, extracted = rates["mixture"], rates["extracted"]
        wanted = f"{HALVED}: word error rate at least halved"
        halved = 2 * extracted.value <= mixture.value
        yield _bar(wanted, f"{mixture} to {extracted} %", halved)


def _gains(cases: Sequence[Case]) -> list[float]:
    return [case.gain for case in cases if case.gain is not None]


def _bar(wanted: str, found: str, reached: bool) -> str:
    return f"| {wanted} | {found} | {'reached' if reached else '**missed**'} |"
