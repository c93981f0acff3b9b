"""The whole engine for hours, with faults: what `tap-live soak` runs."""
