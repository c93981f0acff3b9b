"""The compact extractor: a network that keeps one target out of a mixture, hop by hop.

It is causal, but for recordings there is one that also hears what follows (`Dims.future`).

It sees short-time spectra whose window and hop are fixed in seconds, so its bins lie at the
same frequencies at any stream rate. Bins are gathered into bands. Each block looks at
them twice: an LSTM shared by all bands follows each band in time, and a wider LSTM follows
all bands together. The cue acts on every band of every block (FiLM). Out comes a complex mask.

Sources: band splitting, Luo and Yu, arXiv:2209.15174; sub-band and full-band recurrence,
Hao et al., arXiv:2010.15508; FiLM, Perez et al., arXiv:1709.07871.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

Memory = tuple[Tensor, Tensor]  # h and c of an LSTM, (1, rows, width) each

_FAINTEST = 1e-14  # power a bin; what is fainter is not raised further
_FAINT = 1e-3  # power beside the level; below it a sum over hops is mostly rounding
THIRDS = (-1, 0, 1)  # of a bin, beside its middle
BANDS_16K = ((4, 8), (8, 6), (16, 5), (32, 3))  # (bins, how many such bands): 256 bins of 31.25 Hz


@dataclass(frozen=True, kw_only=True)
class Dims:
    """What a checkpoint needs to be built again.

    Attributes:
        kind: of target, "voice" or "sound"; what its cues are follows from it.
        cue: numbers that ask for a target. Of a voice as many as its embedding has, or twice as
            many: then that of who speaks beside it, zeros where nobody is known.
        bands: (bins, count) from the lowest frequency up; their sum is what the network sees.
        band_width: numbers that describe a band.
        full_width: width of the LSTM that follows all bands together.
        condition_width: width to which a cue is brought before it acts on bands.
        level_s: time constant of the level that the input is divided by.
        past_hops: how many hops back frequencies within a bin are told apart; 0: they are not.
        future: whether each block also follows bands from the end back: not for live streams.
    """

    kind: str = "voice"
    cue: int = 256
    bands: tuple[tuple[int, int], ...] = BANDS_16K
    band_width: int = 48
    full_width: int = 128
    blocks: int = 3
    condition_width: int = 64
    hop_s: float = 0.016
    fade_s: float = 0.004
    level_s: float = 1.5
    past_hops: int = 0
    future: bool = False

    @property
    def bins(self) -> int:
        return sum(bins * count for bins, count in self.bands)

    @property
    def band_count(self) -> int:
        return sum(count for _, count in self.bands)


class State(NamedTuple):
    """What the network remembers between hops; h and c as in an LSTM.

    Shapes: band_h, band_c (blocks, B * bands, band_width); full_h, full_c (blocks, B, full_width);
    power, heard (B,): running power of the input and the weight it rests on; past (past_hops, B,
    bins, 2): the spectra before, where `dims.past_hops` asks for them.
    """

    band_h: Tensor
    band_c: Tensor
    full_h: Tensor
    full_c: Tensor
    power: Tensor
    heard: Tensor
    past: Tensor | None = None

    @property
    def parts(self) -> dict[str, Tensor]:
        """What there is, by name, in order."""
        return {name: part for name, part in self._asdict().items() if part is not None}


class Fine(nn.Module):
    """Tell apart frequencies within each bin, by a Fourier transform over its last hops.

    A window of two hops is too short for the harmonics of two like voices; over seven hops a
    third of a bin (10 Hz) can be told apart, and nothing has to be waited for.
    Of bin m and third j it is |sum over k of w(k) X(t - k, m) exp(i pi (m + j / 3) k)|^2, k hops
    back, w falling as a cosine.
    """

    sums: Tensor
    turns: Tensor

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        back = torch.arange(dims.past_hops, -1, -1)  # hops, oldest first
        taper = torch.cos(torch.pi / 2 * back / (dims.past_hops + 1))
        turned = torch.pi * back[:, None] * torch.tensor(THIRDS) / 3
        sums = torch.polar((taper / taper.sum())[:, None].expand_as(turned), turned)
        # (2 hops, 2 thirds): real and imaginary parts in, all real parts out, then all imaginary.
        real = torch.cat([sums.real, sums.imag], dim=1)
        imaginary = torch.cat([-sums.imag, sums.real], dim=1)
        self.register_buffer("sums", torch.cat([real, imaginary]), persistent=False)
        # A bin's own frequency turns by half a circle a hop for each bin up.
        half = (-1.0) ** (torch.arange(dims.bins) * back[:, None])
        self.register_buffer("turns", half[..., None], persistent=False)

    def forward(self, spectrum: Tensor, past: Tensor, ahead: int = 0) -> tuple[Tensor, Tensor]:
        """(F, B, bins, 2), (past_hops, B, bins, 2) -> powers (F, B, bins, 3), and the new past."""
        frames, hops = torch.cat([past, spectrum]), len(past) + 1
        heard = [frames[k : k + len(spectrum)] * self.turns[k] for k in range(hops)]
        stacked = torch.cat([part[..., c, None] for c in (0, 1) for part in heard], dim=-1)
        real, imaginary = (stacked @ self.sums).chunk(2, dim=-1)
        kept = len(spectrum) - ahead
        return real.square() + imaginary.square(), frames[kept : kept + len(past)]


class PerBand(nn.Module):
    """A linear layer of its own for each of some equally large bands."""

    def __init__(self, count: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(count, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(count, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(R, count, inputs) -> (R, count, outputs)."""
        return torch.baddbmm(self.bias, x.transpose(0, 1), self.weight).transpose(0, 1)


