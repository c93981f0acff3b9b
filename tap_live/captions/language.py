"""Which language is spoken, where a model knows several."""

from collections.abc import Sequence

from tap_live.captions.recogniser import Recogniser
from tap_live.captions.vad import RATE
from tap_live.errors import ConfigError
from tap_live.processor import Audio

ENOUGH = 2 * RATE  # samples of speech that settle the language of a region
MARGIN = 0.3  # in probability, by which another language must be the likelier one


class Language:
    """The language of a stream: asked for, or heard once in each region of speech.

    It changes only for one that is clearly likelier, so that a foreign name does not.

    Raises: ConfigError if the model does not know what is asked for.
    """

    def __init__(self, recogniser: Recogniser, wanted: str | None) -> None:
        known = recogniser.languages
        if wanted is not None and wanted not in known:
            raise ConfigError(f"this model knows {_some(known)}, not the language {wanted!r}")
        self._recogniser = recogniser
        self._current = wanted or (known[0] if len(known) == 1 else None)
        self._fixed = self._current is not None
        self._settled = self._fixed

    def begin_region(self) -> None:
        """Listen anew in the next audio."""
        self._settled = self._fixed

    def of(self, audio: Audio) -> str:
        """Return the language, listening to this region's audio while that is not settled."""
        if self._current is None or (not self._settled and len(audio) >= ENOUGH):
            self._settled = len(audio) >= ENOUGH
            likely = self._recogniser.detect(audio)
            best = max(likely, key=lambda name: likely[name])
            known = likely.get(self._current, 0.0) if self._current else 0.0
            if self._current is None or likely[best] > known + MARGIN:
                self._current = best
        return self._current


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
