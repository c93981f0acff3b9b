"""Greedy search over one window, sped up by a draft.

A draft is what the last look at nearly the same sound gave. The decoder reads it in
one call, and as much of it is kept as stepping token by token would have chosen: the
result is greedy's own, with a fraction of the calls. That holds in fp32. In int8 a call of
many tokens gave other logits than steps: 69 % of drafted passes had the same tokens (tiny.en).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live.whisper.model import DecoderState, Encoded, Prompt, Whisper
from tap_live.whisper.rules import Logits, Rules, log_softmax
from tap_live.whisper.tokens import Tokenizer

Attention: TypeAlias = NDArray[np.float32]
"""(A, N, T') where each of A alignment heads looks while it reads N tokens."""

RESUME_WITHIN = 4  # tokens of a refused draft in which the token said instead is looked for


class Spoken(NamedTuple):
    """What a search found."""

    tokens: tuple[int, ...]  # without start tokens and end, a forced prefix included
    logprobs: tuple[float, ...]  # of each token, and of the end if it came
    no_speech: float  # probability that nobody speaks
    attention: Attention | None  # while reading start tokens (marks only) and tokens


@dataclass(frozen=True)
class Window:
    """One encoded window, and what stays the same however often it is decoded."""

    model: Whisper
    tokenizer: Tokenizer
    rules: Rules
    encoded: Encoded  # one row
    prompt: Prompt | None
    start: tuple[int, ...]  # start tokens, with those of the text before in front
    prefix: tuple[int, ...]  # what the answer is made to begin with
    limit: int  # tokens in an answer

    @property
    def marks(self) -> int:
        """How many of the start tokens come after the text before."""
        return len(self.start) - self.start.index(self.tokenizer.sot)

    def begin(self, draft: Sequence[int] = ()) -> tuple[Logits, Attention, DecoderState, Spoken]:
        """Read start tokens, prefix and a draft, and say what is known from that.

        Returns: (1 + draft, V) what follows the prefix and each token of the draft, where
            marks and later tokens looked, the state after them, the prefix as spoken.
        """
        state = self.model.start(self.encoded, self.prompt)
        said = len(self.prefix) + len(draft)
        read = [*self.start, *self.prefix, *draft]
        logits, attention, state = self.read(read, state, self.marks + said)
        opening = log_softmax(logits[: self.marks + len(self.prefix)])
        forced = opening[self.marks - 1 : -1][range(len(self.prefix)), list(self.prefix)]
        no_speech = float(np.exp(opening[0, self.tokenizer.no_speech]))
        spoken = Spoken(self.prefix, tuple(forced.tolist()), no_speech, None)
        return logits[-1 - len(draft) :], attention[:, -self.marks - said :], state, spoken

    def read(
        self, tokens: Sequence[int], state: DecoderState, last: int | None = None
    ) -> tuple[Logits, Attention, DecoderState]:
        """Let the decoder read N tokens; return what follows the `last` ones, where all looked."""
        columns = np.array([tokens], np.int64)
        logits, attention, state = self.model.decode(columns, state, last=last)
        return logits[0], attention[0], state


def greedy(window: Window, draft: Sequence[int] = ()) -> Spoken:
    """Say the likeliest token each time, until the end."""
    draft, eot = [*draft][: window.limit - len(window.prefix)], window.tokenizer.eot
    logits, look, state, spoken = window.begin(draft)
    said, logprobs = list(spoken.tokens), list(spoken.logprobs)
    looks, read, known = [], len(window.start) + len(said), look.shape[1] - len(draft)
    while True:
        histories = [said + draft[:n] for n in range(len(draft) + 1)]
        chosen, likely = best(window.rules.apply(logits, histories))
        agreed = agreement(draft, chosen)
        looks.append(look[:, : known + agreed])
        read += agreed
        said += chosen[: agreed + 1]
        logprobs += likely[: agreed + 1]
        if said[-1] == eot or len(said) >= window.limit:
            break
        draft = resumed(draft[agreed:], said[-1])
        logits, look, state = window.read([said[-1], *draft], state.truncate(read))
        read, known = read + 1, 1
    ended = said[-1] == eot
    tokens = said[:-1] if ended else said[: window.limit]
    return spoken._replace(
        tokens=tuple(tokens),
        logprobs=tuple(logprobs[: len(tokens) + ended]),
        attention=np.concatenate(looks, axis=1),
    )


def agreement(draft: Sequence[int], chosen: Sequence[int]) -> int:
    """Count the tokens of a draft that come before the first one not chosen."""
    same = (wanted == found for wanted, found in zip(draft, chosen, strict=False))
    return next((n for n, equal in enumerate(same) if not equal), len(draft))


def resumed(draft: Sequence[int], said: int) -> list[int]:
    """Return what may follow `said`, which was said instead of the draft's first token.

    A word was put in its place, or left out: the draft goes on after the same token.
    """
    near = list(draft[:RESUME_WITHIN])
    after = near.index(said) + 1 if said in near else 1
    return list(draft[after:])


def best(logits: Logits) -> tuple[list[int], list[float]]:
    """Return the likeliest token of each row, and its log-probability."""
    tokens = logits.argmax(axis=-1)
    likely = logits[np.arange(len(logits)), tokens] - mass(logits)
    return [int(t) for t in tokens], [float(x) for x in likely]


def mass(logits: Logits) -> NDArray[np.float32]:
    """Return the logarithm of each row's sum of exponentials: (N, V) -> (N,)."""
    top = logits.max(axis=-1)
    total: NDArray[np.float32] = top + np.log(np.exp(logits - top[:, None]).sum(axis=-1))
    return total
