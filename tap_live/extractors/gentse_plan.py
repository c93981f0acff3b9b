"""How a stream is cut for the generative voice model."""

from dataclasses import dataclass

import numpy as np

from tap_live.errors import ConfigError
from tap_live.extractors.chunked import HEADROOM, LONGEST_S, STEADY_S, ChunkConfig
from tap_live.extractors.gentse_frames import POSITION_S, MelForm, frames_before
from tap_live.extractors.gentse_network import POSITION, GenNetwork, check_steps
from tap_live.whisper.features import RATE

SHORTEST = 25  # positions of a hop that is chosen by speed
LEAST_BEHIND = 3  # positions behind a hop: a mel frame reaches 32 ms beyond its middle


@dataclass(frozen=True)
class GenPlan:
    """How a stream is cut, in positions of 20 ms; `before`, `after` and `reach` in mel frames."""

    form: MelForm
    hop: int
    fade: int
    ahead: int
    compute: int  # samples at 16 kHz
    steps: int
    before: int
    after: int
    reach: int

    @classmethod
    def of(cls, config: ChunkConfig, network: GenNetwork, steps: int) -> "GenPlan":
        """Fix it for a machine on which a context takes `network.compute_s`.

        Raises: ConfigError if the hop is longer than what the network hears, or for steps that
            cannot be.
        """
        check_steps(steps)
        needed = HEADROOM * network.compute_s
        fastest = min(LONGEST_S / POSITION_S, max(SHORTEST, np.ceil(needed / POSITION_S)))
        fastest = STEADY_S / POSITION_S if config.steady else fastest
        hop = max(1, round(config.hop_s / POSITION_S) if config.hop_s else int(fastest))
        fade = max(1, round(config.fade_s / POSITION_S))
        ahead = max(LEAST_BEHIND - fade, round(config.ahead_s / POSITION_S))
        if hop + fade + ahead > network.positions:
            longest = (network.positions - fade - ahead) * POSITION_S
            raise ConfigError(
                f"bundle {network.name!r} hears {network.positions * POSITION_S:g} s at a time: "
                f"wanted a hop of {longest:g} s or less, found {hop * POSITION_S:g} s"
            )
        return cls(
            form=network.form,
            hop=hop,
            fade=fade,
            ahead=ahead,
            compute=min(round(needed * RATE), hop * POSITION - 1),
            steps=steps,
            before=steps * network.before,
            after=steps * network.after,
            reach=network.reach,
        )

    def end(self, chunk: int) -> int:
        """The position at which the context of a chunk ends."""
        return (chunk + 1) * self.hop + self.fade + self.ahead

    def heard(self, chunk: int) -> int:
        """Frames for which positions are known after a chunk."""
        return frames_before((chunk + 1) * self.hop - 1, self.form)

    def drawn(self, chunk: int) -> int:
        """Frames that are drawn for good after a chunk."""
        return max(0, self.heard(chunk) - self.after) if chunk >= 0 else 0

    @property
    def delay_s(self) -> float:
        """From a sample to the chunk that has it, at most."""
        frames = 1.5 + self.after + self.reach
        positions = self.hop + 1 + self.fade + self.ahead
        return frames * self.form.seconds + positions * POSITION_S + self.compute / RATE
