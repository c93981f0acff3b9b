"""What a soak found, and which promises were kept."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from tap_live.events import Warned
from tap_live.recorder import MIXTURE
from tap_live.soak.evidence import Evidence
from tap_live.soak.faults import LASTING, Fault
from tap_live.soak.heard import heard, undisturbed
from tap_live.soak.meeting import RATE, Turn
from tap_live.soak.room import BLOCK, LEAD
from tap_live.soak.trend import Trend
from tap_live.soak.verify import finals_of, missing_samples, wrong_words

AHEAD = LEAD + BLOCK + round(LASTING["microphone stalls"][1] * RATE)  # of the engine, at the most
STEADY_S = 900.0  # a shorter stream says nothing about growth
GROWTH_MB = 16.0  # of memory, at the most, however much it goes up and down
ARENA_MB = 1.0  # in which Python takes memory: so much more is no growth
GROWTH_S = 0.5  # of delay, that is noise
EXPECTED = {  # incidents that a fault may cause
    "microphone sticks": ("device-stuck", "samples-lost"),
    "microphone pulled out": ("samples-lost",),
    "captions overloaded": ("captions-behind", "captions-late"),
    "captioner raises": ("captions-restarted",),
    "extractor slow": ("extraction-slow", "extraction-recovered"),
    "extractor gives NaN": ("extraction-restarted",),
    "recording's folder goes": ("recording-stopped",),
    "extractor hangs": ("extraction-restarted", "extraction-slow", "extraction-recovered"),
}


class Finding(msgspec.Struct, frozen=True):
    """One line of the result."""

    what: str
    measured: str
    promise: str  # empty where nothing is promised
    kept: bool = True


class Streamed(msgspec.Struct, frozen=True):
    """What a stream was, and what it left behind."""

    seed: int
    seconds: float
    wall_s: float
    faults: Sequence[Fault]
    turns: Sequence[Turn]
    delivered: Sequence[tuple[int, int]]
    read: Sequence[int]  # finals that the good reader got, by id
    whole: Path
    parts: Sequence[Path]


def findings(streamed: Streamed, evidence: Evidence, errors: Sequence[str]) -> list[Finding]:
    """Compare what happened with what was promised."""
    return [
        Finding("stream", f"{streamed.seconds:.0f} s in {streamed.wall_s:.0f} s", ""),
        Finding("faults", f"{len(streamed.faults)}, seed {streamed.seed}", ""),
        *_samples(streamed, evidence),
        *_finals(streamed, evidence),
        _turns(streamed, evidence),
        *_overload(streamed, evidence),
        _unexpected(streamed, evidence),
        _recordings(streamed, evidence),
        *_trends(streamed, evidence),
        _none("crashes", [*evidence.crashes, *errors]),
    ]


def _samples(streamed: Streamed, evidence: Evidence) -> list[Finding]:
    missing = missing_samples(
        streamed.whole / MIXTURE, streamed.seed, streamed.delivered, _due(streamed)
    )
    gaps = [(a[1], b[0]) for a, b in zip(streamed.delivered, streamed.delivered[1:], strict=False)]
    gone = sum(stop - start for start, stop in gaps)
    return [
        _count("lost samples", missing),
        Finding(
            "samples lost while the microphone was gone",
            f"{evidence.lost} declared of {gone}",
            "all declared",
            abs(evidence.lost - gone) <= RATE // 1000 * max(1, len(gaps)),
        ),
    ]


def _due(streamed: Streamed) -> int:
    """Where the stream ended: where it says, or where the device had got to, but for its lead."""
    given = streamed.delivered[-1][1] if streamed.delivered else 0
    return max(round(streamed.seconds * RATE), given - AHEAD)


def _finals(streamed: Streamed, evidence: Evidence) -> list[Finding]:
    said = [final.id for final in evidence.finals]
    kept = [final.id for final in finals_of(streamed.whole)]
    return [
        Finding("finals", str(len(said)), ""),
        _count("finals the subscriber lost", len(set(said) - set(streamed.read))),
        _count("finals that came to it twice", len(streamed.read) - len(set(streamed.read))),
        _count("finals the recording lost", len(set(said) - set(kept))),
        _count("finals that it has twice", len(kept) - len(set(kept))),
    ]


def _turns(streamed: Streamed, evidence: Evidence) -> Finding:
    """Whoever speaks outside of faults is captioned."""
    turns = undisturbed(streamed.turns, streamed.faults, streamed.seconds)
    finals = sorted(evidence.finals, key=lambda final: final.start)
    unheard = sum(not heard(turn, finals) for turn in turns)
    return Finding(
        "turns without captions", f"{unheard} of {len(turns)}", "0 outside faults", unheard == 0
    )


def _overload(streamed: Streamed, evidence: Evidence) -> list[Finding]:
    warned = [one for one in evidence.incidents if isinstance(one, Warned)]
    skipped = [one for one in warned if one.code == "captions-behind"]
    rested = [one for one in warned if one.code == "extraction-recovered"]
    late = sum(final.late for final in evidence.finals)
    return [
        Finding(
            name,
            f"{sum((one.stop or 0) - (one.start or 0) for one in found):.1f} s" + more,
            "only while injected",
            all(_caused(one.code, one.at, streamed.faults) for one in found),
        )
        for name, found, more in (
            ("overload of captions", skipped, f", {late} finals late"),
            ("overload of extraction", rested, ""),
        )
    ]


def _unexpected(streamed: Streamed, evidence: Evidence) -> Finding:
    return _none(
        "warnings and errors that no fault explains",
        [
            f"{one.code} at {one.at:.0f} s: {one.text}"
            for one in evidence.incidents
            if one.code != "captions-late" and not _caused(one.code, one.at, streamed.faults)
        ],
    )


def _caused(code: str, at: float, faults: Sequence[Fault]) -> bool:
    return any(
        code in EXPECTED.get(fault.kind, ()) and fault.start <= at <= fault.stop + 10
        for fault in faults
    )


def _recordings(streamed: Streamed, evidence: Evidence) -> Finding:
    wrong = sum(wrong_words(part, streamed.whole, evidence.finals) for part in streamed.parts)
    measured = f"{wrong} in {len(streamed.parts)} recordings"
    return Finding("words wrong in recordings begun meanwhile", measured, "0", wrong == 0)


def _trends(streamed: Streamed, evidence: Evidence) -> list[Finding]:
    delays = [
        (final.at, final.at - word.end)
        for final in evidence.finals
        if not final.late and not _rushed(final.at, streamed.faults)
        for word in final.words
    ]
    return [_memory(evidence, streamed.seconds), _delay(Trend.of(delays), streamed.seconds)]


def _rushed(at: float, faults: Sequence[Fault]) -> bool:
    return any(
        fault.kind == "captions overloaded" and fault.start <= at <= fault.stop + 40
        for fault in faults
    )


def _memory(evidence: Evidence, seconds: float) -> Finding:
    trend = Trend.of(evidence.memory)
    if trend is None or seconds < STEADY_S:
        return _too_short("memory", "MB", trend)
    most = min(GROWTH_MB, max(ARENA_MB, trend.by_chance))
    return Finding(
        "memory",
        _measured(trend, "MB"),
        f"a slope within two errors, or growth within {most:.1f} MB; never over {GROWTH_MB:g} MB",
        trend.growth <= most or (trend.slope <= 2 * trend.error and trend.growth <= GROWTH_MB),
    )


def _delay(trend: Trend | None, seconds: float) -> Finding:
    if trend is None or seconds < STEADY_S:
        return _too_short("delay of finals", "s", trend)
    promise = f"grows by at most {GROWTH_S:g} s"
    return Finding("delay of finals", _measured(trend, "s"), promise, trend.growth <= GROWTH_S)


def _measured(trend: Trend, unit: str) -> str:
    return (
        f"median {trend.median:.2f} {unit}, {trend.slope:+.2f} ± {trend.error:.2f} {unit}/h, "
        f"grown by {trend.growth:+.2f} {unit}"
    )


def _too_short(what: str, unit: str, trend: Trend | None) -> Finding:
    return Finding(what, f"median {trend.median:.2f} {unit}" if trend else "too few", "")


def _count(what: str, found: int) -> Finding:
    return Finding(what, str(found), "0", found == 0)


def _none(what: str, found: Sequence[str]) -> Finding:
    return Finding(what, "; ".join(found) or "0", "0", not found)
