"""Commands that need no stream: voices, devices, bundles, and the long tasks among them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any, TypeAlias

import msgspec

from tap_live.audio.files import read_audio
from tap_live.bundle import read_manifest
from tap_live.catalogue import catalogue, folders
from tap_live.errors import BundleError, CancelledError, ConfigError, NotPossibleError
from tap_live.events import (
    AnyCommand,
    Cancel,
    CheckVoice,
    CommandId,
    DeleteVoice,
    Doctor,
    Enrol,
    Export,
    ListBundles,
    ListDevices,
    ListVoices,
    Progress,
    Pull,
    RenameVoice,
    SendClip,
    ShowBundle,
)
from tap_live.export.exporters import module_of
from tap_live.processor import Audio
from tap_live.service.clips import data_folder, drop_old_parts, drop_part, inside, take_part
from tap_live.service.commands import Tell
from tap_live.service.exporting import make_bundle
from tap_live.voices.enrolment import Enroller
from tap_live.voices.recognition import check_same, compare
from tap_live.voices.store import MICROPHONE, STORED, VoiceStore, check_name
from tap_live.whisper.assemble import assembled
from tap_live.whisper.sources import entry_of, index

MOST_OF_A_CLIP_S = 300.0
CARDS = ("card.md", "README.md")

Listen: TypeAlias = Callable[[float, CommandId, Tell, Event], tuple[Audio, int]]
"""Takes seconds, the command's id, who to tell, and what cancels; gives sound, (T,), its rate."""


