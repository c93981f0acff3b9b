"""Carry out commands on a live stream.

`execute` runs on the service's worker threads, `_hear` on the extraction thread.
"""

import queue
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import soundfile

from tap_live.errors import AudioError, ConfigError, NotPossibleError, StorageError
from tap_live.events import (
    AnyCommand,
    CommandId,
    CueFromSpan,
    GetState,
    Mute,
    Progress,
    Record,
    RemoveTarget,
    SetCaptions,
    SetMix,
    SetTarget,
    Stop,
)
from tap_live.extraction import Mixed
from tap_live.live import Live
from tap_live.processor import Audio
from tap_live.recorder import dated
from tap_live.ring import RingBuffer
from tap_live.service.clips import data_folder
from tap_live.service.commands import Tell
from tap_live.service.housekeeping import Housekeeping, check_going, check_seconds
from tap_live.service.mixing import LiveMix
from tap_live.voices.enrolment import Enroller
from tap_live.voices.store import VoiceStore

SHORTEST_S, LONGEST_S = 5.0, 120.0  # of an enrolment from the microphone
REMEMBERED_S = 60  # of the stream, that a cue can be made of
LONGEST_SPAN_S = 10.0
SILENT_S = 5.0  # without any sound from the stream, after which an enrolment gives up
TELL_S = 0.5
POLL_S = 0.1

_NOT_YET = {
    "start": "the stream runs already; it begins with `tap-live run` and ends with `stop`",
    "set_device": "devices are chosen when a stream starts: `tap-live run --input --output`",
    "set_extractor": "the extractor is chosen when a stream starts",
}


