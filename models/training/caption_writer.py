"""Captions of sounds by a language model on this machine, for training without paired text."""

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from .captions import others
from .labels import Kinds
from .present import check_language_model

log = logging.getLogger(__name__)

PROMPT = (
    "Short descriptions of sounds, one a line:\n"
    "a dog barking far away while it rains\n"
    "someone typing quickly on a keyboard\n"
    "a train passing with a loud horn\n"
    "{}"
)
WORDS = (3, 24)  # fewest and most
NEW_TOKENS = 24
_ODD = re.compile(r"[^\w\s,.'-]|\d{3}|http")


def write_captions(
    folder: Path,
    out: Path,
    count: int,
    seed: int = 0,
    batch: int = 8,
    watch: Callable[[int], None] = lambda _: None,
) -> int:
    """Add captions to a file until it has `count`; what it has already is kept.

    Args:
        folder: a causal language model as transformers saves it; nothing is fetched.
        watch: told how many there are.

    Returns: how many there are; fewer, if the model repeats itself.
    Raises: FileNotFoundError if there is no model.
    """
    model = _open(folder)  # before there is a file
    known = set(out.read_text(encoding="utf-8").splitlines()) if out.is_file() else set()
    out.parent.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed + len(known))
    rounds = 0
    with out.open("a", encoding="utf-8") as file:
        for caption in _captions(*model, batch):
            rounds += 1
            if len(known) >= count or rounds > 20 * count:
                break
            if caption and caption not in known:
                known.add(caption)
                file.write(caption + "\n")
                watch(len(known))
    return len(known)


def usable(text: str) -> str:
    """The first line of what was written, if it is a caption; else nothing."""
    line = " ".join(text.split("\n")[0].split()).rstrip(".").strip()
    words = len(line.split())
    return "" if _ODD.search(line) or not WORDS[0] <= words <= WORDS[1] else line


def _captions(tokenizer: Any, model: Any, batch: int) -> Iterator[str]:
    """For ever, beginning with every sound that we know of in turn."""
    begins = [*(saying for saying in Kinds.open().sayings()), *others()]
    while True:
        for start in range(0, len(begins), batch):
            part = begins[start : start + batch]
            given = tokenizer([PROMPT.format(b) for b in part], return_tensors="pt", padding=True)
            with torch.no_grad():
                ids = model.generate(
                    **given,
                    do_sample=True,
                    top_p=0.9,
                    max_new_tokens=NEW_TOKENS,
                    pad_token_id=tokenizer.pad_token_id,
                )
            said = tokenizer.batch_decode(
                ids[:, given["input_ids"].shape[1] :], skip_special_tokens=True
            )
            yield from (usable(begin + more) for begin, more in zip(part, said, strict=True))


def _open(folder: Path) -> tuple[Any, Any]:
    check_language_model(folder)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, padding_side="left")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    model.eval()  # type: ignore[no-untyped-call]
    return tokenizer, model
