"""The bundles that ship compute what PyTorch computes with their weights, on real audio."""

import numpy as np
import pytest
import torch

from tap_live.bundle import Bundle, open_bundle
from tap_live.catalogue import BUNDLES
from tap_live.cues.features import RATE as SOUND_RATE
from tap_live.cues.features import mel_frames, mel_windows
from tap_live.errors import ParityError
from tap_live.export import compact, cues, speaker
from tap_live.export.shipped import audio_cue_net, compact_net, speaker_net
from tap_live.export.task import clip
from tap_live.export.verify import verify
from tap_live.export.warm import COMPACT
from tap_live.runtime import Engine, Tensors
from tap_live.voices.encoder import STEP_FRAMES, WINDOW, initial_state
from tap_live.voices.features import RATE as SPEECH_RATE
from tap_live.voices.features import mel_frames as speech_frames

HOPS = 250  # 4 s


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def shipped(name: str) -> Bundle:
    return open_bundle(BUNDLES / name)


@pytest.mark.parametrize("name", COMPACT)
def test_an_extractor_that_ships_computes_what_pytorch_does(name: str) -> None:
    net = compact_net(name)
    stream = compact.hops(net.dims, *compact.real_speech(net.dims))[:HOPS]
    found = compact.compare_streams(
        compact.TorchBackend(net), Engine(shipped(name), "step"), stream
    )
    found.check(compact.TOLERANCE)
    assert {one.steps for one in found.parities} == {3 if net.dims.future else HOPS}
    assert {one.output for one in found.parities} == {"mask", *net.initial_state().parts}


def test_the_weights_are_those_that_ship() -> None:
    net = compact_net("voice-compact")
    stream = compact.hops(net.dims, *compact.real_speech(net.dims))[:60]
    with torch.no_grad():
        net.mask.expand.weight *= 1.001
    other = compact.TorchBackend(net)
    with pytest.raises(ParityError, match="do not ship"):
        verify(other, Engine(shipped("voice-compact"), "step"), stream)


def test_the_encoder_of_example_sounds_computes_what_pytorch_does() -> None:
    windows = mel_windows(mel_frames(clip("conversation.ogg", SOUND_RATE)))
    stream: list[Tensors] = [{"mel": windows[at : at + 4]} for at in range(0, len(windows), 4)]
    reference = cues.TorchBackend(audio_cue_net())
    (parity,) = verify(reference, Engine(shipped("audio-cue"), "windows"), stream)
    assert parity.output == "cue" and parity.steps >= 6


def test_the_encoder_of_voices_computes_what_pytorch_does() -> None:
    stream = spoken()
    backend, engine = speaker.TorchBackend(speaker_net()), Engine(shipped("speaker"), "windows")
    parities = verify(backend, engine, stream)
    assert {one.output for one in parities} == {"embedding", "hidden_out", "cell_out"}
    assert {one.steps for one in parities} == {len(stream)}


def spoken() -> list[Tensors]:
    """Two recordings, read as a stream is: piece after piece, with the state of the one before."""
    net = speaker.TorchBackend(speaker_net())
    files = ("conversation.ogg", "maya.ogg")
    frames = [speech_frames(clip(file, SPEECH_RATE))[: 4 * WINDOW] for file in files]
    both = np.stack([part[: min(map(len, frames))] for part in frames])
    stream: list[Tensors] = []
    for at in range(0, both.shape[1], STEP_FRAMES):
        if at % WINDOW == 0:
            hidden, cell = initial_state(len(files))
        stream.append({"mel": both[:, at : at + STEP_FRAMES], "hidden": hidden, "cell": cell})
        outputs, _ = net.step(stream[-1], {})
        hidden, cell = outputs["hidden_out"], outputs["cell_out"]
    return stream
