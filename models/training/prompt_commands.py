"""`fit` and `pack` for prompts; see `commands.py`."""

import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from ..speaker import SpeakerEncoder
from ..ts_whisper import open_whisper
from .checkpoint import open_network
from .config import Schedule
from .corpus import Corpus, open_corpus
from .prompt_extracting import Extracting
from .prompt_files import TOKENIZER, known_words, whisper_folder, words_in
from .prompt_mixing import PromptRecipe
from .prompts import PromptConfig, PromptTrainer, prompt_course
from .runner import Place
from .words import Script

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PromptFiles:
    """What a user gave."""

    data: Path
    cache: Path
    whisper: str | None
    labels: Path | None
    extractor: Path | None = None


def prompt_trainer(
    files: PromptFiles,
    encoder: SpeakerEncoder,
    config: PromptConfig,
    recipe: PromptRecipe,
    out: Path,
    place: Place,
) -> PromptTrainer:
    """Open what there is to learn from, and say how much of the network learns.

    Raises: FileNotFoundError, ValueError saying what is missing.
    """
    front = Extracting(open_network(files.extractor), place.device) if files.extractor else None
    folder = whisper_folder(files.whisper, files.data, files.cache)
    whisper = open_whisper(folder)
    script = Script(folder / TOKENIZER, whisper.dims.n_vocab)
    corpus = open_corpus(files.data, encoder.to(place.device), files.cache)
    words = known_words(files.data, files.labels)
    course = prompt_course(corpus, words, script, recipe, config.seed)
    trainer = PromptTrainer(config, whisper, course, _cues(corpus), out, place, front)
    learning, total = trainer.trained
    log.info(
        "%s; %d of %d parameters learn: %.2f %%",
        words_in(words), learning, total, 100 * learning / total,
    )  # fmt: skip
    return trainer


def _cues(corpus: Corpus) -> torch.Tensor:
    """The embeddings of the training voices: (N, D)."""
    cues = [torch.from_numpy(cue).flatten(0, -2) for cue in corpus.voices.cues]
    return torch.cat(cues)


def prompt_schedule(steps: int, minutes: float, batch: int, rate: float) -> Schedule:
    """Prompts settle sooner than networks do: less of the past is averaged in."""
    return Schedule(
        steps=steps, minutes=minutes, batch=batch, rate=rate, average=0.99, clip=1.0, warmup=50
    )
