"""Networks that take a target out of a mixture, as they run live."""
