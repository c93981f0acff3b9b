"""Whether what `tap-live export` was given is there: asked before PyTorch and ONNX are imported.

Nothing here imports either, which takes seconds.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from tap_live.errors import BundleError, ConfigError, RuntimeMissingError
from tap_live.export.exporters import Job, check_options, check_target
from tap_live.models.present import check_file, check_separator
from tap_live.models.training.whisper_files import TOKENIZER, check_whisper
from tap_live.providers import GPU_INSTALL

CLAPSEP_OPTIONS = ("--option clap=FILE", "--option tokenizer=FOLDER")
FORMS = "OpenAI's .pt, a CTranslate2 or Hugging Face folder, or a name, base.en"
NOT_THERE = "give the path of one that is there"


def check_given(job: Job) -> None:
    """Raises: ConfigError if the job cannot be; BundleError saying which file is missing, and
    where it comes from; RuntimeMissingError without TensorRT.
    """
    check_options(job)
    check_target(job)
    try:
        _CHECKS[job.model](job)
        if "figures" in job.options:
            check_file(Path(job.options["figures"]), "Markdown for the card", NOT_THERE)
    except ConfigError:
        raise
    except (FileNotFoundError, ValueError) as error:  # they say what is amiss
        raise BundleError(str(error)) from error
    if job.to == "tensorrt" and find_spec("tensorrt") is None:
        raise RuntimeMissingError(f"wanted TensorRT, found none: {GPU_INSTALL}")


def vocoder_of(job: Job) -> Path:
    """Raises: ConfigError if gentse was given none."""
    if "vocoder" not in job.options:
        raise ConfigError(
            "the generative model speaks through a vocoder: add --option vocoder=FILE"
        )
    return Path(job.options["vocoder"])


def _clapsep(job: Job) -> None:
    clap, tokenizer = (job.options.get(name) for name in ("clap", "tokenizer"))
    check_separator(
        Path(job.checkpoint),
        Path(clap) if clap else None,
        Path(tokenizer) if tokenizer else None,
        CLAPSEP_OPTIONS,
    )


def _compact(job: Job) -> None:
    what = "best.pt or .safetensors of a compact extractor"
    check_file(Path(job.checkpoint), what, "give that of a run of `fit`")


def _gentse(job: Job) -> None:
    vocoder = vocoder_of(job)
    check_file(Path(job.checkpoint), "best.pt of `fit-gentse`", NOT_THERE)
    check_file(vocoder, "best.pt of `fit-vocoder`, or a public generator", NOT_THERE)
    _check_whisper_option(job)


def _prompts(job: Job) -> None:
    check_file(Path(job.checkpoint), "prompts for Whisper", "give best.pt of `fit --kind prompts`")
    _check_whisper_option(job)


def _check_whisper_option(job: Job) -> None:
    check_whisper(job.options.get("whisper", "tiny.en"), job.scratch, job.scratch)


def _whisper(job: Job) -> None:
    given = Path(job.checkpoint)
    if given.is_dir():
        if not any(given.glob("*.safetensors")) and not (given / "model.bin").is_file():
            raise FileNotFoundError(
                f"wanted model.bin (CTranslate2) or *.safetensors (Hugging Face) in {given}, "
                "found neither"
            )
    elif given.is_file():
        if given.suffix != ".pt":
            raise ValueError(f"wanted weights of a Whisper, {given} is none: give {FORMS}")
    elif given.suffix == ".pt" or len(given.parts) > 1:
        raise FileNotFoundError(f"wanted weights of a Whisper, found no {given}: give {FORMS}")
    else:
        check_whisper(job.checkpoint, job.scratch, job.scratch)
    if tokenizer := job.options.get("tokenizer"):
        what = f"the folder of Whisper's {TOKENIZER}"
        check_file(Path(tokenizer) / TOKENIZER, what, NOT_THERE)


_CHECKS: Mapping[str, Callable[[Job], None]] = {
    "clapsep": _clapsep,
    "compact": _compact,
    "gentse": _gentse,
    "ts-whisper": _prompts,
    "whisper": _whisper,
}
