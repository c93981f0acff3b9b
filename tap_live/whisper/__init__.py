"""Whisper without torch: weights, features, decoding, word times."""
