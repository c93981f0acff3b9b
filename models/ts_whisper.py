"""Whisper that is told whom to transcribe: soft prompts and a speaker vector, Whisper frozen.

    net = load("whisper-tiny.en", "prompts.pt")
    encoded = net.encode(mel, speaker)
    logits = net.logits(tokens, encoded, speaker)

The speaker embedding, through a linear layer, takes the place of the encoder's first
position; P soft prompts follow it, and as many stand in front of the decoder's text, fresh at
every layer. In training each prompt passes a residual perceptron; afterwards only its result
is kept (`settled`), which is what a bundle holds. Parameters are named as in the authors' files.

Letters in shapes as in `whisper.py`; D numbers of a speaker embedding.

Source: Ma et al., arXiv:2312.08079.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from tap_live.whisper.names import to_openai
from tap_live.whisper.weights import read_weights

from .whisper import Dims, Encoding, Whisper

FRAMES = 3000  # of log-mel, 30 s
FRAMES_A_POSITION = 2
HEAD_WIDTH = 64  # of every published Whisper
SPEAKER = 256  # numbers of our speaker embedding
LENGTH = 16
START = 0.02  # of what a perceptron adds
_STANDARD = {"mean", "scale"}  # what settled prompts have not, and the authors' files neither


class ResidualPerceptron(nn.Module):
    """What is added to a soft prompt while it is trained."""

    def __init__(self, width: int) -> None:
        super().__init__()
        norm = nn.LayerNorm(width)
        # Prompts that begin as large as what they stand among would undo what Whisper knows.
        nn.init.constant_(norm.weight, START)
        self.net = nn.Sequential(
            nn.Linear(width, width // 2), nn.ReLU(), nn.Linear(width // 2, width), norm
        )

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.net(x)
        return x + added

    @torch.no_grad()
    def silence(self) -> None:
        """Add nothing, until more is learned."""
        for part in self.net[-1].parameters():
            part.zero_()


class Prompts(nn.Module):
    """All that is trained.

    Attributes:
        mean, scale: (D,) of the speaker embeddings, which come out of a network with numbers so
            small that a linear layer would take long to notice them; 0 and 1 once settled.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, dims: Dims, *, length: int = LENGTH, speaker: int = SPEAKER, perceptrons: bool = True
    ) -> None:
        super().__init__()
        layers = {"encoder": dims.n_audio_layer, "decoder": dims.n_text_layer}
        widths = {"encoder": dims.n_audio_state, "decoder": dims.n_text_state}
        self.length = length
        self.spk_embed_layer = nn.Linear(speaker, widths["encoder"])
        for side, depth in layers.items():
            soft = torch.empty(depth, length, widths[side]).uniform_(-0.1, 0.1)
            self.register_parameter(f"soft_prompt_extra_{side}", nn.Parameter(soft))
            mlps = [ResidualPerceptron(widths[side]) for _ in range(depth if perceptrons else 0)]
            self.add_module(f"mlp_{side}", nn.ModuleList(mlps))
        self.register_buffer("mean", torch.zeros(speaker))
        self.register_buffer("scale", torch.ones(speaker))

    @property
    def speaker_width(self) -> int:
        return self.spk_embed_layer.in_features

    def fit(self, speakers: Tensor) -> None:
        """Learn the scale of (N, D) speaker embeddings."""
        self.mean.copy_(speakers.mean(0))
        self.scale.copy_(speakers.std(0).clamp(min=1e-3))

    def soft(self, side: str) -> Tensor:
        """Return the prompts of a side as the network is given them: (layers, P, W)."""
        soft: Tensor = getattr(self, f"soft_prompt_extra_{side}")
        mlps = getattr(self, f"mlp_{side}")
        if not len(mlps):
            return soft
        return torch.stack([mlp(prompt) for mlp, prompt in zip(mlps, soft, strict=True)])

    def forward(self, speaker: Tensor) -> tuple[Tensor, Tensor]:
        """(B, D) -> (B, Le, 1 + P, W) for the encoder, (B, Ld, P, W) for the decoder."""
        front = self.spk_embed_layer((speaker - self.mean) / self.scale)  # (B, W)
        encoder, decoder = self.soft("encoder"), self.soft("decoder")
        rows = len(speaker)
        first = front.new_zeros(rows, len(encoder), 1, front.shape[-1])
        first[:, 0, 0] = front  # it counts at the first layer only
        encoder = encoder.expand(rows, -1, -1, -1)
        return torch.cat([first, encoder], dim=2), decoder.expand(rows, -1, -1, -1)

    @torch.no_grad()
    def settled(self) -> dict[str, Tensor]:
        """What training made, without what it needed: the authors' names, no perceptrons."""
        weight = self.spk_embed_layer.weight / self.scale
        return {
            "spk_embed_layer.weight": weight.clone(),
            "spk_embed_layer.bias": self.spk_embed_layer.bias - weight @ self.mean,
            "soft_prompt_extra_encoder": self.soft("encoder").clone(),
            "soft_prompt_extra_decoder": self.soft("decoder").clone(),
        }


