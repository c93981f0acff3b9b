"""A voice re-made from the overlap: Whisper hears the mixture, a flow draws the voice's mel frames.

    net = load(Path("best.pt"), Path("whisper-tiny.en"))
    hidden = net.encode(mixture, speaker, enrolment)
    mel = net.draw(net.condition(hidden, heard), speaker, noise, steps=2)

Whisper's encoder, with LoRA in its attention, hears [speaker, enrolment mel frames with positions
of their own, mixture]; what it says of the mixture feeds the flow decoder and, in training,
Whisper's text decoder. A vocoder (`vocoder.py`) makes mel frames audible.

Mel frames are drawn relative to the mixture's own level, a mean over its last seconds, so a
softer mixture gives a softer voice and nothing else. Unlike the paper's, the flow also hears the
mixture's mel frames, from which it has level and detail that Whisper does not keep (`mixture`).

Letters in shapes: B rows, T = 50 positions a second, W Whisper's width, D of a speaker
embedding, F mel frames of the vocoder, M its bands.
"""

from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from .flow import FlowDecoder, FlowDims, Velocity, guided, sample
from .log_mel import LogMel
from .target_speech import TargetSpeechEncoder
from .ts_whisper import SPEAKER
from .vocoder_mel import QUIETEST, MelDims, MelSpectrum
from .whisper import Whisper

RATE = 16_000  # Hz, of what Whisper hears
POSITION = 320  # samples
POSITIONS_S = RATE / POSITION
MOST_ENROLMENT = 1500  # positions of Whisper's own
LEVEL_S = 3.0  # over which the mixture's level is measured
LOUDEST = 1.2  # of Whisper's log-mel frames, whatever the level
RAISED = 1.5  # by at most so much, 60 dB: silence stays silent
FLOOR = 6.0  # nats below that level; softer is silence


@dataclass(frozen=True)
class GenDims:
    """Sizes, and what is left out to see what it was good for.

    Attributes:
        enrolment: positions of enrolment, 20 ms each; 0 leaves it out: the speaker alone.
        mixture: whether the flow hears the mixture's mel frames too.
        lora: rank, in every linear layer of the encoder's attention; 0 leaves Whisper as it is.
        context_s: seconds of a context that it was trained on; 0: nobody noted it.
    """

    mel: MelDims = field(default_factory=MelDims)
    width: int = 256  # of the flow
    layers: int = 6
    heads: int = 4
    before: int = 16  # frames that a layer of the flow reaches
    after: int = 3
    speaker: int = SPEAKER
    enrolment: int = 150
    mixture: bool = True
    lora: int = 16
    context_s: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.enrolment <= MOST_ENROLMENT and self.lora >= 0):
            raise ValueError(
                f"wanted 0 to {MOST_ENROLMENT} positions of enrolment and a rank from 0 on, "
                f"found {self.enrolment} and {self.lora}"
            )

    def flow(self, whisper_width: int) -> FlowDims:
        return FlowDims(
            numbers=self.mel.bands,
            condition=whisper_width + self.mel.bands * self.mixture,
            speaker=self.speaker,
            width=self.width,
            layers=self.layers,
            heads=self.heads,
            before=self.before,
            after=self.after,
        )


