"""Models of the real sizes with random weights, as the product opens them: for `gpu_check`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from safetensors.torch import save_file

from tap_live import engine_cache
from tap_live.bundle import Bundle
from tap_live.errors import BundleError, RuntimeMissingError
from tap_live.export import clapsep, compact, gentse
from tap_live.export.clapsep_graphs import Traceable
from tap_live.export.compact_graph import build
from tap_live.export.gentse_given import given_of
from tap_live.export.gentse_graphs import TorchStream
from tap_live.export.gpu_networks import Networks, noise_for
from tap_live.export.precision import halved
from tap_live.export.rounding import rounded
from tap_live.export.storing import save
from tap_live.providers import GPU_INSTALL, Device, Where
from tap_live.runtime import Backend, Engine, Tensors
from tap_live.whisper.assemble import assembled
from tap_live.whisper.model import Whisper

MADE_BY = "gpu_check"
CONTEXTS = 5  # of CLAPSep: the first one is the slow one
EXACT, HALF = clapsep.TOLERANCES["fp32"], clapsep.TOLERANCES["fp16"]


@dataclass(frozen=True)
class Made:
    """A bundle, the same networks in PyTorch on the CPU, and what each graph is given."""

    bundle: Bundle
    networks: Mapping[str, Backend]
    streams: Mapping[str, Sequence[Tensors]]
    tolerance: float


@dataclass(frozen=True)
class Models:
    """Each is made in the folder when it is first asked for."""

    folder: Path
    networks: Networks

    @cached_property
    def compact(self) -> Made:
        """In fp32; it hears real speech, hop by hop."""
        net = rounded(self.networks.compact)
        graph = build(net, stored_small=False)
        bundle = compact.write(self.folder / "compact", graph, net.dims, MADE_BY, False)
        hops = compact.hops(net.dims, *compact.real_speech(net.dims))
        return Made(bundle, {"step": compact.TorchBackend(net)}, {"step": hops}, EXACT)

    @cached_property
    def whisper(self) -> Path:
        """A folder in fp32, assembled from the graphs that ship."""
        weights = self.folder / "whisper"
        weights.mkdir(exist_ok=True)
        save_file(self.networks.listener.state_dict(), weights / "model.safetensors")
        return assembled(weights, precision="fp32", cache=self.folder / "cache")

    def captioner(self, device: Device, rows: int) -> Whisper:
        """One that reads so many rows at once. Raises: RuntimeMissingError without the device."""
        wanted(device)
        return Whisper(self.whisper, where=Where(device, strict=True), rows=rows)

    @cached_property
    def clapsep(self) -> Made:
        """Computes in fp16."""
        out, separator = self.folder / "clapsep", self.networks.separator
        content = clapsep.begin(separator, out, None, None, "fp16", ("random",), MADE_BY)
        for name, graph in content.graphs.items():
            save(halved(graph.build()), out / f"{name}.onnx")
        contexts = {name: [_noise(graph)] * CONTEXTS for name, graph in content.graphs.items()}
        return Made(content.write(out), _in_torch(content.graphs), contexts, HALF)

    @cached_property
    def gentse(self) -> Made:
        """In fp32, its Whisper as `whisper`."""
        out = self.folder / "gentse"
        out.mkdir(exist_ok=True)
        nets, kind = self.networks, gentse.Wanted()
        content = gentse.begin(nets.gentse, nets.vocoder, kind, MADE_BY, gentse.NOT_MEASURED)
        for name, graph in content.graphs.items():
            save(graph.build(), out / f"{name}.onnx")
        bundle, networks = content.write(out), _in_torch(content.graphs)
        return Made(bundle, networks, given_of(bundle, networks), EXACT)


def _noise(graph: Traceable) -> Tensors:
    return {name: value.numpy() for name, value in noise_for(graph).items()}


def _in_torch(graphs: Mapping[str, Traceable]) -> Mapping[str, Backend]:
    return {name: TorchStream(graph) for name, graph in graphs.items()}


def wanted(device: Device) -> None:
    """Ask before anything is made for a device. Raises: RuntimeMissingError without it."""
    found = Where(device).first()
    if found != device:
        raise RuntimeMissingError(f"this ONNX Runtime has no {device}: {GPU_INSTALL}")
    if device == "tensorrt":
        try:
            engine_cache.this_machine()  # what engines are kept for
        except BundleError as error:
            raise RuntimeMissingError(str(error)) from error


def opened(bundle: Bundle, graph: str, device: Device) -> Engine:
    """A graph on a device; what computes the lengths of free axes may be on the CPU.

    Raises: RuntimeMissingError if the device is not there; BundleError if it does not take the
        graph, or an engine that was built is broken.
    """
    return Engine(bundle, graph, device=device, strict=True, whole=False)


def opened_native(bundle: Bundle, graph: str, device: Device) -> Engine:
    """An engine of our own. Raises: as `opened`; BundleError if ONNX Runtime runs the graph."""
    engine = opened(bundle, graph, device)
    if not engine.native:
        raise BundleError(f"wanted a native engine of {graph}, ONNX Runtime runs it on {device}")
    return engine
