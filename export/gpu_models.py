"""Models of the real sizes with random weights, as the product opens them: for `gpu_check`.

They take as long, and as much room, as trained ones.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import onnx
from safetensors.torch import save_file

from tap_live.bundle import Bundle, open_bundle
from tap_live.catalogue import BUNDLES
from tap_live.export import clapsep, gentse
from tap_live.export.precision import halved
from tap_live.models import clapsep as clapsep_model
from tap_live.models.gentse import GenTSE
from tap_live.models.training.gentse import FULL
from tap_live.models.vocoder import Generator, VocoderDims
from tap_live.models.whisper import Dims as WhisperDims
from tap_live.models.whisper import Whisper as WhisperNetwork
from tap_live.providers import Device, Where
from tap_live.whisper.assemble import assembled
from tap_live.whisper.model import Whisper

MADE_BY = "gpu_check"
WHISPER = WhisperDims(80, 1500, 512, 8, 6, 51865, 448, 512, 8, 6)  # base: its graphs ship
CLAPSEP = clapsep_model.Dims()


@dataclass(frozen=True)
class Models:
    """Each is made in the folder when it is first asked for."""

    folder: Path
    whisper_dims: WhisperDims = WHISPER
    clapsep_dims: clapsep_model.Dims = CLAPSEP

    @cached_property
    def compact(self) -> Bundle:
        """The one that ships."""
        return open_bundle(BUNDLES / "voice-compact")

    @cached_property
    def whisper(self) -> Path:
        """A folder in fp32, assembled from the graphs that ship."""
        weights = self.folder / "whisper"
        weights.mkdir(exist_ok=True)
        save_file(WhisperNetwork(self.whisper_dims).state_dict(), weights / "model.safetensors")
        return assembled(weights, precision="fp32", cache=self.folder / "cache")

    def captioner(self, device: Device) -> Whisper:
        """Raises: RuntimeMissingError without the device."""
        return Whisper(self.whisper, where=Where(device, strict=True))

    @cached_property
    def separator(self) -> clapsep_model.Separator:
        return clapsep_model.Separator(self.clapsep_dims).eval()

    @cached_property
    def clapsep(self) -> Bundle:
        """Computes in fp16."""
        out = self.folder / "clapsep"
        content = clapsep.begin(self.separator, out, None, None, "fp16", ("random",), MADE_BY)
        for name, traceable in content.graphs.items():
            onnx.save(halved(traceable.build()), out / f"{name}.onnx")
        return content.write(out)

    @cached_property
    def gentse(self) -> Bundle:
        """The large one of `fit-gentse`, its Whisper as `whisper`, in fp32."""
        out = self.folder / "gentse"
        out.mkdir(exist_ok=True)
        net = GenTSE(FULL, WhisperNetwork(self.whisper_dims))
        vocoder = Generator(VocoderDims(mel=FULL.mel))
        content = gentse.begin(net, vocoder, gentse.Wanted(), MADE_BY, gentse.NOT_MEASURED)
        for name, traceable in content.graphs.items():
            onnx.save(traceable.build(), out / f"{name}.onnx")
        return content.write(out)
