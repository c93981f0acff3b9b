"""Load what extraction needs, once, from what a user asked for."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from tap_live.bundle import MANIFEST
from tap_live.commands.chunking import Chunking
from tap_live.commands.generating import Generating
from tap_live.errors import BundleError, ConfigError
from tap_live.events import Warned
from tap_live.extraction import Extraction, TellTrouble, Wanted
from tap_live.extractors.network import Network, installed, is_offline, kind_of
from tap_live.extractors.offline import extractor_of
from tap_live.mix import factor, parse_gain
from tap_live.processor import Extractor, TargetKind
from tap_live.providers import CPU, Where
from tap_live.targets import Asked, Cues, EmbeddedCue, parse_targets

REST_IS_ALL = (
    "gentse makes voices anew: the rest is the whole mixture, in which they still are as they were"
)


@dataclass(frozen=True)
class Extracting:
    """Loaded networks, and what is kept with which gains; `full` takes the networks' place."""

    networks: dict[TargetKind, Network]
    wanted: tuple[Wanted, ...]
    rest_gain: float
    full: Chunking | Generating | None = None
    live: bool = True  # as a stream is extracted, not as a recording

    @property
    def bundles(self) -> tuple[str, ...]:
        if self.full:
            return (self.full.network.name,)
        return tuple(network.name for network in self.networks.values())

    @property
    def devices(self) -> dict[str, str]:
        """Where each network runs, by its bundle."""
        loaded = [self.full.network] if self.full else self.networks.values()
        return {network.name: network.device for network in loaded}

    @property
    def slow(self) -> str:
        """What to say if it cannot keep up with a stream; nothing if that is not known."""
        return self.full.slow() if self.full else ""

    @property
    def spared(self) -> frozenset[str]:
        """Names of targets that nobody would hear, and that a full model does not look for."""
        if not isinstance(self.full, Chunking):
            return frozenset()
        return frozenset(one.cue.name for one in self.wanted if not one.counts(self.rest_gain))

    @property
    def kinds(self) -> tuple[TargetKind, ...]:
        """What can be extracted."""
        return self.full.kinds if self.full else tuple(self.networks)

    @property
    def embed(self) -> Callable[[Sequence[Asked]], list[EmbeddedCue]]:
        """What makes cues for these networks."""
        return self.full.cues if self.full else Cues().of

    @property
    def captions(self) -> bool:
        """Whether captions hear the voices that are kept, rather than the mixture."""
        return "voice" in self.networks and self.networks["voice"].captions

    def close(self) -> None:
        """Give back what the networks hold on a card, when no stream needs them any more."""
        for network in [self.full.network] if self.full else self.networks.values():
            network.close()

    def make(self, rate: int, tell: TellTrouble, *, for_ears: bool = True) -> Extraction:
        """Begin an extraction for a stream rate.

        Args:
            for_ears: as `extractor_of`: 0.5 dB that one hears and no fewer wrong words, for one
                question more a stretch.
        """
        if isinstance(self.full, Generating) and self.rest_gain > 0:
            tell(Warned(code="rest-is-all", text=REST_IS_ALL))
        if self.full:
            extractor: Extractor = self.full.make(rate)
        else:
            extractor = extractor_of(self.networks, rate, live=self.live, for_ears=for_ears)
        return Extraction(extractor, self.wanted, rest_gain=self.rest_gain, rate=rate, tell=tell)


