"""Whisper as ONNX graphs: log-mel frames in, logits and cross-attention out.

    model = Whisper.open("tiny.en")
    encoded = model.encode(mel)
    logits, align, state = model.decode(tokens, model.start(encoded))

Nothing is hidden: a `DecoderState` may be kept, cut, reordered and gone on from twice.
Letters in shapes: B rows, A rows of audio, F mel frames, T = F / 2 positions, N token columns,
S columns in the cache, P prompt length, W width, H heads, D = W / H, V vocabulary.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from tap_live.bundle import sha256
from tap_live.errors import BundleError, ConfigError
from tap_live.profiles import Ranges
from tap_live.providers import CPU, Device, Placed, Where, place
from tap_live.whisper.reader import Reader
from tap_live.whisper.resident import Resident
from tap_live.whisper.rules import Rules

Precision: TypeAlias = Literal["int8", "bf16", "fp16", "fp32"]
Float32: TypeAlias = NDArray[np.float32]
Int64: TypeAlias = NDArray[np.int64]
Progress: TypeAlias = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

DIMS = "dims.json"
RECORD = "assembled.json"  # every file of the folder and its sha256
STATIC = "decoder-static"  # the graph whose caches do not grow
ROWS = 8  # that an engine is built for, if nobody says more
USUAL = 500  # positions, 10 s


class WhisperDims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes of one model, and what its tokens mean."""

    n_mels: int
    n_audio_ctx: int  # encoder positions of 20 ms; F is at most twice this
    n_text_ctx: int  # token columns, prompts included
    n_vocab: int
    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    multilingual: bool
    alignment_heads: tuple[tuple[int, int], ...]  # (layer, head)
    prompt_length: int

    @property
    def previous(self) -> int:
        """The token that a prompted sequence begins with, `<|startofprev|>`."""
        return self.n_vocab - 1504  # 1501 timestamps and two more tokens come after it

    def ranges(self, rows: int) -> Ranges:
        """Of the graphs' free axes, where engines are built; `rows` of audio or tokens, at most.

        Usual is what captions read: a token of one voice, in 10 s. The decoder whose caches grow
        has no engine: its S begins at nothing.
        """
        least, most = 1 + self.prompt_length, self.n_audio_ctx  # positions
        return {
            "A": (1, 1, rows),
            "B": (1, 1, rows),
            "F": (2 * least, 2 * min(USUAL, most), 2 * most),
            "T": (least, min(USUAL, most), most),
            "N": (1, 1, self.n_text_ctx),
            "last": (1, 1, self.n_text_ctx),  # columns whose logits are wanted
        }


@dataclass(frozen=True)
class Prompt:
    """Whom to transcribe, for each row, as soft prompts; `on` says which rows have one."""

    encoder: Float32  # (B, encoder layers, 1 + P, W); row 0 is the projected speaker vector
    decoder: Float32  # (B, decoder layers, P, W)
    on: NDArray[np.bool_]  # (B,)

    def rows(self, rows: Sequence[int]) -> "Prompt":
        chosen = list(rows)
        return Prompt(self.encoder[chosen], self.decoder[chosen], self.on[chosen])


@dataclass(frozen=True)
class Encoded:
    """What the decoder attends to, for A stretches of audio: arrays, or as a device left it."""

    hidden: Any  # (A, T, W)
    cross_k: Any  # (decoder layers, A, H, T, D)
    cross_v: Any  # (decoder layers, A, H, T, D)

    def rows(self, rows: Sequence[int]) -> "Encoded":
        chosen, here = list(rows), self.fetched()
        return Encoded(here.hidden[chosen], here.cross_k[:, chosen], here.cross_v[:, chosen])

    def fetched(self) -> "Encoded":
        """The same as arrays."""
        parts = (self.hidden, self.cross_k, self.cross_v)
        return Encoded(*(p if isinstance(p, np.ndarray) else p.numpy() for p in parts))


