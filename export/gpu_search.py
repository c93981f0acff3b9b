"""Whisper's search with its state kept on a card: the same tokens as on the CPU, and how fast.

How many tokens are said between two looks at what they are (`rows.AHEAD`) is chosen by what this
tells of a card; so far no card was asked.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from tap_live.errors import BundleError, RuntimeMissingError
from tap_live.export.task import conversation
from tap_live.providers import Device, Where
from tap_live.whisper.assemble import assembled
from tap_live.whisper.decoding import (
    DecodingOptions,
    decode,
    decode_rows,
    tokenizer_of,
    window_of,
)
from tap_live.whisper.features import RATE, context_frames, log_mel
from tap_live.whisper.model import Encoded, Whisper
from tap_live.whisper.rows import greedy_rows

MODEL, SPAN_S, SPANS = "tiny.en", 8.0, 4
AHEAD = (1, 4, 8)
OPTIONS = DecodingOptions(language="en", without_timestamps=True)
TOKENS, FRAMES = 8, 1000  # of captions: new ones in a pass, a second of speech; what is heard again


def search_on(device: Device, rows: int, runs: int) -> tuple[str, bool]:
    """Search on a device. Raises: RuntimeMissingError without it, or without Whisper's weights."""
    try:
        folder = assembled(MODEL, precision="fp32")
    except BundleError as error:
        raise RuntimeMissingError(str(error)) from error
    return search(Whisper(folder), Whisper(folder, where=Where(device, strict=True)), rows, runs)


def search(here: Whisper, there: Whisper, rows: int, runs: int) -> tuple[str, bool]:
    """Compare two Whispers, of which the second keeps its state; time that one with many rows."""
    audio = conversation(RATE).audio
    spans = [audio[round(n * SPAN_S * RATE) :][: round(SPAN_S * RATE)] for n in range(SPANS)]
    mel = np.stack([log_mel(span, context_frames(SPAN_S)) for span in spans])
    encoded = here.encode(mel)
    wanted = [decode(here, encoded.rows([row]), OPTIONS).tokens for row in range(SPANS)]
    found = [one.tokens for one in decode_rows(there, there.encode(mel), [OPTIONS] * SPANS)]
    many = there.encode(np.resize(mel, (rows, *mel.shape[1:])))
    taken = ", ".join(f"{1e3 * _timed(there, many, rows, ahead, runs):.0f}" for ahead in AHEAD)
    said = "the same tokens" if found == wanted else "other tokens"
    looks = ", ".join(map(str, AHEAD))
    return f"{said}; {rows} rows in {taken} ms, {looks} tokens between looks", found == wanted


def one_pass(model: Whisper, rows: int) -> Callable[[], object]:
    """What captions do for many speakers once in a while: encode what is open of each, go on."""
    shape = (rows, model.dims.n_mels, FRAMES)
    mel = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    options = replace(OPTIONS, max_tokens=TOKENS)

    def run() -> object:
        encoded = model.encode(mel)
        window = window_of(model, tokenizer_of(model), encoded, options, "en", None)
        drafts: Sequence[Sequence[int]] = [()] * rows
        return greedy_rows(model.reader(encoded, None, window.rules), [window] * rows, drafts)

    return run


def _timed(model: Whisper, encoded: Encoded, rows: int, ahead: int, runs: int) -> float:
    """Seconds of a search, the median."""
    window = window_of(model, tokenizer_of(model), encoded, OPTIONS, "en", None)
    drafts: Sequence[Sequence[int]] = [()] * rows
    times = []
    for _ in range(1 + runs):
        begun = time.perf_counter()
        greedy_rows(model.reader(encoded, None, window.rules), [window] * rows, drafts, ahead)
        times.append(time.perf_counter() - begun)
    return median(times[1:])
