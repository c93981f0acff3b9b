"""Our CLAP against laion-clap's own embeddings, where a file of them is given."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from tap_live.export.laion_oracle import signals
from tap_live.models.clap_files import open_clap, open_tokenizer, tokens_of

ORACLE, CLAP = (os.environ.get(name) for name in ("TAP_LAION_ORACLE", "TAP_LAION_CLAP"))


@pytest.mark.slow
@pytest.mark.skipif(
    not (ORACLE and CLAP), reason="TAP_LAION_ORACLE and TAP_LAION_CLAP name no files"
)
def test_embeddings_are_laions() -> None:
    clap, oracle = open_clap(Path(str(CLAP))), np.load(str(ORACLE))
    audio = clap.embed_audio(torch.from_numpy(signals()))
    np.testing.assert_allclose(audio, oracle["audio"], atol=1e-4)
    words = open_tokenizer(os.environ.get("TAP_ROBERTA"))
    text = clap.embed_tokens(tokens_of(words, oracle["texts"].tolist()))
    np.testing.assert_allclose(text, oracle["text"], atol=1e-4)


def test_the_sounds_are_the_same_everywhere() -> None:
    made = signals()
    assert made.shape == (3, 480_000) and made.dtype == np.float32
    np.testing.assert_allclose(
        made[0, :2], [0.0, 0.3 * np.sin(2 * np.pi * 100 / 48_000)], atol=1e-5
    )
