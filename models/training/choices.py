"""What commands offer by name. PyTorch is not imported, so that they can tell it at once."""

from typing import Literal

Trained = Literal["voice", "sound", "prompts"]
Condition = Literal["retrieved", "audio", "label", "line", "paired", "kind"]
Scheme = Literal["paper", "unpaired"]
Size = Literal["small", "public"]
Model = Literal["clapsep", "compact"]

DEFAULT_LISTS = {  # to measure, by what is extracted
    "voice": "voice_2mix,voice_noisy,voice_partial,voice_absent",
    "sound": "sound_2mix,sound_absent",
}
