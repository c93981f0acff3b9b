"""Extraction from recordings: as PyTorch does it stretch by stretch, however it is cut."""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from numpy.typing import NDArray

from tap_live.bundle import open_bundle
from tap_live.captions.vad import Vad
from tap_live.catalogue import BUNDLES
from tap_live.commands.demo import BUNDLE
from tap_live.commands.extracting import asking
from tap_live.cues.beside import SoundBeside
from tap_live.errors import BundleError, ConfigError
from tap_live.events import Failed, Warned
from tap_live.export.compact_graph import AHEAD, HOPS
from tap_live.export.rounding import rounded
from tap_live.export.shipped import compact_net
from tap_live.extraction import Extraction, Wanted
from tap_live.extractors.compact import CompactExtractor
from tap_live.extractors.network import Network, installed
from tap_live.extractors.offline import HOPS as APART
from tap_live.extractors.offline import SAME, OfflineExtractor, extractor_of
from tap_live.extractors.refined import Refined
from tap_live.extractors.spectra import Spectrum, Windows, divided, widened
from tap_live.models.compact import CompactExtractor as Net
from tap_live.models.spectra import Spectra
from tap_live.models.training.checkpoint import open_network
from tap_live.processor import Audio, Embedding, TargetKind, Targets
from tap_live.runtime import State
from tap_live.voices.beside import VoiceBeside
from tap_live.voices.encoder import SpeakerEncoder, unit

RATE = 16_000
EMPTY = np.zeros(0, np.float32)


@dataclass(frozen=True)
class Cue:
    name: str
    positive: NDArray[np.float32]
    negative: NDArray[np.float32] = field(default_factory=lambda: EMPTY)
    kind: TargetKind = "voice"


def cue(number: int) -> Cue:
    rng = np.random.default_rng(number)
    return Cue(f"voice:{number}", rng.standard_normal(256).astype(np.float32))


def noise(seconds: float, rate: int = RATE) -> Audio:
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal(round(seconds * rate))).astype(np.float32)


def run(extractor: CompactExtractor, audio: Audio, size: int) -> Targets:
    parts = [extractor.push(audio[i : i + size]) for i in range(0, len(audio), size)]
    return np.concatenate([*parts, extractor.flush()], axis=1)


@pytest.fixture(scope="module")
def net(offline_bundle: Path) -> Net:
    return open_network(offline_bundle.with_suffix(".pt"))


@pytest.fixture(scope="module")
def network(offline_bundle: Path) -> Network:
    return Network.open(offline_bundle)


def made(network: Network, *cues: Cue, rate: int = RATE) -> CompactExtractor:
    extractor = OfflineExtractor({"voice": network}, rate)
    extractor.set_cues(cues)
    return extractor


@torch.no_grad()
def in_pytorch(net: Net, audio: Audio, rate: int, cue: Cue) -> Audio:
    spectra = Spectra(net.dims, rate)
    silence = (HOPS + AHEAD + 2) * spectra.hop
    spectrum = spectra.analyse(torch.from_numpy(np.pad(audio, (0, silence)))[None])
    seen, vector = spectra.seen(spectrum), torch.from_numpy(cue.positive)[None]
    masks, state = [], net.initial_state()
    for start in range(0, len(seen) - HOPS - AHEAD, HOPS):
        mask, state = net(seen[start : start + HOPS + AHEAD], vector, state, AHEAD)
        masks.append(mask)
    mask = torch.cat(masks)
    found = spectra.synthesise(spectra.apply_mask(mask, spectrum[: len(mask)]))
    return found[0, : len(audio)].numpy()


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_it_extracts_what_pytorch_does_stretch_by_stretch(
    net: Net, network: Network, rate: int
) -> None:
    audio = noise(6.0, rate)
    (found,) = run(made(network, cue(1), rate=rate), audio, 4_800)
    expected = in_pytorch(rounded(net, 8), audio, rate, cue(1))
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("size", [255, 16_000])
def test_cutting_does_not_change_the_result(network: Network, size: int) -> None:
    audio = noise(5.3)
    extractor = made(network, cue(1), cue(2))
    cut = run(extractor, audio, size)
    assert cut.shape == (2, len(audio))
    np.testing.assert_array_equal(cut, run(made(network, cue(1), cue(2)), audio, len(audio)))
    np.testing.assert_array_equal(cut, run(extractor, audio, size))  # as new after a flush


