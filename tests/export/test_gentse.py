"""The bundle of the generative model: what PyTorch computes, through every way it is run."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from tap_live.bundle import open_bundle
from tap_live.commands.extracting import asking
from tap_live.errors import BundleError, ConfigError
from tap_live.export import gentse_eval, gentse_minute
from tap_live.export.exporters import EMULATED, Job, Precision
from tap_live.export.gentse import Exported, Wanted, export_gentse
from tap_live.export.making import make
from tap_live.export.task import clip, two_voices
from tap_live.extractors.chunked import ChunkConfig
from tap_live.extractors.gentse import SEED, GenExtractor
from tap_live.extractors.gentse_frames import noise_at
from tap_live.extractors.gentse_network import KIND, GenNetwork
from tap_live.models.gentse import GenDims, GenTSE, at_frames, levels
from tap_live.models.gentse import content_of as gentse_content
from tap_live.models.training.gentse_batches import GenBatch
from tap_live.models.training.words import Script
from tap_live.models.vocoder import Generator, MelDims, VocoderDims, normed
from tap_live.models.vocoder import content_of as vocoder_content
from tap_live.models.whisper import Dims, Whisper
from tap_live.targets import EmbeddedCue

pytestmark = pytest.mark.slow  # tracing takes a minute

RATE = 16_000
MEL = MelDims(rate=RATE, bands=20)
WHISPER = Dims(80, 1500, 64, 1, 2, 50, 16, 64, 1, 2)
DIMS = GenDims(mel=MEL, width=16, layers=2, heads=2, before=4, after=1, enrolment=25, lora=2)
VOCODER = VocoderDims(
    mel=MEL, rates=(8, 8, 4), kernels=(16, 16, 8), channels=16, pairs=False,
    block_kernels=(3, 5), dilations=((1, 2), (2, 6)),
)  # fmt: skip
SECONDS = 2.0
CONFIG = ChunkConfig(hop_s=0.5, ahead_s=0.1, fade_s=0.04)


@pytest.fixture(scope="module")
def net() -> GenTSE:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    net = GenTSE(DIMS, Whisper(WHISPER)).eval()
    for name, parameter in net.named_parameters():
        if "modulation" in name or "leave" in name or "lora_B" in name:  # which begin as zeros
            nn.init.normal_(parameter, std=0.2)
    net.mel_mean.fill_(-1.0)
    net.mel_scale.fill_(0.7)
    return net.requires_grad_(False)


@pytest.fixture(scope="module")
def vocoder() -> Generator:
    torch.manual_seed(1)
    net = Generator(VOCODER).eval()
    for parameter in net.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.1)
    return net.requires_grad_(False)


@pytest.fixture(scope="module")
def exported(net: GenTSE, vocoder: Generator, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("bundles") / "gentse"
    return export_gentse(net, vocoder, folder, Wanted(seconds=SECONDS))


@pytest.fixture(scope="module")
def network(exported: Exported) -> GenNetwork:
    return GenNetwork.open(exported.bundle.folder, threads=1)


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    rng = np.random.default_rng(0)
    audio = 0.1 * rng.standard_normal(4 * RATE).astype(np.float32)
    audio[:1600] = 0.0  # what lies before a stream is silence too
    return audio


def cue(name: str = "voice:ana", seed: int = 1) -> EmbeddedCue:
    vector = np.abs(np.random.default_rng(seed).standard_normal(256)).astype(np.float32)
    return EmbeddedCue(name, "voice", vector / np.linalg.norm(vector), np.zeros(0, np.float32))


def live(network: GenNetwork, audio: np.ndarray, size: int, rate: int = RATE) -> np.ndarray:
    extractor = GenExtractor(network, rate, CONFIG)
    extractor.set_cues([cue()])
    parts = [extractor.push(audio[at : at + size]) for at in range(0, len(audio), size)]
    return np.concatenate([*parts, extractor.flush()], axis=1)[0]


@torch.no_grad()
def offline(net: GenTSE, vocoder: Generator, audio: np.ndarray) -> np.ndarray:
    """PyTorch's: contexts one by one, then flow and vocoder over the whole recording at once."""
    speaker = torch.from_numpy(cue().positive)[None]
    hop, fade, ahead, context = 25, 2, 5, round(SECONDS * 50)
    padded = torch.from_numpy(np.pad(audio, (context * 320, context * 320)))[None]
    share, tail, tokens = ((torch.arange(fade) + 0.5) / fade)[None, :, None], None, []
    for number in range(len(audio) // 320 // hop + 2):
        end = (number + 1) * hop + fade + ahead + context
        part = padded[:, (end - context) * 320 : end * 320]
        hidden = net.encode(part, speaker, torch.zeros(1, 25 * 320))
        newest = hidden[:, context - ahead - fade - hop : context - ahead].clone()
        if tail is not None:
            newest[:, :fade] = share * newest[:, :fade] + (1 - share) * tail
        tail = newest[:, hop:]
        tokens.append(newest[:, :hop])
    whole = torch.from_numpy(np.pad(audio, (0, 2 * RATE)))[None]
    mel = net.mel(whole)
    level, line = levels(mel, MEL), torch.cat(tokens, dim=1)
    count = min(mel.shape[-1], int(line.shape[1] / 0.8) - 2)
    heard = net.relative(mel, level)[:, :count]
    condition = torch.cat([at_frames(line, count, MEL), heard], dim=-1)
    noise = torch.from_numpy(noise_at(SEED, 0, count, 20))[None]
    drawn = net.absolute(net.draw(condition, speaker, noise, 2), level[:, :count])
    return vocoder(drawn)[0].numpy()


def test_every_graph_computes_what_pytorch_does(exported: Exported) -> None:
    assert set(exported.parity) == {"encode", "flow", "vocoder"}
    assert {one.output for one in exported.parity["vocoder"]} >= {"audio", "heard_mel"}
    assert exported.worst < 1e-3


def test_chunks_give_what_the_whole_recording_does_with_the_same_noise(
    net: GenTSE, vocoder: Generator, network: GenNetwork, audio: np.ndarray
) -> None:
    found, expected = live(network, audio, 1000), offline(net, vocoder, audio)
    assert len(found) == len(audio)
    expected = expected[: len(audio)]
    assert expected.std() > 1e-3
    # Offline there is silence after the end, live the extractor adds it: alike but for rounding.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("size", [160, 7001, 10**6])
def test_cutting_does_not_change_the_result(
    network: GenNetwork, audio: np.ndarray, size: int
) -> None:
    np.testing.assert_allclose(live(network, audio, size), live(network, audio, 1000), atol=1e-6)


def test_another_stream_rate_is_heard_and_given(network: GenNetwork, audio: np.ndarray) -> None:
    import soxr

    high = np.asarray(soxr.resample(audio, RATE, 48_000), np.float32)
    found = live(network, high, 4800, 48_000)
    assert len(found) == len(high)
    back, expected = soxr.resample(found, 48_000, RATE), live(network, audio, 1000)
    likeness = np.corrcoef(back[8000:56_000], expected[8000:56_000])[0, 1]
    assert likeness > 0.98


def test_nothing_is_given_later_than_it_says(network: GenNetwork, audio: np.ndarray) -> None:
    extractor = GenExtractor(network, RATE, CONFIG)
    extractor.set_cues([cue()])
    given = 0
    for at in range(0, len(audio), 320):
        given += extractor.push(audio[at : at + 320]).shape[1]
        assert given >= at + 320 - extractor.lookahead


def test_targets_come_and_go_and_the_others_stay_as_they_are(
    network: GenNetwork, audio: np.ndarray
) -> None:
    extractor = GenExtractor(network, RATE, CONFIG)
    ana, ben = cue(), cue("voice:ben", 2)
    extractor.set_cues([ana])
    parts = [extractor.push(audio[:20_000])]
    extractor.set_cues([ben, ana])
    parts.append(extractor.push(audio[20_000:40_000])[1:])
    extractor.set_cues([ana])
    parts += [extractor.push(audio[40_000:]), extractor.flush()]
    found = np.concatenate(parts, axis=1)[0]
    np.testing.assert_allclose(found, live(network, audio, 1000), atol=1e-6)
    with pytest.raises(BundleError, match="takes voices, 256 numbers each"):
        extractor.set_cues([EmbeddedCue("text:a dog", "sound", ana.positive, ana.negative)])


def test_a_name_enrolled_anew_is_the_new_voice(network: GenNetwork, audio: np.ndarray) -> None:
    def changed(second: EmbeddedCue) -> np.ndarray:
        extractor = GenExtractor(network, RATE, CONFIG)
        extractor.set_cues([cue()])
        extractor.push(audio[:20_000])
        extractor.set_cues([second])
        return np.concatenate([extractor.push(audio[20_000:]), extractor.flush()], axis=1)

    # what was heard under the old name and not yet given stands at the beginning
    again, ben = changed(cue(seed=2))[:, RATE:], changed(cue("voice:ben", 2))[:, RATE:]
    np.testing.assert_allclose(again, ben, atol=1e-6)
    assert np.abs(ben).max() > 0


def test_more_steps_are_asked_for_at_run_time(network: GenNetwork, audio: np.ndarray) -> None:
    given = []
    for steps in (1, 4):
        extractor = GenExtractor(network, RATE, CONFIG, steps)
        extractor.set_cues([cue()])
        given.append(np.concatenate([extractor.push(audio), extractor.flush()], axis=1)[0])
        assert extractor.plan.before == steps * network.before
    assert not np.allclose(*given, atol=1e-3)


def test_a_hop_longer_than_a_context_is_refused(network: GenNetwork) -> None:
    with pytest.raises(ConfigError, match=r"hears 2 s at a time: wanted a hop of 1\.\d+ s or less"):
        GenExtractor(network, RATE, ChunkConfig(hop_s=2.0))


def test_a_vocoder_of_other_frames_is_refused(net: GenTSE, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="wanted a vocoder for mel frames"):
        export_gentse(net, Generator(VocoderDims(channels=16)), tmp_path)


def test_the_command_line_takes_the_folder_of_a_bundle(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "tap-live" / "voices"
    folder.mkdir(parents=True)
    numbers = [1 / 16] * 256
    voice = {"name": "ana", "embedding": numbers, "state": numbers, "clips": [], "format": 1}
    (folder / "ana.json").write_text(json.dumps(voice))
    for extractor in (f"gentse@{exported.bundle.folder}", f"{exported.bundle.folder}@0.5"):
        plan = asking(["voice:ana"], extractor=extractor).extracting()
        assert plan is not None and plan.bundles == ("gentse",) and plan.kinds == ("voice",)
        extraction = plan.make(48_000, lambda event: None)
        assert extraction.push(np.zeros(480, np.float32)).names == ("voice:ana",)
    with pytest.raises(ConfigError, match="takes voices only: 'text:a dog' is a sound"):
        asking(["text:a dog"], extractor=str(exported.bundle.folder)).extracting()
    with pytest.raises(BundleError, match="'gentse', which is not installed: make it with"):
        asking(["voice:ana"], extractor="gentse").extracting()


@pytest.mark.usefixtures("traced_once")
@pytest.mark.parametrize("precision", ["fp16", "bf16", "int8"])
def test_the_export_command_makes_and_proves_the_bundle(
    net: GenTSE, tmp_path: Path, precision: Precision
) -> None:
    whisper = tmp_path / "whisper"
    whisper.mkdir()
    torch.manual_seed(0)
    state = {name: part.contiguous() for name, part in Whisper(WHISPER).state_dict().items()}
    save_file(state, whisper / "model.safetensors")
    (whisper / "tokenizer.json").write_text("{}")
    torch.manual_seed(1)
    torch.save(gentse_content(net), tmp_path / "best.pt")
    torch.save(vocoder_content(normed(Generator(VOCODER))), tmp_path / "vocoder.pt")
    options = {"whisper": str(whisper), "seconds": "2", "steps": "1"}
    job = Job(
        model="gentse", checkpoint=str(tmp_path / "best.pt"), out=tmp_path / "made",
        precision=precision, options=options | {"vocoder": str(tmp_path / "vocoder.pt")},
    )  # fmt: skip
    report = make(job, lambda stage, done, total: None)
    assert not report.faults
    assert report.task is not None and report.task.unit == "nats"
    card = (tmp_path / "made" / "README.md").read_text()
    assert (EMULATED in card) == report.emulated == (precision == "bf16")
    if precision != "bf16":  # which takes a card
        made = GenNetwork.open(tmp_path / "made", threads=1)
        assert (made.positions, made.steps) == (100, 1)
    with pytest.raises(ConfigError, match="add --option vocoder=FILE"):
        make(replace(job, options=options), lambda stage, done, total: None)
    wrong = replace(job, checkpoint=str(tmp_path / "vocoder.pt"))
    with pytest.raises(BundleError, match=r"wanted a generative model's best\.pt"):
        make(wrong, lambda stage, done, total: None)


def test_the_evaluation_rates_every_way_of_hearing(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    voices = two_voices(RATE, 4.0)
    case = SimpleNamespace(
        mixture=voices.mixture, target=voices.target, text="a b", enrolment=clip("maya.ogg", RATE)
    )
    lists = SimpleNamespace(rows=lambda name: [{"id": "1"}], voice_case=lambda row: case)
    monkeypatch.setattr(gentse_eval, "open_lists", lambda folder: lists)
    monkeypatch.setattr(gentse_eval, "dnsmos", lambda audio: 3.0)
    monkeypatch.setattr(gentse_eval, "transcribe", lambda *given: [SimpleNamespace(text="a c")])
    monkeypatch.setattr(gentse_eval.Whisper, "open", lambda name: None)
    bundle = exported.bundle.folder
    gentse_eval.main(tmp_path, tmp_path / "out", bundle, student=bundle, steps="1,2")
    table = (tmp_path / "out" / "gentse.md").read_text()
    assert "voice_2mix, 1 cases" in table and "| 50.0 [" in table
    lines = (tmp_path / "out" / "cases.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    ways = {row["way"]: row for row in rows}
    assert list(ways) == [
        "mixture", "gentse, 1 steps", "gentse, 2 steps", "student, 1 step",
        "clean voice, vocoder alone", "clean voice",
    ]  # fmt: skip
    assert ways["clean voice"]["likeness"] > ways["mixture"]["likeness"] > 0
    assert ways["mixture"]["loudness"] == pytest.approx(3.0, abs=0.5)  # two, equally loud
    assert ways["gentse, 1 steps"]["joins"] is not None
    likeness = ways["gentse, 1 steps"]["likeness"]
    assert ways["student, 1 step"]["likeness"] == pytest.approx(likeness, abs=1e-3)


def test_a_minute_is_judged_beside_what_the_vocoder_makes_of_the_clean_voice(
    net: GenTSE, vocoder: Generator, audio: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gentse_minute.Whisper, "open", lambda name: None)
    monkeypatch.setattr(gentse_minute, "transcribe", lambda *given: [SimpleNamespace(text="a")])
    script = SimpleNamespace(read=lambda labels: "a b")
    mixture = torch.from_numpy(audio[None, : 2 * RATE]).repeat(2, 1)
    target = mixture * torch.tensor([[0.5], [0.0]])  # the second voice is absent
    speaker = torch.from_numpy(cue().positive).repeat(2, 1)
    labels = torch.zeros(2, 3, dtype=torch.long)
    batch = GenBatch(mixture, torch.zeros(2, 25 * 320), speaker, mixture, target, labels, labels)
    minute = gentse_minute.Minute(net, vocoder, "base.en", cast(Script, script))
    found = list(minute.judge(batch, [1, 3]))
    assert [said.way for said in found] == [
        "mixture, vocoder", "clean voice, vocoder", "1 steps", "3 steps", "clean voice",
    ]  # fmt: skip
    apart = {said.way: said.apart for said in found}
    assert apart["mixture, vocoder"] == pytest.approx(np.log(2), abs=0.1)
    assert apart["clean voice, vocoder"] == apart["clean voice"] == 0
    assert apart["1 steps"] > 0.3
    assert {said.errors.count for said in found} == {1}


def test_the_card_and_the_manifest_say_what_it_is(exported: Exported) -> None:
    bundle = open_bundle(exported.bundle.folder, KIND)
    card = bundle.path("README.md").read_text()
    assert "2 s of context" in card and "2 steps" in card
    assert bundle.manifest.settings["after"] == 2
