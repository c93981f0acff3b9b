"""DNSMOS without `speechmos`' own code rates as that code does."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import soxr

from tap_live.models.training import dnsmos as module
from tap_live.models.training.dnsmos import dnsmos

DEMO = Path(__file__).parents[2] / "tap_live/bundles/demo"


@pytest.fixture
def speechmos(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package's own code; the spectra that it makes for another score are constant."""
    features = SimpleNamespace(melspectrogram=lambda **_: np.ones((120, 900), np.float32))
    librosa = SimpleNamespace(feature=features, power_to_db=lambda mel, ref: mel)
    monkeypatch.setitem(sys.modules, "librosa", librosa)
    monkeypatch.setitem(sys.modules, "requests", SimpleNamespace(session=None))
    from speechmos import dnsmos

    return dnsmos


def demo(name: str) -> np.ndarray:
    return soxr.resample(*sf.read(DEMO / name, dtype="float32"), 16_000)


@pytest.mark.parametrize("seconds", [3, 9.5, 10, 11, 13.7])
def test_rates_as_speechmos_does(speechmos: Any, seconds: float) -> None:
    audio = np.resize(demo("overlap.ogg"), round(16_000 * seconds))
    assert dnsmos(audio) == pytest.approx(speechmos.run(audio, 16_000)["ovrl_mos"], abs=1e-4)


def test_noise_makes_a_clip_worse_and_being_loud_does_not() -> None:
    audio = demo("overlap.ogg")
    noise = np.random.default_rng(0).standard_normal(len(audio)).astype(np.float32)
    assert dnsmos(audio + 0.05 * noise) < dnsmos(audio) - 0.3
    full = audio / np.abs(audio).max()
    assert dnsmos(3 * full) == pytest.approx(dnsmos(full), abs=1e-3)


def test_without_the_package_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    module.open_dnsmos.cache_clear()
    with pytest.raises(FileNotFoundError, match="pip install speechmos"):
        module.open_dnsmos()
