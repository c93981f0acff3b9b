"""Measure captions of one voice in a mixture: plain, extracted, prompted, and both.

    python -m tap_live.export.prompts_eval LISTS OUT --whisper tiny.en --prompts BUNDLE
    python -m tap_live.export.prompts_eval LISTS OUT --names turns --prompts BUNDLE

LISTS holds lists of mixtures with the program that renders them (`render.py`: `rows(name)`,
`voice_case(row)`, `dialogue(name, id)`), so that everybody measures on the same audio; or it is a
folder of LibriSpeechMix (`--names test-clean-2mix`) or LibriMix (`--names mix_clean`). OUT gets
`prompts.md` and a line for every case. `turns` are dialogues with every voice enrolled.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import track

from tap_live.captions.choir import Choir
from tap_live.captions.recording import Alone, caption_voices
from tap_live.captions.streaming import StreamingCaptioner
from tap_live.captions.vad import RATE, Vad
from tap_live.captions.whisper import WhisperRecogniser
from tap_live.commands.prompting import TALKED_OVER, Choirs
from tap_live.errors import TapError
from tap_live.events import Caption
from tap_live.export.ledger import Ledger
from tap_live.export.mix_lists import open_lists
from tap_live.export.product import fingerprint, heard_voice
from tap_live.export.prompts_report import WAYS, Case, report, spelling
from tap_live.export.voices_eval import Bench
from tap_live.export.word_errors import Errors, errors, permuted_errors, rate
from tap_live.extractors.network import Network
from tap_live.models.training.plain_errors import plainly
from tap_live.processor import Audio, Processor
from tap_live.voices.gate import GateConfig, Others, VoiceGate
from tap_live.voices.store import Voice
from tap_live.voices.targets import THRESHOLD
from tap_live.voices.verification import THRESHOLD as WHOLE
from tap_live.voices.verification import Verifier
from tap_live.whisper.batch import BatchOptions, transcribe
from tap_live.whisper.decoding import DecodingOptions
from tap_live.whisper.model import Whisper
from tap_live.whisper.prompts import VoicePrompts

RATIOS = {"prompted": TALKED_OVER, "prompted alone": TALKED_OVER, "both": THRESHOLD}
"""From which a prompted voice is transcribed, live."""

LISTS = "voice_2mix,voice_partial,voice_noisy,voice_absent"


class Listener:
    """Understand audio in every way that there is.

    Args:
        whisper: name, or folder of weights.
        prompts, extractor: bundles.
        streaming: as a live run hears, where a voice's gate hides others; else as a whole.
        gated: what is extracted as `transcribe` hears it, but for its fallback temperatures:
            segments of others are left out.
        beam: of what is heard as a whole.
        live: extracted as a stream, though heard as a whole.
    Raises: BundleError, RuntimeMissingError.
    """

    def __init__(
        self,
        whisper: str,
        prompts: Path | None = None,
        extractor: Path | None = None,
        *,
        streaming: bool,
        beam: int,
        gated: bool = False,
        live: bool = False,
    ) -> None:
        self._bench = Bench()
        self._model = Whisper.open(whisper)
        self._prompts = VoicePrompts.open(prompts) if prompts else None
        self._network = Network.open(extractor) if extractor else None
        self._streaming, self._leave_out = streaming, gated and not streaming
        self._options = BatchOptions(decoding=DecodingOptions(language="en", beam=beam))
        how = f"{whisper}, {'streaming' if streaming else f'beam {beam}'}"
        prompted = f", {fingerprint(prompts)}" if prompts else ""
        self._live_extraction = streaming or live
        heard_as = "live" if self._live_extraction else "a file, undivided"
        extracted = f", {fingerprint(extractor)} as {heard_as}" if extractor else ""
        by = {"mixture": how, "alone": how}
        by |= {"extracted": how + extracted} if extractor else {}
        by |= dict.fromkeys(("prompted", "prompted alone"), how + prompted) if prompts else {}
        by |= {"both": how + prompted + extracted} if prompts and extractor else {}
        if self._leave_out:
            by |= {way: f"{by[way]}, from {WHOLE:g}" for way in ("extracted", "both") if way in by}
        if streaming:
            by |= {way: f"{by[way]}, gate {ratio:g}" for way, ratio in RATIOS.items() if way in by}
        self.by: Mapping[str, str] = {way: by[way] for way in WAYS if way in by}
        """What hears, by the way: for a ledger."""

    def hear(self, case: Any, way: str) -> str:
        """Say what is heard of a rendered case (.mixture .target .enrolment)."""
        voice = self.enrolled("target", case.enrolment)
        audio = case.target if way.endswith("alone") else case.mixture
        if way in ("extracted", "both"):
            audio = self._extracted(audio, voice)
            if self._leave_out:
                return self._hers(audio, voice, way)
        if way in ("prompted", "both", "prompted alone"):
            return self._prompted(audio, voice, way)
        if self._streaming:
            return text_of(finals(self._live([voice], "hide"), audio))
        return " ".join(s.text for s in transcribe(self._model, audio, self._options))

    def voices(self, audio: Audio, enrolments: dict[str, Audio], way: str) -> dict[str, str]:
        """Say what each of several voices says, streaming; by name."""
        voices = [self.enrolled(name, clip) for name, clip in enrolments.items()]
        if way in ("extracted", "both"):  # each from what is extracted of it
            return {voice.name: self._apart(audio, voice, way) for voice in voices}
        captioner: Processor[list[Caption]]
        captioner = self._choir(voices, way) if way == "prompted" else self._live(voices, "label")
        said: dict[str, list[Caption]] = defaultdict(list)
        for caption in finals(captioner, audio):
            said[caption.speaker or "other"].append(caption)
        return {name: text_of(captions) for name, captions in said.items()}

    def _apart(self, audio: Audio, voice: Voice, way: str) -> str:
        extracted = self._extracted(audio, voice)
        if way == "both":
            return self._prompted(extracted, voice, way)
        return text_of(finals(self._live([voice], "hide"), extracted))

    def _extracted(self, audio: Audio, voice: Voice) -> Audio:
        assert self._network is not None
        return heard_voice(
            self._network, np.array(voice.embedding, np.float32), audio, live=self._live_extraction
        )

    def _hers(self, audio: Audio, voice: Voice, way: str) -> str:
        prompt = None
        if way == "both" and self._prompts is not None:
            prompt = self._prompts.of([np.array(voice.embedding, np.float32)])
        scorer = self._bench.scorer
        known = Verifier(self._bench.encoder, scorer, scorer.print_of(voice.state))
        alone = {voice.name: Alone(prompt, known.knows)}
        blocks = (audio[at : at + RATE, None] for at in range(0, len(audio), RATE))
        return text_of([*caption_voices(self._model, blocks, alone, self._options.decoding)])

    def _live(self, voices: Sequence[Voice], others: Others) -> StreamingCaptioner:
        gate = self._gate(voices, others)
        return StreamingCaptioner(WhisperRecogniser(self._model), Vad.open(), gate=gate)

    def _gate(self, voices: Sequence[Voice], others: Others) -> VoiceGate:
        scorer = self._bench.scorer
        prints = {voice.name: scorer.print_of(voice.state) for voice in voices}
        return VoiceGate(self._bench.encoder, scorer, prints, GateConfig(others=others))

    def enrolled(self, name: str, clip: Audio) -> Voice:
        return self._bench.enroller.enrol(name, clip, RATE, source="", day="").voice

    def _prompted(self, audio: Audio, voice: Voice, way: str) -> str:
        assert self._prompts is not None
        if self._streaming:
            return text_of(finals(self._choir([voice], way), audio))
        prompt = self._prompts.of([np.array(voice.embedding, np.float32)])
        segments = transcribe(self._model, audio, self._options, prompt=prompt)
        return " ".join(segment.text for segment in segments)

    def _choir(self, voices: Sequence[Voice], way: str) -> Choir:
        assert self._prompts is not None
        choirs = Choirs(self._model, self._prompts, voices, "en", threshold=RATIOS[way])
        return choirs.make(0.0, 0)


def finals(captioner: Processor[list[Caption]], audio: Audio) -> list[Caption]:
    """All final captions of a recording."""
    captions = captioner.push(audio) + captioner.flush()
    return [caption for caption in captions if caption.state == "final"]


def text_of(captions: Sequence[Caption]) -> str:
    return "".join(word.text for caption in captions for word in caption.words)


def measure(
    listener: Listener, render: Any, name: str, rows: Sequence[dict[str, str]], ledger: Ledger
) -> Iterator[Case]:
    """Hear cases of a list in every way; one without a target has no clean voice."""
    for row in track(rows, description=f"{name}: words", transient=True):
        case = render.voice_case(row)
        for way, by in listener.by.items():
            if not case.target.any() and way.endswith("alone"):
                continue
            heard = partial(_heard, listener, render, name, row, case, way)
            yield ledger.measured(name, row["id"], way, by, Case, heard)


def _heard(
    listener: Listener, render: Any, name: str, row: dict[str, str], case: Any, way: str
) -> Case:
    text = listener.hear(case, way)
    return Case(
        list=name,
        id=row["id"],
        way=way,
        seconds=len(case.mixture) / RATE,
        overlap=overlap_of(row, render, len(case.mixture)),
        snr_db=snr_of(case.target, case.mixture),
        text=text,
        errors=errors(case.text, text),
    )


def overlap_of(row: dict[str, str], render: Any, length: int) -> float:
    """The share of a target's samples at which another voice speaks."""
    covered = np.zeros(length, bool)
    for other in ("interferer", "interferer2"):
        if row.get(other):
            start = int(float(row.get(f"{other}_start") or 0) * RATE)
            covered[start : start + len(render.load(row[other], RATE))] = True
    return round(float(covered.mean()), 3)


