"""Gather what training a sound network needs into one small folder, cues included.

Sounds are cut short and written as Opus, rooms as FLAC. Neither the encoders nor MiniLM
travel: the cues of all clips and captions do.
"""

import logging
from pathlib import Path

import soundfile as sf

from .data import Clip, read_clips
from .labels import Kinds
from .pack import MIB, add_clips, folder_size, in_turns
from .sounds import CUES, CueBank, name_of, training_sounds
from .store import load

log = logging.getLogger(__name__)

SOUND_S = 4.0  # of a sound are enough
ROOMS_SHARE = 0.04  # of the limit
NOISE_SHARE = 0.03
QUALITY = 0.92  # of libsndfile's Opus: about 26 kbit/s


def pack_sounds(data: Path, cues: Path, out: Path, limit: int) -> int:
    """Write a corpus of at most `limit` bytes; returns its size.

    Every kind comes in before any comes in twice.

    Raises: FileExistsError if `out` holds something, ValueError if the limit is too small.
    """
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"wanted an empty folder for the pack, found files in {out}")
    out.mkdir(parents=True, exist_ok=True)
    kinds = Kinds.open()
    bank = CueBank.open(cues)
    known, noises = training_sounds(read_clips(data / "sounds"), kinds)
    rooms = add_clips(out / "rir", read_clips(data / "rir"), int(limit * ROOMS_SHARE), _write_room)
    # Cues are written last, but they take what they take: all clips' is the most.
    bank.save(out / CUES)
    left = limit - rooms - (out / CUES).stat().st_size
    turns = in_turns(noises)[: int(NOISE_SHARE * len(known))] + in_turns(
        known, lambda clip: kinds.find(clip.name, clip.caption)
    )
    add_clips(out / "sounds", turns, left, _write_sound)
    written = read_clips(out / "sounds")
    names = {name_of(clip): name_of(copy) for clip, copy in zip(turns, written, strict=False)}
    bank.of(names).save(out / CUES)
    log.info("%.1f MiB", folder_size(out) / MIB)
    return folder_size(out)


def _write_sound(clip: Clip, stem: Path) -> Path:
    """Opus knows 16 and 48 kHz: what has no more than 8 kHz is kept at the former."""
    rate = 16_000 if sf.info(clip.file).samplerate <= 16_000 else 48_000
    file = stem.with_suffix(".ogg")
    samples = load(clip.file, rate)[: int(SOUND_S * rate)]
    sf.write(file, samples, rate, format="OGG", subtype="OPUS", compression_level=QUALITY)
    return file


def _write_room(clip: Clip, stem: Path) -> Path:
    rate = sf.info(clip.file).samplerate
    file = stem.with_suffix(".flac")
    sf.write(file, load(clip.file, rate), rate, subtype="PCM_16")
    return file