class Housekeeping:
    """What an engine does beside its stream.

    Args:
        folder: what clips are kept below; no message names any other.
        listen: records from the microphone. Raises: NotPossibleError where it cannot.
        trusted: whether commands come from this process: then a checkpoint lies anywhere.
    """

    def __init__(
        self,
        listen: Listen,
        folder: Path | None = None,
        store: VoiceStore | None = None,
        enroller: Callable[[], Enroller] = Enroller.open,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        trusted: bool = False,
    ) -> None:
        self._trusted = trusted
        self.folder = folder or data_folder()
        self._clips = self.folder / "clips"
        self.store = store or VoiceStore()
        self._listen, self._enroller, self._now = listen, enroller, now
        self._tasks: dict[CommandId, Event] = {}
        drop_old_parts(self._clips)

    def execute(self, command: AnyCommand, tell: Tell) -> Any:
        """Raises: NotPossibleError, naming the command, if it needs a stream."""
        match command:
            case ListVoices():
                return self._voices()
            case DeleteVoice(name=name):
                return self.store.delete(name)
            case RenameVoice(name=name, to=to):
                return self.store.rename(name, to)
            case ListDevices():
                return _devices()
            case ListBundles():
                return [msgspec.to_builtins(row) for row in catalogue()]
            case ShowBundle(bundle=bundle):
                return _card(bundle)
            case Doctor():
                return _findings()
            case SendClip():
                return {"bytes": take_part(self._clips, command)}
            case Enrol():
                return self._enrol(command, tell)
            case CheckVoice():
                return self._check(command, tell)
            case Pull():
                return self._pull(command, tell)
            case Export():
                return self._export(command, tell)
            case Cancel(task=task):
                return self._cancel(task)
        raise NotPossibleError(f"{command.__struct_config__.tag} is not possible without a stream")

    def drop(self, clip: str) -> None:
        """Remove what came of a clip whose sender is gone."""
        drop_part(self._clips, clip)

    def close(self) -> None:
        """Let what takes long end."""
        for task in list(self._tasks.values()):
            task.set()

    def _voices(self) -> list[dict[str, Any]]:
        voices = [self.store.load(name) for name in self.store.names()]
        return [
            {
                "name": voice.name,
                "clips": len(voice.clips),
                "speech": round(voice.speech, 1),
                "snr": min((clip.snr for clip in voice.clips), default=None),
                "made": voice.clips[-1].made if voice.clips else "",
                "stored": f"{self.store.folder / voice.name}.json",
                "what": STORED,
            }
            for voice in voices
        ]

    def _enrol(self, command: Enrol, tell: Tell) -> dict[str, Any]:
        check_name(command.name)
        with self._task(command.id) as cancelled:
            if command.clip is None:
                audio, rate = self._listen(command.seconds, command.id, tell, cancelled)
            else:
                path = inside(self._clips, command.clip)
                audio, rate = read_audio(path, lambda event: None, None)
            audio = audio[: round(MOST_OF_A_CLIP_S * rate)]
            made_from, day = command.clip or MICROPHONE, self._now().date().isoformat()
            enrolment = self._enroller().enrol(command.name, audio, rate, source=made_from, day=day)
        voice = self.store.add(enrolment.accepted(), check_same)
        figures = enrolment.figures
        return {
            "name": voice.name,
            "clips": len(voice.clips),
            "findings": {finding.code: finding.text for finding in enrolment.findings},
            "level": round(figures.level, 1),
            "snr": round(figures.snr, 1),
            "speech": round(figures.speech, 1),
        }

    def _check(self, command: CheckVoice, tell: Tell) -> dict[str, Any]:
        voice = self.store.load(command.name)
        with self._task(command.id) as cancelled:
            audio, rate = self._listen(command.seconds, command.id, tell, cancelled)
            return asdict(compare(voice, audio, rate))

    def _pull(self, command: Pull, tell: Tell) -> dict[str, str]:
        entry_of(command.bundle)  # a name that we know, never a path
        with self._task(command.id) as cancelled:

            def progress(what: str, done: int, total: int) -> None:
                check_going(cancelled)
                tell(Progress(id=command.id, done=done, total=total, text=what))

            return {"folder": str(assembled(command.bundle, progress=progress))}

    def _export(self, command: Export, tell: Tell) -> dict[str, Any]:
        """Make a bundle below `bundles`, from a file of `checkpoints` or weights with a name."""
        checkpoint = command.checkpoint
        if not self._trusted and checkpoint not in index():
            checkpoint = str(inside(self.folder / "checkpoints", checkpoint))
        module_of(command.model)  # a name that we know, never a path
        out = self.folder / "bundles" / f"{command.model}-{command.precision}"
        with self._task(command.id) as cancelled:
            return make_bundle(command, checkpoint, out, tell, cancelled)

    @contextmanager
    def _task(self, id: CommandId) -> Iterator[Event]:
        self._tasks[id] = cancelled = Event()
        try:
            yield cancelled
        finally:
            del self._tasks[id]

    def _cancel(self, id: CommandId) -> None:
        task = self._tasks.get(id)
        if task is None:
            raise NotPossibleError(f"no long task with the id {id!r} is under way")
        task.set()


def check_going(cancelled: Event) -> None:
    """Raises: CancelledError once that was asked for."""
    if cancelled.is_set():
        raise CancelledError("that was cancelled")


def check_seconds(seconds: float, shortest: float, longest: float) -> None:
    """Raises: ConfigError if a voice cannot be heard from so much."""
    if not shortest <= seconds <= longest:
        raise ConfigError(
            f"a voice is enrolled from {shortest:.0f} to {longest:.0f} seconds, not from "
            f"{seconds:g}"
        )


def _devices() -> list[dict[str, Any]]:
    from tap_live.portaudio import portaudio  # looks for sound devices when it is loaded

    return [asdict(device) for device in portaudio().devices()]


def _findings() -> list[Any]:
    from tap_live.commands.doctor import examine  # it looks at everything, so it loads much

    return [msgspec.to_builtins(finding) for finding in examine()]


def _card(name: str) -> dict[str, Any]:
    """What a bundle that ships says of itself."""
    for folder in folders():
        manifest = read_manifest(folder)
        if manifest.name == name:
            files = [folder / card for card in CARDS if card in manifest.files]
            return {
                "name": name,
                "made_by": manifest.made_by,
                "sources": list(manifest.sources),
                "card": "\n\n".join(file.read_text(encoding="utf-8") for file in files),
            }
    raise BundleError(f"no bundle {name!r} ships: `list_bundles` names those that do")