def snr_of(target: Audio, mixture: Audio) -> float | None:
    """The energy of a target beside all else in a mixture, in dB; None where one has none."""
    signal, rest = (
        float(np.square(part, dtype=np.float64).sum()) for part in (target, mixture - target)
    )
    return round(10 * math.log10(signal / rest), 1) if signal and rest else None


def several(listener: Listener, render: Any, name: str, first: int | None) -> list[str]:
    """Dialogues, all voices enrolled: concatenated minimum-permutation word error rate."""
    found: dict[str, list[Errors]] = defaultdict(list)
    dialogues = list(dict.fromkeys(row["id"] for row in render.rows(name)))[:first]
    for dialogue in track(dialogues, description=name, transient=True):
        audio, turns = render.dialogue(name, dialogue)
        said: dict[str, str] = defaultdict(str)
        for turn in turns:
            said[turn["speaker"]] += " " + turn["text"]
        enrolments = {turn["speaker"]: render.load(turn["enrolment"], RATE) for turn in turns}
        for way in ("mixture", "extracted", "prompted", "both"):
            if way in listener.by:
                heard = listener.voices(audio, enrolments, way)
                found[way].append(permuted_errors(list(said.values()), heard))
    lines = ["", f"| {name}, all voices enrolled | dialogues | cpWER, % |", "|---|---|---|"]
    return lines + [f"| {WAYS[way]} | {len(its)} | {rate(its)} |" for way, its in found.items()]


