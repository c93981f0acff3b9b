"""Networks of the real sizes with random weights, for `gpu_check`: PyTorch is all they need.

They take as long, and as much room, as trained ones. What one of them needs beside PyTorch is
imported when it is made: where that is missing the others come all the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from tap_live.models import compact
from tap_live.models.cues import AudioCueEncoder, AudioDims
from tap_live.models.gentse import GenDims, GenTSE
from tap_live.models.speaker import BANDS, WINDOW_FRAMES, SpeakerEncoder
from tap_live.models.vocoder import Generator, VocoderDims
from tap_live.models.whisper import Dims as WhisperDims
from tap_live.models.whisper import ResidualAttentionBlock, Whisper

if TYPE_CHECKING:
    from tap_live.export.clapsep_graphs import Traceable
    from tap_live.models import clapsep

WHISPER = WhisperDims(80, 1500, 512, 8, 6, 51865, 448, 512, 8, 6)  # base: its graphs ship
GENTSE = GenDims(width=512, layers=8, heads=8)  # the large one of `fit-gentse`
VOCODER = VocoderDims(mel=GENTSE.mel)
POSITIONS = 200  # of Whisper, 4 s: gentse's context
FRAMES = 40  # of gentse's flow and vocoder
READ, HOPS = 64, 8  # tokens before one; hops of the compact network
SHARPER = 10.0  # attention than that of weights as they begin, which looks everywhere
SEED = 0

Net = TypeVar("Net", bound=nn.Module)
Given: TypeAlias = tuple[nn.Module, list[Tensor]]
"""A network on the CPU, and what it is given."""


@dataclass(frozen=True)
class Networks:
    """Each is made when it is first asked for, always the same."""

    whisper_dims: WhisperDims = WHISPER
    gentse_dims: GenDims = GENTSE
    vocoder_dims: VocoderDims = VOCODER
    clapsep_dims: "clapsep.Dims | None" = None  # None: the real ones

    @cached_property
    def compact(self) -> compact.CompactExtractor:
        return _alive(lambda: compact.CompactExtractor(compact.Dims()))

    @cached_property
    def whisper(self) -> Whisper:
        return _alive(lambda: Whisper(self.whisper_dims))

    @cached_property
    def listener(self) -> Whisper:
        """A Whisper whose words hang on what it hears: else any search would say the same."""
        net = _alive(lambda: Whisper(self.whisper_dims))
        nn.init.normal_(net.decoder.token_embedding.weight, std=0.02)
        for block in net.decoder.blocks:
            assert isinstance(block, ResidualAttentionBlock)
            block.cross_attn.query.weight.mul_(SHARPER)
        return net

    @cached_property
    def separator(self) -> "clapsep.Separator":
        from tap_live.models.clapsep import Dims, Separator

        return _alive(lambda: Separator(self.clapsep_dims or Dims()))

    @cached_property
    def gentse(self) -> GenTSE:
        """Its Whisper is one of its own: low-rank changes go into it."""
        return _alive(lambda: GenTSE(self.gentse_dims, Whisper(self.whisper_dims)))

    @cached_property
    def vocoder(self) -> Generator:
        return _alive(lambda: Generator(self.vocoder_dims))

    def each(self) -> Mapping[str, Callable[[], Given]]:
        """Every network of the product, by its name."""
        return {
            "compact": self._compact,
            "speaker": lambda: (_alive(SpeakerEncoder), [torch.rand(1, WINDOW_FRAMES, BANDS)]),
            "audio cue": lambda: (
                _alive(lambda: AudioCueEncoder(AudioDims())),
                [torch.rand(1, 150, 64)],
            ),
            "CLAP, audio": lambda: _traced(self.cues["audio-cue"]),
            "CLAP, text": lambda: _traced(self.cues["text-cue"]),
            "CLAPSep, encoder": lambda: _traced(self.traceables["hear"]),
            "CLAPSep, decoder": lambda: _traced(self.traceables["find"]),
            "Whisper, encoder": lambda: (self.whisper.encoder, [torch.randn(1, 80, 3000)]),
            "Whisper, decoder": self._decoder,
            "gentse, encoder": self._encoder,
            "gentse, flow": self._flow,
            "gentse, vocoder": lambda: (
                self.vocoder,
                [torch.randn(1, self.vocoder_dims.mel.bands, FRAMES)],
            ),
        }

    @cached_property
    def traceables(self) -> "Mapping[str, Traceable]":
        """CLAPSep's networks, with inputs of the right shapes."""
        from tap_live.export.clapsep_graphs import separator_graphs

        return separator_graphs(self.separator)

    @cached_property
    def cues(self) -> "Mapping[str, Traceable]":
        """CLAP's own encoders, likewise."""
        from transformers import ClapModel

        from tap_live.export.clapsep_graphs import cue_graphs
        from tap_live.models.clap import Clap, base_config

        return cue_graphs(_alive(lambda: Clap(ClapModel(base_config()))))

    def _compact(self) -> Given:
        dims = self.compact.dims
        return _Mask(self.compact), [torch.randn(HOPS, 1, dims.bins, 2), torch.randn(1, dims.cue)]

    def _decoder(self) -> Given:
        """A token after others, 10 s of audio."""
        dims = self.whisper_dims
        layers, heads = dims.n_text_layer, dims.n_text_head
        width = dims.n_text_state // heads
        return self.whisper.decoder, [
            torch.full((1, 1), 50),
            torch.randn(layers, 2, 1, heads, READ, width),
            torch.randn(layers, 1, heads, 500, width),
            torch.randn(layers, 1, heads, 500, width),
        ]

    def _encoder(self) -> Given:
        dims = self.gentse.dims
        heard, enrolled = torch.randn(1, 80, 2 * POSITIONS), torch.randn(1, 80, 2 * dims.enrolment)
        return self.gentse.encoder, [heard, torch.randn(1, dims.speaker), enrolled]

    def _flow(self) -> Given:
        flow = self.gentse.flow.dims
        drawn, condition = (
            torch.randn(1, FRAMES, flow.numbers),
            torch.randn(1, FRAMES, flow.condition),
        )
        speaker = torch.randn(1, flow.speaker)
        return self.gentse.flow, [drawn, torch.full((1,), 0.5), condition, speaker]


def _alive(make: Callable[[], Net]) -> Net:
    """A network none of whose parts begins as zeros, which would hide what it is given."""
    torch.manual_seed(SEED)
    net = make().eval().requires_grad_(False)
    for weights in net.parameters():
        if not weights.any():
            nn.init.normal_(weights, std=0.02)
    return net


class _Mask(nn.Module):
    """The compact network from its first state on: only what it says, not what it remembers."""

    def __init__(self, net: compact.CompactExtractor) -> None:
        super().__init__()
        self.net = net

    def forward(self, spectrum: Tensor, cue: Tensor) -> Tensor:
        first = self.net.initial_state().parts
        start = compact.State(**{name: part.to(spectrum.device) for name, part in first.items()})
        mask: Tensor = self.net(spectrum, cue, start)[0]
        return mask


def noise_for(traceable: "Traceable") -> dict[str, Tensor]:
    """Inputs of a graph: noise, but for cues, tokens and their counts, whose values matter."""
    kept = ("cue", "tokens", "counts")
    return {
        name: value if name in kept else torch.randn(value.shape)
        for name, value in traceable.inputs.items()
    }


def _traced(traceable: "Traceable") -> Given:
    return traceable.module, [*noise_for(traceable).values()]
