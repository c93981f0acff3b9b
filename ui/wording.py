"""What an engine warns of, in words for somebody who has never seen an extractor."""

from PyQt6.QtCore import QCoreApplication

from tap_live.events import Warned

translate = QCoreApplication.translate  # by this name, so that pylupdate6 finds the words


def plain(warned: Warned) -> str:
    """Say a warning as people would; one that has no other words in its own."""
    match warned:
        case Warned(code="extraction-slow"):
            return translate(
                "Wording",
                "this computer is too busy to pick out what you chose: you hear everything until "
                "it can again",
            )
        case Warned(code="extraction-recovered", start=float(start), stop=float(stop)):
            text = translate(
                "Wording",
                "what you chose is picked out again; you heard everything for {seconds} s, because "
                "this computer was too busy",
            )
            return text.format(seconds=f"{stop - start:.0f}")
    return warned.text
