"""Cues for sounds: words and example clips as vectors of one space, without torch."""