@pytest.mark.parametrize("samples", [0, 1, 256, 1000])
def test_as_much_comes_out_as_went_in(network: Network, samples: int) -> None:
    assert run(made(network, cue(1)), noise(1.0)[:samples], 100).shape == (1, samples)


def test_a_sample_is_given_when_its_stretch_and_what_follows_are_there(network: Network) -> None:
    extractor = made(network, cue(1))
    assert extractor.lookahead == (HOPS + AHEAD) * 256 + 64
    audio = noise((HOPS + AHEAD) * 0.016)
    assert extractor.push(audio[:-1]).shape == (1, 0)
    assert extractor.push(audio[-1:]).shape == (1, 256 - 64)


def test_a_causal_network_beside_it_gives_what_it_gives_alone(
    network: Network, voice_bundle: Path
) -> None:
    causal, audio = Network.open(voice_bundle), noise(5.0)
    both = OfflineExtractor({"voice": network, "sound": causal}, RATE)
    both.set_cues([cue(1), replace(cue(2), kind="sound")])
    found = run(both, audio, 16_000)
    both.set_cues([replace(cue(2), kind="sound")])
    alone = CompactExtractor({"sound": causal}, RATE)
    alone.set_cues([replace(cue(2), kind="sound")])
    np.testing.assert_allclose(run(both, audio, 16_000), run(alone, audio, 320), atol=1e-6)
    assert np.abs(found[1]).max() > 0.05  # beside a voice each takes its share


def test_a_new_target_is_silent_until_the_next_stretch(network: Network) -> None:
    extractor, audio = made(network, cue(1)), noise(12.0)
    before = extractor.push(audio[: 6 * RATE])
    extractor.set_cues([cue(1), cue(2)])
    after = np.concatenate([extractor.push(audio[6 * RATE :]), extractor.flush()], axis=1)
    begins = HOPS * 256 - before.shape[1]
    assert not after[1, : begins - 64].any()
    assert np.abs(after[1, begins : begins + RATE]).max() > 0.05


def test_it_can_be_read_again_from_its_bundle(net: Net, offline_bundle: Path) -> None:
    found, exact = compact_net(offline_bundle), rounded(net, 8).state_dict()
    assert found.dims == net.dims
    for name, weight in found.state_dict().items():
        torch.testing.assert_close(weight, exact[name], rtol=0, atol=0, msg=name)
    assert open_bundle(offline_bundle).manifest.kind == "offline-voice-extractor"
    card = (offline_bundle / "README.md").read_text()
    assert card.startswith("# voice-offline\n") and "of 4 s at once" in card


def test_one_for_recordings_is_found_for_them_only(offline_bundle: Path, tmp_path: Path) -> None:
    here = offline_bundle.parent
    assert installed("voice", here, live=False) == offline_bundle
    assert installed("voice", here, here) is None
    assert installed("voice", tmp_path, here, live=False) == offline_bundle
    causal = installed("voice", tmp_path)
    assert causal is not None
    newer = shutil.copytree(causal, tmp_path / "mine")  # made here: before what ships
    assert installed("voice", tmp_path, here, live=False) == newer


@pytest.mark.parametrize("targets", [["voice:ana"], []])
def test_a_stream_is_refused(offline_bundle: Path, targets: list[str]) -> None:
    asked = asking(targets, extractor=str(offline_bundle))
    with pytest.raises(BundleError, match="wanted an extractor for a stream"):
        asked.extracting(open_to_all=True)


