"""What the generative voice model's graphs are given on the demo's recordings, step by step.

PyTorch hears Maya and Ben over each other, for one and for the other, and draws and speaks what
it heard, as the live extractor would; what goes into each network on the way is written down.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tap_live.bundle import Bundle
from tap_live.export.task import clip, two_voices
from tap_live.extractors.gentse_frames import Frames, MelStream, Stretch, noise_at, places, read_at
from tap_live.extractors.gentse_network import POSITION, GenNetwork
from tap_live.models.gentse import RATE
from tap_live.processor import Audio, Embedding
from tap_live.runtime import Backend, State, Tensors
from tap_live.voices.encoder import SpeakerEncoder

STRETCHES = (24, 7, 50)  # frames that are drawn and spoken at a time
STEPS = 4  # of the flow: more than a bundle's own can be asked for


class Heard(NamedTuple):
    """A context of two voices over each other, with one of them asked for."""

    speaker: Embedding
    tokens: Frames  # (F, W) what Whisper's encoder heard, at the frames' times
    mixture: Stretch  # F frames
    clean: Frames  # (F, M) of Maya alone


class _Noted:
    """A backend, and everything that it was given."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.given: list[Tensors] = []

    def initial_state(self) -> State:
        return self._backend.initial_state()

    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        self.given.append(dict(inputs))
        return self._backend.step(inputs, state)


def given_of(bundle: Bundle, backends: Mapping[str, Backend]) -> dict[str, list[Tensors]]:
    """The inputs of each graph, a mapping a step; states are the backends' own.

    Args:
        bundle: whose settings and mel filters are there; its graphs need not be.
        backends: of every graph of it, in PyTorch.
    """
    noted = {name: _Noted(backend) for name, backend in backends.items()}
    network = GenNetwork(bundle, backends=noted)
    state = network.silence()
    for file in ("maya.ogg", "ben.ogg"):
        heard = heard_by(network, file)
        at = (len(heard.tokens) - sum(STRETCHES)) // 2
        for count in STRETCHES:
            mel = drawn_by(network, heard, slice(at, at + count), STEPS)
            _, state = network.speak(mel, np.ones(len(mel), bool), state)
            at += count
    return {name: one.given for name, one in noted.items()}


def heard_by(network: GenNetwork, file: str = "maya.ogg") -> Heard:
    """What a network hears of the voice in `file`, one of the demo's two, in a context of both."""
    samples, form = network.positions * POSITION, network.form
    voice = clip(file, RATE)
    speaker = SpeakerEncoder.open().embed(voice)
    mixture = _whole(two_voices(RATE, samples / RATE).mixture, samples)
    hidden = network.hear(mixture, speaker, network.enrolled(voice))
    streams = [MelStream(form) for _ in range(2)]
    high = two_voices(form.rate, samples / RATE)
    for stream, audio in zip(streams, (high.mixture, high.target), strict=True):
        stream.push(audio)
    both, clean = (stream.heard for stream in streams)
    tokens = read_at(hidden, 0, places(0, len(both.mel), form))
    return Heard(speaker, tokens, both, clean.mel)


def drawn_by(network: GenNetwork, heard: Heard, frames: slice, steps: int) -> Frames:
    """Draw some of the frames, from the noise that is theirs."""
    first, last, _ = frames.indices(len(heard.tokens))
    mixture = heard.mixture.part(first, last)
    noise = noise_at(0, first, last - first, network.bands)
    tokens, speaker = heard.tokens[first:last], heard.speaker
    return network.draw(tokens, mixture.mel, mixture.level, speaker, noise, steps)


def _whole(audio: Audio, samples: int) -> Audio:
    return np.pad(audio[:samples], (0, max(0, samples - len(audio))))
