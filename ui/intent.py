"""What will happen with a setup, in words: the end of the first steps."""

from PyQt6.QtCore import QCoreApplication

from tap_live.extractors.network import installed
from tap_live.ui.setup import NO_OUTPUT, Setup, TargetWish

translate = QCoreApplication.translate  # by this name, so that pylupdate6 finds the words


def intent(setup: Setup, remote: bool) -> str:
    """Say it for each kind of target that is asked for.

    Args:
        remote: whether devices are those of an engine elsewhere, which does not say them.
    """
    targets = [one for one in setup.targets if one.on]
    if not targets:
        return translate("Guide", "Everything that is heard will be captioned.")
    silent = setup.output == NO_OUTPUT and not remote
    voices, sounds = _labels(targets, "voice"), _labels(targets, "sound")
    said: list[str] = []
    if voices and installed("voice") is None:
        said.append(
            translate(
                "Guide",
                "Captions will say when {names} speaks. No voice extractor is installed yet, "
                "so the sound itself stays as it is.",
            ).format(names=voices)
        )
    elif voices and silent:
        said.append(translate("Guide", "You will read {names}.").format(names=voices))
    elif voices:
        said.append(translate("Guide", "You will hear and read {names}.").format(names=voices))
    if sounds and installed("sound") is None:
        said.append(
            translate(
                "Guide",
                "{names} is in the list and waits for a sound extractor, which is not "
                "installed yet. Until then everything is heard and captioned.",
            ).format(names=sounds)
        )
    elif sounds and silent:
        said.append(translate("Guide", "{names} is picked out of the rest.").format(names=sounds))
    elif sounds:
        said.append(translate("Guide", "You will hear {names}.").format(names=sounds))
    if not said:
        said.append(translate("Guide", "What you remove will be turned down."))
    if silent:
        said.append(
            translate(
                "Guide", "Nothing is played: to hear it too, choose an output beside the input."
            )
        )
    return "\n\n".join(said)


def _labels(targets: list[TargetWish], kind: str) -> str:
    return ", ".join(one.label for one in targets if one.kind == kind and not one.suppress)