def test_networks_that_do_not_go_with_an_extractor_are_refused(
    network: Network, voice_bundle: Path
) -> None:
    with pytest.raises(ConfigError, match="found one that hears what follows"):
        CompactExtractor({"voice": network}, RATE)
    assert isinstance(extractor_of({"voice": network}, RATE), Refined)
    causal = Network.open(voice_bundle)
    assert isinstance(extractor_of({"voice": causal}, RATE), CompactExtractor)
    for_ears = extractor_of({"voice": causal}, RATE, live=False)
    for_captions = extractor_of({"voice": causal}, RATE, live=False, for_ears=False)
    assert isinstance(for_ears, Refined) and isinstance(for_captions, OfflineExtractor)


def test_what_fails_passes_the_mixture_from_where_it_was(network: Network) -> None:
    told: list[Warned | Failed] = []
    extractor = made(network, cue(1))
    extraction = Extraction(extractor, [Wanted(cue(1))], rest_gain=0.0, rate=RATE, tell=told.append)
    audio = noise(12.0)
    audio[2 * RATE] = np.nan
    parts = [extraction.push(audio[at : at + 1600]).output for at in range(0, len(audio), 1600)]
    output = np.concatenate([*parts, extraction.flush().output])
    assert len(output) == len(audio) and "failed at 0.0 s" in told[0].text
    assert np.isfinite(np.delete(output, 2 * RATE)).all()


# Two who talk over each other, kept apart


@pytest.fixture(scope="module")
def overlap() -> Audio:
    """(T,) of the demo: Maya, and Ben over her."""
    path = open_bundle(BUNDLE, "demo").path("overlap.ogg")
    samples, rate = soundfile.read(path, dtype="float32")
    whole: Audio = soxr.resample(samples, rate, RATE)
    return whole[: 9 * RATE]


@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_where_nobody_speaks_a_recording_is_extracted_as_a_stream(
    voice_bundle: Path, rate: int
) -> None:
    causal, audio = Network.open(voice_bundle), noise(5.0, rate)
    file, stream = (sort({"voice": causal}, rate) for sort in (OfflineExtractor, CompactExtractor))
    for extractor in (file, stream):
        extractor.set_cues([cue(1)])
    assert file.lookahead - stream.lookahead == (APART - 1) * round(0.016 * rate)
    np.testing.assert_allclose(run(file, audio, 4_800), run(stream, audio, 4_800), atol=1e-6)


@pytest.mark.parametrize("divide", [True, False])
@pytest.mark.parametrize("bundle", ["beside_bundle", "told_bundle"], ids=["causal", "as it ships"])
def test_a_voice_is_kept_apart_from_who_speaks_beside_it(
    request: pytest.FixtureRequest, bundle: str, overlap: Audio, divide: bool
) -> None:
    network = Network.open(request.getfixturevalue(bundle))
    extractor = OfflineExtractor({"voice": network}, RATE, divide=divide)
    extractor.set_cues([cue(1)])
    (found,) = run(extractor, overlap, 1_600)
    expected = _by_hand(network, overlap, cue(1), divide)
    np.testing.assert_allclose(found[: len(expected)], expected, atol=1e-6)
    if not network.ahead:
        stream = CompactExtractor({"voice": network}, RATE)
        stream.set_cues([cue(1)])
        (alone,) = run(stream, overlap, 1_600)
        assert np.abs(found - alone).max() > (0.01 if divide else 0.001)  # told, it differs less
    np.testing.assert_array_equal(run(extractor, overlap, 255)[0], found)  # however it is cut


