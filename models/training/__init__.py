"""Train the networks, one command each."""
