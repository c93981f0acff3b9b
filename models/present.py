"""Whether what a user gave is on this machine: asked before PyTorch and large files are opened.

Nothing here imports PyTorch, which takes seconds; nothing is fetched. Loaders ask the same.
"""

from pathlib import Path

LAION = "music_audioset_epoch_15_esc_90.14.pt"
TOKENIZER = "roberta-base"
SEPARATOR = "CLAPSep's weights, best_model.ckpt of AisakaMikoto/CLAPSep"
_WORDS = (("tokenizer.json",), ("vocab.json", "merges.txt"))  # a tokenizer in either layout


def check_file(file: Path, what: str, todo: str | None = None) -> None:
    """Raises: FileNotFoundError saying what was wanted and what to do."""
    if not file.is_file():
        todo = todo or "download it where there is a network, and give its path"
        raise FileNotFoundError(f"wanted {what}, found no file {file}: {todo}")


def check_clap(source: Path) -> None:
    """LAION's file, or a Hugging Face folder. Raises: FileNotFoundError saying where it is."""
    if not source.is_dir():
        check_file(source, f"CLAP's weights, {LAION} of lukewys/laion_clap")
    elif not (source / "config.json").is_file():
        raise FileNotFoundError(
            f"wanted a Hugging Face folder of CLAP, found no config.json in {source}: give "
            f"{LAION}, which lukewys/laion_clap on the hub has, or a CLAP with HTSAT-base that "
            "`hf download NAME --local-dir FOLDER` fetched where there is a network"
        )


def check_tokenizer(source: str | Path | None, option: str = "tokenizer") -> None:
    """RoBERTa's: in a folder, or in the Hugging Face cache, by a name or by its own.

    Args:
        option: what the user gives it as.
    Raises: FileNotFoundError saying what is needed.
    """
    if source is not None and Path(source).is_dir():
        found = any(all((Path(source) / file).is_file() for file in files) for files in _WORDS)
    else:
        found = any(all(_cached(str(source or TOKENIZER), f) for f in files) for files in _WORDS)
    if not found:
        raise FileNotFoundError(without_tokenizer(source, option))


def without_tokenizer(source: str | Path | None, option: str = "tokenizer") -> str:
    """What is said where there is none."""
    return (
        f"wanted the tokenizer of {TOKENIZER}, found none in "
        f"{source or 'the Hugging Face cache'}: put its tokenizer.json, or vocab.json and "
        f"merges.txt, with tokenizer_config.json, into a folder and give it as {option}, or run "
        f"`hf download {TOKENIZER}` where there is a network"
    )


def check_separator(
    weights: Path, clap: Path | None, tokenizer: Path | None, options: tuple[str, str]
) -> None:
    """What a full sound model with its cues needs, or a reduced one, which has no CLAP.

    Args:
        options: what the user gives CLAP and the tokenizer as.
    Raises: FileNotFoundError saying what is missing; ValueError if the authors' weights lack CLAP.
    """
    check_file(weights, SEPARATOR)
    if clap is not None:
        check_clap(clap)
        check_tokenizer(tokenizer, options[1])
    elif weights.suffix == ".ckpt":  # the authors'; trainings here write .pt
        raise ValueError(without_clap(weights, options[0]))


def without_clap(weights: Path, option: str = "clap") -> str:
    """What is said of weights that are no best.pt of a training here."""
    return (
        f"wanted a separator's best.pt, found none in {weights}; the authors' best_model.ckpt "
        f"goes with {option}, {LAION} of lukewys/laion_clap"
    )


def _cached(name: str, file: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    try:
        return isinstance(try_to_load_from_cache(name, file), str)
    except ValueError:  # a path that is none, and no name either
        return False
