"""Whom to transcribe, as data: a bundle of prompts for one Whisper.

    prompts = VoicePrompts.open(folder)
    prompt = prompts.of([ana.embedding, None])    two rows: one listens to Ana, one to everybody

The bundle holds a linear layer for the speaker embedding and soft prompts for every layer;
nothing of it is executed.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tap_live.bundle import Bundle, open_bundle
from tap_live.errors import BundleError
from tap_live.processor import Embedding
from tap_live.whisper.model import Float32, Prompt, WhisperDims
from tap_live.whisper.weights import read_safetensors

KIND = "prompts"
FILE = "prompts.safetensors"
BUNDLES = Path(__file__).parents[1] / "bundles"


class VoicePrompts:
    """The prompts of a bundle.

    Attributes:
        name: of the bundle.
        whisper: the model that they were trained for, "tiny.en".
        extracted: whether they learned from what an extractor keeps of mixtures.
    """

    def __init__(self, bundle: Bundle) -> None:
        """Raises: BundleError if a tensor is missing."""
        tensors = read_safetensors(bundle.path(FILE))
        settings = bundle.manifest.settings
        self.name, self.whisper = bundle.manifest.name, str(settings["whisper"])
        self.extracted = settings.get("extracted") is True
        try:
            self._weight, self._bias, self._encoder, self._decoder = (
                np.asarray(tensors[name], np.float32)
                for name in (
                    "spk_embed_layer.weight",  # (W, D)
                    "spk_embed_layer.bias",  # (W,)
                    "soft_prompt_extra_encoder",  # (Le, P, W)
                    "soft_prompt_extra_decoder",  # (Ld, P, W)
                )
            )
        except KeyError as error:
            raise BundleError(f"{bundle.folder} holds no prompts: {error} is missing") from None

    @classmethod
    def open(cls, folder: Path) -> "VoicePrompts":
        """Load a bundle. Raises: BundleError if it is none, or is broken."""
        return cls(open_bundle(folder, KIND))

    @classmethod
    def shipped(cls, name: str, bundles: Path = BUNDLES) -> "VoicePrompts | None":
        """Load what ships for a Whisper, if anything. Raises: BundleError if it is broken."""
        folder = bundles / f"prompts-{name}"
        return cls.open(folder) if (folder / "manifest.json").is_file() else None

    @classmethod
    def of_whisper(cls, name: str, bundles: Path = BUNDLES) -> "VoicePrompts":
        """Load what ships for a Whisper. Raises: BundleError saying how it is made."""
        found = cls.shipped(name, bundles)
        if found is None:
            raise BundleError(
                f"no prompts for Whisper {name!r} are installed: make them with `python -m "
                "tap_live.models.training fit --kind prompts` and `python -m "
                "tap_live.export.prompts`, and give the folder with --prompts"
            )
        return found

    def check(self, dims: WhisperDims) -> None:
        """Raises: BundleError if the prompts are not for a Whisper of these sizes."""
        wanted = (
            (dims.encoder_layers, dims.prompt_length, dims.width),
            (dims.decoder_layers, dims.prompt_length, dims.width),
        )
        if wanted != (self._encoder.shape, self._decoder.shape):
            raise BundleError(
                f"{self.name} was made for Whisper {self.whisper}, with prompts of "
                f"{self._encoder.shape}; this one takes {wanted[0]}: give --whisper {self.whisper}"
            )

    def of(self, speakers: Sequence[Embedding | None]) -> Prompt:
        """Ask each row for a speaker, (D,), or for everybody.

        Raises: BundleError if an embedding is of another encoder.
        """
        rows, (layers, length, width) = len(speakers), self._encoder.shape
        encoder = np.zeros((rows, layers, 1 + length, width), np.float32)
        encoder[:, :, 1:] = self._encoder
        for row, speaker in enumerate(speakers):
            if speaker is not None:
                encoder[row, 0, 0] = self._front(speaker)
        decoder = np.repeat(self._decoder[None], rows, axis=0)
        return Prompt(encoder, decoder, np.array([speaker is not None for speaker in speakers]))

    def _front(self, speaker: Embedding) -> Float32:
        if speaker.shape != self._weight.shape[1:]:
            raise BundleError(
                f"{self.name} takes voices of {self._weight.shape[1]} numbers, "
                f"found {speaker.shape[0]}: enrol with the encoder that it was made for"
            )
        front: Float32 = self._weight @ speaker + self._bias
        return front
