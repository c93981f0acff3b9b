"""Let laion-clap itself embed fixed sounds and words, to compare our CLAP with.

    python -m venv laion && laion/bin/pip install "tap-live[laion]"
    laion/bin/python export/laion_oracle.py music_audioset_epoch_15_esc_90.14.pt oracle.npz
    TAP_LAION_ORACLE=oracle.npz TAP_LAION_CLAP=music_audioset_epoch_15_esc_90.14.pt \\
        pytest tests/models/test_clap_oracle.py

laion-clap wants numpy below 2 and torchvision, so it has an environment of its own, and this
file imports nothing of ours. It fetches RoBERTa from the hub; without a network put
`roberta-base` into the Hugging Face cache first.
"""

import argparse
from importlib import import_module

import numpy as np

RATE = 48_000
TEXTS = ("a dog barking", "rain on a tin roof, and thunder", "speech", "a violin is being tuned")


def signals(rate: int = RATE) -> np.ndarray:
    """Three sounds of 10 s that any program can make again: (3, T) float32."""
    time = np.arange(10 * rate) / rate
    rng = np.random.default_rng(0)
    glide = 0.3 * np.sin(2 * np.pi * (100 * time + 150 * time**2))
    noise = 0.1 * rng.standard_normal(len(time))
    clicks = np.where(np.arange(len(time)) % (rate // 2) < 40, 0.8, 0.0)
    return np.stack([glide, noise, clicks + 0.01 * noise]).astype(np.float32)


def main() -> None:
    """Write (3, 512) `audio`, (4, 512) `text`, and the texts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("checkpoint", help="music_audioset_epoch_15_esc_90.14.pt")
    parser.add_argument("out", help="a .npz")
    given = parser.parse_args()
    try:
        laion_clap = import_module("laion_clap")
    except ImportError as error:
        raise SystemExit(
            "wanted laion-clap, which is not installed: pip install laion-clap in an environment "
            "of its own"
        ) from error
    clap = laion_clap.CLAP_Module(enable_fusion=False, amodel="HTSAT-base")
    clap.load_ckpt(given.checkpoint)
    audio = clap.get_audio_embedding_from_data(x=signals(), use_tensor=False)
    text = clap.get_text_embedding(list(TEXTS), use_tensor=False)
    np.savez(given.out, audio=audio, text=text, texts=np.array(TEXTS))


if __name__ == "__main__":
    main()
