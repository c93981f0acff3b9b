import numpy as np
import pytest

from tap_live.errors import BundleError
from tap_live.voices.scoring import BUNDLE, Backend, Scorer


def backend(dims=8, voices=300, seed=0):
    """States whose first `dims` numbers tell voices apart."""
    rng = np.random.default_rng(seed)
    cohort = rng.standard_normal((voices, dims)).astype(np.float32)
    return Backend(
        means=np.zeros((8, 256), np.float32),
        axes=np.eye(256, dims, dtype=np.float32),
        cohort=cohort / np.linalg.norm(cohort, axis=1, keepdims=True),
        slopes=np.full(8, 2.0, np.float32),
        offsets=np.full(8, -4.0, np.float32),
    )


def test_the_same_voice_scores_above_all_strangers():
    rng = np.random.default_rng(1)
    scorer = Scorer(backend())
    voices = rng.standard_normal((20, 256)).astype(np.float32)
    scores = scorer.scores(voices, [scorer.print_of(voice) for voice in voices])
    own = np.diag(scores)
    strangers = scores[~np.eye(20, dtype=bool)]
    assert own.min() > strangers.max()


def test_a_score_counts_from_the_nearest_strangers_in_their_spreads():
    rng = np.random.default_rng(2)
    scorer = Scorer(backend())
    one, other = rng.standard_normal((2, 256)).astype(np.float32)
    score = scorer.scores(one[None], [scorer.print_of(other)])[0, 0]
    vectors = [v[:8] / np.linalg.norm(v[:8]) for v in (one, other)]
    near = vectors[0] @ vectors[1]
    sides = [np.sort(backend().cohort @ vector)[-200:] for vector in vectors]
    expected = np.mean([(near - side.mean()) / side.std() for side in sides])
    assert score == pytest.approx(expected, rel=1e-4)


def test_the_order_of_the_two_pieces_does_not_matter():
    rng = np.random.default_rng(3)
    scorer = Scorer(backend())
    one, other = rng.standard_normal((2, 256)).astype(np.float32)
    there = scorer.scores(one[None], [scorer.print_of(other)])
    back = scorer.scores(other[None], [scorer.print_of(one)])
    np.testing.assert_allclose(there, back, rtol=1e-4)


def test_a_ratio_is_the_line_of_its_length():
    rng = np.random.default_rng(4)
    scorer = Scorer(backend())
    state = rng.standard_normal(256).astype(np.float32)
    prints = [scorer.print_of(rng.standard_normal(256))]
    score = scorer.scores(state[None], prints, 3)[0]
    np.testing.assert_allclose(scorer.ratios(state, 3, prints), 2 * score - 4, rtol=1e-5)


def test_the_shipped_bundle_opens_and_its_lines_rise():
    shipped = Scorer.open()._backend
    assert shipped.axes.shape[0] == 256 and shipped.cohort.shape[1] == shipped.axes.shape[1]
    assert (shipped.slopes > 0).all()


def test_a_bundle_with_a_pickle_inside_is_refused(tmp_path, monkeypatch):
    np.savez(tmp_path / "voices.npz", means=np.array([{}], dtype=object))
    for name in ("manifest.json", "README.md"):
        (tmp_path / name).write_bytes((BUNDLE / name).read_bytes())
    monkeypatch.setattr("tap_live.bundle.check_file", lambda *_: None)
    with pytest.raises(BundleError, match="allow_pickle=False"):
        Scorer.open(tmp_path)
