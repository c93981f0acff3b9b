"""TAP Live: hear, and read, only what you ask for."""

import importlib.util
import warnings

__version__ = "0.1.0"

INSTALL = (
    "no ONNX Runtime is installed: `pip install 'tap-live[cpu]'`, "
    "or `pip install 'tap-live[gpu]'` for an NVIDIA card"
)

if importlib.util.find_spec("onnxruntime") is None:
    warnings.warn(INSTALL, RuntimeWarning, stacklevel=2)
