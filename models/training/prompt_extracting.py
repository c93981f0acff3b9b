"""Prompts that are used behind an extractor learn from what it keeps, not from mixtures."""

from zlib import crc32

import torch
from torch.nn import functional

from ..compact import CompactExtractor
from ..spectra import Spectra, extract
from .corpus import RATE
from .prompt_batches import PromptBatch


class Extracting:
    """Give a batch with what a frozen extractor keeps of its mixtures in their place.

    Attributes:
        checksum: of the extractor's weights: runs behind others cannot be compared.
    """

    def __init__(self, net: CompactExtractor, device: torch.device) -> None:
        """Raises: ValueError if it is none of voices."""
        if net.dims.kind != "voice":
            raise ValueError(f"wanted an extractor of voices, found one of {net.dims.kind}s")
        self.checksum = 0
        for part in net.state_dict().values():
            self.checksum = crc32(part.cpu().numpy().tobytes(), self.checksum)
        self._net = net.eval().requires_grad_(False).to(device)
        self._spectra = Spectra(net.dims, RATE).to(device)

    @torch.no_grad()
    def __call__(self, batch: PromptBatch) -> PromptBatch:
        untold = self._net.dims.cue - batch.speaker.shape[1]  # zeros: nobody is known beside it
        cue = functional.pad(batch.speaker, (0, untold))
        with torch.autocast(batch.mixture.device.type, enabled=False):
            kept = extract(self._net, self._spectra, batch.mixture, cue[:, None])[:, 0]
        silence = batch.mixture.shape[1] - kept.shape[1]
        return batch._replace(mixture=functional.pad(kept, (0, silence)))
