"""Write resemblyzer.npz: what Resemblyzer itself makes of test signals.

Run where Resemblyzer 0.1.4 is installed with its dependencies (librosa 0.11, torch):

    python make_golden.py
"""

from pathlib import Path

import numpy as np
from resemblyzer import VoiceEncoder
from resemblyzer.audio import normalize_volume, wav_to_mel_spectrogram

HERE = Path(__file__).parent
CASES = {  # name: arguments of `buzz`
    "low": dict(seconds=5.3, pitch=110.0, level=0.06, seed=1),
    "high": dict(seconds=3.0, pitch=210.0, formants=(750, 1500, 2900), level=0.01, seed=2),
    "short": dict(seconds=0.9, pitch=150.0, level=0.1, seed=3),
}


def main() -> None:
    source = (HERE / "conftest.py").read_text().split("@pytest.fixture")[0]
    names: dict = {}
    exec(source.replace("from tap_live.voices.encoder import SpeakerEncoder", ""), names)
    encoder = VoiceEncoder("cpu", verbose=False)
    golden = {}
    for name, arguments in CASES.items():
        audio = names["buzz"](**arguments)
        if name == "low":
            golden["mel"] = wav_to_mel_spectrogram(audio)[:50]
        audio = normalize_volume(audio, -30, increase_only=True)
        whole, windows, _ = encoder.embed_utterance(audio, return_partials=True)
        golden |= {f"{name}_whole": whole, f"{name}_windows": windows}
    np.savez_compressed(HERE / "resemblyzer.npz", **golden)


if __name__ == "__main__":
    main()
