"""Clocks, rooms and models for faults. All of the engine is real; time is not."""

import math
import threading
import time
import weakref
from threading import Event

import numpy as np
import soundfile

from tap_live.events import Caption, Failed, Stats, Warned, Word, decode_event
from tap_live.extraction import Extraction, Wanted
from tap_live.live import Live
from tap_live.recorder import LINES

RATE = 8_000
_CLOCKS = weakref.WeakKeyDictionary()  # by whose time a thread lives: one may outlast its test


class SimClock:
    """Time that goes on to the next deadline when all of the engine's threads wait for it.

    What a thread does between two waits takes no time, however busy the machine is.

    Args:
        names: how the threads' names begin; time stands still before each has come.
    """

    def __init__(self, *names):
        self._names, self._seen = names, set()
        self._now = 0.0
        self._moved = threading.Condition()
        self._waiting = {}  # thread: deadline

    def now(self):
        return self._now

    def wait(self, stop, seconds):
        me = threading.current_thread()
        _CLOCKS[me] = self
        with self._moved:
            deadline = self._waiting[me] = self._now + seconds
            self._seen.add(me.name)
            self._moved.notify_all()
            while self._now < deadline and not stop.is_set():
                if self._all_wait():
                    self._now = min(self._waiting.values())
                    self._moved.notify_all()
                else:
                    self._moved.wait(0.01)  # threads end, and `stop` is set, without a word
            del self._waiting[me]
        return stop.is_set()

    def spend(self, seconds):
        """Take so long."""
        self.wait(Event(), seconds)

    def hang(self):
        """Never return."""
        self.spend(math.inf)

    def _all_wait(self):
        come = all(any(seen.startswith(name) for seen in self._seen) for name in self._names)
        return come and all(
            self._waiting.get(thread, self._now) > self._now
            for thread in threading.enumerate()
            if thread.name.startswith(self._names) and _CLOCKS.get(thread, self) is self
        )


class Counter:
    """A captioner that counts the seconds it hears, and says each when it is over.

    Args:
        fault: called with the second that is about to be said.
    """

    lookahead = 0

    def __init__(self, start, first_id, fault=lambda second: None):
        self.id, self.fault = first_id, fault
        self.heard = round(start * 16_000)  # of the stream, at 16 kHz
        self.said = math.ceil(start)

    def push(self, block):
        self.heard += len(block)
        captions = []
        while self.heard >= (self.said + 1) * 16_000:
            captions.append(self.say())
        return captions

    def flush(self):
        return []

    def say(self):
        second, self.said = self.said, self.said + 1
        self.fault(second)
        words = (Word(f" {second}", second + 0.2, second + 0.8, 1.0),)
        self.id += 1
        return Caption(
            id=self.id - 1, revision=0, state="final", start=second + 0.2, end=second + 0.8,
            words=words,
        )  # fmt: skip


class Chatter:
    """A captioner that says a word for every 100 ms, and makes it final at once."""

    lookahead = 0

    def __init__(self, start, first_id):
        self.id, self.heard = first_id, 0

    def push(self, block):
        self.heard += len(block)
        return [caption for _ in range(self.heard // 1600 - self.id) for caption in self.say()]

    def flush(self):
        return []

    def say(self):
        start, end = self.id / 10, self.id / 10 + 0.1
        words = (Word(f" {self.id}", start, end, 1.0),)
        self.id += 1
        for state in ("partial", "final"):
            yield Caption(
                id=self.id - 1, revision=0, state=state, start=start, end=end, words=words
            )


class Listener:
    """A captioner of a script of two words a second, which knows only what it heard of each.

    Args:
        drift: seconds by which it times words wrongly.
        fault: called with each second that it heard.
    """

    lookahead = 0
    WORD_S, HEARD = 0.4, 0.6  # a word's length; the share of it that is enough

    def __init__(self, start, first_id, drift, fault=lambda second: None):
        self.id, self.drift, self.fault = first_id, drift, fault
        self.start, self.heard = start, np.zeros(0, bool)
        self.said = math.ceil(2 * (start - self.WORD_S))

    def push(self, block):
        before, self.heard = len(self.heard), np.concatenate([self.heard, np.abs(block) > 1e-3])
        if before // 16_000 < len(self.heard) // 16_000:
            self.fault(self.start + len(self.heard) / 16_000)
        return self.finals(self.start + len(self.heard) / 16_000)

    def flush(self):
        return self.finals(math.inf)

    def finals(self, now):
        captions = []
        while self.said / 2 + self.WORD_S < min(now, self.start + len(self.heard) / 16_000):
            begin, self.said = self.said / 2, self.said + 1
            first, last = (
                max(0, round((at - self.start) * 16_000)) for at in (begin, begin + self.WORD_S)
            )
            if self.heard[first:last].sum() >= self.HEARD * self.WORD_S * 16_000:
                captions.append(self.say(begin, begin + self.WORD_S))
        return captions

    def say(self, begin, end):
        start, end = begin + self.drift, end + self.drift
        self.id += 1
        return Caption(
            id=self.id - 1, revision=0, state="final", start=start, end=end,
            words=(Word(f" {begin}", start, end, 1.0),),
        )  # fmt: skip


class Half:
    """An extractor whose targets are half of the mixture.

    Args:
        fault: called with the hop, counted from 0 over all extractors that share `hops`;
            what it returns, if it does, is the result.
    """

    lookahead = 0

    def __init__(self, hops, fault):
        self.hops, self.fault, self.rows = hops, fault, 0

    def set_cues(self, cues):
        self.rows = len(cues)

    def push(self, block):
        hop, self.hops[0] = self.hops[0], self.hops[0] + 1
        found = self.fault(hop)
        rows = np.tile(block / 2, (self.rows, 1))
        return rows if found is None else rows * found

    def flush(self):
        return np.zeros((self.rows, 0), np.float32)

    def restart(self):
        pass


class Cue:
    name, kind = "voice:ana", "voice"
    positive = negative = np.zeros(0, np.float32)


def halving(fault):
    """Make extractions that keep one target, half of the mixture, and nothing of the rest."""
    hops = [0]

    def make(rate, tell):
        return Extraction(Half(hops, fault), [Wanted(Cue())], rest_gain=0.0, rate=rate, tell=tell)

    return make


def noise(seconds, rate=RATE):
    return np.random.default_rng(0).uniform(-0.5, 0.5, round(seconds * rate)).astype(np.float32)


def clip(folder, seconds):
    """Write a file of noise."""
    soundfile.write(folder / "in.wav", noise(seconds), RATE, "FLOAT")
    return folder / "in.wav"


def until(true, seconds=60.0):
    """Wait until something is true that other threads or processes bring about."""
    for _ in range(round(seconds / 0.01)):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come true")


def run(parts):
    """Run a stream to its end; return its events. No thread is left but those that hang."""
    with Live(parts) as live:
        return list(live.events)


def kept(folder, name="mixture.wav"):
    return soundfile.read(folder / name, dtype="float32")[0]


def codes(events):
    return [event.code for event in events if isinstance(event, (Warned, Failed))]


def finals(events):
    return [event for event in events if isinstance(event, Caption) and event.state == "final"]


def lost(events):
    return [event for event in events if isinstance(event, Stats)][-1].lost


def finals_on_disk(folder):
    return [decode_event(line) for line in (folder / LINES).read_bytes().splitlines()]
