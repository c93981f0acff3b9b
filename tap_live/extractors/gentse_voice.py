"""One voice that is re-made: what was heard of it, what is drawn, what it says."""

import numpy as np
from numpy.typing import NDArray

from tap_live.extractors.gentse_frames import (
    QUIETEST,
    Frames,
    Stretch,
    frames_before,
    noise_at,
    places,
    read_at,
)
from tap_live.extractors.gentse_loudness import Loudness
from tap_live.extractors.gentse_network import GenNetwork
from tap_live.extractors.gentse_plan import GenPlan
from tap_live.processor import Audio

SEED = 20_230_919  # of the noise: the same in every run


class Voice:
    """What was heard and drawn of one target so far; all but the making runs on chunks' threads."""

    def __init__(
        self,
        network: GenNetwork,
        plan: GenPlan,
        speaker: NDArray[np.float32],
        first: int,
        clip: Audio | None = None,
    ) -> None:
        """`first` is the chunk with which it begins; `clip` its enrolment, at 16 kHz, if kept."""
        self._network, self._plan, self.speaker = network, plan, speaker
        self._enrolled = network.enrolled(clip)
        self._start = first * plan.hop  # the position of the first that is held
        self._begin = frames_before(self._start, plan.form)  # its first frame
        self._tokens = np.empty((0, 0), np.float32)
        self._tail = np.empty((0, 0), np.float32)  # to be faded into the next hop
        self._state = network.silence()
        self._loudness = Loudness(plan.form)
        self._unsaid = np.full((plan.reach, network.bands), np.log(QUIETEST), np.float32)

    def go_on(self, chunk: int, context: Audio, heard: Stretch) -> Audio:
        """Samples of the frames that a chunk is the first to draw for good, `reach` frames late.

        Args:
            context: of the mixture, at 16 kHz.
            heard: the mixture's mel frames, at least those that are reached.
        """
        plan = self._plan
        self._hear(context)
        first, last = plan.drawn(chunk - 1), plan.drawn(chunk)
        if last == first:
            return np.empty(0, np.float32)
        mel = np.full((last - first, self._network.bands), np.log(QUIETEST), np.float32)
        mine = max(first, self._begin)
        if last > mine:
            start = max(self._begin, first - plan.before)
            drawn = self._draw(heard.part(start, plan.heard(chunk)))
            mel[mine - first :] = drawn[mine - start : last - start]
        there = np.arange(first, last) >= self._begin
        audio, self._state = self._network.speak(mel, there, self._state)
        given = np.arange(first, last) - plan.reach >= self._begin
        self._forget(last)
        asked = np.concatenate([self._unsaid, mel])
        self._unsaid = asked[len(mel) :]
        audio = np.asarray(audio * np.repeat(given, plan.form.hop), np.float32)
        return self._loudness.follow(asked[: len(mel)], audio)

    def _hear(self, context: Audio) -> None:
        """Add a hop of positions, its beginning faded with what the context before had there."""
        plan = self._plan
        hidden = self._network.hear(context, self.speaker, self._enrolled)
        stop = len(hidden) - plan.ahead
        newest = hidden[stop - plan.fade - plan.hop : stop].copy()
        if len(self._tail):
            share = ((np.arange(plan.fade) + 0.5) / plan.fade).astype(np.float32)[:, None]
            newest[: plan.fade] = share * newest[: plan.fade] + (1 - share) * self._tail
        self._tail = newest[plan.hop :]
        held = self._tokens.reshape(-1, hidden.shape[1])
        self._tokens = np.concatenate([held, newest[: plan.hop]])

    def _draw(self, heard: Stretch) -> Frames:
        form, count = self._plan.form, len(heard.mel)
        tokens = read_at(self._tokens, self._start, places(heard.start, count, form))
        noise = noise_at(SEED, heard.start, count, self._network.bands)
        return self._network.draw(
            tokens, heard.mel, heard.level, self.speaker, noise, self._plan.steps
        )

    def _forget(self, drawn: int) -> None:
        """Drop the positions that no frame to come depends on."""
        oldest = int(places(max(0, drawn - self._plan.before), 1, self._plan.form)[0])
        spare = min(len(self._tokens), max(0, oldest - self._start))
        self._tokens, self._start = self._tokens[spare:], self._start + spare
