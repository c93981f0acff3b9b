"""Whisper's search with its state kept on a card: the same tokens as on the CPU; then, how fast.

How many tokens are said between two looks at what they are (`rows.AHEAD`) is chosen by what this
tells of a card; so far no card was asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from tap_live.errors import BundleError, RuntimeMissingError
from tap_live.export.gpu_models import Models, wanted
from tap_live.export.gpu_rows import Found
from tap_live.export.gpu_torch import timed
from tap_live.export.task import conversation
from tap_live.export.whisper_sessions import in_pytorch
from tap_live.providers import Device, Where
from tap_live.whisper.assemble import assembled
from tap_live.whisper.decoding import (
    DecodingOptions,
    Hypothesis,
    decode_rows,
    tokenizer_of,
    window_of,
)
from tap_live.whisper.features import RATE, context_frames, log_mel
from tap_live.whisper.model import Encoded, Float32, Prompt, Whisper
from tap_live.whisper.rows import greedy_rows

MODEL, SPAN_S, SPANS = "tiny.en", 8.0, 4
AHEAD = (1, 4, 8)
OPTIONS = DecodingOptions(language="en", without_timestamps=True)
TOKENS, FRAMES = 8, 1000  # of captions: new ones in a pass, a second of speech; what is heard again
SPEAKERS, STRIDE_S, RUNS = 64, 1.0, 20  # DESIGN 7; a pass a second
COMPARED = 2  # rows
SURE = 1e-3  # nats a token: what fp32 may differ by
CAPTIONS = (
    f"captions, one search of {SPEAKERS} rows, {STRIDE_S:g} s of new audio each "
    f"(not a stream of {SPEAKERS} speakers)"
)


def search_on(device: Device, rows: int, runs: int) -> Found:
    """Search on a device. Raises: RuntimeMissingError without it, or without Whisper's weights."""
    wanted(device)
    try:
        folder = assembled(MODEL, precision="fp32")
    except BundleError as error:
        raise RuntimeMissingError(str(error)) from error
    there = Whisper(folder, where=Where(device, strict=True), rows=rows)
    return search(Whisper(folder), there, rows, runs)


def search(here: Whisper, there: Whisper, rows: int, runs: int) -> Found:
    """Compare two Whispers, of which the second keeps its state; time that one with many rows."""
    audio = conversation(RATE).audio
    spans = [audio[round(n * SPAN_S * RATE) :][: round(SPAN_S * RATE)] for n in range(SPANS)]
    mel = np.stack([log_mel(span, context_frames(SPAN_S)) for span in spans])
    if not same(_words(there, mel), _words(here, mel)):
        return "other tokens: not timed", False
    many = there.encode(np.resize(mel, (rows, *mel.shape[1:])))
    taken = ", ".join(f"{1e3 * _timed(there, many, rows, ahead, runs):.0f}" for ahead in AHEAD)
    looks = ", ".join(map(str, AHEAD))
    return f"the same tokens; {rows} rows in {taken} ms, {looks} tokens between looks", True


def captions_on(models: Models, device: Device) -> Found:
    """Raises: RuntimeMissingError without the device."""
    there = models.captioner(device, SPEAKERS)
    return captions(in_pytorch(models.networks.listener, models.whisper), there)


def captions(here: Whisper, there: Whisper, rows: int = SPEAKERS, runs: int = RUNS) -> Found:
    """Compare some rows of the search of all with those of another Whisper; time the search."""
    every = one_pass(there, rows)
    if not same(every()[:COMPARED], one_pass(here, COMPARED)()):
        return "other tokens: not timed", False
    took = timed(every, torch.device("cpu"), runs)  # ends with arrays: all is done
    return f"the same tokens; {1e3 * took:.0f} ms", took <= STRIDE_S


def same(found: Sequence[Hypothesis], expected: Sequence[Hypothesis]) -> bool:
    """Whether rows have the same tokens, and are as sure of them: which hangs on what is heard."""
    return all(
        one.tokens == other.tokens and abs(one.average_logprob - other.average_logprob) <= SURE
        for one, other in zip(found, expected, strict=True)
    )


def one_pass(model: Whisper, rows: int) -> Callable[[], list[Hypothesis]]:
    """What a search for many speakers does once: encode what is open of each row, go on.

    Each row has a speaker of its own to listen for, made up as its audio is.
    """
    mel, none = _noise((rows, model.dims.n_mels, FRAMES), 0), model.no_prompt(rows)
    prompt = Prompt(
        _noise(none.encoder.shape, 1), _noise(none.decoder.shape, 2), np.ones(rows, np.bool_)
    )
    return partial(_words, model, mel, replace(OPTIONS, max_tokens=TOKENS), prompt)


def _noise(shape: tuple[int, ...], seed: int) -> Float32:
    """However many rows there are, the first ones are the same."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _words(
    model: Whisper,
    mel: Float32,
    options: DecodingOptions = OPTIONS,
    prompt: Prompt | None = None,
) -> list[Hypothesis]:
    return decode_rows(model, model.encode(mel, prompt), [options] * len(mel), prompt)


def _timed(model: Whisper, encoded: Encoded, rows: int, ahead: int, runs: int) -> float:
    """Seconds of a search, the median."""
    window = window_of(model, tokenizer_of(model), encoded, OPTIONS, "en", None)
    drafts: Sequence[Sequence[int]] = [()] * rows

    def search() -> object:
        reader = model.reader(encoded, None, window.rules)
        return greedy_rows(reader, [window] * rows, drafts, ahead)

    return timed(search, torch.device("cpu"), runs)
