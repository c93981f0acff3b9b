"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tap_live.providers import Device as DeviceName
from tap_live.voices.gate import Others

DEFAULT_WHISPER = "base"

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Channel = Annotated[
    int | None,
    typer.Option(help="Use this channel, 1 is the first. [default: all, mixed down]", min=1),
]
Whisper = Annotated[
    str | None,
    typer.Option(
        help="Whisper model: tiny.en, base.en, base, or a folder with its weights "
        f"(CTranslate2, Hugging Face). [default: {DEFAULT_WHISPER}]"
    ),
]
Language = Annotated[
    str | None,
    typer.Option(help="Language spoken, as `en` or `de`. [default: found out, if several can be]"),
]
Target = Annotated[
    list[str] | None,
    typer.Option(
        help="What is kept, and whose words are captioned: voice:NAME as `enrol` stored it, "
        "text:WORDS, clip:FILE; with a gain as in voice:ana@-3dB. Repeatable. "
        "[default: everything]"
    ),
]
Suppress = Annotated[
    list[str] | None,
    typer.Option(help="What is taken out, as --target names it. Repeatable."),
]
Rest = Annotated[
    str | None,
    typer.Option(
        help="How loud everything else is, as -18dB. [default: -inf with a target, else 0dB]"
    ),
]
Extractor = Annotated[
    str | None,
    typer.Option(
        help="`compact`, as a stream is extracted; `clapsep`, the full sound model, as "
        "`clapsep@0.5` with a result every 0.5 s; `gentse`, which re-makes voices, likewise, as "
        "`gentse@0.5/4` in 4 steps; `none` (captions follow a voice, the sound stays as it is), "
        "or the folder of a bundle. "
        "[default: compact, where it is installed; of files `voice-offline` and `sound-offline`, "
        "which hear what follows, and keep targets apart from what is beside them]"
    ),
]
OtherVoices = Annotated[
    Others | None,
    typer.Option(help="What becomes of everybody else's words. [default: hide, with a target]"),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--voice-threshold",
        help="How clearly a voice must be the enrolled one (natural logarithm of a likelihood "
        "ratio): more lets fewer strangers through and loses more of its words. [default: 1; "
        "of segments of a file that a voice was extracted of: 2.25]",
        min=-10,
        max=20,
    ),
]
Device = Annotated[
    DeviceName | None,
    typer.Option(
        help="Where networks run: `cpu`, `cuda`, `tensorrt`, or `auto`, the fastest that there "
        "is; what a device is missing for is said. [default: auto]"
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Fail rather than run on a slower device than --device.")
]
CaptionsBy = Literal["auto", "extract", "prompt", "both"]
Captions = Annotated[
    CaptionsBy | None,
    typer.Option(
        help="What captions of a voice are made of: `extract`, the extracted voice; `prompt`, the "
        "mixture, by a Whisper that is told whom to hear; `both`. [default: auto: extract, or both "
        "with --language en where prompts ship for the Whisper]"
    ),
]
Prompts = Annotated[
    Path | None,
    typer.Option(help="Folder of a bundle of prompts. [default: those installed for the Whisper]"),
]
