"""TAP Live: hear, and read, only what you ask for."""

import importlib.util
import os
import warnings

__version__ = "0.1.0"

INSTALL = (
    "no ONNX Runtime is installed: `pip install 'tap-live[cpu]'`, "
    "or `pip install 'tap-live[gpu]'` for an NVIDIA card"
)

# From 1.29 on ONNX Runtime reports to its makers unless told not to before it is loaded (its
# Privacy.md). Nothing of ours is sent anywhere.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if importlib.util.find_spec("onnxruntime") is None:
    warnings.warn(INSTALL, RuntimeWarning, stacklevel=2)
