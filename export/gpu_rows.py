"""One line of what `gpu_check` tells: what was checked, what was wanted, what was found.

Whatever goes wrong in a check is what its line says; the others come all the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tap_live.errors import RuntimeMissingError, TapError

State: TypeAlias = Literal["ok", "FAILED", "not yet run"]
Found: TypeAlias = tuple[str, bool]
"""What was found, in words, and whether that is right."""


@dataclass(frozen=True)
class Row:
    """One thing that was checked."""

    what: str
    wanted: str
    found: str
    state: State


@dataclass(frozen=True)
class Check:
    """One thing to check."""

    what: str
    wanted: str
    run: Callable[[], Found]

    def row(self) -> Row:
        """Run it; what cannot run here is said, never guessed."""
        try:
            found, right = self.run()
        except (RuntimeMissingError, ImportError) as error:
            return Row(self.what, self.wanted, said(error), "not yet run")
        except Exception as error:  # of PyTorch, ONNX Runtime, CUDA: a table is not lost for one
            return Row(self.what, self.wanted, f"failed: {said(error)}", "FAILED")
        return Row(self.what, self.wanted, found, "ok" if right else "FAILED")

    def unrun(self) -> Row:
        """What is said of it where there is no card."""
        return Row(self.what, self.wanted, "no card", "not yet run")


def said(error: Exception) -> str:
    """The first line of an error, with its kind where it is none of ours."""
    line = next(iter(str(error).strip().splitlines()), "")
    kind = "" if isinstance(error, TapError | ImportError) else type(error).__name__
    return ": ".join(part for part in (kind, line) if part)
