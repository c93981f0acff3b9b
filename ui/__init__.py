"""The PyQt control panel: draws events, sends commands, knows nothing else."""
