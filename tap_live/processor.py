"""The shapes that everything on a stream has in common."""

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Audio: TypeAlias = NDArray[np.float32]
"""(T,) mono samples, full scale at 1."""

Embedding: TypeAlias = NDArray[np.float32]
"""(D,) one cue as numbers; all zeros stands for "not given"."""

Targets: TypeAlias = NDArray[np.float32]
"""(K, T) one waveform for each of K targets."""

TargetKind = Literal["voice", "sound"]

Out = TypeVar("Out", covariant=True)


class Processor(Protocol[Out]):
    """Turn one audio stream into results, block by block.

    However the audio is cut, pushed results followed by flushed ones equal
    those of one push of everything. No result is an empty one, never None.
    """

    @property
    def lookahead(self) -> int:
        """Samples needed after a point to describe it, at the stream rate."""
        ...

    def push(self, block: Audio) -> Out:
        """Take (T,) samples, any T, and return what is ready."""
        ...

    def flush(self) -> Out:
        """Return the rest of the stream; afterwards as new."""
        ...


class Cue(Protocol):
    """How one target is asked for: text, a clip or an enrolment, as numbers."""

    @property
    def name(self) -> str:
        """As the user wrote it: `voice:ana`, `text:a dog barking`."""
        ...

    @property
    def kind(self) -> TargetKind: ...

    @property
    def positive(self) -> Embedding: ...

    @property
    def negative(self) -> Embedding: ...


class Extractor(Processor[Targets], Protocol):
    """Take the targets that cues ask for out of a mixture.

    `push` and `flush` return (K, T) waveforms, one row a cue in the order of
    `set_cues`, aligned with the input: row k, sample t belongs to input sample t.
    """

    def set_cues(self, cues: Sequence[Cue]) -> None:
        """Extract these from the next sample on, without a click."""
        ...

    def restart(self) -> None:
        """Forget the stream, also after an error; the next sample is the first."""
        ...


@runtime_checkable
class Sparing(Extractor, Protocol):
    """An extractor that computes each target apart, so that one that nobody hears costs nothing."""

    def spare(self, names: frozenset[str]) -> None:
        """Give silence for these of its cues, soon, until told otherwise."""
        ...


@runtime_checkable
class Lengthy(Extractor, Protocol):
    """An extractor that may make `push` wait for seconds: it says so, and can end in steps."""

    @property
    def step_s(self) -> float:
        """How long one step, a `push` or a part of `rest`, may take while all is well."""
        ...

    def rest(self) -> Iterator[Targets]:
        """Yield what `flush` returns, at least one part, each a step; afterwards as new."""
        ...


@runtime_checkable
class Remaking(Protocol):
    """An extractor whose targets are no parts of the mixture: nothing can be left out of it."""

    remakes: bool
