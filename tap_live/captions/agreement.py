"""Which words of a hypothesis are certain because the last one had them too.

Source: LocalAgreement-2, Polák et al., Interspeech 2022 (arXiv:2204.06028).
"""

from collections.abc import Sequence

from tap_live.captions.recogniser import Heard


def agreed(before: Sequence[Heard], now: Sequence[Heard]) -> int:
    """Count the first words that both hypotheses share, but for case and punctuation."""
    count = 0
    for old, new in zip(before, now, strict=False):
        if bare(old.text) != bare(new.text):
            break
        count += 1
    return count


def bare(text: str) -> str:
    """Leave only what is pronounced: " Hello," becomes "hello"."""
    return "".join(c for c in text.casefold() if c.isalnum())
