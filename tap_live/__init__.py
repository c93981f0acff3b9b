"""TAP Live: hear, and read, only what you ask for."""
