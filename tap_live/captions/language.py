"""Which language is spoken, where a model knows several."""

import math

from tap_live.captions.recogniser import Recogniser
from tap_live.captions.vad import RATE
from tap_live.errors import ConfigError
from tap_live.processor import Audio
from tap_live.whisper.tokens import some_of

LISTENED = (2 * RATE, 4 * RATE, 8 * RATE)  # samples of a region; later ones only if in doubt
RELIABLE = 6 * RATE  # samples; what is heard in fewer counts for less
MEMORY = 0.7  # of what the regions before count, for each region that passed
UNLIKELY = 0.01  # probability; less is not told apart
MARGIN = 1.0  # nats by which another language must be the likelier one
EXPECTED = {"en": 1.5}  # nats; what models hear best until something else is heard


class Language:
    """The language of a stream: asked for, or heard in each region of speech.

    Two seconds of an unusual voice often sound like another language, so evidence adds up
    over regions and fades with them: somebody who goes on in another language is followed
    in the first or second region, a foreign name or a mumble changes nothing.

    Raises: ConfigError if the model does not know what is asked for.
    """

    def __init__(self, recogniser: Recogniser, wanted: str | None) -> None:
        known = recogniser.languages
        if wanted is not None and wanted not in known:
            raise ConfigError(f"this model knows {some_of(known)}, not the language {wanted!r}")
        self._recogniser = recogniser
        expected = next((name for name in EXPECTED if name in known), None)
        self._current = wanted or (known[0] if len(known) == 1 else expected)
        self._fixed = wanted is not None or len(known) == 1
        self._before: dict[str, float] = {}  # weighted log-probabilities from the regions before
        self._here: dict[str, float] = {}  # and from this one
        self._due = list(LISTENED)

    def begin_region(self) -> None:
        """Listen anew in the next audio."""
        self._before = {name: MEMORY * score for name, score in self._heard().items()}
        self._here = {}
        self._due = list(LISTENED)

    def of(self, audio: Audio) -> str:
        """Return the language, listening to this region's audio where that is due."""
        if self._current is None or (not self._fixed and self._due and len(audio) >= self._due[0]):
            self._due = [length for length in self._due if length > len(audio)]
            self._current = self._listen(audio)
        return self._current

    def _listen(self, audio: Audio) -> str:
        likely = self._recogniser.detect(audio)
        weight = min(1.0, len(audio) / RELIABLE)
        self._here = {name: weight * math.log(max(p, UNLIKELY)) for name, p in likely.items()}
        scores = {name: EXPECTED.get(name, 0.0) + score for name, score in self._heard().items()}
        best = max(scores, key=lambda name: scores[name])
        current = self._current
        if current is None or scores[best] > scores[current] + MARGIN:
            current = best
        if len(audio) >= LISTENED[0] and max(likely, key=lambda name: likely[name]) == current:
            self._due = []
        return current

    def _heard(self) -> dict[str, float]:
        names = self._before | self._here
        return {name: self._before.get(name, 0.0) + self._here.get(name, 0.0) for name in names}
