"""What kinds of sound there are: the manifest's labels, merged and cleaned.

Labels come partly from file names, so that one kind has several ("water", "running water")
and some are wrong. `sounds.txt` beside this file says which labels are one kind, how people
say it, and where a file's own caption gives the lie to its label. Labels that it does not
name are of nothing that one could ask for; their clips are noise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("sounds.txt")


@dataclass(frozen=True)
class Kind:
    """One kind of sound.

    Attributes:
        path: itself and what it belongs to, the widest first: music, drum, drum kit.
        sayings: how people say it; the first is the plainest.
        labels: of the manifest, that mean it.
    """

    path: tuple[str, ...]
    sayings: tuple[str, ...]
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path[-1]

    def holds(self, other: "Kind") -> bool:
        """Whether the other is this kind or a kind of it."""
        return other.path[: len(self.path)] == self.path

    def clashes(self, other: "Kind") -> bool:
        """Whether one would be heard in the other, so that they cannot be told apart."""
        return self.holds(other) or other.holds(self)


@dataclass(frozen=True)
class Correction:
    """Clips of a label whose caption has one of some words are of another kind, or of none."""

    label: str
    words: tuple[str, ...]
    kind: str


class Kinds:
    """The table: from a manifest's label and caption to a kind."""

    def __init__(self, kinds: list[Kind], corrections: list[Correction]) -> None:
        self.kinds = kinds
        self._by_name = {kind.name: kind for kind in kinds}
        self._by_label = {label: kind for kind in kinds for label in kind.labels}
        self._corrections = corrections
        wanted = [correction.kind for correction in corrections if correction.kind]
        if unknown := set(wanted) - self._by_name.keys():
            raise ValueError(f"corrections name kinds that the table lacks: {sorted(unknown)}")

    @classmethod
    def open(cls, table: Path = TABLE) -> "Kinds":
        """Read the table. Raises: ValueError if a label is given twice."""
        lines = [line for line in table.read_text().splitlines() if line and line[0] != "#"]
        kinds = [_kind(line) for line in lines if "|" in line]
        labels = [label for kind in kinds for label in kind.labels]
        if twice := {label for label in labels if labels.count(label) > 1}:
            raise ValueError(f"wanted each label once in {table}, found {sorted(twice)} again")
        return cls(kinds, [_correction(line) for line in lines if ">" in line])

    def __getitem__(self, name: str) -> Kind:
        return self._by_name[name]

    def find(self, label: str, caption: str = "") -> Kind | None:
        """The kind of a clip; none if its label means nothing one could ask for."""
        for correction in self._corrections:
            if correction.label == label and any(word in caption for word in correction.words):
                return self._by_name.get(correction.kind)
        return self._by_label.get(label)

    def sayings(self) -> Iterator[str]:
        """Every way of saying every kind."""
        for kind in self.kinds:
            yield from kind.sayings


def _kind(line: str) -> Kind:
    path, sayings, labels = (part.strip() for part in line.split("|"))
    return Kind(
        tuple(path.split("/")),
        tuple(saying.strip() for saying in sayings.split(";")),
        tuple(label.strip() for label in labels.split(",")),
    )


def _correction(line: str) -> Correction:
    label, words, kind = (part.strip() for part in line.split(">"))
    return Correction(label, tuple(word.strip() for word in words.split(",")), kind)
