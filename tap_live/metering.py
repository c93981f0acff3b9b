"""What those who watch are told of the sound: levels, who is there, spectra."""

from collections.abc import Callable, Collection

from tap_live.events import AnyEvent
from tap_live.extraction import Mixed
from tap_live.meter import Meter
from tap_live.presence import Presence
from tap_live.spectra import Spectra
from tap_live.streams import Stream


class Metering:
    """Publish what the blocks that pass are like."""

    def __init__(self, rate: int, publish: Callable[[AnyEvent], None]) -> None:
        self._rate, self._publish = rate, publish
        self._meter, self._presence = Meter(rate), Presence(rate)
        self._spectra: Spectra | None = None

    def show_spectra(self, streams: Collection[Stream], position: int) -> None:
        """Publish spectra of these streams from a position on; of none, none."""
        self._spectra = Spectra(self._rate, streams, position) if streams else None

    def end(self) -> None:
        """Wait until nothing is measured any more."""
        self._presence.end()

    def push(self, mixed: Mixed) -> None:
        """Take a block."""
        for level in self._meter.push(mixed):
            self._publish(level)
        for spectrum in self._spectra.push(mixed) if self._spectra else ():
            self._publish(spectrum)
        for target in self._presence.push(mixed):
            self._publish(target)
