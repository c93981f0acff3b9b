"""The bundle of the generative model: what PyTorch computes, through every way it is run."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, cast

import msgspec
import numpy as np
import onnx
import pytest
import soxr
import torch
from safetensors.torch import save_file
from torch import nn

from tap_live.bundle import Bundle, open_bundle
from tap_live.commands.extracting import REST_IS_ALL, asking
from tap_live.errors import BundleError, ConfigError
from tap_live.export import gentse_eval, gentse_minute
from tap_live.export.exporters import EMULATED, Job, Precision
from tap_live.export.gentse import NOT_MEASURED, Wanted, begin
from tap_live.export.making import make
from tap_live.export.of_gentse import BOUNDS, GentseSubject
from tap_live.export.seams import context_joins, frame_joins, high_joins
from tap_live.export.task import clip, two_voices
from tap_live.export.verify import Compared
from tap_live.extractors.chunked import ChunkConfig
from tap_live.extractors.gentse import GenExtractor
from tap_live.extractors.gentse_frames import (
    QUIETEST,
    MelForm,
    MelStream,
    noise_at,
    places,
    read_at,
)
from tap_live.extractors.gentse_loudness import Loudness
from tap_live.extractors.gentse_network import KIND, GenNetwork
from tap_live.extractors.gentse_voice import SEED
from tap_live.models.gentse import GenDims, GenTSE, at_frames, levels
from tap_live.models.gentse_files import content_of as gentse_content
from tap_live.models.speaker import SpeakerEncoder
from tap_live.models.training.gentse_batches import GenBatch
from tap_live.models.training.words import Script
from tap_live.models.vocoder import Generator, Vocoder, VocoderDims
from tap_live.models.vocoder_files import AnyDims, normed, vocoder_of
from tap_live.models.vocoder_files import content_of as vocoder_content
from tap_live.models.vocoder_mel import SHORT, MelDims
from tap_live.models.vocos import VocosDims
from tap_live.models.whisper import Dims, Whisper
from tap_live.runtime import State
from tap_live.targets import EmbeddedCue

pytestmark = pytest.mark.slow  # tracing takes a minute

RATE = 16_000
MEL = replace(SHORT, bands=20)
WHISPER = Dims(80, 1500, 64, 1, 2, 50, 16, 64, 1, 2)
DIMS = GenDims(mel=MEL, width=16, layers=2, heads=2, before=4, after=1, enrolment=25, lora=2)
VOCODER = VocosDims(MEL, width=16, layers=2)  # what small models have
HIFIGAN = VocoderDims(
    mel=MelDims(rate=RATE, bands=20), rates=(8, 8, 4), kernels=(16, 16, 8), channels=16,
    pairs=False, block_kernels=(3, 5), dilations=((1, 2), (2, 6)),
)  # fmt: skip
PUBLIC = replace(HIFIGAN, mel=MelDims(bands=20))  # at 22.05 kHz
SECONDS = 2.0
CONFIG = ChunkConfig(hop_s=0.5, ahead_s=0.1, fade_s=0.04)


def net_of(mel: MelDims) -> GenTSE:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    net = GenTSE(replace(DIMS, mel=mel), Whisper(WHISPER)).eval()
    for name, parameter in net.named_parameters():
        if "modulation" in name or "leave" in name or "lora_B" in name:  # which begin as zeros
            nn.init.normal_(parameter, std=0.2)
    net.mel_mean.fill_(-1.0)
    net.mel_scale.fill_(0.7)
    return net.requires_grad_(False)


def speaking(dims: AnyDims) -> Vocoder:
    torch.manual_seed(1)
    net = vocoder_of(dims).eval()
    for parameter in net.parameters() if isinstance(net, Generator) else ():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=0.1)
    return net.requires_grad_(False)


class Made(NamedTuple):
    """A bundle, what it was made of, and how far each of its graphs is from PyTorch's."""

    net: GenTSE
    vocoder: Vocoder
    folder: Path
    compared: Mapping[str, Compared]


