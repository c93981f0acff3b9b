"""Make streams of a setup, with what the `run` command makes them of."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from tap_live.commands.chunking import Chunking
from tap_live.commands.extracting import Extracting
from tap_live.commands.parts import open_input, output_maker
from tap_live.commands.prompting import by_itself, listening
from tap_live.errors import BundleError
from tap_live.events import Decibels, SetTarget
from tap_live.extractors.context import clapsep_bundle
from tap_live.extractors.network import Network, installed
from tap_live.live import Live
from tap_live.mix import factor
from tap_live.parts import Parts
from tap_live.processor import TargetKind
from tap_live.providers import Where
from tap_live.service.clips import data_folder, inside
from tap_live.service.mixing import LiveMix
from tap_live.targets import Asked, Cues, parse_target
from tap_live.ui.setup import Setup, TargetWish
from tap_live.voices.store import VoiceStore
from tap_live.waiting import ALONE, Waiting


@dataclass(frozen=True)
class Built:
    """A stream that is ready to begin, and what it can be told without another."""

    parts: Parts
    plan: Extracting | None = None
    targets: tuple[TargetWish, ...] = ()  # to begin with
    devices: Mapping[str, str] = field(default_factory=dict)  # where each network runs

    @property
    def kinds(self) -> frozenset[TargetKind]:
        """Of targets that it has a network for."""
        return frozenset(self.plan.kinds if self.plan else ())


class Builder:
    """Turn a setup into a stream.

    Args:
        folder: that clips are kept below.
        find: where the network for a kind of target lies, if it is installed.
        find_full: where the full sound model lies. Raises: BundleError if it is not installed.
    """

    def __init__(
        self,
        folder: Path | None = None,
        store: VoiceStore | None = None,
        find: Callable[[TargetKind], Path | None] = installed,
        find_full: Callable[[], Path] = clapsep_bundle,
    ) -> None:
        self.clips = (folder or data_folder()) / "clips"
        self._store, self._find, self._find_full = store or VoiceStore(), find, find_full

    def preview(self, setup: Setup) -> Built:
        """Only listen. Raises: what the source raises."""
        return Built(Parts(source=open_input(setup.input)))

    def build(self, setup: Setup, waiting: Waiting = ALONE) -> Built:
        """Load models and find the devices. Raises: TapError, as `run` does.

        Args:
            waiting: told while engines are built, and gives that up.
        """
        source, where = open_input(setup.input), Where(setup.device, waiting=waiting)
        targets = tuple(self.effective(setup))
        plan = self._plan(targets, setup, where) if targets else None
        voices = [f"voice:{name}" for name in self.voices(setup)]
        others = setup.others if voices else None
        heard = by_itself(plan, voices, setup.others, setup.whisper, setup.language)
        listener = (
            listening(heard, setup.whisper, setup.language, voices, others, where=where)
            if setup.captions
            else None
        )
        parts = Parts(
            source=source,
            make_output=output_maker(setup.output, source),
            make_extraction=plan.make if plan else None,
            make_captioner=listener.make if listener else None,
            caption_extracted=heard.extracted,
            caption_apart=listener.apart if listener else {},
            bundles=(*(plan.bundles if plan else ()), *(listener.bundles if listener else ())),
            close=plan.close if plan else lambda: None,
        )
        devices = (plan.devices if plan else {}) | (listener.devices if listener else {})
        return Built(parts, plan, targets, devices)

    def mix(self, built: Built, live: Live) -> LiveMix:
        """What the stream keeps; begun with its targets. Raises: as `LiveMix.set_target`."""
        rest = built.plan.rest_gain if built.plan else 1.0
        embed = built.plan.embed if built.plan else None
        mix = LiveMix(live, (), built.kinds, rest, self.clips, embed)
        for one in built.targets:
            mix.set_target(SetTarget(id=0, target=one.name, gain=one.gain, suppress=one.suppress))
        return mix

    def effective(self, setup: Setup) -> list[TargetWish]:
        """Targets that are heard, because their network is there."""
        return [one for one in setup.targets if one.on and self._has(setup, one.kind)]

    def voices(self, setup: Setup) -> list[str]:
        """Whose words are captioned with their names."""
        return [one.label for one in setup.targets if one.on and one.kind == "voice"]

    def rest(self, setup: Setup) -> Decibels:
        """How loud the rest is: all of it when nothing is kept."""
        kept = any(not one.suppress for one in self.effective(setup))
        return setup.rest if kept else 0.0

    def waiting(self, setup: Setup) -> dict[str, str]:
        """Targets that are wished for and not heard, each with the bundle that it waits for."""
        heard = {one.name for one in self.effective(setup)}
        return {
            one.name: "clapsep" if _is_full(setup, one.kind) else f"{one.kind}-compact"
            for one in setup.targets
            if one.on and one.name not in heard
        }

    def needs_another(self, built: Built, before: Setup, after: Setup) -> bool:
        """Whether a stream that was built cannot be changed to another setup."""
        if self.voices(before) != self.voices(after) and after.captions:
            return True
        if after.captions and built.parts.make_captioner is None:
            return True
        if {one.kind for one in self.effective(after)} - built.kinds:
            return True
        names = ("input", "output", "extractor", "whisper", "language", "others")
        return any(getattr(before, name) != getattr(after, name) for name in names)

    def check(self, command: SetTarget, setup: Setup) -> None:
        """Raises: VoiceError, CueError, ConfigError or AudioError if that is no target."""
        one = parse_target(command.target, suppress=command.suppress)
        if one.scheme == "text" and _is_full(setup, one.kind):
            return  # it may know words of its own
        Cues(self._store).of([self._with_its_file(one)])

    def _has(self, setup: Setup, kind: TargetKind) -> bool:
        """Whether the extractor that is wished for is installed for a kind of target."""
        if setup.extractor == "none" or (setup.extractor == "clapsep" and kind == "voice"):
            return False
        if setup.extractor == "compact":
            return self._find(kind) is not None
        with suppress(BundleError):
            return self._find_full().is_dir()
        return False

    def _plan(self, targets: Sequence[TargetWish], setup: Setup, where: Where) -> Extracting:
        rest = factor(self.rest(setup))
        if setup.extractor == "clapsep":
            full = Chunking.parse(str(self._find_full()), where)
            return Extracting({}, (), rest, full.loaded(len(targets)) if full else None)
        folders = {one.kind: self._find(one.kind) for one in targets}
        networks = {kind: Network.open(path, where) for kind, path in folders.items() if path}
        return Extracting(networks, (), rest)

    def _with_its_file(self, one: Asked) -> Asked:
        if one.scheme != "clip":
            return one
        return replace(one, value=str(inside(self.clips, one.value)))


def _is_full(setup: Setup, kind: TargetKind) -> bool:
    return setup.extractor == "clapsep" and kind == "sound"
