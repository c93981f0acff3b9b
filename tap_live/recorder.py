"""Keep a stream on disk: what was heard, what was played, and the finals.

`write` and `caption` run on other stages' threads and never wait; `run` is the
recorder's own thread. Between them lies a queue of at most `QUEUE_S` of audio: a
disk slower than that ends the recording with an error, and nothing else.

Audio is 24-bit WAV, which stays readable up to the last second if the process is killed.
"""

import math
import os
import queue
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Event, Thread

import msgspec
import soundfile

from tap_live.captions.formats import open_writer
from tap_live.errors import StorageError, WireError
from tap_live.events import AnyEvent, Caption, Failed, Word, decode_event
from tap_live.extraction import Mixed

MIXTURE, OUTPUT = "mixture.wav", "output.wav"
LINES = "captions.jsonl"
CAPTIONS = (LINES, "captions.vtt", "captions.srt", "captions.txt")
QUEUE_S = 60
FULL = 64 * 1024  # bytes; a disk with less is full


class Recorder:
    """Write a stream into a folder of its own.

    Raises: StorageError if the folder cannot be written or holds a recording already.
    """

    def __init__(self, folder: Path, rate: int, publish: Callable[[AnyEvent], None]) -> None:
        self._folder = folder
        self._rate = rate
        self._publish = publish
        self._queue: queue.SimpleQueue[Mixed | Caption | Event | None] = queue.SimpleQueue()
        self._queued = 0  # samples ever put into the queue
        self._written = 0  # samples ever taken out of it
        self._failed = False
        self._late = False
        self._begin, self._end = 0.0, math.inf  # seconds of the stream
        self.closed = Event()  # once all audio is on disk, or cannot be
        self.thread = Thread(target=self.run, name="recorder")
        _prepare(folder)
        with _storage(folder):
            self._mixture, self._output = (
                soundfile.SoundFile(folder / name, "w", rate, 1, "PCM_24")
                for name in (MIXTURE, OUTPUT)
            )
            self._captions = [open_writer(folder / name) for name in CAPTIONS]

    def begin_at(self, position: int) -> None:
        """Begin in the middle of a stream: captions are timed from there. Before any block."""
        self._begin = position / self._rate

    def end_audio(self, position: int) -> None:
        """Take no more audio, and only the words that began before; after the last block."""
        self._end = position / self._rate
        self._queue.put(self.closed)

    def write(self, mixed: Mixed) -> None:
        """Keep a block of audio; never waits."""
        if self._failed:
            return
        self._queued += len(mixed.mixture)
        if self._queued - self._written > QUEUE_S * self._rate:
            self._fail(f"the disk is more than {QUEUE_S} s behind")
        else:
            self._queue.put(mixed)

    def caption(self, caption: Caption) -> None:
        """Keep a final; never waits."""
        kept = _between(caption, self._begin, self._end)
        if kept:
            self._queue.put(kept)

    def finish_audio(self) -> Path:
        """Wait until all audio is on disk; return the file with the mixture, closed."""
        self._queue.put(self.closed)
        self.closed.wait()
        return self._folder / MIXTURE

    def finals(self) -> list[Caption]:
        """Read what was said so far; after `finish_audio`. Raises: StorageError."""
        with _storage(self._folder):
            return _finals(self._folder)

    def end(self) -> None:
        """Let `run` return once everything is on disk."""
        self._queue.put(None)

    def run(self) -> None:
        """Write what comes, until the end."""
        while (item := self._queue.get()) is not None:
            self._guarded(partial(self._take, item))
        self._guarded(self._close)

    def _take(self, item: Mixed | Caption | Event) -> None:
        if isinstance(item, Mixed):
            self._keep(item)
        elif isinstance(item, Caption):
            self._late |= item.late
            for writer in self._captions:  # what one file cannot take, others can
                self._guarded(partial(writer.write, item))
        else:
            self._close_audio()

    def _keep(self, mixed: Mixed) -> None:
        before, self._written = self._written, self._written + len(mixed.mixture)
        if self._failed:
            return
        self._mixture.write(mixed.mixture)
        self._output.write(mixed.output)
        if self._written // self._rate > before // self._rate:  # once a second
            self._mixture.flush()
            self._output.flush()
            if not (self._folder / MIXTURE).exists():  # no write would ever notice
                raise StorageError(f"{self._folder} was removed while it was written to")

    def _close(self) -> None:
        self._close_audio()
        for writer in self._captions:
            self._guarded(writer.close)
        if self._late and not self._failed:  # else one file may hold what another does not
            _sort_captions(self._folder)

    def _close_audio(self) -> None:
        self._guarded(self._mixture.close)
        self._guarded(self._output.close)
        self.closed.set()  # somebody may wait

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            with _storage(self._folder):
                work()
        except StorageError as error:
            self._fail(str(error))

    def _fail(self, why: str) -> None:
        if not self._failed:
            self._failed = True
            text = f"recording stopped, what was written is kept: {why}"
            self._publish(Failed(code="recording-stopped", text=text))


