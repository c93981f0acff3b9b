"""Audio as samples: files, channels, repair, resampling, loudness and time."""