@pytest.fixture(scope="module")
def made_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[AnyDims], Made]:
    @cache
    def made(dims: AnyDims) -> Made:
        net, vocoder, folder = net_of(dims.mel), speaking(dims), tmp_path_factory.mktemp("gentse")
        content = begin(net, vocoder, Wanted(seconds=SECONDS), "a test", NOT_MEASURED)
        subject, job = (
            GentseSubject(net, vocoder, content),
            Job(model="gentse", checkpoint="best.pt", out=folder),
        )
        subject.write(folder, job, lambda stage, done, total: None)
        compared = subject.compare(folder, job)
        subject.seal(folder, job, compared)
        return Made(net, vocoder, folder, compared)

    return made


@pytest.fixture(scope="module")
def exported(made_of: Callable[[AnyDims], Made]) -> Made:
    return made_of(VOCODER)


@pytest.fixture(scope="module")
def net() -> GenTSE:
    return net_of(MEL)


@pytest.fixture(scope="module")
def vocoder() -> Vocoder:
    return speaking(VOCODER)


@pytest.fixture(scope="module")
def network(exported: Made) -> GenNetwork:
    return GenNetwork.open(exported.folder, threads=1)


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
def offline(made: Made, audio: np.ndarray) -> np.ndarray:
    """PyTorch's: contexts one by one, then flow and vocoder over the whole recording at once."""
    net, mels = made.net, made.net.dims.mel
    speaker = torch.from_numpy(cue().positive)[None]
    hop, fade, ahead, context = 25, 2, 5, round(SECONDS * 50)  # positions, of `CONFIG`
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
    own = np.asarray(soxr.resample(audio, RATE, mels.rate), np.float32)
    mel = net.mel(torch.from_numpy(np.pad(own, (0, 2 * mels.rate)))[None])
    level, line = levels(mel, mels), torch.cat(tokens, dim=1)
    count = min(mel.shape[-1], int(line.shape[1] * 0.02 * mels.rate / mels.hop) - 2)
    heard = net.relative(mel, level)[:, :count]
    condition = torch.cat([at_frames(line, count, mels), heard], dim=-1)
    noise = torch.from_numpy(noise_at(SEED, 0, count, 20))[None]
    drawn = net.absolute(net.draw(condition, speaker, noise, 2), level[:, :count])
    form = MelForm(mels.rate, mels.fft, mels.hop, net.mel.filters.numpy())
    lead = 8  # frames of silence before the voice begins, as live
    quiet = np.full((lead, drawn.shape[1]), np.log(QUIETEST), np.float32)
    spoken = np.pad(made.vocoder(drawn)[0].numpy(), (lead * mels.hop, 0))
    said = Loudness(form).follow(np.concatenate([quiet, drawn[0].T.numpy()]), spoken)
    said = said[lead * mels.hop :]
    return np.asarray(soxr.resample(said, mels.rate, RATE), np.float32)


KINDS = pytest.mark.parametrize("dims", [VOCODER, HIFIGAN, PUBLIC], ids=["vocos", "16k", "22k"])


@KINDS
def test_every_graph_computes_what_pytorch_does(
    made_of: Callable[[AnyDims], Made], dims: AnyDims
) -> None:
    compared = made_of(dims).compared
    assert set(compared) == {"encode", "flow", "vocoder"}
    assert {one.output for one in compared["vocoder"].parities} >= {"audio", "heard_mel"}
    assert max(one.largest for one in compared.values()) < 1e-3


@KINDS
def test_chunks_give_what_flow_and_vocoder_over_the_whole_line_of_positions_do(
    made_of: Callable[[AnyDims], Made], dims: AnyDims, audio: np.ndarray
) -> None:
    made = made_of(dims)
    found = live(GenNetwork.open(made.folder, threads=1), audio, 1000)
    assert len(found) == len(audio)
    expected = offline(made, audio)[: len(audio)]
    assert expected.std() > 1e-3
    # Offline there is silence after the end, live the extractor adds it: alike but for rounding.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