def main(
    lists: Annotated[Path, typer.Argument(help="folder of lists with their render.py")],
    out: Annotated[Path, typer.Argument(help="folder for prompts.md and cases.jsonl")],
    whisper: Annotated[str, typer.Option(help="name, or folder of weights")] = "base",
    prompts: Annotated[Path | None, typer.Option(help="a bundle of prompts")] = None,
    extractor: Annotated[Path | None, typer.Option(help="a voice extractor's bundle")] = None,
    names: Annotated[str, typer.Option(help="lists, with commas; `turns`: dialogues")] = LISTS,
    first: Annotated[int | None, typer.Option(help="only so many of each")] = None,
    streaming: Annotated[bool, typer.Option("--streaming", help="as a live run hears")] = False,
    beam: Annotated[int, typer.Option(help="of offline decoding")] = 1,
    gated: Annotated[
        bool, typer.Option("--gated", help="what is extracted as `transcribe` hears it")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="extracted as a stream, though heard as a whole")
    ] = False,
    librispeech: Annotated[Path | None, typer.Option(help="its folder, for LibriMix")] = None,
) -> None:
    """Print a Markdown table, and write it with every case; what is in OUT is not heard again."""
    if gated and (streaming or extractor is None):
        raise typer.BadParameter(
            "--gated is about what is extracted, heard whole: add --extractor, not --streaming"
        )
    listener = Listener(
        whisper, prompts, extractor, streaming=streaming, beam=beam, gated=gated, live=live
    )
    render, ledger = open_lists(lists, librispeech), Ledger(out / "cases.jsonl")
    cases: list[Case] = []
    dialogues: list[str] = []
    for name in names.split(","):
        if name.startswith("turns"):
            dialogues += several(listener, render, name, first)
        else:
            cases += measure(listener, render, name, render.rows(name)[:first], ledger)
    text = "\n".join([*(report(cases) if cases else []), *spelling(cases), *dialogues])
    (out / "prompts.md").write_text(text + "\n", encoding="utf-8")
    typer.echo(text)


if __name__ == "__main__":
    plainly(lambda: typer.run(main), TapError)