@dataclass(frozen=True)
class Asking:
    """What the options about targets say, read and checked; nothing is loaded yet."""

    asked: tuple[Asked, ...]
    rest: str | None
    extractor: str | None
    where: Where = CPU

    @property
    def voices(self) -> list[str]:
        """The names of voices that are kept, as `voice:ana`."""
        return [one.name for one in self.asked if one.kind == "voice" and not one.suppress]

    def extracting(self, live: bool = True, open_to_all: bool = False) -> Extracting | None:
        """Load cues and networks; None if there are no targets.

        Args:
            live: for a stream, whose hop may follow the machine; a file's does not, and networks
                that hear what follows are taken, where there are some.
            open_to_all: targets of any kind may come later: the compact networks that are
                installed are loaded, for they must not be while the stream runs.
        Raises: as `Cues.of`; BundleError if a network is not installed, or hears what follows
            and is for a stream.
        """
        if live and self.extractor and Path(self.extractor, MANIFEST).is_file():
            _check_live(Path(self.extractor))
        if not self.asked:
            if self.rest is not None:
                raise ConfigError("--rest says how loud all else is: add --target or --suppress")
            later = self._for_later({}) if open_to_all else {}
            return Extracting(later, (), 1.0) if later else None
        full = Chunking.parse(self.extractor, self.where) or Generating.parse(
            self.extractor, self.where
        )
        if full:
            wanted, rest_gain = self._wanted(full.cues(self.asked)), self._rest_gain()
            heard = sum(one.counts(rest_gain) for one in wanted)
            loaded = (full if live else full.offline()).loaded(heard)
            return Extracting({}, wanted, rest_gain, loaded)
        cues = Cues().of(self.asked)
        kinds = {one.kind: one for one in self.asked}
        folders = {kind: self._folder(kind, live) for kind in kinds}
        missing = next((kind for kind, folder in folders.items() if folder is None), None)
        if missing:
            raise not_installed(kinds[missing])
        networks = {
            kind: Network.open(folder, self.where) for kind, folder in folders.items() if folder
        }
        if open_to_all:
            networks |= self._for_later(networks)
        as_live = live or self.extractor == "compact"
        return Extracting(networks, self._wanted(cues), self._rest_gain(), live=as_live)

    def _for_later(self, loaded: Mapping[TargetKind, Network]) -> dict[TargetKind, Network]:
        """Networks for the kinds that nobody asked for yet, where they go with those loaded."""
        found: dict[TargetKind, Network] = {}
        for kind in get_args(TargetKind):
            with suppress(BundleError):  # what is broken is said when it is asked for at the start
                if kind not in loaded and (folder := self._folder(kind, live=True)):
                    found[kind] = Network.open(folder, self.where)
        windows = {(one.hop_s, one.fade_s) for one in (*loaded.values(), *found.values())}
        return found if len(windows) == 1 else {}

    def following(self, live: bool = True, open_to_all: bool = False) -> Extracting | None:
        """As `extracting`; but where all that is asked for is whose words are captioned, the
        sound may stay as it is: when that is wanted, or the network is not installed.
        """
        words_only = self.rest is None and all(
            one.kind == "voice" and not one.suppress and one.gain == 0.0 for one in self.asked
        )
        if self.extractor == "none":
            if not words_only:
                raise ConfigError(
                    "--extractor none leaves the sound as it is: it goes with --target voice:NAME, "
                    "without gains, --rest and --suppress"
                )
            return None
        bare = self.extractor is None and not installed("voice", live=live)
        if words_only and self.asked and bare:
            Cues().of(self.asked)  # says so if a voice is not enrolled
            return None
        return self.extracting(live, open_to_all)

    def _wanted(self, cues: Sequence[EmbeddedCue]) -> tuple[Wanted, ...]:
        return tuple(
            Wanted(cue, 0.0 if one.suppress else factor(one.gain), cue.remark)
            for cue, one in zip(cues, self.asked, strict=True)
        )

    def _folder(self, kind: TargetKind, live: bool) -> Path | None:
        """Where the network for a kind of target lies, if it is there."""
        if self.extractor in ("compact", "none"):
            return installed(kind)
        if self.extractor is None:
            return installed(kind, live=live)
        folder = Path(str(self.extractor))
        if not folder.is_dir():
            raise BundleError(
                "wanted --extractor compact, clapsep, gentse, none or a bundle's folder, "
                f"found '{folder}'"
            )
        return folder if kind_of(folder) == kind else installed(kind, live=live)

    def _rest_gain(self) -> float:
        """Nothing of the rest with a target, all of it where something is only asked away."""
        if self.rest is not None:
            return factor(parse_gain(self.rest))
        return float(all(one.suppress for one in self.asked))


def asking(
    targets: Sequence[str] | None,
    suppressed: Sequence[str] | None = None,
    rest: str | None = None,
    extractor: str | None = None,
    where: Where = CPU,
) -> Asking:
    """Read the options about targets. Raises: ConfigError."""
    if rest is not None:
        parse_gain(rest)
    return Asking(tuple(parse_targets(targets or (), suppressed or ())), rest, extractor, where)


def _check_live(folder: Path) -> None:
    if is_offline(folder):
        raise BundleError(
            f"wanted an extractor for a stream, '{folder}' hears what follows: "
            "it goes with `extract` and `transcribe`"
        )


def not_installed(asked: Asked) -> BundleError:
    """What is missing for a target, and what to do instead."""
    instead = (
        "name its folder with --extractor; `run --extractor none` captions that voice only"
        if asked.kind == "voice"
        else "name its folder with --extractor, or keep a voice with --target voice:NAME"
    )
    return BundleError(
        f"{asked.name!r} wants the bundle '{asked.kind}-compact', which is not installed: {instead}"
    )