def test_chunks_are_nearer_to_one_context_if_both_have_the_same_noise(
    network: GenNetwork, audio: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken: list[np.ndarray] = []
    speak = network.speak

    def noted(mel: np.ndarray, on: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        spoken.append(mel)
        return speak(mel, on, state)

    monkeypatch.setattr(network, "speak", noted)
    live(network, audio, 1000)
    chunked, stream = np.concatenate(spoken), MelStream(network.form)
    stream.push(audio)
    whole = slice(70, 130)  # frames of the first context's middle: it reaches beyond both
    heard, speaker = stream.heard.part(50, 150), cue().positive
    hidden = network.hear(audio[: network.positions * 320], speaker, network.enrolled(None))
    tokens = read_at(hidden, 0, places(50, 100, network.form))
    same, other = (
        network.draw(
            tokens, heard.mel, heard.level, speaker, noise_at(seed, 50, 100, network.bands), 2
        )[20:80]
        for seed in (SEED, SEED + 1)
    )
    # How near depends on the weights: contexts do not agree on what they hear at their ends.
    near, far = (float(np.abs(chunked[whole] - one).mean()) for one in (same, other))
    assert 0.01 < near < 0.97 * far


def test_nothing_is_heard_where_chunks_meet(network: GenNetwork, audio: np.ndarray) -> None:
    long = np.tile(audio[1600:], 4)
    found, plan = live(network, long, 10**6), GenExtractor(network, RATE, CONFIG).plan
    for joins in (frame_joins(plan, len(found)), context_joins(plan, len(found))):
        share = high_joins(found, joins)
        assert len(joins.places) > 25 and share is not None and share < 0.2


@pytest.mark.parametrize("size", [160, 7001, 10**6])
def test_cutting_does_not_change_the_result(
    network: GenNetwork, audio: np.ndarray, size: int
) -> None:
    np.testing.assert_allclose(live(network, audio, size), live(network, audio, 1000), atol=1e-6)


def test_another_stream_rate_is_heard_and_given(network: GenNetwork, audio: np.ndarray) -> None:
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


def test_a_vocoder_of_other_frames_is_refused(net: GenTSE) -> None:
    with pytest.raises(ValueError, match="wanted a vocoder for mel frames"):
        begin(net, Generator(VocoderDims(channels=16)), Wanted(), "a test", NOT_MEASURED)


def test_a_foreign_manifest_with_steps_that_cannot_be_is_refused(exported: Made) -> None:
    bundle = open_bundle(exported.folder, KIND)
    for other, said in (
        ({"steps": 0}, "wanted 1 to 20 steps of the flow, found 0"),
        ({"positions": 2000}, "wanted 1 to 1500 positions, found 2000"),
    ):
        manifest = msgspec.structs.replace(
            bundle.manifest, settings={**bundle.manifest.settings, **other}
        )
        with pytest.raises(BundleError, match=f"the settings of bundle 'gentse': {said}"):
            GenNetwork(Bundle(bundle.folder, manifest), threads=1)


def test_the_command_line_takes_the_folder_of_a_bundle(
    exported: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "tap-live" / "voices"
    folder.mkdir(parents=True)
    numbers = [1 / 16] * 256
    voice = {"name": "ana", "embedding": numbers, "state": numbers, "clips": [], "format": 1}
    (folder / "ana.json").write_text(json.dumps(voice))
    for extractor in (f"gentse@{exported.folder}", f"{exported.folder}@0.5"):
        plan = asking(["voice:ana"], extractor=extractor).extracting()
        assert plan is not None and plan.bundles == ("gentse",) and plan.kinds == ("voice",)
        extraction = plan.make(48_000, lambda event: None)
        assert extraction.push(np.zeros(480, np.float32)).names == ("voice:ana",)
    made = asking(["voice:ana"], rest="-18dB", extractor=f"{exported.folder}@0.5/4").extracting()
    told: list[str] = []
    assert made is not None
    made.make(48_000, lambda event: told.append(event.text))
    assert made.full is not None and made.full.make(48_000).plan.steps == 4
    assert told == [REST_IS_ALL]
    with pytest.raises(ConfigError, match="takes voices only: 'text:a dog' is a sound"):
        asking(["text:a dog"], extractor=str(exported.folder)).extracting()
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
    torch.save(vocoder_content(normed(vocoder_of(VOCODER))), tmp_path / "vocoder.pt")
    (tmp_path / "figures.md").write_text("Better than nothing.")
    options = {"whisper": str(whisper), "seconds": "2", "steps": "1"}
    options["figures"] = str(tmp_path / "figures.md")
    job = Job(
        model="gentse", checkpoint=str(tmp_path / "best.pt"), out=tmp_path / "made",
        precision=precision, options=options | {"vocoder": str(tmp_path / "vocoder.pt")},
    )  # fmt: skip
    report = make(job, lambda stage, done, total: None)
    assert not report.faults
    assert report.task is not None and report.task.unit == "nats"
    card = (tmp_path / "made" / "README.md").read_text()
    assert "in 1 step of" in card and "Better than nothing." in card
    assert (EMULATED in card) == report.emulated == (precision == "bf16")
    if precision != "bf16":  # which takes a card
        made = GenNetwork.open(tmp_path / "made", threads=1)
        assert (made.positions, made.steps) == (100, 1)
    with pytest.raises(ConfigError, match="add --option vocoder=FILE"):
        make(replace(job, options=options), lambda stage, done, total: None)
    wrong = replace(job, checkpoint=str(tmp_path / "vocoder.pt"))
    with pytest.raises(BundleError, match=r"wanted a generative model's best\.pt"):
        make(wrong, lambda stage, done, total: None)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"steps": "0"}, "wanted 1 to 20 steps of the flow, found 0"),
        ({"steps": "-3"}, "wanted 1 to 20 steps of the flow, found -3"),
        ({"steps": "50"}, "wanted 1 to 20 steps of the flow, found 50"),
        ({"steps": "abc"}, "steps=WHOLE_NUMBER, found none and 'abc'"),
        ({"seconds": "abc"}, "wanted --option seconds=NUMBER .* found 'abc' and '2'"),
        ({"seconds": "0"}, "wanted a context of 1.5 to 30 seconds, found 0"),
        ({"seconds": "-1"}, "wanted a context of 1.5 to 30 seconds, found -1"),
        ({"seconds": "40"}, "wanted a context of 1.5 to 30 seconds, found 40"),
        ({"seconds": "nan"}, "wanted a context of 1.5 to 30 seconds, found nan"),
    ],
)
def test_lengths_and_steps_that_cannot_be_are_refused_before_anything_is_read(
    option: dict[str, str], said: str, tmp_path: Path
) -> None:
    options = {"vocoder": "none.pt", **option}
    job = Job(model="gentse", checkpoint="none.pt", out=tmp_path / "made", options=options)
    with pytest.raises(ConfigError, match=said):
        make(job, lambda stage, done, total: None)


