"""Cases of a long measurement in a file, a line of JSON each: what is there is not done again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import msgspec

Row: TypeAlias = dict[str, Any]
T = TypeVar("T")


class Ledger:
    """Rows by their list, case, way, and by what they were measured with.

    A line that was cut off when a run was ended is dropped.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._rows: dict[tuple[str, str, str, str], Row] = {}
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        whole = [row for line in lines if (row := _read(line)) is not None]
        for row in whole:
            self._rows[row["list"], row["id"], row["way"], row["by"]] = row
        if len(whole) < len(lines):
            text = "".join(json.dumps(row) + "\n" for row in whole)
            file.write_text(text, encoding="utf-8")

    def find(self, name: str, case: str, way: str, by: str, kind: type[T]) -> T | None:
        """What was measured before; None if nothing was."""
        row = self._rows.get((name, case, way, by))
        return None if row is None else msgspec.convert(row, kind)

    def add(self, name: str, case: str, way: str, by: str, found: Any) -> None:
        """Write what was measured, at once."""
        row = msgspec.to_builtins(found) | {"list": name, "id": case, "way": way, "by": by}
        self._rows[name, case, way, by] = row
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def measured(
        self, name: str, case: str, way: str, by: str, kind: type[T], measure: Callable[[], T]
    ) -> T:
        """What was measured before, or is now."""
        known = self.find(name, case, way, by, kind)
        if known is None:
            self.add(name, case, way, by, known := measure())
        return known


def _read(line: str) -> Row | None:
    try:
        row: Row = json.loads(line)
    except ValueError:
        return None
    return row if row.keys() >= {"list", "id", "way", "by"} else None
