"""Load what captions need, once, with a progress bar where it takes long."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import Progress, TaskID

from tap_live.captions.gate import Gate
from tap_live.captions.recording import Alone
from tap_live.captions.stream import MakeCaptioner
from tap_live.captions.streaming import StreamingCaptioner, StreamingConfig
from tap_live.captions.vad import Vad
from tap_live.captions.whisper import WhisperRecogniser
from tap_live.commands.options import DEFAULT_WHISPER
from tap_live.providers import CPU, Where
from tap_live.voices.gate import Others
from tap_live.voices.targets import gate_maker, gates_apart, verifiers
from tap_live.whisper.model import Progress as Told
from tap_live.whisper.model import Whisper


@dataclass(frozen=True)
class Captioning:
    """A loaded model, and what makes captioners of it.

    Attributes:
        make: makes one for all voices, who hears the mixture.
        apart: make one for each voice, who hears what is extracted of it; by targets' names.
        alone: how each voice is heard in what is extracted of it of a recording; by its name.
    """

    model: Whisper
    make: MakeCaptioner
    bundles: tuple[str, ...]
    apart: Mapping[str, MakeCaptioner] = field(default_factory=dict)
    alone: Mapping[str, Alone] = field(default_factory=dict)

    @property
    def devices(self) -> dict[str, str]:
        """Where the model runs; what is small beside it stays on the CPU."""
        return {self.bundles[0]: self.model.device}


def captioning(
    whisper: str | None,
    language: str | None,
    targets: Sequence[str] = (),
    others: Others | None = None,
    threshold: float | None = None,
    *,
    make_gate: Callable[[], Gate] | None = None,
    where: Where = CPU,
) -> Captioning:
    """Load a Whisper model and warm it up, so that the first words are not late.

    Args:
        targets: whose words are captioned, as `--target` gives them; none is everybody.
        others: what becomes of everybody else's.
        threshold: how clearly a voice must be one of them; None is what was measured.
        make_gate: makes gates of voices that are not stored.
    Raises: BundleError if weights are not to be had; VoiceError if a voice is not enrolled.
    """
    gates = {} if make_gate else gates_apart(targets, threshold=threshold)
    known = {} if make_gate else verifiers(targets, threshold=threshold)
    make_gate = make_gate or gate_maker(targets, others, threshold=threshold)
    name = whisper or DEFAULT_WHISPER
    model = load_whisper(name, where=where)
    recogniser = WhisperRecogniser(model)
    recogniser.warm_up(language)
    config = StreamingConfig(language=language)

    def maker(make_gate: Callable[[], Gate] | None) -> MakeCaptioner:
        return lambda start, first_id: StreamingCaptioner(
            recogniser,
            Vad.open(),
            config=config,
            gate=make_gate() if make_gate else None,
            start=start,
            first_id=first_id,
        )

    bundles = (f"whisper-{name}", "vad", *(["voices"] if make_gate else []))
    apart = {voice: maker(gate) for voice, gate in gates.items()}
    alone = {name: Alone(None, voice.knows) for name, voice in known.items()}
    return Captioning(model, maker(make_gate), bundles, apart, alone)


def load_whisper(name: str, threads: int = 1, where: Where = CPU) -> Whisper:
    """Open a model in the precision of its device; assembling it is shown on stderr.

    8 bits are for the CPU: a GPU has no kernels for what multiplies them.
    """
    with progress_bar() as tell:
        if where.first() != "cpu":
            model = Whisper.open(
                name, precision="fp32", threads=threads, progress=tell, where=where
            )
            if model.device != "cpu":
                return model
            where = CPU  # that it could not be loaded there was told
        return Whisper.open(name, threads=threads, progress=tell, where=where)


@contextmanager
def progress_bar(updates: int = 10) -> Iterator[Told]:
    """Show on stderr what a long task tells, so often a second; gone when it is done."""
    console = Console(stderr=True)
    with Progress(
        console=console,
        transient=True,
        disable=not console.is_terminal,
        refresh_per_second=updates,
    ) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)

        yield tell
