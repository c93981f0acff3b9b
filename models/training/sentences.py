"""MiniLM: sentences as 384 numbers, the space that our cues are a part of.

Only training needs it. The weights are all-MiniLM-L6-v2 of the sentence-transformers authors
(Apache-2.0); a package carries them unchanged (present.py).

Source: Reimers and Gurevych, arXiv:1908.10084; Wang et al., arXiv:2002.10957.
"""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .whole import written_whole

log = logging.getLogger(__name__)

WIDTH = 384


class SentenceEncoder:
    """The mean of MiniLM's last states, as unit vectors; lists once read are kept in `cache`."""

    def __init__(self, folder: Path, cache: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._cache = cache
        self._model = AutoModel.from_pretrained(folder).eval()

    @property
    def pieces(self) -> list[str]:
        """Its word pieces, the most frequent words first."""
        numbered: dict[str, int] = self._tokenizer.get_vocab()
        return sorted(numbered, key=lambda piece: numbered[piece])

    def embed(self, sentences: Sequence[str]) -> Tensor:
        """N sentences -> (N, 384) unit vectors."""
        key = hashlib.sha256("\n".join(sentences).encode()).hexdigest()[:16]
        file = self._cache / f"sentences-{key}.npy"
        if not file.exists():
            log.info("reading %d sentences to %s", len(sentences), file)
            with written_whole(file) as part:
                np.save(part, self._read(sentences).numpy())
        return torch.from_numpy(np.load(file))

    @torch.no_grad()
    def _read(self, sentences: Sequence[str], batch: int = 256) -> Tensor:
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))  # less padding
        vectors = torch.empty(len(sentences), WIDTH)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            read = self._tokenizer(
                [sentences[i] for i in chosen], padding=True, truncation=True, return_tensors="pt"
            )
            states = self._model(**read).last_hidden_state  # (B, tokens, 384)
            mask = read["attention_mask"][..., None]
            vectors[chosen] = F.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
        return vectors
