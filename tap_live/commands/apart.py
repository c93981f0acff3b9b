"""The second part of `tap-live demo`: two voices at once and a sound, taken apart offline."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import Progress

from tap_live.audio.files import read_audio
from tap_live.bundle import Bundle
from tap_live.commands.extracting import Extracting
from tap_live.commands.warning import warn
from tap_live.errors import BundleError
from tap_live.extraction import Wanted
from tap_live.extractors.network import Network, installed
from tap_live.outputs.file import FileOutput
from tap_live.pairs import Pair, Pairs, make_folder
from tap_live.processor import Audio, TargetKind
from tap_live.providers import Where
from tap_live.targets import Cues, EmbeddedCue, parse_target
from tap_live.voices.store import Voice

FOLDER = "apart"
BLOCK_S = 0.5
KINDS: tuple[TargetKind, ...] = ("voice", "sound")
HEADING = "Two at once, and a sound asked away"
WHAT_TO_EXPECT = (
    "The networks that ship are small, and a beginning. voice-compact does about half of what is "
    "wanted: who was not asked for becomes quieter and stays audible, and so does the bird. "
    "sound-compact takes some sounds down well, this bird among them, and others hardly; where "
    "they overlap, what is kept suffers. Their cards tell how far each gets."
)


class Overlap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the demo bundle says of its second recording."""

    recording: str  # a file of the bundle
    sound: str  # what is asked away, in words
    story: str  # who is heard when
    measured: dict[str, str]  # by the file of a part: what it gained when the demo was made


@dataclass(frozen=True)
class Part:
    """What is kept of a recording, and what the rest is multiplied with."""

    title: str
    file: str  # without its suffix
    wanted: Wanted
    rest_gain: float

    @property
    def kind(self) -> TargetKind:
        return self.wanted.cue.kind

    @property
    def words(self) -> str:
        """How it is asked for."""
        return f"{'without' if self.rest_gain else 'only'} {self.wanted.cue.name}"


def parts_of(voices: Sequence[Voice], sound: str) -> list[Part]:
    """Each voice alone, and all but the sound.

    Raises: BundleError; CueError if the words cannot ask for a sound.
    """
    (away,) = Cues().of([parse_target(f"text:{sound}", suppress=True)])
    return [
        *(Part(f"{one.name} alone", one.name.lower(), Wanted(_cue(one)), 0.0) for one in voices),
        Part(f"All but {sound}", "all-but", Wanted(away, 0.0), 1.0),
    ]


@contextmanager
def open_networks(where: Where) -> Iterator[dict[TargetKind, Network]]:
    """Load those that are installed, for as long as they are needed; say which are broken."""
    with ExitStack() as opened:
        networks = {}
        for folder in filter(None, map(installed, KINDS)):
            try:
                network = Network.open(folder, where)
            except BundleError as error:  # one of the user's own: captions go without it
                warn(str(error))
                continue
            opened.callback(network.close)
            networks[network.kind] = network
        yield networks


def extracted(audio: Audio, rate: int, part: Part, network: Network) -> Iterator[Audio]:
    """Yield what is kept of (T,) samples, block by block."""
    plan = Extracting({part.kind: network}, (part.wanted,), part.rest_gain)
    extraction = plan.make(rate, lambda event: warn(event.text))
    block = round(BLOCK_S * rate)
    for start in range(0, len(audio), block):
        yield extraction.push(audio[start : start + block]).output
    yield extraction.flush().output


def take_apart(
    bundle: Bundle,
    voices: Sequence[Voice],
    networks: Mapping[TargetKind, Network],
    folder: Path,
) -> Pairs:
    """Write the parts of the bundle's second recording below a folder, for a page in it.

    What there is no network for is left out, and that is said.

    Raises: StorageError if they cannot be written; BundleError.
    """
    overlap = overlap_of(bundle)
    audio, rate = read_audio(bundle.path(overlap.recording), lambda event: warn(event.text))
    make_folder(folder / FOLDER)
    before = _write(folder, "before", rate, [audio])
    parts = [part for part in parts_of(voices, overlap.sound) if part.kind in networks]
    pairs = []
    for part in _shown(parts):
        network = networks[part.kind]
        after = _write(folder, part.file, rate, extracted(audio, rate, part, network))
        note = f"{part.words}, by {network.name}. When the demo was made, with what shipped: "
        pairs.append(Pair(part.title, note + overlap.measured[part.file], before, after))
    missing = [_without(kind, overlap) for kind in KINDS if kind not in networks]
    for text in missing:
        warn(text)
    return Pairs(HEADING, (overlap.story, *missing, WHAT_TO_EXPECT), pairs)


def overlap_of(bundle: Bundle) -> Overlap:
    """What the bundle says of its second recording."""
    return msgspec.convert(bundle.manifest.settings["overlap"], Overlap)


def _shown(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield parts, with a progress bar."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        yield from bar.track(parts, description="two at once")


def _write(folder: Path, name: str, rate: int, blocks: Iterable[Audio]) -> str:
    """Write a file below a folder; return its path from there."""
    file = f"{FOLDER}/{name}.flac"
    with FileOutput(folder / file, rate) as output:
        for block in blocks:
            output.write(block)
    return file


def _without(kind: TargetKind, overlap: Overlap) -> str:
    lost = "nobody is heard alone" if kind == "voice" else f"{overlap.sound!r} cannot be asked away"
    return f"{kind}-compact is not installed: {lost}"


def _cue(voice: Voice) -> EmbeddedCue:
    embedding = np.asarray(voice.embedding, np.float32)
    return EmbeddedCue(f"voice:{voice.name}", "voice", embedding, np.zeros(0, np.float32))
