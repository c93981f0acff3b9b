"""Between audio and the spectra that the compact extractor sees, at any stream rate."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .compact import CompactExtractor, Dims

TOP_BINS = 32  # whose mean mask is taken for the bins above those that are seen


class Spectra(nn.Module):
    """Audio to short-time spectra and back, at any rate, with a short delay.

    The window looks back over two hops, but only its newest hop + fade are given out:
    a sample leaves hop + fade (20 ms) after it came, not a whole window later.

    Source of such pairs of windows: Mauler and Martin, EUSIPCO 2007.
    """

    analysis: Tensor
    synthesis: Tensor

    def __init__(self, dims: Dims, rate: int) -> None:
        super().__init__()
        self.hop = round(dims.hop_s * rate)
        self.fade = round(dims.fade_s * rate)
        self.bins = dims.bins
        rising = 2 * self.hop - self.fade
        rise = torch.sin(torch.pi / 2 * (torch.arange(rising) + 0.5) / rising)
        fall = torch.cos(torch.pi / 2 * (torch.arange(self.fade) + 0.5) / self.fade)
        analysis = torch.cat([rise, fall])
        # What is given out is weighed so that neighbours cross-fade: sin^2 + cos^2 = 1.
        kept = torch.cat([fall.flip(0) ** 2, torch.ones(self.hop - self.fade), fall**2])
        self.register_buffer("analysis", analysis / analysis.sum(), persistent=False)
        self.register_buffer(
            "synthesis", kept / analysis[-len(kept) :] * analysis.sum(), persistent=False
        )

    def analyse(self, audio: Tensor) -> Tensor:
        """(B, T) audio -> complex (F, B, hop + 1) with F = T // hop; silence before the start."""
        audio = audio[:, : audio.shape[1] // self.hop * self.hop]
        frames = F.pad(audio, (self.hop, 0)).unfold(-1, 2 * self.hop, self.hop)
        spectrum: Tensor = torch.fft.rfft(frames * self.analysis)
        return spectrum.transpose(0, 1)

    def seen(self, spectrum: Tensor) -> Tensor:
        """What the network sees of a spectrum: (F, B, bins, 2); silence where it has no bins."""
        parts = torch.view_as_real(spectrum[..., : self.bins].contiguous())
        return F.pad(parts, (0, 0, 0, self.bins - parts.shape[2]))

    def synthesise(self, spectrum: Tensor) -> Tensor:
        """complex (F, B, hop + 1) -> (B, F * hop - fade), aligned with what was analysed."""
        frames: Tensor = torch.fft.irfft(spectrum, 2 * self.hop)
        frames = frames[..., -self.hop - self.fade :] * self.synthesis
        late = F.pad(frames[:-1, :, self.hop :], (0, self.hop - self.fade, 0, 0, 1, 0))
        return (frames[..., : self.hop] + late).transpose(0, 1).flatten(1)[:, self.fade :]

    def apply_mask(self, mask: Tensor, spectrum: Tensor) -> Tensor:
        """Multiply, the bins above those of the network (F, B, bins, 2) by its top band's mean."""
        complex_mask = torch.view_as_complex(mask.float().contiguous())
        above = max(0, spectrum.shape[-1] - self.bins)
        top = complex_mask[..., -TOP_BINS:].mean(-1, keepdim=True)
        whole = torch.cat([complex_mask, top.expand(-1, -1, above)], dim=-1)
        return spectrum * whole[..., : spectrum.shape[-1]]


def extract(net: CompactExtractor, spectra: Spectra, mixture: Tensor, cues: Tensor) -> Tensor:
    """Extract every cue's target from whole mixtures.

    Args:
        mixture: (B, T) audio at the rate of `spectra`.
        cues: (B, C, cue) embeddings.

    Returns: (B, C, T') audio, T' = T less what does not fill a hop and the last fade.
    """
    count = cues.shape[1]
    spectrum = spectra.analyse(mixture).repeat_interleave(count, dim=1)  # (F, B * C, bins)
    start = net.initial_state(spectrum.shape[1])
    mask, _ = net(spectra.seen(spectrum), cues.flatten(0, 1), start)
    target = spectra.synthesise(spectra.apply_mask(mask, spectrum))
    return target.view(-1, count, target.shape[-1])
