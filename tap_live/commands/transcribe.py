"""`tap-live transcribe`: captions of a file, as fast as it goes."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from tap_live.audio.files import AudioFile
from tap_live.audio.resample import StreamResampler
from tap_live.captions.cues import Cues, fits_a_line
from tap_live.captions.formats import LateWriter, check_name
from tap_live.captions.recording import caption_recording, caption_voices
from tap_live.captions.stream import CaptionStreams, MakeCaptioner
from tap_live.captions.vad import RATE
from tap_live.commands.extracting import asking
from tap_live.commands.options import (
    Captions,
    Channel,
    Device,
    Extractor,
    Json,
    Language,
    OtherVoices,
    Prompts,
    Strict,
    Target,
    Threshold,
    Whisper,
)
from tap_live.commands.placing import say_devices, where_of
from tap_live.commands.prompting import hearing, listening
from tap_live.commands.warning import warn
from tap_live.errors import CancelledError, ConfigError, StorageError
from tap_live.events import Caption, Failed, Warned, encode
from tap_live.extraction import Extraction
from tap_live.outputs.file import reason
from tap_live.processor import Audio
from tap_live.terminal import cue_line
from tap_live.whisper.decoding import FALLBACK, DecodingOptions


def transcribe(
    file: Annotated[Path, typer.Argument(help="WAV, FLAC, OGG or MP3.")],
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            "-o",
            help="Write .vtt, .srt, .txt or .jsonl; may be given more than once. [default: print]",
        ),
    ] = None,
    target: Target = None,
    others: OtherVoices = None,
    voice_threshold: Threshold = None,
    extractor: Extractor = None,
    streaming: Annotated[
        bool,
        typer.Option(
            "--streaming",
            help="Caption as a live run does, rather than 30 s at a time. Where a target is not "
            "extracted (--extractor none, --captions prompt, others shown) it is always so.",
        ),
    ] = False,
    beam: Annotated[int, typer.Option(help="Beams of the search; 1 is greedy.", min=1)] = 5,
    captions: Captions = None,
    prompts: Prompts = None,
    whisper: Whisper = None,
    language: Language = None,
    device: Device = None,
    strict: Strict = False,
    channel: Channel = None,
    json: Json = False,
) -> None:
    """Caption a file."""
    for path in out or ():  # all names, before any file is touched
        check_name(path)
    where = where_of(device, strict)
    asked = asking(target, extractor=extractor, where=where)
    for one in asked.asked:
        if one.kind != "voice":
            raise ConfigError(
                f"captions follow a voice: wanted --target voice:NAME, found {one.name!r}; "
                "to keep a sound, `extract` it"
            )
    with ExitStack() as stack:
        audio = stack.enter_context(AudioFile(file, channel))
        plan = asked.following(live=streaming) if others in (None, "hide") else None
        if plan:
            stack.enter_context(closing(plan))
        listening_to = hearing(captions, prompts, asked, plan, others, whisper, language)
        listener = listening(
            listening_to, whisper, language, asked.voices, others, voice_threshold, where
        )
        say_devices(device, {**(plan.devices if plan else {}), **listener.devices})
        writers = [stack.enter_context(closing(_writer(path))) for path in out or ()]
        page = _Page(json=json, quiet=bool(out), voices=asked.voices)
        blocks = stack.enter_context(_Tape(audio, page))
        decoding = DecodingOptions(language=language, beam=beam, temperatures=FALLBACK)
        if plan is not None and listening_to.extracted:
            extraction = plan.make(audio.rate, page.show, for_ears=False)
            names = [*listener.apart]
            heard = _extracted(blocks.raw(), extraction, names)
            if streaming:
                spoken = _streamed(heard, audio.rate, [*listener.apart.values()])
            else:
                columns = _resampled(heard, audio.rate, len(names))
                spoken = caption_voices(listener.model, columns, listener.alone, decoding)
        elif streaming or target:
            spoken = _streamed(_mixed(blocks.raw()), audio.rate, [listener.make])
        else:
            spoken = caption_recording(listener.model, blocks.resampled(), decoding)
        try:
            for caption in spoken:
                page.show(caption)
                _write(writers, caption)
        except KeyboardInterrupt:
            page.finish()
            raise CancelledError(
                f"stopped after {blocks.seconds:.0f} s of '{audio.name}': "
                + (_kept_in(out) if page.spoken else "nothing was transcribed by then")
            ) from None
        _begin(writers)
        page.finish()


def _kept_in(out: list[Path] | None) -> str:
    where = f"in {', '.join(map(str, out))}" if out else "above"
    return f"what was said by then, as far as it was transcribed, is {where}"


def _mixed(blocks: Iterator[Audio]) -> Iterator[Audio]:
    """Everything, as one channel."""
    return (block[:, None] for block in blocks)


def _extracted(
    blocks: Iterator[Audio], extraction: Extraction, names: Sequence[str]
) -> Iterator[Audio]:
    """Each of the voices that are kept, a channel of its own."""
    for block in blocks:
        yield extraction.push(block).apart(names)
    yield extraction.flush().apart(names)


def _streamed(
    blocks: Iterator[Audio], rate: int, makers: Sequence[MakeCaptioner]
) -> Iterator[Caption]:
    streams = CaptionStreams(makers, rate)
    for block in blocks:
        yield from _finals(streams.hear(block))
    yield from _finals(streams.end())


def _finals(captions: Iterator[Caption]) -> Iterator[Caption]:
    return (caption for caption in captions if caption.state == "final")


def _resampled(blocks: Iterator[Audio], rate: int, count: int) -> Iterator[Audio]:
    """Channels at 16 kHz."""
    resamplers = [StreamResampler(rate, RATE) for _ in range(count)]
    for block in blocks:
        yield np.stack([one.push(c) for one, c in zip(resamplers, block.T, strict=True)], axis=1)
    yield np.stack([one.flush() for one in resamplers], axis=1)


class _Tape:
    """A file in blocks, with a progress bar of what has been read."""

    def __init__(self, audio: AudioFile, page: "_Page") -> None:
        self._audio, self._page = audio, page
        console = Console(stderr=True)
        self._bar = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._read = 0

    @property
    def seconds(self) -> float:
        """How much of the file was read."""
        return self._read / self._audio.rate

    def __enter__(self) -> "_Tape":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def raw(self) -> Iterator[Audio]:
        """Yield blocks at the file's own rate."""
        task = self._bar.add_task(self._audio.name, total=self._audio.samples)
        for block in self._audio.blocks(self._audio.rate, self._page.show):
            self._read += len(block)
            yield block
            self._bar.advance(task, len(block))

    def resampled(self) -> Iterator[Audio]:
        """Yield blocks at 16 kHz."""
        resampler = StreamResampler(self._audio.rate, RATE)
        for block in self.raw():
            yield resampler.push(block)
        yield resampler.flush()


