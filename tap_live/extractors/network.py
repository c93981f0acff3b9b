"""One compact network as its bundle holds it: what it is asked with and what it gives.

Most are causal and go hop by hop; what is for recordings goes by stretches, and hears what
follows each.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import platformdirs
from numpy.typing import NDArray

from tap_live.audio.resample import StreamResampler
from tap_live.bundle import MANIFEST, Bundle, open_bundle, read_manifest
from tap_live.cues.audio import AudioCues
from tap_live.errors import BundleError
from tap_live.extractors.spectra import Spectrum
from tap_live.processor import Audio, Cue, Embedding, TargetKind
from tap_live.providers import CPU, Where
from tap_live.runtime import Engine, State
from tap_live.signs import Signs, Thresholds
from tap_live.targets import EmbeddedCue
from tap_live.voices.encoder import WIDTH, SpeakerEncoder, unit
from tap_live.voices.features import RATE as SPEECH_RATE

BUNDLES = Path(__file__).parents[1] / "bundles"
SORTS = ("offline", "compact")  # of bundles, the better for recordings first
OFFLINE = "offline-"  # begins the kinds of bundles that are for recordings
_KINDS: dict[str, TargetKind] = {
    "voice-extractor": "voice",
    f"{OFFLINE}voice-extractor": "voice",
    "sound-extractor": "sound",
    f"{OFFLINE}sound-extractor": "sound",
}


class Network:
    """A network that takes a hop or a stretch: `mask, state = step(spectrum, cue, state)`.

    Attributes:
        kind: what its targets are.
        cues: the bundles whose embeddings it knows.
        bins: of a spectrum it sees, from the lowest.
        hops, ahead: how many it takes at once, and how many after them it looks at; 1 and 0 of
            one that is causal.
        captions: whether captions may hear what it extracts.
        thresholds: from which a target is said to be there.
        hop_s, fade_s: of the windows it was trained with.
        device: where it runs.
    """

    def __init__(self, bundle: Bundle, where: Where = CPU) -> None:
        manifest = bundle.manifest
        if manifest.kind not in _KINDS:
            raise BundleError(
                f"wanted an extractor for voices or sounds, {bundle.folder} is {manifest.kind!r}"
            )
        self.name, self.kind = manifest.name, _KINDS[manifest.kind]
        try:
            self.hop_s = float(cast(float, manifest.settings["hop_s"]))
            self.fade_s = float(cast(float, manifest.settings["fade_s"]))
            self.cues = tuple(cast(list[str], manifest.settings["cues"]))
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"the settings of bundle {self.name!r} lack {error}") from error
        self.thresholds = Thresholds.of(manifest.settings, self.name)
        self._liken = liken_of(self.kind) if self.thresholds.like is not None else None
        self.captions = manifest.settings.get("captions") is True
        where = where.for_hops
        self._engine = Engine(
            bundle, "step", device=where.device, strict=where.strict, waiting=where.waiting
        )
        self.device = self._engine.device
        shapes = {spec.name: spec.shape for spec in self._engine.spec.inputs}
        self.bins, self._cue = int(shapes["spectrum"][-2]), int(shapes["cue"][0])
        given = self._engine.spec.outputs[0].shape
        self.hops = int(given[0]) if len(given) == 3 else 1
        self.ahead = int(shapes["spectrum"][0]) - self.hops if len(given) == 3 else 0
        self._seen = np.zeros((self.bins, 2), np.float32)

    @property
    def told(self) -> bool:
        """Whether it takes voices, and is told who speaks beside them."""
        return self.kind == "voice" and self._cue == 2 * WIDTH

    @classmethod
    def open(cls, folder: Path, where: Where = CPU) -> "Network":
        """Load a bundle and warm it up. Raises: BundleError, RuntimeMissingError."""
        network = cls(open_bundle(folder), where)
        network._warm_up()
        return network

    def close(self) -> None:
        """Give back what is held on a card; afterwards it runs no more."""
        self._engine.close()

    def start(self) -> State:
        """The state before anything was heard."""
        return self._engine.initial_state()

    def vector(self, cue: Cue) -> NDArray[np.float32]:
        """What the network is asked with: the positive cue, then the negative one.

        The negative cue of a voice is who speaks beside it: zeros if that is not known, left out
        if the network is not told.

        Raises: BundleError if the cue is of another encoder.
        """
        negative = cue.negative
        if self.kind == "voice" and not self.told:
            negative = negative[:0]
        elif self.told and not len(negative):
            negative = np.zeros_like(cue.positive)
        vector = np.concatenate([cue.positive, negative]).astype(np.float32)
        if len(vector) != self._cue:
            raise BundleError(
                f"bundle {self.name!r} takes cues of {self._cue} numbers, "
                f"{cue.name!r} has {len(vector)}: it is of another encoder"
            )
        return vector

    def signs(self, cue: Cue) -> Signs:
        """By which signs a target is said to be there."""
        return Signs(self.thresholds, self._liken and partial(self._liken, cue.positive))

    def look(self, spectrum: Spectrum) -> NDArray[np.float32]:
        """What the network sees of (bins of the stream,): silence where the stream has no bins.

        The array is used again at the next call.
        """
        count = min(len(spectrum), self.bins)
        self._seen.view(np.complex64)[:count, 0] = spectrum[:count]
        self._seen[count:] = 0  # another stream may have had more
        return self._seen

    def mask(
        self, seen: NDArray[np.float32], vector: NDArray[np.float32], state: State
    ) -> tuple[Spectrum, State]:
        """One hop: the complex mask of the target, (bins,), and the new state."""
        outputs, state = self._engine.step({"spectrum": seen, "cue": vector}, state)
        return outputs["mask"].view(np.complex64)[:, 0], state

    def masks(
        self, spectra: Spectrum, vector: NDArray[np.float32], state: State
    ) -> tuple[Spectrum, State]:
        """A stretch of a recording: the masks of its hops, (hops, bins), and the state after them.

        Args:
            spectra: (hops + ahead, bins of the stream).
        """
        count = min(spectra.shape[1], self.bins)
        seen = np.zeros((len(spectra), self.bins), np.complex64)
        seen[:, :count] = spectra[:, :count]
        parts = seen.view(np.float32).reshape(*seen.shape, 2)
        outputs, state = self._engine.step({"spectrum": parts, "cue": vector}, state)
        return outputs["mask"].view(np.complex64)[..., 0], state

    def any_cue(self) -> EmbeddedCue:
        """A cue that asks for nobody, for measurements."""
        both = self.kind == "sound" or self.told
        width = self._cue // 2 if both else self._cue
        numbers = np.full(width, width**-0.5, np.float32)
        return EmbeddedCue("anybody", self.kind, numbers, np.zeros(self._cue - width, np.float32))

    def _warm_up(self) -> None:
        vector, state = self.vector(self.any_cue()), self.start()
        if self.ahead:
            silence = np.zeros((self.hops + self.ahead, self.bins), np.complex64)
            self.masks(silence, vector, state)
        else:
            self.mask(self._seen, vector, state)


def liken_of(kind: TargetKind) -> Callable[[Embedding, Audio, int], float]:
    """Load the encoder of examples of a kind: cue and audio at a rate to their cosine.

    Raises: BundleError, RuntimeMissingError.
    """
    embed = AudioCues.open().embed if kind == "sound" else _embed_speech(SpeakerEncoder.open())

    def liken(cue: Embedding, audio: Audio, rate: int) -> float:
        return float(embed(audio, rate) @ unit(cue))

    return liken


def _embed_speech(encoder: SpeakerEncoder) -> Callable[[Audio, int], Embedding]:
    def embed(audio: Audio, rate: int) -> Embedding:
        resampler = StreamResampler(rate, SPEECH_RATE)
        return encoder.embed(np.concatenate([resampler.push(audio), resampler.flush()]))

    return embed


def made_here() -> Path:
    """Where bundles lie that were made on this machine."""
    return platformdirs.user_data_path("tap-live") / "bundles"


def installed(
    kind: TargetKind,
    made: Path | None = None,
    shipped: Path = BUNDLES,
    *,
    live: bool = True,
) -> Path | None:
    """The compact bundle for a kind of target: the newest made on this machine, else what ships.

    Args:
        made, shipped: folders of bundles; `made_here` if None.
        live: for a stream; for a recording it may be one that hears what follows.
    """
    # Not those with a point before their name: they are still being made.
    there = (made or made_here()).glob(f"[!.]*/{MANIFEST}")
    for manifest in sorted(there, key=lambda path: path.stat().st_mtime, reverse=True):
        with suppress(BundleError):  # a model of another kind, or broken
            if kind_of(manifest.parent) == kind and not (live and is_offline(manifest.parent)):
                return manifest.parent
    ships = [shipped / f"{kind}-{sort}" for sort in (("compact",) if live else SORTS)]
    return next((folder for folder in ships if (folder / MANIFEST).is_file()), None)


def kind_of(folder: Path) -> TargetKind:
    """What the targets of a bundle are, without loading it. Raises: BundleError."""
    kind = read_manifest(folder).kind
    if kind not in _KINDS:
        raise BundleError(f"wanted an extractor for voices or sounds, {folder} is {kind!r}")
    return _KINDS[kind]


def is_offline(folder: Path) -> bool:
    """Whether a bundle is for recordings. Raises: BundleError."""
    return read_manifest(folder).kind.startswith(OFFLINE)
