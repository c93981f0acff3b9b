"""Notice feedback from an open loudspeaker into the microphone, and cut it.

Feedback is one tone, wherever the loop's gain is largest, and while the loop is linear
it grows by the same factor each time round: a straight line in dB. Speech has harmonics
and moves, a whistle starts in one go and then holds, music has more than one tone. (The
criteria are those of van Waterschoot and Moonen, "Fifty years of acoustic feedback
control", Proc. IEEE 99(2), 2011: peak-to-everything ratio, persistence and slope.)
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live.events import Warned
from tap_live.outputs.ramp import Glide
from tap_live.processor import Audio

Tell: TypeAlias = Callable[[Warned], None]

FRAME_S = 0.032  # 31 Hz bins, twice
HOP_S = 0.008
LOWEST_HZ = 200.0
LOBE = 3  # bins on each side that one tone covers under a Hann window

# Feedback that grows. Found in simulated loops: deviations up to 1.3 Hz and 0.4 dB; in
# four hours of speech and sounds: nothing that meets all of these.
TONE_SHARE = 0.75  # of a frame's power that is in one tone, at least
GROWTH_S = 0.25  # at least
GROWTH_DB = 9.0  # over that time or longer, at least
STRAIGHT_DB = 0.7  # RMS deviation from a straight line, at most
STEADY_HZ = 2.0  # RMS deviation of the frequency, at most
LOUD_DB = -40.0  # where growth ends, at least: quieter tones harm nobody

# Feedback that has grown, and that nothing but a limiter or the converter holds back; far
# above its limit a loop has several tones, or is nothing but distortion.
FULL_DB = -4.0  # RMS; a sine at full scale has -3
FULL_S = 1.0

CUT_S = 0.02
SILENT_S = 0.7
RETURN_S = 0.5
STEP_DB = 6.0
LOWEST_DB = -36.0


@dataclass(frozen=True)
class Tone:
    """The strongest tone of one frame."""

    bin: float  # between bins, by a parabola through the peak
    share: float  # of the frame's power
    level: float  # amplitude, dBFS
    full: bool  # whether the frame is at full scale


class HowlingGuard:
    """A Processor that cuts the output when it howls, and lets it back 6 dB lower each time."""

    lookahead = 0

    def __init__(self, rate: int, tell: Tell) -> None:
        self._rate = rate
        self._tell = tell
        self._hop = round(HOP_S * rate)
        self._frame = 2 * round(FRAME_S * rate / 2)
        self._window: NDArray[np.float64] = np.hanning(self._frame + 1)[:-1]
        self._lowest = max(LOBE, int(np.ceil(LOWEST_HZ * self._frame / rate)))
        self._begin()

    def _begin(self) -> None:
        self._recent = np.zeros(self._frame, np.float32)
        self._to_hop = self._hop
        self._position = 0
        self._run: deque[Tone] = deque(maxlen=round(10 / HOP_S))  # the same tone, up to now
        self._full = 0  # frames in a row
        self._gain_db = 0.0
        self._glide = Glide(self._rate, 1.0)
        self._silent_until = 0  # position

    def push(self, block: Audio) -> Audio:
        out = []
        while len(block):
            piece, block = block[: self._to_hop], block[self._to_hop :]
            out.append(self._glide.apply(piece))
            self._recent = np.concatenate([self._recent[len(piece) :], piece])
            self._position += len(piece)
            self._to_hop -= len(piece)
            if not self._to_hop:
                self._to_hop = self._hop
                self._decide()
        return np.concatenate(out) if out else block

    def flush(self) -> Audio:
        self._begin()
        return np.empty(0, np.float32)

    def _decide(self) -> None:
        if self._position < self._silent_until:
            return
        if self._glide.goal == 0:
            self._run.clear()
            self._glide.go(10 ** (self._gain_db / 20), RETURN_S)
        tone = _strongest(self._recent * self._window, self._lowest)
        self._follow(tone)
        if tone is not None and (self._grows() or self._full * HOP_S >= FULL_S):
            self._cut(tone)

    def _follow(self, tone: Tone | None) -> None:
        """Go on with what has been so far, or begin anew."""
        self._full = self._full + 1 if tone is not None and tone.full else 0
        if tone is None or tone.share < TONE_SHARE:
            self._run.clear()
            return
        if self._run and abs(tone.bin - self._run[-1].bin) > 1:
            self._run.clear()
        self._run.append(tone)

    def _grows(self) -> bool:
        """Whether the tone has risen along a straight line, far and long enough."""
        if not self._run or self._run[-1].level < LOUD_DB:
            return False
        run = np.array([(tone.level, tone.bin) for tone in self._run])  # (frames, 2)
        length = round(GROWTH_S / HOP_S)
        while length <= len(run):
            levels, bins = run[-length:].T
            steady = bins.std() * self._rate / self._frame <= STEADY_HZ
            if steady and _is_straight_rise(levels):
                return True
            length *= 2
        return False

    def _cut(self, tone: Tone) -> None:
        hertz = tone.bin * self._rate / self._frame
        frames = max(len(self._run), self._full)
        start = max(0.0, self._position / self._rate - frames * HOP_S)
        self._run.clear()
        self._full = 0
        self._gain_db = max(LOWEST_DB, self._gain_db - STEP_DB)
        self._glide.go(0.0, CUT_S)
        self._silent_until = self._position + round(SILENT_S * self._rate)
        self._tell(
            Warned(
                code="howling",
                text=f"howling at {hertz:.0f} Hz was cut: the loudspeaker reaches the "
                f"microphone; the output is now {-self._gain_db:.0f} dB lower, use a headset",
                start=start,
                stop=self._position / self._rate,
            )
        )


def _strongest(frame: NDArray[np.float64], lowest: int) -> Tone | None:
    """The strongest tone from bin `lowest` up, or None if there is none."""
    power = np.square(np.abs(np.fft.rfft(frame)))  # (N / 2 + 1,)
    total = float(power.sum())
    if total < 1e-9:
        return None
    peak = lowest + int(power[lowest:-1].argmax())
    if power[peak - 1] > power[peak]:  # the skirt of something below
        return None
    tone = float(power[peak - LOBE : peak + LOBE + 1].sum())
    # A sine of amplitude a under a Hann window of N samples has 3/32 a^2 N^2 in its lobe,
    # any sound of power r^2 has 3/16 r^2 N^2 in all.
    size = len(frame) ** 2
    left, middle, right = np.log(np.maximum(power[peak - 1 : peak + 2], 1e-30))
    offset = (left - right) / (2 * (left - 2 * middle + right) or 1)
    return Tone(
        bin=peak + float(np.clip(offset, -0.5, 0.5)),
        share=tone / total,
        level=10 * float(np.log10(tone * 32 / 3 / size)),
        full=10 * float(np.log10(power[lowest:].sum() * 16 / 3 / size + 1e-30)) >= FULL_DB,
    )


def _is_straight_rise(levels: NDArray[np.float64]) -> bool:
    time = np.arange(len(levels)) - (len(levels) - 1) / 2
    slope = float(time @ levels) / float(time @ time)  # dB a frame
    deviation = levels - levels.mean() - slope * time
    return slope * len(levels) >= GROWTH_DB and bool(np.sqrt(np.mean(deviation**2)) <= STRAIGHT_DB)