@dataclass(frozen=True)
class DecoderState:
    """What the decoder has read: one hypothesis a row, B of them, from A stretches of audio."""

    encoded: Encoded
    audio: tuple[int, ...]  # which audio each row belongs to
    prompt: Prompt  # of the rows
    cache: tuple[Float32, ...]  # keys and values of each layer, (B, H, S, D)
    length: int = 0  # tokens that the caller gave, which is less than S after a prompt
    opening: int = 0  # columns that stand before the caller's
    _cross: tuple[Float32, ...] = field(default=(), repr=False)

    def reorder(self, rows: Sequence[int]) -> "DecoderState":
        """Go on with these rows, any of them more than once."""
        chosen = list(rows)
        if chosen == [*range(len(self.audio))]:
            return self
        audio = tuple(self.audio[row] for row in chosen)
        cache = tuple(part[chosen] for part in self.cache)
        kept = replace(self, audio=audio, prompt=self.prompt.rows(chosen), cache=cache)
        return replace(kept, _cross=_cross(self.encoded, audio, self._cross, self.audio))

    def truncate(self, length: int) -> "DecoderState":
        """Forget what was read after the caller's first `length` tokens."""
        if length >= self.length:
            return self
        columns = self.opening + length
        cache = tuple(np.ascontiguousarray(part[:, :, :columns]) for part in self.cache)
        return replace(self, cache=cache, length=length)


class Session(Protocol):
    """What runs a graph: ONNX Runtime's session, or PyTorch in `export`."""

    def run(self, results: Sequence[str], feeds: Mapping[str, Any]) -> list[Any]: ...