class BandSplit(nn.Module):
    """Describe each band of a spectrum by `band_width` numbers."""

    def __init__(self, dims: Dims, channels: int) -> None:
        super().__init__()
        self.bands, self.channels = dims.bands, channels
        self.layers = nn.ModuleList(
            PerBand(count, bins * channels, dims.band_width) for bins, count in dims.bands
        )

    def forward(self, x: Tensor) -> Tensor:
        """(R, bins, channels) -> (R, bands, band_width)."""
        parts = torch.split(x, [bins * count for bins, count in self.bands], dim=1)
        described = [
            layer(part.reshape(part.shape[0], count, -1))
            for layer, part, (_, count) in zip(self.layers, parts, self.bands, strict=True)
        ]
        return torch.cat(described, dim=1)


class BandMask(nn.Module):
    """Turn the description of each band into a complex mask over its bins."""

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        self.bands = dims.bands
        width = dims.band_width
        self.norm = nn.LayerNorm(width)
        self.expand = PerBand(dims.band_count, width, 2 * width)
        layers = [PerBand(count, 2 * width, 2 * bins) for bins, count in dims.bands]
        for layer in layers:  # to begin with, half of everything passes
            nn.init.normal_(layer.weight, std=0.1 * width**-0.5)
            nn.init.constant_(layer.bias[..., ::2], 0.5)
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """(R, bands, band_width) -> (R, bins, 2)."""
        parts = torch.split(
            torch.relu(self.expand(self.norm(x))), [count for _, count in self.bands], dim=1
        )
        masks = [
            layer(part).reshape(part.shape[0], -1, 2)
            for layer, part in zip(self.layers, parts, strict=True)
        ]
        return torch.cat(masks, dim=1)


