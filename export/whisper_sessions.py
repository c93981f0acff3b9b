"""Whisper in PyTorch behind the interface of its graphs: what decodes cannot tell them apart."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tap_live.models.whisper import Whisper as Network
from tap_live.runtime import State, Tensors
from tap_live.whisper.model import DecoderState, Session, Whisper

GARBAGE = 1.0  # of the size of keys and values


def in_pytorch(network: Network, folder: Path) -> Whisper:
    """The live engine's Whisper, computed by a network; `folder` is an assembled one of it."""
    return Whisper(folder, sessions=(_Encoder(network), _Decoder(network)))


class _Encoder:
    def __init__(self, network: Network) -> None:
        self._network = network

    @torch.no_grad()
    def run(self, results: Sequence[str], feeds: Mapping[str, Any]) -> list[NDArray[Any]]:
        encoded = self._network.encode(
            *(_tensor(feeds[name]) for name in ("mel", "prompt", "prompt_on"))
        )
        return [part.numpy() for part in encoded]


class _Decoder:
    def __init__(self, network: Network) -> None:
        self._network = network
        self._layers = range(network.dims.n_text_layer)

    @torch.no_grad()
    def run(self, results: Sequence[str], feeds: Mapping[str, Any]) -> list[NDArray[Any]]:
        cross_k, cross_v, self_k, self_v = (
            torch.stack([_tensor(feeds[f"{kind}.{layer}"]) for layer in self._layers])
            for kind in ("cross_k", "cross_v", "self_k", "self_v")
        )
        decoded = self._network.decoder(
            _tensor(feeds["tokens"]),
            torch.stack([self_k, self_v], dim=1),
            cross_k,
            cross_v,
            _tensor(feeds["position"]),
            _tensor(feeds["prompt"]),
            _tensor(feeds["prompt_on"]),
        )
        last = int(feeds["last"][0])
        caches = [part.numpy() for layer in decoded.self_kv for part in layer]
        return [decoded.logits[:, -last:].numpy(), decoded.align.numpy(), *caches]


class InPlaces:
    """A decoder whose caches are static, as one whose caches grow: for rows that are all as long.

    Beyond their columns there is garbage, as where a search went back: nobody may look there.
    """

    def __init__(self, session: Session, positions: int) -> None:
        self._session, self._positions = session, positions

    def run(self, results: Sequence[str], feeds: Mapping[str, Any]) -> list[Any]:
        given = {name: self._given(name, value) for name, value in feeds.items()}
        columns = int(feeds["position"][0]) + feeds["tokens"].shape[1]
        found = self._session.run(results, given)
        return [
            value[:, :, :columns] if name.startswith("self_") else value
            for name, value in zip(results, found, strict=True)
        ]

    def _given(self, name: str, value: NDArray[Any]) -> NDArray[Any]:
        if not name.startswith("self_"):
            return value
        rows, heads, columns, width = value.shape
        whole = np.full((rows, heads, self._positions, width), GARBAGE, np.float32)
        whole[:, :, :columns] = value
        return whole


class Encoding:
    """A Whisper's encoder as a `Backend`: `mel -> hidden, cross_k, cross_v`."""

    def __init__(self, whisper: Whisper) -> None:
        self._whisper = whisper

    def initial_state(self) -> State:
        return {}

    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        encoded = self._whisper.encode(inputs["mel"])
        return {
            "hidden": encoded.hidden,
            "cross_k": encoded.cross_k,
            "cross_v": encoded.cross_v,
        }, state


class Decoding:
    """Its decoder, on audio that was encoded before: `tokens -> logits, align`, with its cache."""

    def __init__(self, whisper: Whisper, start: DecoderState) -> None:
        self._whisper, self._state = whisper, start

    def initial_state(self) -> State:
        return {}

    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        logits, align, self._state = self._whisper.decode(inputs["tokens"], self._state)
        return {"logits": logits, "align": align, "self_kv": np.stack(self._state.cache)}, state


def _tensor(value: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(value))