class Whisper:
    """One model in one precision; calls on several threads must be kept apart by the caller.

    `device` says where it runs; `resident` is what keeps everything there, None on the CPU.
    `rows` is how many can be searched there at once.
    """

    def __init__(
        self,
        folder: Path,
        *,
        threads: int = 1,
        where: Where = CPU,
        rows: int = ROWS,
        sessions: "tuple[Session, Session] | None" = None,
    ) -> None:
        """Load an assembled folder; TensorRT builds its engines now, if it is asked for.

        Args:
            rows: that are read at once on a card, at most: engines are built for as many.
            sessions: encoder and decoder where they are others than the folder's graphs.
        Raises: BundleError if it is incomplete.
        """
        self.folder = folder
        try:
            self.dims = msgspec.json.decode((folder / DIMS).read_bytes(), type=WhisperDims)
        except (OSError, msgspec.DecodeError) as error:
            raise BundleError(f"no assembled Whisper at {folder}: {error}") from error
        self.device, self.resident, self.rows = "cpu", None, rows
        self._threads, self._where = threads, where
        record = folder / RECORD
        self._weights = sha256(record) if record.is_file() else ""
        if sessions is None:
            encoder = self._placed("encoder", where.device)
            self.device, self._encoder = encoder.device, encoder.session
            if self.device != "cpu" and (folder / f"{STATIC}.onnx").is_file():
                self.resident = self.kept_on(where.device)
            else:
                self._decoder = self._placed("decoder", where.device).session
        else:
            self._encoder, self._decoder = sessions
        layers = range(self.dims.decoder_layers)
        self._cache_names = [f"self_{kind}.{layer}" for layer in layers for kind in "kv"]
        self._cross_names = [f"cross_{kind}.{layer}" for layer in layers for kind in "kv"]
        self._results = ["logits", "align", *(f"{name}.next" for name in self._cache_names)]

    @classmethod
    def open(
        cls,
        source: str | Path,
        *,
        precision: Precision = "int8",
        threads: int = 1,
        progress: Progress | None = None,
        where: Where = CPU,
    ) -> "Whisper":
        """Load a model by name ("tiny.en", "base.en", "base") or from a folder of weights.

        The first time, weights are found, checked and assembled into the user's cache.

        Raises: BundleError if there are none, or broken ones; StorageError if the cache
            cannot be written.
        """
        from tap_live.whisper.assemble import assembled

        folder = assembled(source, precision=precision, progress=progress)
        return cls(folder, threads=threads, where=where)

    def encode(self, mel: Float32, prompt: Prompt | None = None) -> Encoded:
        """Encode (A, mels, F) log-mel frames, F even: 3000 for 30 s, or only as many as there are.

        With a prompt the first 2 (1 + P) frames are zeros, whose places it takes.

        Raises: ConfigError if F is odd, too many, or too few for a prompt, or an engine was built
            for fewer rows.
        """
        self._check(mel)
        given = self.no_prompt(mel.shape[0]) if prompt is None else prompt
        feeds = {"mel": mel, "prompt": given.encoder, "prompt_on": given.on}
        if self.resident:
            return Encoded(*self.resident.encode(feeds))
        return Encoded(*self._encoder.run(["hidden", "cross_k", "cross_v"], feeds))

    @cached_property
    def _decoder(self) -> Session:
        """What `decode` runs, loaded when it is: a search that stays on a device does not ask.

        Beside engines it runs on CUDA, for there is none of it.
        """
        device = "cuda" if self.device == "tensorrt" else self._where.device
        session: Session = self._placed("decoder", device).session
        return session

    def _placed(self, graph: str, device: Device) -> Placed:
        """Not `whole`: what computes the lengths of free axes belongs on the CPU."""
        return place(
            self.folder / f"{graph}.onnx",
            device,
            ranges=self.dims.ranges(self.rows),
            beside=self._weights,
            threads=self._threads,
            strict=self._where.strict,
            waiting=self._where.waiting,
            whole=False,
            planned=False,  # a stream has another length at every pass
        )

    def kept_on(self, device: Device) -> Resident:
        """Encoder and decoder with caches, logits and choices in a device's memory."""
        decoder = self._placed(STATIC, device)
        return Resident(self._encoder, decoder.session, decoder.device)

    def reader(self, encoded: Encoded, prompt: Prompt | None, rules: Rules) -> Reader:
        """What reads one row of tokens for each row of `encoded`, on the device.

        Raises: ConfigError if nothing is kept on a device.
        """
        if self.resident is None:
            raise ConfigError(f"wanted a Whisper that keeps its state, found one on {self.device}")
        dims = self.dims
        given = self.no_prompt(_rows_of(encoded)) if prompt is None else prompt
        opening = (dims.previous,) * (1 + dims.prompt_length) if given.on.any() else ()
        cross = encoded.cross_k, encoded.cross_v
        return Reader(self.resident, opening, cross, (given.decoder, given.on), rules, dims.n_vocab)

    def _check(self, mel: Float32) -> None:
        most, least = 2 * self.dims.n_audio_ctx, 2 * (1 + self.dims.prompt_length)
        frames = mel.shape[-1]
        if mel.ndim != 3 or mel.shape[1] != self.dims.n_mels or frames % 2:
            raise ConfigError(
                f"wanted log-mel frames of shape (rows, {self.dims.n_mels}, an even number), "
                f"found {mel.shape}"
            )
        if not least <= frames <= most:
            raise ConfigError(f"wanted {least} to {most} mel frames, found {frames}")
        if self.device == "tensorrt" and len(mel) > self.rows:
            raise ConfigError(
                f"the engines are built for {self.rows} rows, found {len(mel)}: open with more rows"
            )

    def no_prompt(self, rows: int) -> Prompt:
        """Return the prompt of plain Whisper."""
        dims = self.dims
        return Prompt(
            np.zeros((rows, dims.encoder_layers, 1 + dims.prompt_length, dims.width), np.float32),
            np.zeros((rows, dims.decoder_layers, dims.prompt_length, dims.width), np.float32),
            np.zeros(rows, np.bool_),
        )

    def start(self, encoded: Encoded, prompt: Prompt | None = None) -> DecoderState:
        """Return the state before the first token, one hypothesis for each audio.

        A prompt's own columns are put in front by `decode`; the caller never sees them.
        """
        encoded = encoded.fetched()
        rows = encoded.hidden.shape[0]
        given = self.no_prompt(rows) if prompt is None else prompt
        heads, width = self.dims.heads, self.dims.width // self.dims.heads
        empty = np.zeros((rows, heads, 0, width), np.float32)
        audio = tuple(range(rows))
        return DecoderState(
            encoded,
            audio,
            given,
            (empty,) * len(self._cache_names),
            opening=1 + self.dims.prompt_length if given.on.any() else 0,
            _cross=_cross(encoded, audio, (), ()),
        )

    def decode(
        self, tokens: Int64, state: DecoderState, *, last: int | None = None
    ) -> tuple[Float32, Float32, DecoderState]:
        """Read (B, N) tokens, N at least 1: start tokens, the next one, or a draft.

        Args:
            tokens: what comes after those that `state` has read, for each row.
            state: from `start` or an earlier call; it is left as it was.
            last: how many columns' logits are wanted, counted from the end; None: all N.

        Returns: (B, last, V) logits of what follows each of them, (B, alignment heads, N, T)
            where each column looks, the state after them.
        Raises: ConfigError if the text context has no room for N more.
        """
        columns = tokens.shape[1]
        if state.opening + state.length + columns > self.dims.n_text_ctx:
            raise ConfigError(
                f"wanted room for {columns} tokens, found "
                f"{self.dims.n_text_ctx - state.opening - state.length}: decode a shorter text"
            )
        first = state.cache[0].shape[2]
        given = tokens if first or not state.opening else self._opened(tokens)
        feeds: dict[str, Any] = {
            "tokens": given,
            "last": np.array([columns if last is None else last]),
            "prompt": state.prompt.decoder,
            "prompt_on": state.prompt.on,
            # Rows without a prompt begin where the others' prompts end.
            "position": first - np.where(state.prompt.on, 0, state.opening),
        }
        feeds.update(zip(self._cross_names, state._cross, strict=True))
        feeds.update(zip(self._cache_names, state.cache, strict=True))
        logits, align, *cache = self._decoder.run(self._results, feeds)
        after = replace(state, cache=tuple(cache), length=state.length + columns)
        return logits, align[:, :, -columns:], after

    def _opened(self, tokens: Int64) -> Int64:
        """Put a prompt's columns in front; which tokens stand at 1 to P does not matter."""
        opening = np.full((tokens.shape[0], 1 + self.dims.prompt_length), self.dims.previous)
        return np.concatenate([opening, tokens], axis=1)


