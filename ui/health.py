"""Whether the engine keeps up, in words: what the health line says."""

import math
from dataclasses import dataclass
from enum import IntEnum

from PyQt6.QtCore import QCoreApplication

from tap_live.events import AnyEvent, Device, Failed, Hello, Stats, Warned
from tap_live.ui.wording import plain

translate = QCoreApplication.translate  # by this name, so that pylupdate6 finds the words
SLOW_SHARE, BUSY_SHARE = 0.95, 0.75  # of real time
BEHIND_S, FAR_BEHIND_S = 3.0, 15.0  # captions
NOTICE_S = 12.0  # for how long a warning is shown
STALE_S = 3.0  # without a word from the engine


class Grade(IntEnum):
    """How well it goes."""

    GOOD, WATCH, BAD = range(3)


@dataclass(frozen=True)
class Health:
    """What there is to say."""

    grade: Grade
    words: str
    delay: str = ""
    load: str = ""
    backlog: str = ""
    lost: str = ""
    parts: str = ""  # what the delay is made of
    running: bool = True


class HealthWatch:
    """Fold events into one verdict; times are those of the events."""

    def __init__(self) -> None:
        self.begin()
        self.running = False

    def begin(self) -> None:
        """A stream begins: nothing of an earlier one counts."""
        self.running = True
        self.stats: Stats | None = None
        self.input_gone = ""
        self.output_gone = ""
        self._newest = 0.0
        self._notices: dict[str, tuple[float, Grade, str]] = {}
        self._lost_before = 0
        self._lost_at = -math.inf

    def end(self) -> None:
        self.running = False

    def take(self, event: AnyEvent) -> None:
        self._newest = max(self._newest, event.at)
        match event:
            case Hello():
                self.begin()
            case Stats():
                if event.lost > self._lost_before:
                    self._lost_at = event.at
                self._lost_before, self.stats = event.lost, event
            case Device(role=role, change=change, text=text):
                gone = text if change == "lost" else ""
                if role == "input":
                    self.input_gone = gone
                else:
                    self.output_gone = gone
            case Warned(code=code):
                self._notices[code] = event.at, Grade.WATCH, plain(event)
            case Failed(code=code, text=text):
                self._notices[code] = event.at, Grade.BAD, text

    def verdict(self) -> Health:
        """Say how it goes, the gravest thing first."""
        if not self.running:
            return Health(Grade.GOOD, translate("Health", "stopped"), running=False)
        if self.stats is None:
            return Health(Grade.GOOD, translate("Health", "starting"))
        grade, words = max(self._findings(self.stats), key=lambda finding: finding[0])
        return Health(grade, words, *_figures(self.stats))

    def _findings(self, stats: Stats) -> list[tuple[Grade, str]]:
        found = [(Grade.GOOD, translate("Health", "keeps up"))]
        if self.input_gone:
            text = translate("Health", "input gone: {why}")
            found.append((Grade.BAD, text.format(why=self.input_gone)))
        if self.output_gone:
            text = translate("Health", "output gone: {why}")
            found.append((Grade.BAD, text.format(why=self.output_gone)))
        if self._is_new(self._lost_at):
            text = translate("Health", "{count} samples were lost")
            found.append((Grade.BAD, text.format(count=stats.lost)))
        found += [(grade, text) for at, grade, text in self._notices.values() if self._is_new(at)]
        return found + _slowness(stats)

    def _is_new(self, at: float) -> bool:
        return self._newest - at < NOTICE_S


def _slowness(stats: Stats) -> list[tuple[Grade, str]]:
    """What is too slow, or nearly."""
    found = []
    busiest = max((stage.share for stage in stats.stages.values()), default=0.0)
    if busiest > SLOW_SHARE:
        text = translate("Health", "too slow: {share} of real time is used")
        found.append((Grade.BAD, text.format(share=f"{busiest:.0%}")))
    elif busiest > BUSY_SHARE:
        text = translate("Health", "busy: {share} of real time is used")
        found.append((Grade.WATCH, text.format(share=f"{busiest:.0%}")))
    if stats.backlog > BEHIND_S:
        grade = Grade.BAD if stats.backlog > FAR_BEHIND_S else Grade.WATCH
        text = translate("Health", "captions are {seconds} s behind")
        found.append((grade, text.format(seconds=f"{stats.backlog:.0f}")))
    return found


def _figures(stats: Stats) -> tuple[str, str, str, str, str]:
    parts = _delay_parts(stats)
    delay = f"{sum(parts.values()) * 1000:.0f} ms"
    share = sum(stage.share for stage in stats.stages.values())
    told = ", ".join(f"{name} {1000 * seconds:.1f} ms" for name, seconds in parts.items())
    return delay, f"{share:.0%}", f"{stats.backlog:.1f} s", str(stats.lost), told


def _delay_parts(stats: Stats) -> dict[str, float]:
    """Seconds from the microphone to the headset, by what takes them."""
    stages, parts = stats.stages, dict[str, float]()
    if "input" in stages:
        parts[translate("Health", "input device")] = stages["input"].delay
    if "output" in stages:
        parts[translate("Health", "output device")] = stages["output"].delay
    if "extraction" in stages:
        parts[translate("Health", "algorithm")] = stages["extraction"].delay
        parts[translate("Health", "compute")] = stages["extraction"].time
    return parts
