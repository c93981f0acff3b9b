"""Audio on its way: files, rates, levels."""
