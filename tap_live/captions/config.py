"""How a stream is captioned."""

from dataclasses import dataclass, field

from tap_live.captions.guards import GuardConfig
from tap_live.captions.vad import SegmenterConfig
from tap_live.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class StreamingConfig:
    """When speech is read and how much of it; lengths in seconds.

    The defaults are measured: `docs/captions.md`.
    """

    interval: float = 0.6  # new speech between two passes
    window: float = 10.0  # audio of a pass; where it is longer, it is cut,
    patience: float = 4.0  # but if no word is final, only so much later
    hold: float = 1.0  # a word becomes final no sooner than this after its end,
    doubt: float = 3.0  # and so much later a missing unit of probability: 0.5 waits 1.5 s more
    carry: float = 3.0  # after a shorter gap a region is heard together with the speech before
    language: str | None = None  # None: heard, where the model knows several
    segmenter: SegmenterConfig = field(default_factory=SegmenterConfig)
    guards: GuardConfig = field(default_factory=GuardConfig)

    def __post_init__(self) -> None:
        if not 0.1 <= self.interval <= 5:
            raise ConfigError(f"interval={self.interval} s between passes: want 0.1 to 5")
        if not 4 <= self.window <= 15:
            raise ConfigError(f"window={self.window} s of audio for a pass: want 4 to 15")
        waits = 0 <= self.hold <= 3 and 0 <= self.doubt <= 5
        if not (waits and 0 <= self.carry <= 5 and 1 <= self.patience <= 5):
            raise ConfigError(
                f"want hold of 0 to 3 s, doubt and carry of 0 to 5 s, patience of 1 to 5 s, "
                f"found {self.hold}, {self.doubt}, {self.carry}, {self.patience}"
            )
