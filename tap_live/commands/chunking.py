"""`--extractor clapsep`: the full sound model, chunk by chunk.

clapsep          as fast as the engine allows
clapsep@0.5      a result every 0.5 s
FOLDER[@0.5]     another bundle of that kind

A result comes every 0.05 to 5 s, 0.25 to 2 are sensible ones. Of files without one it is 1 s, so
that what is written does not depend on the machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

from tap_live.bundle import MANIFEST, Bundle, open_bundle, read_manifest
from tap_live.commands.generating import hop_of
from tap_live.cues.clap import ClapCues
from tap_live.errors import ConfigError
from tap_live.extractors.chunked import ChunkConfig, ChunkedExtractor
from tap_live.extractors.context import KIND, NAME, ContextNetwork, clapsep_bundle
from tap_live.processor import TargetKind
from tap_live.providers import CPU, Where
from tap_live.targets import Asked, Cues, EmbeddedCue

AHEAD_S = 0.0  # more brought nothing where it was measured: docs/clapsep.md


@dataclass(frozen=True)
class Chunking:
    """A full model's bundle, and how a stream is cut for it; loaded when it is needed."""

    bundle: Bundle
    config: ChunkConfig
    where: Where = CPU
    kinds: tuple[TargetKind, ...] = ("sound",)

    @classmethod
    def parse(cls, extractor: str | None, where: Where = CPU) -> Self | None:
        """Read --extractor; None if it asks for another one.

        Raises: ConfigError if the hop is none; BundleError if the bundle is not installed.
        """
        if not extractor:
            return None
        name, at, hop = extractor.partition("@")
        folder = Path(name)
        if name != NAME:
            if not (folder / MANIFEST).is_file() or read_manifest(folder).kind != KIND:
                return None
        else:
            folder = clapsep_bundle()
        config = hop_of(hop, NAME) if at else ChunkConfig()
        return cls(open_bundle(folder, KIND), replace(config, ahead_s=AHEAD_S), where)

    @cached_property
    def network(self) -> ContextNetwork:
        return ContextNetwork(self.bundle, where=self.where)

    def loaded(self, targets: int = 1) -> Self:
        """The same, with the network loaded now, and timed with so many targets."""
        self.network.warm_up(max(1, targets))
        return self

    def offline(self) -> Self:
        """The same for files: what comes out does not depend on the machine."""
        return replace(self, config=replace(self.config, steady=True))

    def slow(self) -> str:
        """What to say if the hop that was asked for is shorter than a context takes."""
        return self.config.slow(NAME, self.network.compute_s)

    def cues(self, asked: Sequence[Asked]) -> list[EmbeddedCue]:
        """Embed cues as this model is asked with. Raises: ConfigError for voices; as `Cues.of`."""
        if voice := next((one for one in asked if one.kind == "voice"), None):
            raise ConfigError(f"--extractor {NAME} takes sounds only: {voice.name!r} is a voice")
        if self.bundle.manifest.settings.get("cues") != "own":
            return Cues().of(asked)
        clap = ClapCues(self.bundle)
        return Cues(of_text=clap.of_text, of_clip=clap.of_clip).of(asked)

    def make(self, rate: int) -> ChunkedExtractor:
        return ChunkedExtractor(self.network, rate, self.config)
