"""What a stream is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tap_live.audio.clock import Clock, SystemClock
from tap_live.captions.stream import MakeCaptioner
from tap_live.extraction import Extraction, TellTrouble
from tap_live.outputs.output import Output
from tap_live.sources.source import Source, Tell

MakeOutput: TypeAlias = Callable[[int, Tell], Output]
"""Makes an output for a stream rate, that tells what happens to it."""

MakeExtraction: TypeAlias = Callable[[int, TellTrouble], Extraction]
"""Makes an extraction for a stream rate, that tells what goes wrong in it."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a stream is made of; None leaves a part out."""

    source: Source
    make_output: MakeOutput | None = None
    make_extraction: MakeExtraction | None = None
    make_captioner: MakeCaptioner | None = None
    caption_extracted: bool = False  # the voices that are kept, rather than the mixture
    caption_apart: Mapping[str, MakeCaptioner] = field(default_factory=dict)  # each its own voice
    record: Path | None = None
    seconds: float | None = None  # of the stream, then it stops
    bundles: tuple[str, ...] = ()
    close: Callable[[], None] = lambda: None  # when the stream is over, and all of its threads
    clock: Clock = field(default_factory=SystemClock)