class Condition(nn.Module):
    """Bring a cue to unit variance and to the width that the blocks take.

    Unit-length embeddings of voices differ by some hundredths in each number; left so, the
    network hears the cue as good as not at all for its first thousand steps.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dims.cue))
        self.register_buffer("scale", torch.ones(dims.cue))
        self.linear = nn.Linear(dims.cue, dims.condition_width)

    def fit(self, cues: Tensor) -> None:
        """Take mean and deviation from (N, cue) training cues; dead numbers stay small.

        Of (N, cue / 2) both sides take them.
        """
        deviation, mean = torch.std_mean(cues, dim=0)
        sides = len(self.mean) // len(mean)
        self.mean.copy_(mean.repeat(sides))
        self.scale.copy_((1.0 / deviation.clamp(min=0.5 * deviation.mean())).repeat(sides))

    def forward(self, cue: Tensor) -> Tensor:
        """(B, cue) -> (B, condition_width), between -1 and 1; a side not given is zeros."""
        cue = nn.functional.pad(cue, (0, len(self.mean) - cue.shape[-1]))
        return torch.tanh(self.linear((cue - self.mean) * self.scale))


class Block(nn.Module):
    """Follow each band in time, then all bands together; both are told the cue.

    With `dims.future` both are also followed from the end back, by LSTMs of their own, so that
    a causal network can be given them (`grown`).
    """

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        everything = dims.band_count * dims.band_width
        self.band_film = nn.Linear(dims.condition_width, 2 * everything)
        self.band_norm = nn.LayerNorm(dims.band_width)
        self.band_lstm = nn.LSTM(dims.band_width, dims.band_width)
        self.band_out = nn.Linear(dims.band_width, dims.band_width)
        self.full_norm = nn.LayerNorm(dims.band_width)
        self.full_in = nn.Linear(everything, dims.full_width)
        self.full_film = nn.Linear(dims.condition_width, 2 * dims.full_width)
        self.full_lstm = nn.LSTM(dims.full_width, dims.full_width)
        self.full_out = nn.Linear(dims.full_width, everything)
        self.future = dims.future
        if dims.future:
            self.band_future = nn.LSTM(dims.band_width, dims.band_width)
            self.band_future_out = nn.Linear(dims.band_width, dims.band_width)
            self.full_future = nn.LSTM(dims.full_width, dims.full_width)
            self.full_future_out = nn.Linear(dims.full_width, everything)

    def forward(
        self, x: Tensor, condition: Tensor, band: Memory, full: Memory, ahead: int = 0
    ) -> tuple[Tensor, Memory, Memory]:
        """(F, B, bands, band_width), (B, condition_width) -> the same shape, and new memories.

        They are those before the last `ahead` hops.
        """
        steps, batch, bands, width = x.shape
        scale, shift = self.band_film(condition).view(batch, bands, 2 * width).chunk(2, dim=-1)
        seen = (self.band_norm(x) * (1 + scale) + shift).view(steps, batch * bands, width)
        y, band = _forth(self.band_lstm, seen, band, ahead)
        found = self.band_out(y)
        if self.future:
            found = found + self.band_future_out(_back(self.band_future, seen))
        x = x + found.view(steps, batch, bands, width)
        scale, shift = self.full_film(condition).chunk(2, dim=-1)
        seen = self.full_in(self.full_norm(x).flatten(2)) * (1 + scale) + shift
        y, full = _forth(self.full_lstm, seen, full, ahead)
        found = self.full_out(y)
        if self.future:
            found = found + self.full_future_out(_back(self.full_future, seen))
        return x + found.view(steps, batch, bands, width), band, full


def _forth(lstm: nn.LSTM, x: Tensor, memory: Memory, ahead: int) -> tuple[Tensor, Memory]:
    """Follow (F, R, width) on, and remember what there was before the last `ahead` hops."""
    if not ahead:
        y, memory = lstm(x, memory)
        return y, memory
    y, memory = lstm(x[:-ahead], memory)
    return torch.cat([y, lstm(x[-ahead:], memory)[0]]), memory


def _back(lstm: nn.LSTM, x: Tensor) -> Tensor:
    """Follow (F, R, width) from the end back."""
    y: Tensor = lstm(x.flip(0))[0]
    return y.flip(0)


class CompactExtractor(nn.Module):
    """Spectra of a mixture and a cue in, a complex mask for the target out."""

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        self.dims = dims
        self.condition = Condition(dims)
        self.fine = Fine(dims) if dims.past_hops else None
        self.split = BandSplit(dims, channels=2 + (len(THIRDS) if dims.past_hops else 0))
        self.blocks = nn.ModuleList(Block(dims) for _ in range(dims.blocks))
        self.mask = BandMask(dims)

    def initial_state(self, batch: int = 1) -> State:
        """The state before anything was heard."""
        return initial_state(self.dims, batch, self.mask.norm.weight)

    def forward(
        self, spectrum: Tensor, cue: Tensor, state: State, ahead: int = 0
    ) -> tuple[Tensor, State]:
        """Find the mask for F more hops.

        Args:
            spectrum: (F + ahead, B, bins, 2) real and imaginary parts.
            cue: (B, cue) embedding of the target.
            ahead: hops at the end that are only looked at, for a network that hears the future.

        Returns: (F, B, bins, 2) real and imaginary parts of the mask; the state after those.
        """
        steps, batch = spectrum.shape[:2]
        level, power, heard = self._level(spectrum, state, ahead)
        seen, past = _compressed(spectrum * level[..., None, None]), state.past
        if self.fine is not None and past is not None:
            fine, past = self.fine(spectrum, past, ahead)
            fine = fine * level[..., None, None].square() + _FAINT
            seen = torch.cat([seen, fine**0.15], dim=-1)
        x = self.split(seen.flatten(0, 1))
        x = x.view(steps, batch, self.dims.band_count, self.dims.band_width)
        condition = self.condition(cue)
        memories = []
        for block, *memory in zip(
            self.blocks, *(torch.split(part, 1) for part in state[:4]), strict=True
        ):
            x, band, full = block(x, condition, tuple(memory[:2]), tuple(memory[2:]), ahead)
            memories.append((*band, *full))
        x = x[: steps - ahead]
        mask = self.mask(x.flatten(0, 1)).view(-1, batch, self.dims.bins, 2)
        parts = [torch.cat(part) for part in zip(*memories, strict=True)]
        return mask, State(parts[0], parts[1], parts[2], parts[3], power, heard, past)

    def _level(self, spectrum: Tensor, state: State, ahead: int) -> tuple[Tensor, Tensor, Tensor]:
        """One over the running level, (F, B), and the level's state before the last `ahead` hops.

        power(t) = k power(t-1) + (1 - k) energy(t), so
        power(t) = k^(t+1) power(-1) + sum over s <= t of (1 - k) k^(t-s) energy(s);
        `heard` follows the same sum over ones, so that their quotient has no bias at the start.
        """
        keep = math.exp(-self.dims.hop_s / self.dims.level_s)
        energy = spectrum.square().sum((2, 3)) / self.dims.bins  # (F, B)
        age = torch.arange(1, len(energy) + 1, device=energy.device, dtype=energy.dtype)
        decay = (keep**age)[:, None]
        weights = torch.tril((1 - keep) * keep ** (age[:, None] - age[None, :]).clamp(min=0))
        # A product summed, not a matrix product, which autocast would round to bfloat16.
        power = (weights[:, :, None] * energy).sum(1) + decay * state.power
        heard = weights.sum(1, keepdim=True) + decay * state.heard
        last = -1 - ahead
        return (power / heard + _FAINTEST).rsqrt(), power[last], heard[last]


def initial_state(dims: Dims, batch: int = 1, like: Tensor | None = None) -> State:
    """The state of a network before anything was heard; on the device of `like`, if given."""
    like = torch.empty(0) if like is None else like
    band = like.new_zeros(dims.blocks, batch * dims.band_count, dims.band_width)
    full = like.new_zeros(dims.blocks, batch, dims.full_width)
    level = like.new_zeros(batch)
    past = like.new_zeros(dims.past_hops, batch, dims.bins, 2) if dims.past_hops else None
    return State(band, band, full, full, level, level, past)


def _compressed(spectrum: Tensor) -> Tensor:
    """(..., 2) real and imaginary parts -> (..., 2): the magnitude to the power 0.3, and its log.

    Phases would be heard as noise: with a hop of 16 ms they tell the next to nothing.
    """
    magnitude: Tensor = (spectrum.square().sum(-1) + 1e-8).sqrt()
    return torch.stack([magnitude**0.3, 0.3 * magnitude.log()], dim=-1)
