import numpy as np
import pytest

from tap_live.captions.vad import WINDOW, Edge
from tap_live.errors import ConfigError
from tap_live.voices.encoder import LAYERS, WIDTH
from tap_live.voices.gate import GateConfig, VoiceGate
from tap_live.voices.scoring import Print

RATE = 16_000
PITCH = {"ana": 300.0, "bob": 1000.0, "guest": 3000.0}  # whose tone it is
VOICES = {name: Print(np.array([PITCH[name]], np.float32), 0.0, 1.0) for name in ("ana", "bob")}
LAST_TONE = 40


class ToneEncoder:
    """Remembers, for each window, how much of each mel band it has heard."""

    def advance(self, mel, hidden, cell):
        hidden = hidden.copy()
        hidden[LAYERS - 1, :, :LAST_TONE] += mel.sum(axis=1)
        return np.zeros((len(mel), WIDTH), np.float32), hidden, cell


class ToneScorer:
    """Sure of a window by its tones' shares of the power; less sure of a short one."""

    def ratios(self, state, length, prints):
        bands = state[:LAST_TONE] / state.sum()
        shares = [bands[_band(float(p.vector[0]))].sum() for p in prints]
        return np.array([4 * length / 8 * (3 * share - 1) for share in shares], np.float32)


def _band(pitch):
    """Mel bands around a tone: below, between and above 600 and 2000 Hz."""
    return slice(0, 9) if pitch < 600 else slice(9, 22) if pitch < 2000 else slice(22, 40)


def gate(**config):
    return VoiceGate(ToneEncoder(), ToneScorer(), VOICES, GateConfig(**config))


def tone(name, seconds):
    t = np.arange(round(seconds * RATE)) / RATE
    return (0.1 * np.sin(2 * np.pi * PITCH[name] * t)).astype(np.float32)


def at(seconds):
    return round(seconds * RATE / WINDOW) * WINDOW


def stream(*parts):
    """(who or None, seconds), ... -> audio and the edges that a segmenter would notice."""
    audio, edges, now, spoken = [], [], 0.0, False
    for who, seconds in parts:
        audio.append(tone(who, seconds) if who else np.zeros(round(seconds * RATE), np.float32))
        if who is None:
            if spoken:
                edges.append(Edge("pause", at(now + 0.25), at(now + 0.25)))
                if seconds >= 0.5:
                    edges.append(Edge("end", at(now + 0.25), at(now + 0.5)))
            paused, spoken = seconds < 0.5 and spoken, False
        elif not spoken:
            kind = "resume" if edges and paused else "start"
            early = 0.0 if kind == "resume" else 0.2
            edges.append(Edge(kind, at(max(0.0, now - early)), at(now + 0.1)))
            spoken = True
        now += seconds
    return np.concatenate(audio), edges


def heard(gate, audio, edges):
    turns = []
    for stop in range(WINDOW, len(audio) + 1, WINDOW):
        noticed = [edge for edge in edges if stop - WINDOW < edge.noticed <= stop]
        turns += gate.push(audio[stop - WINDOW : stop], noticed)
    return turns + gate.flush([])


def said(turns):
    return [(turn.kind, turn.speaker) for turn in turns if turn.kind in ("start", "end")]


@pytest.mark.parametrize(
    ("others", "speaker", "starts"), [("hide", None, 2), ("label", "other", 3), ("show", None, 3)]
)
def test_others_are_hidden_labelled_or_shown_without_a_name(others, speaker, starts):
    audio, edges = stream(
        (None, 0.5), ("ana", 2), (None, 0.8), ("guest", 2), (None, 0.8), ("ana", 2), (None, 1)
    )
    turns = [t for t in heard(gate(others=others), audio, edges) if t.kind == "start"]
    names = ["ana", "ana"] if others == "hide" else ["ana", speaker, "ana"]
    assert [turn.speaker for turn in turns] == names
    assert len(turns) == starts
    assert all(turn.confidence > 0.8 for turn in turns)


def test_every_voice_gets_its_own_name_from_where_it_began():
    audio, edges = stream((None, 0.5), ("bob", 2), (None, 0.7), ("ana", 2), (None, 1))
    turns = heard(gate(), audio, edges)
    assert said(turns) == [("start", "bob"), ("end", None), ("start", "ana"), ("end", None)]
    assert [turn.position for turn in turns if turn.kind == "start"] == [at(0.3), at(3.0)]


