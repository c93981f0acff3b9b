"""`--extractor gentse`: voices re-made by the generative model, chunk by chunk.

gentse           as fast as the engine allows
gentse@0.5       a result every 0.5 s
gentse@0.5/4     the same, drawn in 4 steps: 1 to 20, else as many as the bundle was made for
gentse@/4        in 4 steps, as fast as the engine allows
FOLDER[@0.5/4]   another bundle of that kind; gentse@FOLDER[@0.5/4] too

What is re-made is no part of the mixture: nothing can be taken out of it, and the rest is all of
it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

from tap_live.bundle import MANIFEST, Bundle, open_bundle, read_manifest
from tap_live.errors import BundleError, ConfigError
from tap_live.extractors.chunked import ChunkConfig
from tap_live.extractors.gentse import GenExtractor
from tap_live.extractors.gentse_network import (
    KIND,
    NAME,
    GenNetwork,
    check_steps,
    gentse_bundle,
)
from tap_live.processor import TargetKind
from tap_live.providers import CPU, Where
from tap_live.targets import Asked, Cues, EmbeddedCue


@dataclass(frozen=True)
class Generating:
    """The generative model's bundle, and how a stream is cut for it; loaded when it is needed.

    Attributes:
        steps: of the flow; None: the bundle's own.
    """

    bundle: Bundle
    config: ChunkConfig
    steps: int | None = None
    where: Where = CPU
    kinds: tuple[TargetKind, ...] = ("voice",)

    @classmethod
    def parse(cls, extractor: str | None, where: Where = CPU) -> Self | None:
        """Read --extractor; None if it asks for another one.

        Raises: ConfigError if hop or steps are none; BundleError if the bundle is not installed,
            or a folder that is given has none of this kind.
        """
        if not extractor:
            return None
        name, cut = _parted(extractor)
        if name == NAME and cut is not None and _is_gentse(_parted(cut)[0]):
            name, cut = _parted(cut)
        if name != NAME and not _is_gentse(name):
            return None
        if name == NAME and cut:
            _check_folder(cut.rpartition("@")[0] or cut)
        config, steps = (ChunkConfig(), None) if cut is None else cut_of(cut, name)
        folder = gentse_bundle() if name == NAME else Path(name)
        return cls(open_bundle(folder, KIND), config, steps, where)

    @cached_property
    def network(self) -> GenNetwork:
        return GenNetwork(self.bundle, where=self.where)

    def loaded(self, targets: int = 1) -> Self:
        """The same, with the network loaded now, and timed with so many targets."""
        self.network.warm_up(targets=max(1, targets), steps=self.steps)
        return self

    def offline(self) -> Self:
        """The same for files: what comes out does not depend on the machine."""
        return replace(self, config=replace(self.config, steady=True))

    def slow(self) -> str:
        """What to say if the hop that was asked for is shorter than a context takes."""
        return self.config.slow(NAME, self.network.compute_s)

    def cues(self, asked: Sequence[Asked]) -> list[EmbeddedCue]:
        """Find enrolled voices.

        Raises: ConfigError for sounds, and for voices that are asked away; as `Cues.of`.
        """
        if sound := next((one for one in asked if one.kind == "sound"), None):
            raise ConfigError(f"--extractor {NAME} takes voices only: {sound.name!r} is a sound")
        if away := next((one for one in asked if one.suppress or one.gain is None), None):
            raise ConfigError(
                f"--extractor {NAME} makes voices anew and takes none out of the mixture: "
                f"{away.name!r} cannot be asked away; --extractor compact can do that"
            )
        return Cues().of(asked)

    def make(self, rate: int) -> GenExtractor:
        return GenExtractor(self.network, rate, self.config, self.steps)


def cut_of(text: str, name: str) -> tuple[ChunkConfig, int | None]:
    """Read hop and steps after `name@`. Raises: ConfigError if they are none."""
    hop, slash, steps = text.partition("/")
    config = ChunkConfig() if slash and not hop else hop_of(hop, name)
    if not slash:
        return config, None
    try:
        count = int(steps)
    except ValueError:
        raise ConfigError(
            f"wanted --extractor {name}@SECONDS/STEPS or {name}@/STEPS, found '@{text}'"
        ) from None
    check_steps(count)
    return config, count


def hop_of(text: str, name: str) -> ChunkConfig:
    """Read the hop after `name@`. Raises: ConfigError if it is none."""
    try:
        return ChunkConfig(hop_s=float(text.removesuffix("s")))
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"wanted --extractor {name}@SECONDS, found '@{text}'") from None


def _parted(text: str) -> tuple[str, str | None]:
    """A name or folder, and what stands after its @; a folder's own name may have one too."""
    if _is_gentse(text):
        return text, None
    whole, at, cut = text.rpartition("@")
    if at and _is_gentse(whole):
        return whole, cut
    name, at, cut = text.partition("@")
    return name, cut if at else None


def _check_folder(text: str) -> None:
    """Raises: BundleError if what stands after gentse@ is a folder without such a bundle, or none
    where no numbers are either.
    """
    folder = Path(text)
    if folder.is_dir():
        found = read_manifest(folder).kind  # which says so if there is no bundle
        raise BundleError(
            f"wanted a bundle of {NAME} after --extractor {NAME}@, found one of {found} in {folder}"
        )
    hop, slash, steps = text.partition("/")
    if slash and not (_is_number(hop.removesuffix("s") or "0") and _is_number(steps)):
        raise BundleError(
            f"wanted --extractor {NAME}@SECONDS/STEPS, or a bundle's folder after the @: "
            f"there is no folder {text}"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_gentse(folder: str) -> bool:
    path = Path(folder)  # "" would be the folder that one is in
    return bool(folder) and (path / MANIFEST).is_file() and read_manifest(path).kind == KIND
