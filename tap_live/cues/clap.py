"""Words and clips as CLAP's cues, by the graphs of a full model's bundle.

A cue is kept in the user's cache, so that the text encoder, the largest of all networks, is
loaded once for new words and never while a stream runs.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import platformdirs
from tokenizers import Tokenizer

from tap_live.audio.resample import StreamResampler
from tap_live.bundle import MANIFEST, Bundle
from tap_live.errors import CueError
from tap_live.extractors.context_spectra import MEL_RATE, log_mel
from tap_live.processor import Audio, Embedding
from tap_live.runtime import Engine, Tensors

SAMPLES = 10 * MEL_RATE
TOKENS = 77
PADDING = 1
SHORTEST_S = 0.05
SILENT = 1e-4  # peak, -80 dBFS


class ClapCues:
    """Embed words and recordings of one sound: (512,) unit vectors.

    Args:
        cache: folder of what was embedded before.
    """

    def __init__(self, bundle: Bundle, cache: Path | None = None) -> None:
        self._bundle = bundle
        self._cache = cache or platformdirs.user_cache_path("tap-live") / "cues"

    def of_text(self, text: str) -> Embedding:
        """Raises: CueError if there are no words; BundleError."""
        words = " ".join(text.split())
        if not words:
            raise CueError(f"no words in {text!r}: describe a sound, as in 'a dog barking'")
        return self._kept(words.encode(), "text-cue", lambda: self._tokens(words))

    def of_clip(self, audio: Audio, rate: int) -> Embedding:
        """Its first 10 s; shorter, it is repeated.

        Raises: CueError if the clip is silent, too short or not a number; BundleError.
        """
        audio = np.ascontiguousarray(audio[: 10 * rate], np.float32)
        if not np.isfinite(audio).all():
            raise CueError("the clip has samples that are not numbers: record it again")
        if len(audio) < SHORTEST_S * rate:
            raise CueError(
                f"the clip has {len(audio) / rate:.3f} s, "
                f"at least {SHORTEST_S} s of the sound are wanted"
            )
        if (peak := float(np.abs(audio).max())) < SILENT:
            raise CueError(f"the clip is silent (peak {peak:.1e}): record the sound again, louder")
        return self._kept(
            audio.tobytes() + str(rate).encode(),
            "audio-cue",
            lambda: {"mel": log_mel(_ten_seconds(audio, rate))[None]},
        )

    def _kept(self, said: bytes, graph: str, inputs: Callable[[], Tensors]) -> Embedding:
        """What is in the cache, or else what the graph makes of it."""
        key = hashlib.sha256(self._bundle.path(MANIFEST).read_bytes() + graph.encode() + said)
        file = self._cache / f"{key.hexdigest()[:32]}.npy"
        try:
            return np.asarray(np.load(file, allow_pickle=False), np.float32)
        except (OSError, ValueError):  # it is made, or made again
            outputs, _ = Engine(self._bundle, graph, threads=2).step(inputs(), {})
        cue: Embedding = outputs["cue"][0]
        with suppress(OSError):  # a full disk costs time at the next start, no more
            self._cache.mkdir(parents=True, exist_ok=True)
            np.save(file, cue)
        return cue

    def _tokens(self, words: str) -> Tensors:
        tokenizer = Tokenizer.from_file(str(self._bundle.path("tokenizer.json")))
        tokenizer.enable_truncation(TOKENS)
        tokenizer.enable_padding(length=TOKENS, pad_id=PADDING, pad_token="<pad>")
        tokens = np.array([tokenizer.encode(words).ids], np.int64)
        return {"tokens": tokens, "counts": (tokens != PADDING).astype(np.int64)}


def _ten_seconds(audio: Audio, rate: int) -> Audio:
    """(480000,) at 48 kHz."""
    resampler = StreamResampler(rate, MEL_RATE)
    copy = np.concatenate([resampler.push(audio), resampler.flush()])[:SAMPLES]
    if len(copy) < SAMPLES:
        copy = np.tile(copy, SAMPLES // len(copy))
    return np.pad(copy, (0, SAMPLES - len(copy)))
