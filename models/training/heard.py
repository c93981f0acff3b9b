"""How differently Whisper hears what was extracted and what was wanted."""

from torch import Tensor, nn

from ..log_mel import LogMel
from ..whisper import Whisper

RATE = 16_000
_POSITION = 320  # samples a position of the encoder
_LEVEL = 0.05  # RMS of what it is given, whatever the level of a mixture


class Heard(nn.Module):
    """Distance between two recordings in what the encoder of a frozen Whisper makes of them.

    Decibels count a bin for its energy; an encoder that was trained on words counts what tells
    words apart. Gradients pass through it to the recordings.

    Source: Johnson et al., arXiv:1603.08155, with Whisper in place of VGG.
    """

    def __init__(self, whisper: Whisper) -> None:
        super().__init__()
        self._mel = LogMel()
        self._encoder = whisper.encoder.requires_grad_(False)

    def forward(self, estimate: Tensor, target: Tensor) -> Tensor:
        """(B, T) at 16 kHz, no target silent -> (B,): 0 is alike, 1 is as far as the mean is."""
        level = _LEVEL / (target.square().mean(-1, keepdim=True).sqrt() + 1e-6)
        found, wanted = (self._hear(level * audio) for audio in (estimate, target.detach()))
        spread = wanted - wanted.mean(1, keepdim=True)
        distance: Tensor = (found - wanted).square().mean((1, 2)) / spread.square().mean((1, 2))
        return distance

    def _hear(self, audio: Tensor) -> Tensor:
        whole = audio.shape[1] // _POSITION * _POSITION
        hidden: Tensor = self._encoder(self._mel(audio[:, :whole]))
        return hidden
