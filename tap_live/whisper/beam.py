"""Searches that follow several answers at once: beam search, and sampling."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tap_live.whisper.model import DecoderState
from tap_live.whisper.rules import Logits
from tap_live.whisper.search import Spoken, Window, mass


@dataclass(frozen=True)
class Path:
    """One answer while it is being made; `tokens` ends with the end mark once it is done."""

    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()

    def then(self, token: int, logprob: float) -> "Path":
        return Path((*self.tokens, token), (*self.logprobs, logprob))

    @property
    def total(self) -> float:
        return sum(self.logprobs)


class Ranked(NamedTuple):
    """The likeliest tokens to follow each path, and how likely they are: (B, K) each, any order."""

    tokens: NDArray[np.int64]
    logprobs: NDArray[np.float32]


class Ranking(Protocol):
    """Says what may follow the paths of one window; it goes forwards with them."""

    def begin(self, count: int) -> tuple[Ranked, Spoken]:
        """What may come first, (1, count), and what is known of the window."""
        ...

    def follow(self, paths: Sequence[Path], rows: Sequence[int], count: int) -> Ranked:
        """What may follow `paths`, each of which goes on from one of the rows before."""
        ...


class InArrays:
    """A `Ranking` of logits that have come from the model."""

    def __init__(self, window: Window) -> None:
        self._window = window

    def begin(self, count: int) -> tuple[Ranked, Spoken]:
        logits, _, self._state, opened = self._window.begin()
        return self._ranked(logits, [Path()], count), opened

    def follow(self, paths: Sequence[Path], rows: Sequence[int], count: int) -> Ranked:
        logits, self._state = _step(self._window, paths, self._state.reorder(rows))
        return self._ranked(logits, paths, count)

    def _ranked(self, logits: Logits, paths: Sequence[Path], count: int) -> Ranked:
        histories = [[*self._window.prefix, *path.tokens] for path in paths]
        ruled = self._window.rules.apply(logits, histories)
        top = np.argpartition(ruled, -count, axis=-1)[:, -count:]
        return Ranked(top, np.take_along_axis(ruled, top, axis=-1) - mass(ruled)[:, None])


def beam_search(
    window: Window,
    ranking: Ranking,
    beam: int,
    patience: float = 1.0,
    length_penalty: float | None = None,
) -> Spoken:
    """Keep the `beam` likeliest answers until `beam * patience` of them have ended.

    Source: OpenAI's `BeamSearchDecoder`; patience after Kasai et al., arXiv:2204.05424.
    """
    ranked, opened = ranking.begin(beam + 1)
    eot, wanted = window.tokenizer.eot, max(1, round(beam * patience))
    paths, finished = [Path()], list[Path]()
    for _ in range(window.limit - len(window.prefix)):
        rows, paths, ended = _grown(paths, ranked, beam, eot)
        finished += ended
        if len(finished) >= wanted or not paths:
            break
        ranked = ranking.follow(paths, rows, beam + 1)
    else:
        finished += sorted(paths, key=lambda path: -path.total)[: max(0, beam - len(finished))]
    return _told(window, opened, finished, length_penalty)


def sample(
    window: Window,
    temperature: float,
    count: int,
    length_penalty: float | None,
    random: np.random.Generator,
) -> Spoken:
    """Draw `count` answers, tokens as likely as `temperature` makes them; return the best."""
    logits, _, state, opened = window.begin()
    logits, state = np.repeat(logits, count, axis=0), state.reorder([0] * count)
    eot = window.tokenizer.eot
    paths, finished = [Path()] * count, list[Path]()
    for _ in range(window.limit - len(window.prefix)):
        ruled = window.rules.apply(logits, [[*window.prefix, *path.tokens] for path in paths])
        # The largest of logits with Gumbel noise is a draw from their softmax.
        tokens = (ruled / temperature + random.gumbel(size=ruled.shape)).argmax(axis=-1)
        likely = ruled[np.arange(len(tokens)), tokens] - mass(ruled)
        chosen = zip(paths, tokens, likely, strict=True)
        drawn = [path.then(int(token), float(p)) for path, token, p in chosen]
        finished += [path for path in drawn if path.tokens[-1] == eot]
        rows = [n for n, path in enumerate(drawn) if path.tokens[-1] != eot]
        paths = [drawn[n] for n in rows]
        if not paths:
            break
        logits, state = _step(window, paths, state.reorder(rows))
    return _told(window, opened, [*finished, *paths], length_penalty)


def _step(
    window: Window, paths: Sequence[Path], state: DecoderState
) -> tuple[Logits, DecoderState]:
    tokens = np.array([[path.tokens[-1]] for path in paths], np.int64)
    logits, _, state = window.model.decode(tokens, state)
    return logits[:, -1], state


def _told(
    window: Window, opened: Spoken, paths: Sequence[Path], length_penalty: float | None
) -> Spoken:
    """Add the best of `paths` to what was said: the likeliest for its length.

    `length_penalty` is the alpha of Wu et al., arXiv:1609.08144; None divides by the length.
    """
    eot = window.tokenizer.eot

    def score(path: Path) -> float:
        length = len(path.tokens) - (path.tokens[-1] == eot)
        if length_penalty is None:
            return path.total / max(length, 1)
        return float(path.total / ((5 + length) / 6) ** length_penalty)

    found = max(paths, key=score)
    tokens = found.tokens[:-1] if found.tokens[-1] == eot else found.tokens
    return opened._replace(tokens=opened.tokens + tokens, logprobs=opened.logprobs + found.logprobs)


def _grown(
    paths: Sequence[Path], ranked: Ranked, beam: int, eot: int
) -> tuple[list[int], list[Path], list[Path]]:
    """Lengthen paths by a token: where each of the `beam` best came from, they, and the ended."""
    top, likely = ranked
    totals = likely + np.array([[path.total] for path in paths])
    rows: list[int] = []
    going: list[Path] = []
    ended: list[Path] = []
    for flat in np.argsort(-totals, axis=None):
        row, column = divmod(int(flat), beam + 1)
        if not np.isfinite(totals[row, column]):
            break
        path = paths[row].then(int(top[row, column]), float(likely[row, column]))
        if path.tokens[-1] == eot:
            ended.append(path)
            continue
        rows.append(row)
        going.append(path)
        if len(going) == beam:
            break
    return rows, going, ended