def test_a_change_after_a_short_pause_cuts_the_region_there():
    audio, edges = stream((None, 0.5), ("ana", 2), (None, 0.3), ("bob", 2), (None, 1))
    turns = heard(gate(), audio, edges)
    assert said(turns) == [("start", "ana"), ("end", None), ("start", "bob"), ("end", None)]
    assert turns[1].kind == "pause" and turns[2].position == turns[1].position == at(2.75)
    assert turns[3].position == at(2.8)


def test_after_a_short_pause_the_same_voice_resumes_its_turn():
    audio, edges = stream((None, 0.5), ("ana", 2), (None, 0.3), ("ana", 2), (None, 1))
    turns = heard(gate(), audio, edges)
    assert [turn.kind for turn in turns] == ["start", "pause", "resume", "pause", "end"]


def test_a_change_without_a_pause_is_cut_within_half_a_second():
    audio, edges = stream((None, 0.5), ("ana", 4), ("bob", 4), (None, 1))
    turns = heard(gate(), audio, edges)
    assert said(turns) == [("start", "ana"), ("end", None), ("start", "bob"), ("end", None)]
    assert turns[1].position == turns[2].position
    assert abs(turns[1].position / RATE - 4.5) < 0.5


def test_no_change_without_a_pause_is_told_later_than_the_lookahead():
    audio, edges = stream((None, 0.5), ("ana", 4), ("guest", 4), ("bob", 3), (None, 1))
    voice_gate = gate()
    turns = heard(voice_gate, audio, edges)
    changes = [turn for turn in turns if turn.kind == "start"][1:]
    assert [turn.speaker for turn in changes] == ["other", "bob"]
    for turn in changes:
        assert turn.noticed - turn.position <= voice_gate.lookahead


def test_what_is_in_doubt_after_a_pause_waits_but_no_longer_than_a_window():
    audio, edges = stream((None, 0.5), ("ana", 3), (None, 1))
    doubt = gate(sure=0.9999999, clear=0.999999)
    (first, *_) = heard(doubt, audio, edges)
    assert 1.6 <= (first.noticed - first.position) / RATE <= 2.1


def test_a_word_too_short_to_tell_is_nobodys():
    audio, edges = stream((None, 0.5), ("ana", 0.15), (None, 1))
    assert heard(gate(others="hide"), audio, edges) == []
    labelled = heard(gate(others="label"), audio, edges)
    assert said(labelled) == [("start", "other"), ("end", None)]
    assert labelled[0].confidence is None


def test_a_stricter_threshold_takes_a_name_away():
    audio, edges = stream((None, 0.5), ("ana", 2), (None, 1))
    assert heard(gate(others="hide", threshold=0.0), audio, edges) != []
    assert heard(gate(others="hide", threshold=20.0), audio, edges) == []


@pytest.mark.parametrize("level", [0.01, 1.0, 8.0])
def test_level_does_not_matter(level):
    audio, edges = stream((None, 0.5), ("bob", 2), (None, 0.8), ("ana", 2), (None, 1))
    expected = heard(gate(), audio, edges)
    assert said(heard(gate(), audio * np.float32(level), edges)) == said(expected)


def test_after_a_flush_the_gate_is_as_new():
    audio, edges = stream((None, 0.5), ("ana", 2), (None, 1))
    used = gate()
    first = heard(used, audio, edges)
    assert heard(used, audio, edges) == first


def test_a_murmur_within_a_pause_is_no_second_pause():
    audio, edges = stream((None, 0.5), ("ana", 2), (None, 2))
    again = Edge("pause", at(2.9), at(2.95))
    edges = sorted([*edges, again], key=lambda edge: edge.noticed)
    turns = heard(gate(), audio, edges)
    assert [turn.kind for turn in turns] == ["start", "pause", "end"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"others": "loud"}, "want show, hide or label"),
        ({"least": 0.99}, "want 0.5 <= least <= clear <= sure < 1"),
        ({"wait": 0.0}, "s for a decision"),
        ({"stay": 1.0}, "want odds between 0 and 1"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        GateConfig(**config)