def _rows_of(encoded: Encoded) -> int:
    here = isinstance(encoded.hidden, np.ndarray)
    return int((encoded.hidden.shape if here else encoded.hidden.shape())[0])


def _cross(
    encoded: Encoded,
    audio: tuple[int, ...],
    known: tuple[Float32, ...],
    known_audio: tuple[int, ...],
) -> tuple[Float32, ...]:
    """Return cross keys and values layer by layer, as the graph takes them.

    Rows come in equal groups, one for each audio that is passed in: where they do not (a beam
    search in which one audio has ended), every row gets its own copy.
    """
    groups = _groups(audio)
    if known and groups == _groups(known_audio):
        return known
    layers = zip(encoded.cross_k, encoded.cross_v, strict=True)
    if groups == tuple(range(encoded.hidden.shape[0])):
        return tuple(part for layer in layers for part in layer)
    chosen = list(groups)
    return tuple(part[chosen] for layer in layers for part in layer)


def _groups(audio: tuple[int, ...]) -> tuple[int, ...]:
    """Name the audio of each group of rows, the longest groups that all have one length."""
    runs = [1]
    for before, after in pairwise(audio):
        if before == after:
            runs[-1] += 1
        else:
            runs.append(1)
    return audio[:: runs[0]] if len(set(runs)) == 1 else audio
