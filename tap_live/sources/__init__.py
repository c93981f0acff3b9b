"""Where a stream comes from: microphone, monitor, file, standard input."""