class LiveControl:
    """What a stream that runs can be told.

    Args:
        mix: what the stream keeps, and how loud.
        record: the folder that the whole stream is recorded in anyway, if it is.
        devices: where each network runs, by its bundle.
        folder: what recordings and clips are kept below; no message names any other.
    """

    def __init__(
        self,
        live: Live,
        mix: LiveMix,
        *,
        record: Path | None = None,
        devices: Mapping[str, str] | None = None,
        folder: Path | None = None,
        store: VoiceStore | None = None,
        enroller: Callable[[], Enroller] = Enroller.open,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._live, self._mix, self._record_option = live, mix, record
        self._devices = dict(devices or {})
        self._folder, self._now = folder or data_folder(), now
        self._house = Housekeeping(self.listen, self._folder, store, enroller, now)
        self._muted = False
        self._captions = True
        self._recording: tuple[Path, Callable[[], None]] | None = None
        self._heard: queue.SimpleQueue[Audio] | None = None
        self._memory = RingBuffer(REMEMBERED_S * live.rate)
        live.tap(self._hear)

    def execute(self, command: AnyCommand, tell: Tell) -> Any:
        match command:
            case Stop():
                return self._live.stop()
            case Mute(on=on):
                self._muted = on
                return self._live.mute(on)
            case SetCaptions():
                return self._set_captions(command)
            case Record(on=on):
                return self._start_recording() if on else self._end_recording()
            case GetState():
                return self._state()
            case SetMix(rest=rest):
                return self._mix.set_rest(rest)
            case SetTarget():
                return self._mix.set_target(command)
            case RemoveTarget(target=target):
                return self._mix.remove(target)
            case CueFromSpan():
                return self._cue_from_span(command)
        tag = str(command.__struct_config__.tag)
        if tag in _NOT_YET:
            raise NotPossibleError(f"{tag} is not possible: {_NOT_YET[tag]}")
        return self._house.execute(command, tell)

    def show_spectra(self, on: bool) -> None:
        """Have spectra of what is heard and played made, or no more."""
        self._live.show_spectra(("mixture", "output") if on else ())

    def drop(self, clip: str) -> None:
        self._house.drop(clip)

    def close(self) -> None:
        self._house.close()
        if self._recording:
            self._end_recording()

    def _state(self) -> dict[str, Any]:
        folder = self._recording[0] if self._recording else self._record_option
        return {
            "at": self._live.at,
            "rate": self._live.rate,
            "muted": self._muted,
            "captions": self._captions,
            "devices": self._devices,
            "recording": str(folder) if folder else None,
            **self._mix.state(),
        }

    def _set_captions(self, command: SetCaptions) -> None:
        if (command.whisper, command.language, command.others) != (None, None, None):
            raise NotPossibleError(
                "model, language and what becomes of others are chosen when a stream starts: "
                "`tap-live run --whisper --language --others`"
            )
        self._live.caption(command.on)
        self._captions = command.on

    def _start_recording(self) -> dict[str, str]:
        if self._record_option:
            raise NotPossibleError(f"all of this stream is recorded in {self._record_option}")
        if self._recording is None:
            folder = dated(self._folder / "recordings", self._now())
            self._recording = folder, self._live.record(folder)
        return {"folder": str(self._recording[0])}

    def _end_recording(self) -> dict[str, str]:
        if self._record_option:
            raise NotPossibleError("`run --record` records until the stream ends")
        if self._recording is None:
            raise NotPossibleError("nothing is being recorded")
        folder, end = self._recording
        end()
        self._recording = None
        return {"folder": str(folder)}

    def listen(
        self, seconds: float, id: CommandId, tell: Tell, cancelled: Event
    ) -> tuple[Audio, int]:
        """Take the next seconds of the stream: (T,), at its rate."""
        check_seconds(seconds, SHORTEST_S, LONGEST_S)
        rate = self._live.rate
        wanted, told, silent_s = round(seconds * rate), 0, 0.0
        heard = [np.empty(0, np.float32)]
        blocks: queue.SimpleQueue[Audio] = queue.SimpleQueue()
        self._heard = blocks
        try:
            while (got := sum(map(len, heard))) < wanted:
                if got >= told:
                    tell(Progress(id=id, done=got, total=wanted, text="listening"))
                    told = got + round(TELL_S * rate)
                try:
                    heard.append(blocks.get(timeout=POLL_S))
                    silent_s = 0.0
                except queue.Empty:
                    silent_s += POLL_S
                if silent_s > SILENT_S:
                    raise AudioError(f"the stream gave no sound for {SILENT_S:.0f} s")
                check_going(cancelled)
        finally:
            self._heard = None
        return np.concatenate(heard)[:wanted], rate

    def _hear(self, mixed: Mixed) -> None:
        self._memory.write(mixed.mixture)
        heard = self._heard
        if heard is not None:
            heard.put(mixed.mixture)

    def _cue_from_span(self, command: CueFromSpan) -> Any:
        """Keep a part of the stream as a clip, and ask for the sound in it."""
        audio = self._remembered(command.start, command.stop)
        name = f"heard-{self._now():%Y%m%d-%H%M%S}-{round(1000 * command.start)}.wav"
        target = SetTarget(id=command.id, target=f"clip:{name}", suppress=command.suppress)
        self._mix.check_kind("sound", target.target)
        path = self._folder / "clips" / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, audio, self._live.rate)
        except (OSError, soundfile.LibsndfileError) as error:
            raise StorageError(f"cannot keep the sound in {path}: {error}") from error
        return self._mix.set_target(target)

    def _remembered(self, start: float, stop: float) -> Audio:
        """(T,) of the stream, in its seconds."""
        rate, end = self._live.rate, self._memory.end
        first, last = round(start * rate), round(stop * rate)
        if not 0 < last - first <= LONGEST_SPAN_S * rate:
            raise ConfigError(
                f"a sound is shown by up to {LONGEST_SPAN_S:.0f} s, not by {stop - start:.1f}"
            )
        if first < self._memory.oldest or last > end:
            raise NotPossibleError(
                f"the last {REMEMBERED_S} s of the stream are remembered, up to {end / rate:.1f} "
                f"s; found {start:.1f} to {stop:.1f} s"
            )
        return self._memory.read(first, last)
