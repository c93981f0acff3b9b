"""How good speech sounds: DNSMOS P.835, Microsoft's prediction of listeners' ratings.

The network is a file of the package `speechmos`; it takes audio as it is, so ONNX Runtime is all
it needs. (`speechmos` itself imports librosa and requests for scores that are not used here.)
"""

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .corpus import RATE

WINDOW = 144_160  # samples, 9.01 s: what the network takes
FILE = "dnsmos_models/sig_bak_ovr.onnx"
OVERALL = (-0.06766283, 1.11546468, 0.04602535)  # from the network's scale to listeners'


def dnsmos(audio: NDArray[np.float32]) -> float:
    """Overall quality of (T,) speech at 16 kHz, 1 to 5; louder than full scale is made softer.

    The mean over windows that start a second apart; shorter audio is repeated.

    Raises: FileNotFoundError without the network's file (`open_dnsmos`).
    Source: Reddy et al., arXiv:2110.01763, and the package `speechmos` 0.0.1.1, from which it
        differs in hearing all windows of what is longer than 16 s (a rounding drops some there).
    """
    network = open_dnsmos()
    audio = audio / max(1.0, float(np.abs(audio).max()))
    while len(audio) < WINDOW:
        audio = np.append(audio, audio)
    windows = max(1, len(audio) // RATE - WINDOW // RATE)
    rated = []
    for start in RATE * np.arange(windows):
        window = audio[None, start : start + WINDOW].astype(np.float32)
        _, _, overall = network.run(None, {"input_1": window})[0][0]
        rated.append(np.polyval(OVERALL, overall))
    return float(np.mean(rated))


@cache
def open_dnsmos() -> Any:
    """The network's session; call it before long work, to know whether there is one.

    Raises: FileNotFoundError if `speechmos` is not installed.
    """
    import onnxruntime

    spec = importlib.util.find_spec("speechmos")  # finds it without running it
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "wanted DNSMOS's network, a file of the package speechmos, which is not installed: "
            "pip install speechmos"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    file = Path(spec.origin).parent / FILE
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