@pytest.mark.usefixtures("traced_once")
def test_eight_bits_for_a_card_have_the_ranges_of_speech(
    net: GenTSE, vocoder: Vocoder, tmp_path: Path
) -> None:
    content = begin(net, vocoder, Wanted("int8", SECONDS, 1), "a test", "")
    subject = GentseSubject(net, vocoder, content)
    job = Job(model="gentse", checkpoint="", out=tmp_path / "made", to="tensorrt", precision="int8")
    graphs = subject.write(tmp_path, job, lambda stage, done, total: None)
    kinds = {node.op_type for path in graphs.values() for node in onnx.load(path).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds and "DynamicQuantizeLinear" not in kinds
    given = subject.given(tmp_path, job)
    assert {name: len(steps) for name, steps in given.items()} == {
        "encode": 2, "flow": 2 * 3 * 4, "vocoder": 2 * 3,
    }  # fmt: skip
    for its in subject.compare(tmp_path, job).values():
        assert its.largest <= BOUNDS.parity["int8"]


def test_the_evaluation_rates_every_way_of_hearing(
    exported: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    bundle = exported.folder
    gentse_eval.main(tmp_path, tmp_path / "out", bundle, student=bundle, steps="1,2", enrolled=True)
    table = (tmp_path / "out" / "gentse.md").read_text()
    assert "voice_2mix, 1 cases" in table and "| 50.0 [" in table
    found = (tmp_path / "out" / "cases.jsonl").read_text()
    rows = [json.loads(line) for line in found.splitlines()]
    ways = {row["way"]: row for row in rows}
    assert list(ways) == [
        "mixture", "gentse, 1 step", "gentse, 1 step, enrolment heard", "gentse, 2 steps",
        "gentse, 2 steps, enrolment heard", "student, 1 step",
        "clean voice, vocoder alone", "clean voice",
    ]  # fmt: skip
    assert ways["clean voice"]["likeness"] > ways["mixture"]["likeness"] > 0
    assert ways["mixture"]["loudness"] == pytest.approx(3.0, abs=0.5)  # two, equally loud
    assert {ways["gentse, 1 step"][one] is None for one in ("joins", "contexts")} == {False}
    assert ways["gentse, 1 step"]["likeness"] != ways["gentse, 1 step, enrolment heard"]["likeness"]
    likeness = ways["gentse, 1 step"]["likeness"]
    assert ways["student, 1 step"]["likeness"] == pytest.approx(likeness, abs=1e-3)

    def hear_again(*given: object) -> None:
        raise AssertionError("what was heard is heard again")

    monkeypatch.setattr(gentse_eval.Judge, "hear", hear_again)  # stopped and begun anew
    gentse_eval.main(tmp_path, tmp_path / "out", bundle, student=bundle, steps="1,2", enrolled=True)
    assert (tmp_path / "out" / "gentse.md").read_text() == table
    assert (tmp_path / "out" / "cases.jsonl").read_text() == found


def test_a_minute_is_judged_beside_what_the_vocoder_makes_of_the_clean_voice(
    net: GenTSE, vocoder: Vocoder, audio: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gentse_minute.Whisper, "open", lambda name: None)
    monkeypatch.setattr(gentse_minute, "transcribe", lambda *given: [SimpleNamespace(text="a")])
    monkeypatch.setattr(gentse_minute, "dnsmos", lambda audio: 3.0)
    script = SimpleNamespace(read=lambda labels: "a b")
    mixture = torch.from_numpy(audio[None, : 2 * RATE]).repeat(2, 1)
    target = mixture * torch.tensor([[0.5], [0.0]])  # the second voice is absent
    speaker = torch.from_numpy(cue().positive).repeat(2, 1)
    labels = torch.zeros(2, 3, dtype=torch.long)
    batch = GenBatch(mixture, torch.zeros(2, 25 * 320), speaker, mixture, target, labels, labels)
    judge = gentse_minute.Judge("base.en", cast(Script, script), SpeakerEncoder().eval())
    minute = gentse_minute.Minute(net, vocoder, judge, student=net)
    found = list(minute.judge(batch, [1, 3]))
    assert [said.way for said in found] == [
        "mixture, vocoder", "clean voice, vocoder", "1 step", "3 steps", "student, 1 step",
        "clean voice",
    ]  # fmt: skip
    apart = {said.way: said.apart for said in found}
    assert apart["mixture, vocoder"] == pytest.approx(np.log(2), abs=0.1)
    assert apart["clean voice, vocoder"] == apart["clean voice"] == 0
    assert apart["1 step"] == apart["student, 1 step"] > 0.3
    assert {said.errors.count for said in found} == {1}
    ways = {said.way: said for said in found}
    assert ways["clean voice"].loudness == pytest.approx(0, abs=1e-4)
    assert all((said.cost > 0) == (way != "clean voice") for way, said in ways.items())
    line = gentse_minute.line("1 step", [ways["1 step"], ways["clean voice"]])
    assert line.startswith(f"| 1 step | {apart['1 step'] / 2:.2f} | 50.0 [") and "| 3.00 |" in line
    assert f"({min(0.0, ways['1 step'].loudness):.1f}, " in line


def test_the_card_and_the_manifest_say_what_it_is(exported: Made) -> None:
    bundle = open_bundle(exported.folder, KIND)
    card = bundle.path("README.md").read_text()
    assert "2 s of context" in card and "2 steps" in card
    assert bundle.manifest.settings["after"] == 2
