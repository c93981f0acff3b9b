import numpy as np
import onnxruntime
import pytest

from tap_live.bundle import open_bundle
from tap_live.captions.vad import BUNDLE, CONTEXT, WINDOW
from tap_live.errors import BundleError, ParityError
from tap_live.export import vad
from tap_live.export.verify import verify
from tap_live.runtime import Engine


@pytest.fixture
def installed():
    try:
        vad.package_file(vad.SOURCE)
    except BundleError as error:
        pytest.skip(str(error))


class OneWindow:
    """The package's other graph, which reads a window a call and keeps one state."""

    def __init__(self, scale=1.0):
        path = vad.package_file("silero_vad_16k_op15.onnx")
        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self._scale = scale

    def initial_state(self):
        return {name: np.zeros((1, 1, 128), np.float32) for name in "hc"}

    def step(self, inputs, state):
        both = np.concatenate([state["h"], state["c"]])
        feeds = {"input": inputs["input"], "state": both, "sr": np.array(16_000)}
        probability, after = self._session.run(None, feeds)
        outputs = {"speech_probs": self._scale * probability[0]}
        return outputs, {"h": after[:1], "c": after[1:]}


def windows(seed=0, count=40):
    random = np.random.default_rng(seed)
    loudness = np.repeat([0.0, 0.01, 0.3, 0.02], count // 4)[:, None]
    noise = random.standard_normal((count, CONTEXT + WINDOW)) * loudness
    return [{"input": window[None].astype(np.float32)} for window in noise]


def test_the_graph_with_many_windows_and_the_one_with_one_agree(installed):
    results = verify(OneWindow(), Engine(open_bundle(BUNDLE), "windows"), windows())
    assert {result.output for result in results} == {"speech_probs", "h", "c"}


def test_a_graph_that_differs_is_refused(installed):
    with pytest.raises(ParityError, match="speech_probs"):
        verify(OneWindow(scale=1.01), Engine(open_bundle(BUNDLE), "windows"), windows())


def test_the_shipped_bundle_is_what_the_recipe_makes(installed, tmp_path):
    made = vad.export(tmp_path)
    assert made.manifest == open_bundle(BUNDLE).manifest


def test_the_bundle_stays_under_its_ceiling():
    assert sum(file.stat().st_size for file in BUNDLE.iterdir()) < 2.5e6


def test_another_version_of_the_package_is_refused(monkeypatch):
    monkeypatch.setattr(vad, "version", lambda name: "5.1.2")
    with pytest.raises(BundleError, match=r"wanted silero-vad 6\.2\.3, found 5\.1\.2"):
        vad.package_file(vad.SOURCE)


def test_without_the_package_the_message_says_how_to_get_it(monkeypatch):
    def absent(name):
        raise vad.PackageNotFoundError(name)

    monkeypatch.setattr(vad, "version", absent)
    with pytest.raises(BundleError, match=r"pip install --no-deps silero-vad==6\.2\.3"):
        vad.package_file(vad.SOURCE)
