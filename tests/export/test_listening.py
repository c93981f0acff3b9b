from dataclasses import dataclass

import numpy as np
import soundfile

from tap_live.commands.demo import BUNDLE
from tap_live.export.listening import RATE, make_pairs
from tap_live.extractors.network import Network
from tap_live.voices.enrolment import Enroller


@dataclass
class Case:
    id: str
    mixture: np.ndarray
    enrolment: np.ndarray
    text: str


def test_every_case_becomes_a_pair_that_can_be_played(voice_bundle, tmp_path):
    samples, rate = soundfile.read(BUNDLE / "conversation.ogg", dtype="float32")
    speech = samples[:: rate // RATE]
    cases = [Case(f"v{k}", speech[: 2 * RATE] / (k + 1), speech[: 6 * RATE], "") for k in range(2)]
    page = make_pairs(Network.open(voice_bundle), Enroller.open(), cases, tmp_path / "out")
    assert page.read_text().count("<audio") == 4
    before, _ = soundfile.read(tmp_path / "out" / "v0-before.flac", dtype="float32")
    after, _ = soundfile.read(tmp_path / "out" / "v0-after.flac", dtype="float32")
    np.testing.assert_allclose(before, cases[0].mixture, atol=1e-6)
    assert len(after) == len(before) and np.abs(after).max() > 0
