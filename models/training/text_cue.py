"""Distil the text side of cues: a table of word pieces whose weighted sums lie where MiniLM's do.

Cues are short, and order tells little in them ("a dog barking"); what a sum cannot say ("a man,
no dog") the table loses.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..cues import TextCueTable
from .sentences import SentenceEncoder
from .space import Space

log = logging.getLogger(__name__)

FREQUENT = 9_000  # of BERT's words
LIKELY = 4_500  # of its others, those most like a caption
ENDINGS = 1_800  # pieces that go on a word
PHRASES = 4_000  # of random words
RARER = 3_000  # words that are no piece of ours: what the pieces of words learn from
JOINED = 3  # letters of a word that goes on another, too: "templebell"
GENERIC = {"a", "an", "the", "of", "sound", "sounds"}  # tell no sound from another


@dataclass(frozen=True)
class Vocabulary:
    """Word pieces by number; `##ing` goes on a word, as BERT writes it."""

    pieces: tuple[str, ...]
    rarer: tuple[str, ...]  # BERT's words that were left out

    @classmethod
    def choose(
        cls, captions: Sequence[str], minilm: SentenceEncoder, bank: Sequence[str]
    ) -> "Vocabulary":
        """Take all words of the captions, and BERT's that are frequent or like one of the bank."""
        bert = minilm.pieces
        ours = sorted({word for caption in captions for word in words(caption)})
        letters = [piece for piece in bert if re.fullmatch("(##)?[a-z0-9]", piece)]
        theirs = [piece for piece in bert if re.fullmatch("[a-z]{2,}", piece)]
        endings = [piece for piece in bert if re.fullmatch("##[a-z]{2,}", piece)]
        others = sorted(set(theirs[FREQUENT:]) - set(ours))
        likeness = (minilm.embed(others) @ minilm.embed(bank).T).amax(1)
        order = likeness.argsort(descending=True).tolist()
        likely = [others[i] for i in order[:LIKELY]]
        kept = [*ours, *letters, *theirs[:FREQUENT], *likely, *endings[:ENDINGS]]
        return cls(tuple(dict.fromkeys(kept)), tuple(others[i] for i in order[LIKELY:]))

    def split(self, texts: Sequence[str]) -> list[list[int]]:
        """The numbers of each text's pieces, the longest first as BERT does."""
        from tokenizers.models import WordPiece

        numbers = {piece: number for number, piece in enumerate(self.pieces)}
        joined = {
            f"##{piece}": number
            for piece, number in numbers.items()
            if len(piece) >= JOINED and piece.isalpha()
        }
        model = WordPiece({**joined, **numbers, "[UNK]": len(numbers)}, unk_token="[UNK]")
        return [
            [
                token.id
                for word in telling(words(text))
                for token in model.tokenize(word)
                if token.id < len(numbers)
            ]
            for text in texts
        ]


def telling(its: Sequence[str]) -> Sequence[str]:
    """The words of a text that tell sounds apart; all of them if none does."""
    return [word for word in its if word not in GENERIC] or its


def words(text: str) -> list[str]:
    """Lower-case words and numbers of a text; all else parts them."""
    return re.findall("[a-z]+|[0-9]", text.lower())


def distil(
    vocabulary: Vocabulary,
    bank: Sequence[str],
    captions: Sequence[str],
    minilm: SentenceEncoder,
    space: Space,
    *,
    epochs: int = 16,
    seed: int = 0,
) -> TextCueTable:
    """Learn a table from captions, single words and phrases of random words.

    Args:
        bank, captions: those made from templates, and those of training clips.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    single = [piece for piece in vocabulary.pieces if not piece.startswith("##")]
    rarer = list(rng.choice(vocabulary.rarer, min(RARER, len(vocabulary.rarer)), replace=False))
    phrases = [" ".join(rng.choice(single, rng.integers(2, 5))) for _ in range(PHRASES)]
    groups = [bank, captions, single, rarer, phrases]
    places = space.place(torch.cat([minilm.embed(group) for group in groups]))
    table = TextCueTable(len(vocabulary.pieces))
    numbers = {piece: number for number, piece in enumerate(vocabulary.pieces)}
    with torch.no_grad():
        alone = torch.tensor([numbers[piece] for piece in single])
        said = len(bank) + len(captions)
        table.vectors[alone] = places[said : said + len(single)]
    _fit(table, vocabulary, [text for group in groups for text in group], places, said, epochs)
    return table.eval()


def _fit(
    table: TextCueTable,
    vocabulary: Vocabulary,
    texts: Sequence[str],
    places: Tensor,
    captions: int,
    epochs: int,
) -> None:
    """Bring the sums to the places; captions come as often as all other texts together."""
    optimizer = torch.optim.Adam(table.parameters(), lr=0.01)
    split = vocabulary.split(texts)
    readable = torch.tensor([len(pieces) > 0 for pieces in split]).float()
    share = readable.clone()
    share[:captions] *= (len(texts) - captions) / max(1, captions)
    steps = epochs * len(texts) // 1024 + 1
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * (1 - step / steps)
        chosen = torch.multinomial(share, min(1024, int(readable.sum())))
        cues = table(*_flat([split[i] for i in chosen]), len(chosen))
        # A little decay, so that pieces that are seldom read stay where they began.
        loss = (1 - F.cosine_similarity(cues, places[chosen])).mean()
        optimizer.zero_grad(set_to_none=True)
        (loss + 1e-3 * table.weights.square().mean()).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % 200 == 0:
            log.info("step %d of %d, loss %.4f", step, steps, loss.item())


@torch.no_grad()
def embed(table: TextCueTable, vocabulary: Vocabulary, texts: Sequence[str]) -> Tensor:
    """(N, width) cues of texts."""
    cues: Tensor = table(*_flat(vocabulary.split(texts)), len(texts))
    return cues


def _flat(split: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """All pieces in one row, and the text that each belongs to."""
    owners = [number for number, pieces in enumerate(split) for _ in pieces]
    return torch.tensor([piece for pieces in split for piece in pieces]), torch.tensor(owners)
