"""The generative voice model's networks as ONNX graphs; what lies between them is outside.

encode    mel (1, 80, 2 T), speaker (1, D), enrolment (1, 80, 2 E) -> hidden (1, T, W)
flow      x (1, F, M), time (1), condition (1, F, C), speaker (1, D) -> velocity (1, F, M)
vocoder   mel (1, M, F), on (1, 1, F), and its state -> audio (1, F hop), any F

A model without enrolment has no such input.
"""

import torch
from torch import Tensor, nn

from tap_live.export.clapsep_graphs import Traceable
from tap_live.models.gentse import GenTSE
from tap_live.models.vocoder import Vocoder, VocoderState
from tap_live.runtime import State, Tensors

FRAMES = {"flow": 40, "vocoder": 24}  # to trace with
STATE = {"heard_mel": "next_mel", "heard_on": "next_on"}


class Encode(nn.Module):
    """What is heard of a voice."""

    def __init__(self, net: GenTSE) -> None:
        super().__init__()
        self.net = net

    def forward(self, mel: Tensor, speaker: Tensor, enrolment: Tensor | None = None) -> Tensor:
        enrolled = mel if enrolment is None else enrolment  # which the encoder leaves alone then
        hidden: Tensor = self.net.encoder(mel, self.net.standard(speaker), enrolled)
        return hidden


class Move(nn.Module):
    """The velocity of the flow."""

    def __init__(self, net: GenTSE) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, time: Tensor, condition: Tensor, speaker: Tensor) -> Tensor:
        velocity: Tensor = self.net.flow(x, time, condition, self.net.standard(speaker))
        return velocity


class Speak(nn.Module):
    """A step of the vocoder's stream."""

    def __init__(self, vocoder: Vocoder) -> None:
        super().__init__()
        self.vocoder = vocoder

    def forward(
        self, mel: Tensor, on: Tensor, heard_mel: Tensor, heard_on: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        audio, state = self.vocoder.step(mel, on, VocoderState(heard_mel, heard_on))
        return audio, state.mel, state.on


def graphs_of(net: GenTSE, vocoder: Vocoder, positions: int) -> dict[str, Traceable]:
    """All three, ready to be traced; low-rank changes are merged by the caller.

    Args:
        positions: of a context.
    """
    dims, bands, flow = net.dims, net.dims.mel.bands, net.flow.dims
    speaker = torch.full((1, dims.speaker), dims.speaker**-0.5)
    heard = {"mel": torch.zeros(1, 80, 2 * positions), "speaker": speaker}
    if dims.enrolment:
        heard["enrolment"] = torch.zeros(1, 80, 2 * dims.enrolment)
    frames = FRAMES["flow"]
    moved = {
        "x": torch.zeros(1, frames, bands), "time": torch.zeros(1),
        "condition": torch.zeros(1, frames, flow.condition), "speaker": speaker,
    }  # fmt: skip
    frames = FRAMES["vocoder"]
    spoken = {"mel": torch.zeros(1, bands, frames), "on": torch.ones(1, 1, frames)}
    spoken |= dict(zip(STATE, vocoder.initial_state(1), strict=True))
    return {
        "encode": Traceable(Encode(net), heard, ["hidden"]),
        "flow": Traceable(
            Move(net), moved, ["velocity"],
            {"x": {1: "frames"}, "condition": {1: "frames"}, "velocity": {1: "frames"}},
        ),
        "vocoder": Traceable(
            Speak(vocoder), spoken, ["audio", *STATE.values()],
            {"mel": {2: "frames"}, "on": {2: "frames"}, "audio": {1: "samples"}},
        ),
    }  # fmt: skip


class TorchStream:
    """A module with the signature of its graph, which may have a state."""

    def __init__(self, traceable: Traceable) -> None:
        self._traceable = traceable
        self._kept = {name: after for name, after in STATE.items() if name in traceable.inputs}

    def initial_state(self) -> State:
        return {name: self._traceable.inputs[name].numpy() for name in self._kept}

    @torch.no_grad()
    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        given = {**inputs, **state}
        found = self._traceable.module(
            *(torch.from_numpy(given[name]) for name in self._traceable.inputs)
        )
        parts = found if isinstance(found, tuple) else (found,)
        named = dict(zip(self._traceable.outputs, (part.numpy() for part in parts), strict=True))
        kept = {name: named.pop(after) for name, after in self._kept.items()}
        return named, kept