class _Page:
    """Where captions and warnings are shown."""

    def __init__(self, *, json: bool, quiet: bool, voices: Sequence[str] = ()) -> None:
        self._json, self._quiet = json, quiet
        self._of_whom = f" of {' or '.join(voices)}" if voices else ""
        self._out = Console()
        self.spoken = False
        self._cues = Cues(fits_a_line)

    def show(self, event: Caption | Warned | Failed) -> None:
        if self._json:
            sys.stdout.buffer.write(encode(event) + b"\n")
            sys.stdout.buffer.flush()
        elif not isinstance(event, Caption):
            warn(event.text)
        else:
            self.spoken = True
            for cue in [] if self._quiet else self._cues.push(event):
                self._out.print(cue_line(cue), soft_wrap=True)

    def finish(self) -> None:
        """Print the line that was still growing; an empty page says why it is empty."""
        if not self.spoken and not self._json:
            warn(f"no speech{self._of_whom} was found")
        if self._cues.open:
            self._out.print(cue_line(self._cues.open), soft_wrap=True)


def _writer(path: Path) -> LateWriter:
    try:
        return LateWriter(path)
    except OSError as error:
        raise StorageError(f"cannot write captions to '{path}': {reason(path, error)}") from error


def _begin(writers: list[LateWriter]) -> None:
    """A file in which nobody speaks has captions too: none."""
    try:
        for writer in writers:
            writer.begin()
    except OSError as error:
        raise StorageError(f"cannot write captions: {error.strerror}") from error


def _write(writers: list[LateWriter], caption: Caption) -> None:
    try:
        for writer in writers:
            writer.write(caption)
    except OSError as error:
        raise StorageError(f"cannot write on, what is written is kept: {error.strerror}") from error
