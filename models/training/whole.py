"""Files that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(file: Path) -> Iterator[Path]:
    """Give a path to write to; what was written becomes `file` at the end, if nothing failed.

    A crash leaves the old file. Of several processes that make the same file at once each writes
    its own, and nobody reads half of one. The path ends as `file` does.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{os.getpid()}.{file.name}")
    try:
        yield part
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