class TargetSpeakerWhisper(nn.Module):
    """A frozen Whisper and the prompts that steer it."""

    def __init__(self, whisper: Whisper, prompts: Prompts) -> None:
        super().__init__()
        self.whisper = whisper.requires_grad_(False)
        self.prompts = prompts

    @property
    def lead(self) -> int:
        """Zero frames in front of the log-mel, whose places the prompts take."""
        return FRAMES_A_POSITION * (1 + self.prompts.length)

    def encode(self, mel: Tensor, speaker: Tensor | None, frames: int = FRAMES) -> Encoding:
        """Encode plain log-mel frames in a context of `frames`, zeros in front of and behind them.

        Args:
            mel: (B, 80, T); what does not fit is left out.
            speaker: (B, D) whom to listen to; None: no prompts, plain Whisper.
        """
        if speaker is None:
            return self.whisper.encode(_fitted(mel, 0, frames))
        prompt, _ = self.prompts(speaker)
        return self.whisper.encode(_fitted(mel, self.lead, frames), prompt)

    def logits(self, tokens: Tensor, encoded: Encoding, speaker: Tensor | None) -> Tensor:
        """Say what follows each of (B, N) tokens: (B, N, V).

        Args:
            tokens: with prompts `<|startofprev|>` and P placeholders come first.
        """
        prompt = None if speaker is None else self.prompts(speaker)[1]
        cache = self.whisper.empty_cache(len(tokens))
        cross = (encoded.cross_k, encoded.cross_v)
        logits: Tensor = self.whisper.decoder(tokens, cache, *cross, prompt=prompt).logits
        return logits


def _fitted(mel: Tensor, lead: int, frames: int) -> Tensor:
    kept = mel[..., : frames - lead]
    return functional.pad(kept, (lead, frames - lead - kept.shape[-1]))


def load(whisper: str | Path, prompts: str | Path) -> TargetSpeakerWhisper:
    """Open a Whisper and prompts for it.

    Args:
        whisper: OpenAI's `.pt`, a Hugging Face or a CTranslate2 folder.
        prompts: a state dict in the authors' layout (`.pt`, with or without perceptrons), the
            best.pt of a training run, or the prompts.safetensors of a bundle.

    Raises: ValueError if the prompts are none, or not for this Whisper; BundleError if there are
        no weights.
    """
    net = open_whisper(Path(whisper))
    state = read_prompts(Path(prompts))
    return TargetSpeakerWhisper(net, prompts_of(state, net.dims)).eval()


def open_whisper(source: Path) -> Whisper:
    """Build a Whisper from published weights, in any of the three layouts."""
    if source.suffix == ".pt":
        content = torch.load(source, map_location="cpu", weights_only=True)
        dims = Dims(**content["dims"])
        state = {name: value.float() for name, value in content["model_state_dict"].items()}
    else:
        arrays = to_openai(read_weights(source))
        state = {name: torch.tensor(value) for name, value in arrays.items()}
        dims = _dims_of(state)
    net = Whisper(dims)
    # The encoder's positions are computed; not every file has them.
    known = {"encoder.positional_embedding": net.encoder.positional_embedding}
    net.load_state_dict(known | state)
    return net.eval().requires_grad_(False)


def read_prompts(file: Path) -> dict[str, Tensor]:
    """Read the state dict of prompts from any file that `load` takes, in fp32."""
    if file.suffix == ".safetensors":
        content: Mapping[str, Any] = load_file(file)
    else:
        content = torch.load(file, map_location="cpu", weights_only=True)
        content = content.get("weights", content)
    return {name.removeprefix("prompt."): value.float() for name, value in content.items()}


def prompts_of(state: Mapping[str, Tensor], dims: Dims) -> Prompts:
    """Build prompts for a Whisper of these sizes. Raises: ValueError if they are not for it."""
    try:
        depth, length, width = state["soft_prompt_extra_encoder"].shape
        speaker = state["spk_embed_layer.weight"].shape[1]
    except KeyError as error:
        raise ValueError(f"wanted prompts for Whisper, found a file without {error}") from None
    if (depth, width) != (dims.n_audio_layer, dims.n_audio_state):
        raise ValueError(
            f"wanted prompts for {dims.n_audio_layer} layers of width {dims.n_audio_state}, "
            f"found them for {depth} of {width}: give the Whisper that they were trained for"
        )
    perceptrons = any(name.startswith("mlp_encoder.") for name in state)
    prompts = Prompts(dims, length=length, speaker=speaker, perceptrons=perceptrons)
    found = prompts.load_state_dict(dict(state), strict=False)
    if found.unexpected_keys or set(found.missing_keys) - _STANDARD:
        wrong = [*found.unexpected_keys, *(set(found.missing_keys) - _STANDARD)]
        raise ValueError(f"wanted prompts in the authors' layout, found {wrong[0]} amiss")
    return prompts


def _dims_of(state: Mapping[str, Tensor]) -> Dims:
    vocabulary, width = state["decoder.token_embedding.weight"].shape
    layers = {
        side: sum(f"{side}.blocks.{n}.mlp.0.weight" in state for n in range(64))
        for side in ("encoder", "decoder")
    }
    return Dims(
        n_mels=state["encoder.conv1.weight"].shape[1],
        n_audio_ctx=FRAMES // FRAMES_A_POSITION,
        n_audio_state=width,
        n_audio_head=width // HEAD_WIDTH,
        n_audio_layer=layers["encoder"],
        n_vocab=vocabulary,
        n_text_ctx=state["decoder.positional_embedding"].shape[0],
        n_text_state=width,
        n_text_head=width // HEAD_WIDTH,
        n_text_layer=layers["decoder"],
    )
