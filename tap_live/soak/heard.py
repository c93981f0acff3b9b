"""Which turns of a meeting ought to be captioned, and whether one was."""

from collections.abc import Sequence
from difflib import SequenceMatcher

from tap_live.events import Caption
from tap_live.soak.faults import Fault
from tap_live.soak.meeting import RATE, Turn

HEARD = 0.5  # of a turn's words
UNHEARD_S = {  # around a fault, in which words are not to be had: before it, after it
    "microphone sticks": (0.5, 3.0),
    "microphone pulled out": (0.5, 3.0),
    "captioner raises": (15.0, 5.0),  # a region that was not final yet goes with its captioner
}


def undisturbed(turns: Sequence[Turn], faults: Sequence[Fault], seconds: float) -> list[Turn]:
    """Return the turns of a stream of so many seconds that no fault can have made unheard."""
    windows = [
        (fault.start - UNHEARD_S[fault.kind][0], fault.stop + UNHEARD_S[fault.kind][1])
        for fault in faults
        if fault.kind in UNHEARD_S
    ]
    return [
        turn
        for turn in turns
        if turn.stop / RATE < seconds
        and not any(a < turn.stop / RATE and turn.start / RATE < b for a, b in windows)
    ]


def heard(turn: Turn, finals: Sequence[Caption]) -> bool:
    """Whether finals, in order of their time, have at least `HEARD` of the words of a turn."""
    start, stop = turn.start / RATE - 1, turn.stop / RATE + 1
    words = [
        _bare(word.text)
        for final in finals
        if final.start < stop and final.end > start
        for word in final.words
        if start < (word.start + word.end) / 2 < stop
    ]
    said = [_bare(word) for word in turn.text.split()]
    blocks = SequenceMatcher(None, said, words, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) >= HEARD * len(said)


def _bare(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())