def test_who_is_beside_is_not_looked_for_where_nobody_asks(
    voice_bundle: Path, overlap: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a network that is not told, and whose mask stands."""
    monkeypatch.setattr(VoiceBeside, "hear", lambda *_: pytest.fail("who is beside was looked for"))
    causal = Network.open(voice_bundle)
    whole = OfflineExtractor({"voice": causal}, RATE, divide=False)
    extractors = [whole, CompactExtractor({"voice": causal}, RATE)]
    for extractor in extractors:
        extractor.set_cues([cue(1)])
    np.testing.assert_allclose(*(run(one, overlap, 4_800) for one in extractors), atol=1e-6)


def sound(positive: int, negative: int) -> Cue:
    """A cue of a sound; a side of number 0 is not asked with."""
    sides = [
        unit(np.random.default_rng(number).standard_normal(128).astype(np.float32)) * bool(number)
        for number in (positive, negative)
    ]
    return Cue("text:sound", *sides, kind="sound")


def test_a_sound_is_asked_for_anew_once_it_is_known_what_is_beside_it(
    overlap: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network.open(BUNDLES / "sound-compact")
    rests = []

    def hear(_: SoundBeside, rest: Audio, share: float) -> Embedding:
        rests.append((len(rest), share))
        return sound(1, 2).negative

    monkeypatch.setattr(SoundBeside, "hear", hear)
    found, alone, told = (
        run(_asked(extractor, asked), overlap, 1_600)
        for extractor, asked in (
            (OfflineExtractor({"sound": network}, RATE), sound(1, 0)),
            (CompactExtractor({"sound": network}, RATE), sound(1, 0)),
            (CompactExtractor({"sound": network}, RATE), sound(1, 2)),
        )
    )
    np.testing.assert_allclose(found, told, atol=1e-6)  # from the first stretch on
    assert np.abs(found - alone).max() > 0.01
    assert len(rests) > 1 and all(share > 0 for _, share in rests)
    assert {length for length, _ in rests} == {APART * round(0.016 * RATE)}


def test_what_is_asked_away_is_not_listened_for(
    overlap: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a cue of the negative side alone nothing is changed; of both sides the two are divided."""
    monkeypatch.setattr(SoundBeside, "hear", lambda *_: pytest.fail("it was listened for"))
    network = Network.open(BUNDLES / "sound-compact")
    for asked, stands in ((sound(0, 2), True), (sound(1, 2), False)):
        whole = OfflineExtractor({"sound": network}, RATE)
        stream = CompactExtractor({"sound": network}, RATE)
        found = [run(_asked(extractor, asked), overlap, 4_800) for extractor in (whole, stream)]
        assert (np.abs(found[0] - found[1]).max() < 1e-6) == stands


def test_two_sounds_of_which_each_is_asked_away_from_the_other_are_divided(overlap: Audio) -> None:
    network = Network.open(BUNDLES / "sound-compact")
    (found,) = run(_asked(OfflineExtractor({"sound": network}, RATE), sound(1, 2)), overlap, 1_600)
    windows, tails = Windows(0.016, 0.004, RATE), np.zeros((1, 64), np.float32)
    padded, parts = np.pad(overlap, (windows.hop, 0)), []
    sides = [network.vector(sound(1, 2)), network.vector(sound(2, 1))]
    states = [network.start(), network.start()]
    for at in range(0, APART * windows.hop, windows.hop):
        spectrum, masks = windows.analyse(padded[at : at + 2 * windows.hop]), []
        for side in range(2):
            seen = network.look(spectrum)
            mask, states[side] = network.mask(seen, sides[side], states[side])
            masks.append(mask.copy())
        kept = widened(divided(*masks), len(spectrum)) * spectrum
        parts.append(windows.synthesise(kept[None], tails)[0])
    expected = np.concatenate(parts)[windows.fade :]
    np.testing.assert_allclose(found[: len(expected)], expected, atol=1e-6)


def test_sounds_are_extracted_alike_however_they_are_cut_and_whoever_else_is_asked_for(
    overlap: Audio,
) -> None:
    network = Network.open(BUNDLES / "sound-offline")
    one, other = sound(1, 0), replace(sound(2, 0), name="text:other")
    extractor = OfflineExtractor({"sound": network}, RATE)
    extractor.set_cues([one, other])
    found = run(extractor, overlap, 16_000)
    np.testing.assert_array_equal(run(extractor, overlap, 255), found)
    alone = OfflineExtractor({"sound": network}, RATE)
    share = np.abs(run(_asked(alone, one), overlap, 4_800)[0] - found[0]).max()
    assert share < 0.2 * np.abs(found[0]).max()  # they may not take more than there is


def test_what_is_asked_away_later_counts_from_the_next_stretch(
    overlap: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = []

    def hear(_: SoundBeside, rest: Audio, share: float) -> Embedding:
        heard.append(share)
        return np.zeros(128, np.float32)

    monkeypatch.setattr(SoundBeside, "hear", hear)
    network, stretch = Network.open(BUNDLES / "sound-compact"), APART * round(0.016 * RATE)
    long, half = np.tile(overlap, 3)[: 3 * stretch], stretch + stretch // 2
    found, plain = (
        _asked(OfflineExtractor({"sound": network}, RATE), sound(1, 0)) for _ in range(2)
    )
    before = found.push(long[:half])
    found.set_cues([sound(1, 2)])
    parts = [before, found.push(long[half:])]
    assert len(heard) == 1  # in the first stretch; then a user has said what it is
    others = [plain.push(long[:half]), plain.push(long[half:])]
    changed = np.abs(np.concatenate(parts, axis=1) - np.concatenate(others, axis=1))[0] > 1e-6
    assert abs(changed.argmax() - stretch) < 3 * round(0.016 * RATE) and changed.any()


def _asked(extractor: CompactExtractor, asked: Cue) -> CompactExtractor:
    extractor.set_cues([asked])
    return extractor


def _by_hand(network: Network, audio: Audio, asked: Cue, divide: bool) -> Audio:
    """Two stretches: masks of both voices hop by hop; who is beside is heard anew."""
    windows = Windows(0.016, 0.004, RATE)
    padded = np.pad(audio, (windows.hop, 0))
    beside = VoiceBeside(SpeakerEncoder.open(), Vad.open(), asked.positive, RATE)
    stranger, states = np.zeros(256, np.float32), [network.start(), network.start()]
    tails, parts = np.zeros((1, windows.fade), np.float32), []

    def masks(spectra: Spectrum, one: Embedding, two: Embedding, state: State):
        vector, found = network.vector(replace(asked, positive=one, negative=two)), []
        if network.ahead:
            return network.masks(spectra, vector, state)
        for spectrum in spectra:
            mask, state = network.mask(network.look(spectrum), vector, state)
            found.append(mask.copy())
        return np.stack(found), state

    for stretch in range(2):
        starts = windows.hop * (stretch * APART + np.arange(APART + network.ahead))
        heard_too = np.stack([windows.analyse(padded[at : at + 2 * windows.hop]) for at in starts])
        spectra = heard_too[:APART]
        first, after = masks(heard_too, asked.positive, stranger, states[0])
        left, rest = [], np.zeros((1, windows.fade), np.float32)
        for mask, spectrum in zip(first, spectra, strict=True):
            whole = (1 - widened(mask, len(spectrum))) * spectrum
            left.append((windows.synthesise(whole[None], rest)[0], whole))
        share = sum(np.square(np.abs(w)).sum() for _, w in left) / np.square(np.abs(spectra)).sum()
        heard = beside.hear(np.concatenate([part for part, _ in left]), float(share))
        if stranger @ heard < SAME:
            first, after = masks(heard_too, asked.positive, heard, states[0])
        stranger, states[0] = heard, after
        second, states[1] = masks(heard_too, stranger, asked.positive, states[1])
        masked = divided(first, second) if divide else first
        for mask, spectrum in zip(masked, spectra, strict=True):
            kept = widened(mask, len(spectrum)) * spectrum
            parts.append(windows.synthesise(kept[None], tails)[0])
    return np.concatenate(parts)[windows.fade :]


@pytest.mark.parametrize(
    ("mask", "other", "found"),
    [
        (1.0, 0.0, 1.0),  # nobody else wants it
        (0.0, 1.0, 0.0),
        (0.5, 0.5, 0.5),
        (0.5, 0.9, (0.5 * 0.25 / 1.06) ** 0.5),
        (0.9, 0.5, (0.9 * 0.81 / 1.06) ** 0.5),
        (0.2, 0.0, 0.2**0.5),
        (-0.5j, 0.5, -0.5j),
    ],
)
def test_what_there_is_is_divided(mask: complex, other: complex, found: complex) -> None:
    masks = np.array([mask], np.complex64), np.array([other], np.complex64)
    np.testing.assert_allclose(divided(*masks), [found], atol=2e-3)
