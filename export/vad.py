"""Make the `vad` bundle from the ONNX files in the PyPI package `silero-vad`.

    pip install --no-deps silero-vad==6.2.3
    python -m tap_live.export.vad [FOLDER]

The package needs torch, which TAP Live does not; its graphs do not. The graph taken is the
16 kHz one that reads many windows in one call, with state in and out.
"""

import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx

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
from tap_live.captions.vad import BUNDLE, CONTEXT, RATE, WINDOW
from tap_live.errors import BundleError

VERSION = "6.2.3"
SOURCE = "silero_vad_16k_sequence.onnx"
CARD = """\
# vad

Silero VAD {version}, the 16 kHz graph that reads a sequence of windows (`{source}`), unchanged.
It gives the probability that somebody speaks in each window of 512 samples (32 ms), from the
window, the 64 samples before it and a recurrent state.

- **From:** the PyPI package `silero-vad` {version}, © 2020-present Silero Team, MIT (`LICENSE`).
- **Made by:** `python -m tap_live.export.vad`
- **Size:** {parameters:,} parameters, {bytes:,} bytes, fp32.
- **Checked:** the same stream through this graph and through the package's one-window graph gives
  the same probabilities and states (`tests/export/test_vad.py`).
- **Limits:** it finds voices, not words: singing, cries and some animals pass. What captions do
  about that is in `tap_live/captions/guards.py`.
"""


def package_file(name: str) -> Path:
    """Find a file of the installed package without importing it (that would need torch).

    Raises: BundleError if the package is absent or another version.
    """
    hint = f"`pip install --no-deps silero-vad=={VERSION}`"
    try:
        found = version("silero-vad")
    except PackageNotFoundError:
        raise BundleError(f"silero-vad is not installed: {hint}") from None
    if found != VERSION:
        raise BundleError(f"wanted silero-vad {VERSION}, found {found}: {hint}")
    spec = find_spec("silero_vad")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "data" / name


def export(folder: Path = BUNDLE) -> Bundle:
    """Write the bundle into `folder`. Raises: BundleError as `package_file`."""
    folder.mkdir(parents=True, exist_ok=True)
    graph = folder / "vad.onnx"
    shutil.copyfile(package_file(SOURCE), graph)
    shutil.copyfile(_licence(), folder / "LICENSE")
    weights = onnx.load(graph).graph.initializer
    card = CARD.format(
        version=VERSION,
        source=SOURCE,
        parameters=sum(int(np.prod(tensor.dims)) for tensor in weights),
        bytes=graph.stat().st_size,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    write_manifest(folder, _manifest(folder))
    return open_bundle(folder, "vad")


def _licence() -> Path:
    site = package_file("").parents[1]
    return site / f"silero_vad-{VERSION}.dist-info" / "licenses" / "LICENSE"


def _manifest(folder: Path) -> Manifest:
    state = (1, 1, 128)
    windows = GraphSpec(
        "vad.onnx",
        inputs=(TensorSpec("input", "float32", ("windows", CONTEXT + WINDOW)),),
        outputs=(TensorSpec("speech_probs", "float32", ("windows",)),),
        state=(
            StateSpec("h", "hn", "float32", state),
            StateSpec("c", "cn", "float32", state),
        ),
    )
    files = ("vad.onnx", "LICENSE", "README.md")
    return Manifest(
        format=FORMAT,
        name="vad",
        kind="vad",
        licence="MIT",
        made_by="python -m tap_live.export.vad",
        sources=(f"silero-vad {VERSION} (PyPI), MIT",),
        files={file: file_spec(folder / file) for file in files},
        graphs={"windows": windows},
        rate=RATE,
    )


if __name__ == "__main__":
    print(export(*map(Path, sys.argv[1:])).folder)
