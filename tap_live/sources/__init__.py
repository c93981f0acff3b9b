"""Where audio comes from: devices, files, standard input."""
