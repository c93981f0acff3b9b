"""What `tap-live bench` found, and what was wanted."""

import msgspec


class Result(msgspec.Struct, frozen=True):
    """What was measured of one thing, and what it should be."""

    what: str
    value: float
    budget: float | None = None

    @property
    def kept(self) -> bool:
        return self.budget is None or self.value <= self.budget


def untold(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
