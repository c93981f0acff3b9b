"""From speech to captions while it is still being said."""
