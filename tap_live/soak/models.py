"""Models that fail when they are told to."""

import time
from threading import Event

import numpy as np

from tap_live.captions.stream import MakeCaptioner
from tap_live.events import Caption
from tap_live.extraction import Extraction, TellTrouble, Wanted
from tap_live.extractors.compact import CompactExtractor
from tap_live.extractors.network import Network
from tap_live.processor import Audio, Extractor, Processor, Targets

SLOW_S = 1.0  # that a slow call takes longer


class Orders:
    """What a model is to do wrong at its next call; any thread."""

    def __init__(self) -> None:
        self.released = Event()  # lets go what hangs
        self._next = ""

    def give(self, order: str) -> None:
        self._next = order

    def obey(self) -> bool:
        """Do it; return whether a result should be no number. Raises: RuntimeError."""
        order, self._next = self._next, ""
        if order == "slow":
            time.sleep(SLOW_S)
        elif order == "hangs":
            self.released.wait()
        elif order == "raises":
            raise RuntimeError("this was injected")
        return order == "gives NaN"


class UnreliableCaptioner:
    """A captioner under orders."""

    def __init__(self, captioner: Processor[list[Caption]], orders: Orders) -> None:
        self.lookahead = captioner.lookahead
        self._captioner, self._orders = captioner, orders

    def push(self, block: Audio) -> list[Caption]:
        self._orders.obey()
        return self._captioner.push(block)

    def flush(self) -> list[Caption]:
        return self._captioner.flush()


def unreliable(make: MakeCaptioner, orders: Orders) -> MakeCaptioner:
    """Make captioners under orders."""
    return lambda start, first_id: UnreliableCaptioner(make(start, first_id), orders)


class UnreliableExtractor:
    """An extractor under orders."""

    def __init__(self, extractor: Extractor, orders: Orders) -> None:
        self.lookahead = extractor.lookahead
        self.set_cues, self.restart = extractor.set_cues, extractor.restart
        self._extractor, self._orders = extractor, orders

    def push(self, block: Audio) -> Targets:
        if self._orders.obey():
            return self._extractor.push(block) * np.float32(np.nan)
        return self._extractor.push(block)

    def flush(self) -> Targets:
        return self._extractor.flush()


def extraction(network: Network, orders: Orders, rate: int, tell: TellTrouble) -> Extraction:
    """The stream's extraction of one voice by `network`, its extractor under orders."""
    extractor = UnreliableExtractor(CompactExtractor({network.kind: network}, rate), orders)
    return Extraction(extractor, [Wanted(network.any_cue())], rest_gain=0.1, rate=rate, tell=tell)
