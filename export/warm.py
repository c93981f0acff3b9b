"""Write what ships as checkpoints that training goes on from.

    python -m tap_live.export.warm OUT

OUT/voice-compact.pt, voice-offline, sound-compact, sound-offline    for `fit --start`
OUT/cues    for `fit-cues DATA OUT/cues --start OUT/cues --epochs 0`
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import nn

from tap_live.catalogue import BUNDLES
from tap_live.export.rounding import unpacked
from tap_live.export.shipped import audio_cue_net, compact_net
from tap_live.models.cues import AudioCueEncoder, Likes, TextCueTable
from tap_live.models.training.checkpoint import save
from tap_live.models.training.cue_files import save_audio, save_likes, save_table
from tap_live.models.training.text_cue import Vocabulary

COMPACT = ("voice-compact", "voice-offline", "sound-compact", "sound-offline")


def warm(
    out: Annotated[Path, typer.Argument(help="folder for the checkpoints")],
) -> None:
    """Write what ships as checkpoints that training goes on from, rounded as it ships."""
    out.mkdir(parents=True, exist_ok=True)
    for name in COMPACT:
        net = compact_net(name)
        save(out / f"{name}.pt", {"dims": asdict(net.dims), "weights": net.state_dict()})
    cues = out / "cues"
    save_audio(cues, unfused(audio_cue_net()), {})
    text = BUNDLES / "text-cue"
    with np.load(text / "table.npz") as stored:
        rows = unpacked(stored["steps"], stored["scales"])
    table = TextCueTable(*rows.shape)
    with torch.no_grad():
        table.vectors.copy_(torch.from_numpy(rows))
    pieces = (text / "pieces.txt").read_text(encoding="utf-8").splitlines()
    save_table(cues, table, Vocabulary(tuple(pieces), ()))
    with np.load(text / "likes.npz") as stored:
        sayings = unpacked(stored["steps"], stored["scales"])
        parts = (sayings, stored["kinds"].astype(np.int64), stored["clips"])
        save_likes(cues, Likes(*map(torch.from_numpy, parts)))
    typer.echo("\n".join(str(file) for file in sorted(out.rglob("*")) if file.is_file()))


def unfused(fused: AudioCueEncoder) -> AudioCueEncoder:
    """The encoder whose norms do nothing but add what the fused convolutions add."""
    net = AudioCueEncoder(fused.dims)
    pairs = [layer for layer in net.layers if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)]
    ours = [layer for layer in fused.layers if isinstance(layer, nn.Conv2d)]
    with torch.no_grad():
        for (convolution, norm), source in zip(
            zip(pairs[::2], pairs[1::2], strict=True), ours, strict=True
        ):
            assert isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None
            assert source.bias is not None
            convolution.weight.copy_(source.weight)
            norm.bias.copy_(source.bias)
            norm.running_var.fill_(1 - norm.eps)
    net.head.load_state_dict(fused.head.state_dict())
    return net.eval()


if __name__ == "__main__":
    typer.run(warm)