def folder_for(wanted: Path, now: datetime) -> Path:
    """Where to record: in a folder of its own below `wanted` if that holds a recording already.

    Raises: StorageError if it is a file.
    """
    _check_folder(wanted)
    return dated(wanted, now) if _holds_one(wanted) else wanted


def dated(folder: Path, now: datetime) -> Path:
    """Name a folder for a recording that begins now."""
    return folder / f"{now:%Y-%m-%d-%H%M%S}"


def _between(caption: Caption, begin: float, end: float) -> Caption | None:
    """Time a caption from `begin`; words that were over by then, or came after, are left out."""
    if begin == 0.0 and caption.end <= end:
        return caption
    words = tuple(
        Word(word.text, max(0.0, word.start - begin), word.end - begin, word.p)
        for word in caption.words
        if word.end > begin and word.start < end
    )
    if not words:
        return None
    at = max(0.0, caption.at - begin)
    start, end = words[0].start, words[-1].end
    return msgspec.structs.replace(caption, at=at, start=start, end=end, words=words)


def _prepare(folder: Path) -> None:
    """Make the folder, unless it holds a recording, which is never overwritten."""
    _check_folder(folder)
    if _holds_one(folder):
        raise StorageError(f"{folder} holds a recording already: name another folder")
    with _storage(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"wanted a folder to record in, found the file '{folder}': name another")


def _holds_one(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (MIXTURE, OUTPUT, *CAPTIONS))


def _finals(folder: Path) -> list[Caption]:
    """All that can be read: a full disk may have torn a line."""
    found = []
    for line in (folder / LINES).read_bytes().splitlines():
        with suppress(WireError):
            if isinstance(event := decode_event(line), Caption):
                found.append(event)
    return found


def _sort_captions(folder: Path) -> None:
    """Write the captions again in the order in which they were said."""
    finals = sorted(_finals(folder), key=lambda final: final.start)
    for name in CAPTIONS:
        sorted_file = folder / f"sorted-{name}"
        writer = open_writer(sorted_file)
        for final in finals:
            writer.write(final)
        writer.close()
        sorted_file.replace(folder / name)


@contextmanager
def _storage(folder: Path) -> Iterator[None]:
    """Name the folder in whatever the disk complains about."""
    try:
        yield
    except (OSError, soundfile.LibsndfileError) as error:
        raise StorageError(
            f"cannot write to {folder}: {_reason(folder, error)}; "
            "name a folder that is yours to write in"
        ) from error


def _reason(folder: Path, error: Exception) -> str:
    """libsndfile calls a full disk a system error."""
    if folder.exists() and shutil.disk_usage(folder).free < FULL:
        return "the disk is full"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if os.access(folder, os.W_OK) else "the folder is read-only"
