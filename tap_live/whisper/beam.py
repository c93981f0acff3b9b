"""Searches that follow several answers at once: beam search, and sampling."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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


def beam_search(
    window: Window, beam: int, patience: float = 1.0, length_penalty: float | None = None
) -> Spoken:
    """Keep the `beam` likeliest answers until `beam * patience` of them have ended.

    Source: OpenAI's `BeamSearchDecoder`; patience after Kasai et al., arXiv:2204.05424.
    """
    logits, _, state, opened = window.begin()
    eot, wanted = window.tokenizer.eot, max(1, round(beam * patience))
    paths, finished = [Path()], list[Path]()
    for _ in range(window.limit - len(window.prefix)):
        ruled = window.rules.apply(logits, [[*window.prefix, *path.tokens] for path in paths])
        rows, paths, ended = _grown(paths, ruled, beam, eot)
        finished += ended
        if len(finished) >= wanted or not paths:
            break
        logits, state = _step(window, paths, state.reorder(rows))
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
    paths: Sequence[Path], logits: Logits, beam: int, eot: int
) -> tuple[list[int], list[Path], list[Path]]:
    """Lengthen paths by a token: where each of the `beam` best came from, they, and the ended."""
    top = np.argpartition(logits, -(beam + 1), axis=-1)[:, -(beam + 1) :]  # (B, beam + 1)
    likely = np.take_along_axis(logits, top, axis=-1) - mass(logits)[:, None]
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
