"""Options that several commands share."""

from typing import Annotated

import typer

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
