"""Make a bundle of a compact extractor, such as `voice-compact`, from its checkpoint.

    python -m tap_live.export.compact runs/voice/best.pt tap_live/bundles/voice-compact
    python -m tap_live.export.evaluate voice-compact LISTS --out OUT --checkpoint runs/voice/best.pt
    python -m tap_live.export.compact runs/voice/best.pt tap_live/bundles/voice-compact --card \
        --figures OUT/evaluation.md --trained trained.md

The graph takes one hop of one target: `mask, state = step(spectrum, cue, state)`, with fixed
shapes. A step is short enough to be run once a target; so targets come and go without the
others noticing, each with a state of its own. A network that hears the future (`voice-offline`)
takes some seconds at once, and some more that it only looks at.

Weights are rounded first, to fp16 or to 8-bit steps (`--bits 8`). What is traced and proved is the
rounded network; the cost of rounding is measured on real audio and told in the card.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, cast, get_args

import msgspec
import numpy as np
import onnx
import torch
import typer

from tap_live.audio.files import read_audio
from tap_live.audio.resample import StreamResampler
from tap_live.bundle import (
    FORMAT,
    Bundle,
    GraphSpec,
    Manifest,
    StateSpec,
    TensorSpec,
    file_spec,
    open_bundle,
    write_manifest,
)
from tap_live.commands.demo import BUNDLE as DEMO
from tap_live.errors import TapError
from tap_live.export.compact_card import NOT_KEPT, NOT_MEASURED, Proof, presence_of, recipe_of
from tap_live.export.compact_card import card as card_of
from tap_live.export.compact_graph import AHEAD, HOPS, bits_of, build, shapes_of
from tap_live.export.rounding import Bits, rounded
from tap_live.export.shipped import compact_net
from tap_live.export.storing import bytes_of, files_of, save
from tap_live.export.verify import Compared, compare
from tap_live.models.compact import CompactExtractor, Dims, initial_state
from tap_live.models.compact import State as NetState
from tap_live.models.spectra import Spectra, extract
from tap_live.models.training.checkpoint import open_network
from tap_live.models.training.plain_errors import plainly
from tap_live.processor import Audio
from tap_live.runtime import Backend, Engine, State, Tensors
from tap_live.voices.encoder import SpeakerEncoder
from tap_live.voices.features import RATE as SPEECH_RATE

LICENCE = "Apache-2.0"
GRAPH = "step.onnx"
PROOF_S, CUE_S = 10, 8
TOLERANCE = 1e-4
MASK = "mask"


@dataclass(frozen=True)
class Exported:
    """A written bundle and how far it is from its network."""

    bundle: Bundle
    proof: Proof


class TorchBackend:
    """The network in PyTorch, with the signature of the graph."""

    def __init__(self, net: CompactExtractor) -> None:
        self._net = net

    def initial_state(self) -> State:
        state = self._net.initial_state()
        return {name: part.numpy() for name, part in state.parts.items()}

    @torch.no_grad()
    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        spectrum, cue = torch.from_numpy(inputs["spectrum"]), torch.from_numpy(inputs["cue"])
        before = NetState(**{name: torch.from_numpy(part) for name, part in state.items()})
        ahead = AHEAD if self._net.dims.future else 0
        seen = spectrum.reshape(-1, 1, *spectrum.shape[-2:])
        mask, after = self._net(seen, cue[None], before, ahead)
        found = mask.reshape(shapes_of(self._net.dims)[1])
        return {"mask": found.numpy()}, {n: v.numpy() for n, v in after.parts.items()}


def export(
    net: CompactExtractor,
    folder: Path,
    figures: str = NOT_MEASURED,
    made_from: str = "CHECKPOINT",
    *,
    trained: str = NOT_KEPT,
    captions: bool | None = None,
    bits: Bits = 16,
) -> Exported:
    """Write the bundle into `folder` and prove it.

    Args:
        figures, trained: Markdown for the card: what it does, how it was trained.
        made_from: the checkpoint, as the command that made the bundle named it.
        captions: whether captions hear what it extracts; None: where it extracts voices.
        bits: a weight on disk.
    Raises: ParityError if the graph computes something else than the network.
    """
    stored = rounded(net, bits)
    made_by = f"python -m tap_live.export.compact {made_from} {folder.name}"
    if bits != 16:
        made_by += f" --bits {bits}"
    if captions is not None:
        made_by += " --captions" if captions else " --no-captions"
    captions = net.dims.kind == "voice" if captions is None else captions
    bundle = write(folder, build(stored), net.dims, made_by, captions)
    proof = prove(net, stored, Engine(bundle, "step"))
    return Exported(seal(folder, net, proof, figures, made_by, captions, trained=trained), proof)


def describe(folder: Path, net: CompactExtractor | None, figures: str, trained: str) -> Exported:
    """Write the card of a bundle anew; all else stays as it is.

    Args:
        net: that it was made of; None: not at hand, so that what rounding cost is not told.
    Raises: BundleError; ParityError if it was made of another.
    """
    bundle = open_bundle(folder)
    manifest, engine = bundle.manifest, Engine(bundle, "step")
    if net is None:
        net = compact_net(folder.resolve())
        proof = replace(prove(net, net, engine), rounding=None)
    else:
        proof = prove(net, rounded(net, bits_of(folder / GRAPH)), engine)
    presence = presence_of((folder / "README.md").read_text(encoding="utf-8"))
    _write_card(folder, net, proof, figures, manifest.made_by, trained, presence=presence)
    files = manifest.files | {"README.md": file_spec(folder / "README.md")}
    write_manifest(folder, msgspec.structs.replace(manifest, files=files))
    return Exported(open_bundle(folder), proof)


def write(folder: Path, graph: onnx.ModelProto, dims: Dims, made_by: str, captions: bool) -> Bundle:
    """Write a bundle that lacks its card."""
    folder.mkdir(parents=True, exist_ok=True)
    save(graph, folder / GRAPH)
    (folder / "README.md").write_text("")
    write_manifest(folder, _manifest(folder, dims, made_by, captions))
    return open_bundle(folder, recipe_of(dims).kind)


def seal(
    folder: Path,
    net: CompactExtractor,
    proof: Proof,
    figures: str,
    made_by: str,
    captions: bool,
    *,
    trained: str = NOT_KEPT,
    precision: str = "fp32",
) -> Bundle:
    """Write the card of a bundle that was proved."""
    _write_card(folder, net, proof, figures, made_by, trained, precision)
    write_manifest(folder, _manifest(folder, net.dims, made_by, captions))
    return open_bundle(folder, recipe_of(net.dims).kind)


def _write_card(
    folder: Path,
    net: CompactExtractor,
    proof: Proof,
    figures: str,
    made_by: str,
    trained: str,
    precision: str = "fp32",
    presence: str = "",
) -> None:
    text = card_of(
        recipe_of(net.dims),
        net.dims,
        proof,
        parameters=sum(weight.numel() for weight in net.parameters()),
        size=bytes_of(folder / GRAPH),
        bits=bits_of(folder / GRAPH),
        made_by=made_by,
        figures=figures,
        trained=trained,
        presence=presence,
        precision=precision,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def prove(net: CompactExtractor, stored: CompactExtractor, engine: Engine) -> Proof:
    """Compare a graph with its network on real speech. Raises: ParityError."""
    audio, cue = real_speech(net.dims)
    stream = hops(net.dims, audio, cue)
    compared = compare_streams(TorchBackend(stored), engine, stream)
    compared.check(TOLERANCE)
    return Proof(compared.parities, difference_db(net, stored, audio, cue))


def compare_streams(reference: Backend, candidate: Backend, stream: Sequence[Tensors]) -> Compared:
    """Compare masks over the whole stream, and states hop by hop, each begun alike.

    Over many hops single numbers of an LSTM's state wander by 2e-4 in fp32, PyTorch's own from
    its fp64 too, while the masks stay within 2e-5: there they would tell nothing of the graph.
    """
    whole = compare(reference, candidate, stream).only([MASK])
    single = compare(reference, candidate, stream, together=True)
    states = [parity for parity in single.parities if parity.output != MASK]
    return replace(whole, parities=[*whole.parities, *states])


def real_speech(dims: Dims, file: str = "conversation.ogg") -> tuple[Audio, Audio]:
    """One of the demo's recordings, (T,) at the network's rate, and an embedding of its begin.

    A sound's cue is as long: the graph does not mind whose it is.
    """
    samples, rate = read_audio(DEMO / file, lambda warning: None)
    audio, speech = (_resampled(samples, rate, to) for to in (recipe_of(dims).rate, SPEECH_RATE))
    cue = SpeakerEncoder.open().embed(speech[: CUE_S * SPEECH_RATE])
    cue = np.pad(cue, (0, max(0, dims.cue - len(cue))))  # nobody is known beside the voice
    return audio[: PROOF_S * recipe_of(dims).rate], cue[: dims.cue]


def _resampled(samples: Audio, rate: int, to: int) -> Audio:
    resampler = StreamResampler(rate, to)
    return np.concatenate([resampler.push(samples), resampler.flush()])


def hops(dims: Dims, audio: Audio, cue: Audio) -> list[dict[str, Audio]]:
    """What the graph is given for (T,) audio at the network's rate, step by step.

    A network that hears the future hears silence after the end, until all hops have masks.
    """
    spectra = Spectra(dims, recipe_of(dims).rate)
    seen = spectra.seen(spectra.analyse(torch.from_numpy(audio)[None]))[:, 0].numpy()
    if dims.future:
        whole = np.pad(seen, ((0, HOPS + AHEAD), (0, 0), (0, 0)))
        seen = np.stack([whole[at : at + HOPS + AHEAD] for at in range(0, len(seen), HOPS)])
    return [{"spectrum": spectrum, "cue": cue} for spectrum in seen]


@torch.no_grad()
def difference_db(
    net: CompactExtractor, stored: CompactExtractor, audio: Audio, cue: Audio
) -> float:
    """How far below the output the change lies that rounding made."""
    spectra, cues = Spectra(net.dims, recipe_of(net.dims).rate), torch.from_numpy(cue)[None, None]
    exact, found = (
        extract(one, spectra, torch.from_numpy(audio)[None], cues) for one in (net, stored)
    )
    change = (found - exact).square().sum() / exact.square().sum()
    return float(-10 * torch.log10(change + 1e-12))


def _manifest(folder: Path, dims: Dims, made_by: str, captions: bool) -> Manifest:
    recipe, (seen, given) = recipe_of(dims), shapes_of(dims)
    shapes = {name: tuple(part.shape) for name, part in initial_state(dims).parts.items()}
    step = GraphSpec(
        GRAPH,
        inputs=(
            TensorSpec("spectrum", "float32", seen),
            TensorSpec("cue", "float32", (dims.cue,)),
        ),
        outputs=(TensorSpec("mask", "float32", given),),
        state=tuple(
            StateSpec(name, f"{name}_out", "float32", shape) for name, shape in shapes.items()
        ),
    )
    return Manifest(
        format=FORMAT,
        name=recipe.name,
        kind=recipe.kind,
        licence=LICENCE,
        made_by=made_by,
        sources=recipe.sources,
        files={file: file_spec(folder / file) for file in (*files_of(folder / GRAPH), "README.md")},
        graphs={"step": step},
        settings={
            "hop_s": dims.hop_s,
            "fade_s": dims.fade_s,
            "cues": list(recipe.cues),
            "captions": captions,
            "presence": recipe.presence.settings(),
        },
    )


def main(
    checkpoint: Annotated[
        Path,
        typer.Argument(help="best.pt, or a .safetensors with its .json; OUT itself with --card"),
    ],
    out: Annotated[Path, typer.Argument(help="folder of the bundle")],
    figures: Annotated[
        Path | None, typer.Option(help="evaluation.md of `tap_live.export.evaluate`")
    ] = None,
    trained: Annotated[
        Path | None, typer.Option(help="Markdown: the commands of its training, with seeds")
    ] = None,
    card: Annotated[
        bool, typer.Option("--card", help="write the card anew and leave the network as it is")
    ] = False,
    captions: Annotated[
        bool | None,
        typer.Option(
            "--captions/--no-captions",
            help="whether captions hear what it extracts, which shows more of a voice that is "
            "talked over, if others are so far down that who speaks is still told right "
            "[default: of voices]",
        ),
    ] = None,
    bits: Annotated[int, typer.Option(min=8, max=16, help="a weight on disk: 16 or 8")] = 16,
) -> None:
    """Make the bundle and prove it against PyTorch."""
    text = figures.read_text(encoding="utf-8") if figures else NOT_MEASURED
    told = trained.read_text(encoding="utf-8") if trained else NOT_KEPT
    if card:
        net = None if checkpoint.is_dir() else open_network(checkpoint)
        proof = describe(out, net, text, told).proof
    else:
        if bits not in get_args(Bits):
            raise typer.BadParameter(f"wanted 16 or 8, found {bits}", param_hint="--bits")
        net = open_network(checkpoint)
        kept = cast(Bits, bits)
        made = export(net, out, text, checkpoint.name, trained=told, captions=captions, bits=kept)
        proof = made.proof
    rounding = proof.rounding
    cost = "" if rounding is None else f", rounding changes {rounding:.0f} dB below the output"
    typer.echo(f"{out}: parity {proof.worst:.1e}{cost}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    plainly(lambda: typer.run(main), TapError)
