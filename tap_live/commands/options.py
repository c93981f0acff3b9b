"""Options that several commands share."""

from typing import Annotated

import typer

from tap_live.voices.gate import Others

DEFAULT_WHISPER = "base"

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Channel = Annotated[
    int | None, typer.Option(help="Use this channel, 1 is the first. [default: all, mixed down]")
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
        help="Whose words are captioned: voice:NAME, as `enrol` stored it; may be given more "
        "than once. [default: everybody's]"
    ),
]
OtherVoices = Annotated[
    Others | None,
    typer.Option(help="What becomes of everybody else's words. [default: hide, with a target]"),
]
