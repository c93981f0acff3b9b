"""Which sounds can be asked for by words: what the text cue's table knows."""

from bisect import bisect_left
from functools import cached_property

from tap_live.bundle import open_bundle
from tap_live.cues.text import BUNDLE, TextCues, words_of
from tap_live.errors import TapError

SUGGESTED = 12  # at most
PHRASES = (
    "a baby crying", "a bell ringing", "a bird singing", "a car horn", "a car passing by",
    "a cat meowing", "a clock ticking", "a crowd cheering", "a dog barking", "a door closing",
    "a door knock", "a doorbell", "a drill", "a fan humming", "a fire crackling", "a guitar",
    "a hammer", "a helicopter", "a kettle whistling", "a lawn mower", "a motorcycle", "a piano",
    "a phone ringing", "a police siren", "a rooster crowing", "a siren", "a smoke alarm",
    "a train", "a vacuum cleaner", "a violin", "a washing machine", "a whistle", "an aeroplane",
    "an alarm clock", "an ambulance siren", "an engine running", "applause", "birds chirping",
    "breaking glass", "children playing", "coughing", "dishes", "drums", "fireworks", "footsteps",
    "keyboard typing", "laughter", "mouse clicks", "music", "rain", "running water", "singing",
    "snoring", "speech", "thunder", "traffic", "waves", "wind",
)  # fmt: skip


class WordBook:
    """Complete and check words, as the engine will understand them.

    Raises: BundleError on first use, if the table is broken.
    """

    @cached_property
    def _cues(self) -> TextCues:
        return TextCues.open()

    @cached_property
    def _vocabulary(self) -> list[str]:
        text = open_bundle(BUNDLE, "text-cue").path("pieces.txt").read_text(encoding="utf-8")
        return sorted(piece for piece in text.splitlines() if piece.isalpha() and len(piece) > 2)

    def suggestions(self, text: str) -> list[str]:
        """What may be meant: phrases that hold the words so far, then ends of the last word."""
        words = words_of(text)
        if not words:
            return list(PHRASES[:SUGGESTED])
        found = [phrase for phrase in PHRASES if all(word in phrase for word in words)]
        start = " ".join(words[:-1])
        found += [f"{start} {word}".strip() for word in self._ends(words[-1])]
        return list(dict.fromkeys(found))[:SUGGESTED]

    def complaint(self, text: str) -> str:
        """Say what is wrong with words as a cue; nothing if they can be asked for."""
        try:
            self._cues.embed(text)
        except TapError as error:
            return str(error)
        return ""

    def _ends(self, start: str) -> list[str]:
        words, first = self._vocabulary, bisect_left(self._vocabulary, start)
        found = []
        for word in words[first : first + SUGGESTED]:
            if not word.startswith(start):
                break
            found.append(word)
        return found
