"""`tap-live run`: a stream from a microphone, a file or a pipe, live."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tap_live.audio.channels import HIGHEST_RATE, LOWEST_RATE
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
    Rest,
    Strict,
    Suppress,
    Target,
    Threshold,
    Whisper,
)
from tap_live.commands.parts import open_input, output_maker
from tap_live.commands.placing import say_devices, where_of
from tap_live.commands.prompting import hearing, listening
from tap_live.commands.serving import (
    AllowHost,
    AllowOrigin,
    Serve,
    TlsCert,
    TlsKey,
    parse_serving,
    serving,
)
from tap_live.commands.warning import warn
from tap_live.commands.watch import watch
from tap_live.live import Live
from tap_live.parts import Parts
from tap_live.recorder import folder_for
from tap_live.sources.stdin import PcmFormat

Seconds = Annotated[float | None, typer.Option(help="Stop after this much of the stream.", min=0.1)]


def run(
    input: Annotated[
        str | None,
        typer.Option(
            "--input",
            "-i",
            help="A microphone by name or number, `monitor` for what the computer plays, "
            "a file, or - for raw PCM on standard input. [default: the system's microphone]",
        ),
    ] = None,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="`none`, `headset` for the system's output, a device by name or number, "
            "`virtual-mic`, or a .wav or .flac file.",
        ),
    ] = "none",
    target: Target = None,
    suppress: Suppress = None,
    rest: Rest = None,
    extractor: Extractor = None,
    others: OtherVoices = None,
    voice_threshold: Threshold = None,
    caption: Annotated[bool, typer.Option(help="Caption what is heard.")] = True,
    captions: Captions = None,
    prompts: Prompts = None,
    whisper: Whisper = None,
    language: Language = None,
    device: Device = None,
    strict: Strict = False,
    record: Annotated[
        Path | None,
        typer.Option(
            help="Folder for mixture.wav, output.wav and captions.*; made if needed. Where it "
            "holds a recording already, a new folder in it."
        ),
    ] = None,
    channel: Channel = None,
    rate: Annotated[
        int | None,
        typer.Option(
            help="Hz; of raw PCM, or asked of the microphone.", min=LOWEST_RATE, max=HIGHEST_RATE
        ),
    ] = None,
    channels: Annotated[int, typer.Option(help="Channels of raw PCM.")] = 1,
    pcm: Annotated[PcmFormat, typer.Option(help="Samples of raw PCM.")] = "s16",
    block_ms: Annotated[
        int, typer.Option(help="Length of the microphone's blocks.", min=1, max=200)
    ] = 10,
    seconds: Seconds = None,
    serve: Serve = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
    json: Json = False,
) -> None:
    """Run a live stream: hear it, caption it, keep it. Ctrl-C ends it."""
    served = parse_serving(serve, tls_cert, tls_key, allow_host or (), allow_origin or ())
    folder = _folder_for(record)
    source = open_input(
        input, channel=channel, rate=rate, block_ms=block_ms, pcm=pcm, channels=channels
    )
    make_output = output_maker(output, source)
    where = where_of(device, strict)
    asked = asking(target, suppress, rest, extractor, where)
    plan = asked.following(open_to_all=served is not None)
    if asked.voices and plan is None and extractor is None:
        names = ", ".join(asked.voices)
        warn(f"voice-compact is not installed: captions follow {names}, the sound stays as it is")
    if plan and (told := plan.slow):
        warn(told)
    heard = hearing(captions, prompts, asked, plan, others, whisper, language)
    listener = (
        listening(heard, whisper, language, asked.voices, others, voice_threshold, where)
        if caption
        else None
    )
    devices = {**(plan.devices if plan else {}), **(listener.devices if listener else {})}
    say_devices(device, devices)
    parts = Parts(
        source=source,
        make_output=make_output,
        make_extraction=plan.make if plan else None,
        make_captioner=listener.make if listener else None,
        caption_extracted=heard.extracted,
        caption_apart=listener.apart if listener else {},
        record=folder,
        seconds=seconds,
        bundles=(*(plan.bundles if plan else ()), *(listener.bundles if listener else ())),
        close=plan.close if plan else lambda: None,
    )
    live = Live(parts)
    with serving(live, served, folder, asked.asked, plan, devices):
        watch(live, source.name, json=json)
    if folder and not json:
        _note(f"The recording and captions are in {folder}")


def _folder_for(record: Path | None) -> Path | None:
    """Where to record, said where it is not simply what was asked for."""
    folder = record and folder_for(record, datetime.now(UTC))
    if folder != record:
        _note(f"{record} holds a recording already: this one goes to {folder}")
    return folder


def _note(text: str) -> None:
    Console(stderr=True).print(text, soft_wrap=True, markup=False, highlight=False)