class GenTSE(nn.Module):
    """The whole but for the vocoder.

    Attributes:
        speaker_mean, speaker_scale: (D,) of speaker embeddings.
        mel_mean, mel_scale: () of mel frames relative to the level.
        nothing: (C,) the condition that asks for nothing, for guidance.
    """

    speaker_mean: Tensor
    speaker_scale: Tensor
    mel_mean: Tensor
    mel_scale: Tensor

    def __init__(self, dims: GenDims, whisper: Whisper) -> None:
        super().__init__()
        self.dims = dims
        self.log_mel = LogMel()
        self.mel = MelSpectrum(dims.mel)
        whisper.requires_grad_(False)
        self.decoder = whisper.decoder  # frozen; for training only
        self._whisper = [whisper]  # its parts are registered by the encoder and the decoder
        self.encoder = TargetSpeechEncoder(
            whisper.encoder, speaker=dims.speaker, enrolment=dims.enrolment, lora=dims.lora
        )
        flow = dims.flow(whisper.dims.n_audio_state)
        self.flow = FlowDecoder(flow)
        self.nothing = nn.Parameter(torch.zeros(flow.condition))
        self.register_buffer("speaker_mean", torch.zeros(dims.speaker))
        self.register_buffer("speaker_scale", torch.ones(dims.speaker))
        self.register_buffer("mel_mean", torch.zeros(()))
        self.register_buffer("mel_scale", torch.ones(()))

    def standard(self, speaker: Tensor) -> Tensor:
        """(B, D) embeddings, whose numbers are small, as the networks take them."""
        return (speaker - self.speaker_mean) / self.speaker_scale

    def encode(self, mixture: Tensor, speaker: Tensor, enrolment: Tensor) -> Tensor:
        """What is heard of a voice: (B, T, W).

        Args:
            mixture: (B, 320 T) at 16 kHz.
            speaker: (B, D) embeddings, as they are.
            enrolment: (B, 320 E) speech of the voice; rows of zeros have none.
        """
        with torch.autocast(mixture.device.type, enabled=False):
            mel = enrolled = self.loud(mixture)
            if self.dims.enrolment:
                there = enrolment.ne(0).any(-1)
                enrolled = self.loud(enrolment) * there[:, None, None]
        heard: Tensor = self.encoder(mel, self.standard(speaker), enrolled)
        return heard

    def loud(self, audio: Tensor) -> Tensor:
        """(B, 320 T) audio -> (B, 80, 2 T) log-mel frames whose loudest value is `LOUDEST`."""
        mel: Tensor = self.log_mel(audio)
        return mel + (LOUDEST - mel.amax(dim=(1, 2), keepdim=True)).clamp(max=RAISED)

    def said(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """The text branch: (B, N, V) what follows each of (B, N) tokens."""
        cross = self.decoder.keys_values(hidden)
        cache = self._whisper[0].empty_cache(len(tokens))
        logits: Tensor = self.decoder(tokens, cache, *cross).logits
        return logits

    def relative(self, mel: Tensor, level: Tensor) -> Tensor:
        """(B, M, F) mel frames as the flow draws them: (B, F, M), about 0 and 1."""
        above = (mel - level[:, None]).clamp(min=-FLOOR)
        return ((above - self.mel_mean) / self.mel_scale).transpose(1, 2)

    def absolute(self, drawn: Tensor, level: Tensor) -> Tensor:
        """The reverse: (B, M, F), as the vocoder hears them."""
        mel = drawn.transpose(1, 2) * self.mel_scale + self.mel_mean + level[:, None]
        return mel.clamp(min=float(torch.tensor(QUIETEST).log()))

    def condition(self, hidden: Tensor, heard: Tensor) -> Tensor:
        """What the flow is told of each frame: (B, F, C).

        Args:
            hidden: (B, T, W) of `encode`.
            heard: (B, F, M) `relative` mel frames of the mixture.
        """
        tokens = at_frames(hidden, heard.shape[1], self.dims.mel)
        return torch.cat([tokens, heard], dim=-1) if self.dims.mixture else tokens

    def draw(
        self,
        condition: Tensor,
        speaker: Tensor,
        noise: Tensor,
        steps: int,
        guidance: float = 0.0,
    ) -> Tensor:
        """Sample (B, F, M) `relative` mel frames from as much noise."""
        about = self.standard(speaker)
        velocity: Velocity = partial(self.flow, condition=condition, speaker=about)
        if guidance:
            nothing = self.nothing.expand_as(condition)
            without = partial(self.flow, condition=nothing, speaker=torch.zeros_like(about))
            velocity = guided(velocity, without, guidance)
        return sample(velocity, noise, steps)

    @torch.no_grad()
    def extract(
        self,
        mixture: Tensor,
        speaker: Tensor,
        enrolment: Tensor,
        noise: Tensor,
        *,
        steps: int = 4,
        guidance: float = 0.0,
        heard: Tensor | None = None,
    ) -> Tensor:
        """Re-make a voice as mel frames for the vocoder, (B, M, F), from one context.

        Args:
            mixture, speaker, enrolment: as `encode`.
            noise: (B, F', M), F' at least F.
            heard: the mixture at the vocoder's rate, where that is another.
        """
        mel = self.mel(mixture if heard is None else heard)
        level = levels(mel, self.dims.mel)
        hidden = self.encode(mixture, speaker, enrolment)
        condition = self.condition(hidden, self.relative(mel, level))
        drawn = self.draw(condition, speaker, noise[:, : mel.shape[-1]], steps, guidance)
        return self.absolute(drawn, level)

    def learned(self) -> dict[str, Tensor]:
        """All that Whisper's own file does not hold."""
        return {name: part for name, part in self.state_dict().items() if not _of_whisper(name)}


def levels(mel: Tensor, dims: MelDims) -> Tensor:
    """The level of a mixture at each frame of (B, M, F), from what came before: (B, F), in nats."""
    window = round(LEVEL_S * dims.rate / dims.hop)
    amplitude = mel.exp().mean(1).double()
    sums = functional.pad(amplitude.cumsum(-1), (window, 0))
    frames = torch.arange(1, mel.shape[-1] + 1, device=mel.device).clamp(max=window)
    means = (sums[:, window:] - sums[:, :-window]) / frames
    return means.clamp(min=QUIETEST).log().to(mel.dtype)


def at_frames(hidden: Tensor, frames: int, dims: MelDims) -> Tensor:
    """Read (B, T, W) positions at the times of mel frames, between two in a line: (B, F, W)."""
    time = (torch.arange(frames, device=hidden.device) + 0.5) * dims.hop / dims.rate
    place = (time * POSITIONS_S).clamp(max=hidden.shape[1] - 1)
    first = place.long().clamp(max=max(0, hidden.shape[1] - 2))
    share = (place - first).to(hidden.dtype)[:, None]
    after = (first + 1).clamp(max=hidden.shape[1] - 1)
    return hidden[:, first] * (1 - share) + hidden[:, after] * share


def _of_whisper(name: str) -> bool:
    return name.startswith(("decoder.", "encoder.encoder.")) and "lora_" not in name
