"""Measure captions of one voice in a mixture: plain, extracted, prompted, and both.

    python -m tap_live.export.prompts_eval LISTS OUT --whisper tiny.en --prompts BUNDLE
    python -m tap_live.export.prompts_eval LISTS OUT --names turns --prompts BUNDLE

LISTS holds lists of mixtures with the program that renders them (`render.py`: `rows(name)`,
`voice_case(row)`, `dialogue(name, id)`), so that everybody measures on the same audio; or it is a
folder of LibriSpeechMix (`--names test-clean-2mix`) or LibriMix (`--names mix_clean`). OUT gets
`prompts.md` and a line for every case. `turns` are dialogues with every voice enrolled.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import track

from tap_live.captions.streaming import StreamingCaptioner
from tap_live.captions.vad import RATE, Vad
from tap_live.captions.whisper import WhisperRecogniser
from tap_live.commands.prompting import Choirs
from tap_live.events import Caption
from tap_live.export.mix_lists import open_lists
from tap_live.export.prompts_report import WAYS, Case, report, spelling
from tap_live.export.voices_eval import Bench
from tap_live.export.word_errors import Errors, errors, permuted_errors, rate
from tap_live.extraction import Extraction, Wanted
from tap_live.extractors.compact import CompactExtractor
from tap_live.extractors.network import Network
from tap_live.processor import Audio, Processor
from tap_live.targets import EmbeddedCue
from tap_live.voices.gate import GateConfig, VoiceGate
from tap_live.voices.store import Voice
from tap_live.whisper.batch import BatchOptions, transcribe
from tap_live.whisper.decoding import DecodingOptions
from tap_live.whisper.model import Whisper
from tap_live.whisper.prompts import VoicePrompts

LISTS = "voice_2mix,voice_partial,voice_noisy,voice_absent"


class Listener:
    """Understand audio in every way that there is."""

    def __init__(
        self,
        model: Whisper,
        prompts: VoicePrompts | None,
        network: Network | None,
        *,
        streaming: bool,
        beam: int,
    ) -> None:
        self._bench = Bench()
        self._model, self._prompts, self._network = model, prompts, network
        self._streaming = streaming
        self._options = BatchOptions(decoding=DecodingOptions(language="en", beam=beam))
        ways = {"mixture", "alone"}
        ways |= {"extracted"} if network else set()
        ways |= {"prompted", "prompted alone"} if prompts else set()
        ways |= {"both"} if prompts and network else set()
        self.ways = [way for way in WAYS if way in ways]

    def hear(self, case: Any, way: str) -> str:
        """Say what is heard of a rendered case (.mixture .target .enrolment)."""
        voice = self.enrolled("target", case.enrolment)
        audio = case.target if way.endswith("alone") else case.mixture
        if way in ("extracted", "both"):
            audio = self._extract(audio, voice)
        if way in ("prompted", "both", "prompted alone"):
            return self._prompted(audio, voice)
        if self._streaming:
            captioner = StreamingCaptioner(WhisperRecogniser(self._model), Vad.open())
            return text_of(finals(captioner, audio))
        return " ".join(s.text for s in transcribe(self._model, audio, self._options))

    def voices(self, audio: Audio, enrolments: dict[str, Audio], way: str) -> dict[str, str]:
        """Say what each of several voices says, streaming; by name."""
        voices = [self.enrolled(name, clip) for name, clip in enrolments.items()]
        captioner: Processor[list[Caption]]
        if way == "prompted":
            assert self._prompts is not None
            captioner = Choirs(self._model, self._prompts, voices, "en").make(0.0, 0)
        else:
            scorer = self._bench.scorer
            prints = {voice.name: scorer.print_of(voice.state) for voice in voices}
            gate = VoiceGate(self._bench.encoder, scorer, prints, GateConfig(others="label"))
            recogniser = WhisperRecogniser(self._model)
            captioner = StreamingCaptioner(recogniser, Vad.open(), gate=gate)
        said: dict[str, list[Caption]] = defaultdict(list)
        for caption in finals(captioner, audio):
            said[caption.speaker or "other"].append(caption)
        return {name: text_of(captions) for name, captions in said.items()}

    def enrolled(self, name: str, clip: Audio) -> Voice:
        return self._bench.enroller.enrol(name, clip, RATE, source="", day="").voice

    def _prompted(self, audio: Audio, voice: Voice) -> str:
        assert self._prompts is not None
        if self._streaming:
            choir = Choirs(self._model, self._prompts, [voice], "en").make(0.0, 0)
            return text_of(finals(choir, audio))
        prompt = self._prompts.of([np.array(voice.embedding, np.float32)])
        segments = transcribe(self._model, audio, self._options, prompt=prompt)
        return " ".join(segment.text for segment in segments)

    def _extract(self, audio: Audio, voice: Voice) -> Audio:
        assert self._network is not None
        embedding = np.array(voice.embedding, np.float32)
        cue = EmbeddedCue(f"voice:{voice.name}", "voice", embedding, np.zeros(0, np.float32))
        extraction = Extraction(
            CompactExtractor({"voice": self._network}, RATE),
            [Wanted(cue, 1.0)],
            rest_gain=0.0,
            rate=RATE,
        )
        heard = np.concatenate([extraction.push(audio).speech, extraction.flush().speech])
        return heard[extraction.lookahead :] if len(heard) > len(audio) else heard


def finals(captioner: Processor[list[Caption]], audio: Audio) -> list[Caption]:
    """All final captions of a recording."""
    captions = captioner.push(audio) + captioner.flush()
    return [caption for caption in captions if caption.state == "final"]


def text_of(captions: Sequence[Caption]) -> str:
    return "".join(word.text for caption in captions for word in caption.words)


def measure(listener: Listener, render: Any, name: str, first: int | None) -> Iterator[Case]:
    """Hear every case of a list in every way; a case without a target has no clean voice."""
    for row in track(render.rows(name)[:first], description=name, transient=True):
        case = render.voice_case(row)
        absent = not case.target.any()
        for way in listener.ways:
            if absent and way.endswith("alone"):
                continue
            text = listener.hear(case, way)
            yield Case(
                list=name,
                id=row["id"],
                way=way,
                seconds=len(case.mixture) / RATE,
                overlap=overlap_of(row, render, len(case.mixture)),
                noise_db=float(row["noise_db"]) if row.get("noise") else None,
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
        for way in ("mixture", "prompted"):
            if way in listener.ways:
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
    librispeech: Annotated[Path | None, typer.Option(help="its folder, for LibriMix")] = None,
) -> None:
    """Print a Markdown table, and write it with every case."""
    listener = Listener(
        Whisper.open(whisper),
        VoicePrompts.open(prompts) if prompts else None,
        Network.open(extractor) if extractor else None,
        streaming=streaming,
        beam=beam,
    )
    render = open_lists(lists, librispeech)
    out.mkdir(parents=True, exist_ok=True)
    cases: list[Case] = []
    dialogues: list[str] = []
    with (out / "cases.jsonl").open("w", encoding="utf-8") as file:
        for name in names.split(","):
            if name.startswith("turns"):
                dialogues += several(listener, render, name, first)
                continue
            for case in measure(listener, render, name, first):
                cases.append(case)
                file.write(json.dumps(asdict(case)) + "\n")
    text = "\n".join([*(report(cases) if cases else []), *spelling(cases), *dialogues])
    (out / "prompts.md").write_text(text + "\n", encoding="utf-8")
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
