"""`--extractor gentse`: voices re-made by the generative model, chunk by chunk.

gentse           as fast as the engine allows
gentse@0.5       a result every 0.5 s
gentse@FOLDER    another bundle of that kind; FOLDER[@0.5] too
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from tap_live.bundle import MANIFEST, Bundle, open_bundle, read_manifest
from tap_live.errors import ConfigError
from tap_live.extractors.chunked import ChunkConfig
from tap_live.extractors.gentse import GenExtractor
from tap_live.extractors.gentse_network import KIND, NAME, GenNetwork, gentse_bundle
from tap_live.processor import TargetKind
from tap_live.providers import CPU, Where
from tap_live.targets import Asked, Cues, EmbeddedCue


@dataclass(frozen=True)
class Generating:
    """The generative model's bundle, and how a stream is cut for it; loaded when it is needed."""

    bundle: Bundle
    config: ChunkConfig
    where: Where = CPU
    kinds: tuple[TargetKind, ...] = ("voice",)

    @classmethod
    def parse(cls, extractor: str | None, where: Where = CPU) -> Self | None:
        """Read --extractor; None if it asks for another one.

        Raises: ConfigError if the hop is none; BundleError if the bundle is not installed.
        """
        if not extractor:
            return None
        name, at, rest = extractor.partition("@")
        if name == NAME and rest and _is_gentse(Path(rest)):
            name, at = rest, ""
        if name != NAME and not _is_gentse(Path(name)):
            return None
        config = hop_of(rest, NAME) if at else ChunkConfig()
        folder = gentse_bundle() if name == NAME else Path(name)
        return cls(open_bundle(folder, KIND), config, where)

    @cached_property
    def network(self) -> GenNetwork:
        network = GenNetwork(self.bundle, where=self.where)
        network.warm_up()
        return network

    def loaded(self) -> Self:
        """The same, with the network loaded now rather than when it is needed."""
        assert self.network.positions
        return self

    def cues(self, asked: Sequence[Asked]) -> list[EmbeddedCue]:
        """Find enrolled voices. Raises: ConfigError for sounds; as `Cues.of`."""
        if sound := next((one for one in asked if one.kind == "sound"), None):
            raise ConfigError(f"--extractor {NAME} takes voices only: {sound.name!r} is a sound")
        return Cues().of(asked)

    def make(self, rate: int) -> GenExtractor:
        return GenExtractor(self.network, rate, self.config)


def hop_of(text: str, name: str) -> ChunkConfig:
    """Read the hop after `name@`. Raises: ConfigError if it is none."""
    try:
        return ChunkConfig(hop_s=float(text.removesuffix("s")))
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"wanted --extractor {name}@SECONDS, found '@{text}'") from None


def _is_gentse(folder: Path) -> bool:
    return (folder / MANIFEST).is_file() and read_manifest(folder).kind == KIND
