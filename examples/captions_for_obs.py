"""Keep the newest lines in a text file, for a source "Text" of OBS with "Read from file".

python captions_for_obs.py ws://127.0.0.1:8765/events captions.txt

Where OBS has browser sources, the page does it better: http://127.0.0.1:8765/?obs
"""

import asyncio
import os
import sys
import textwrap
from pathlib import Path

from tap_live.client import follow
from tap_live.events import Caption

WIDTH, LINES = 42, 2
REMEMBERED = 20  # finals, more than fit


async def main(url: str, path: str) -> None:
    finals: list[str] = []
    partials: dict[int, str] = {}
    async for event in follow(url, channels=["caption"]):
        if not isinstance(event, Caption):
            continue
        partials.pop(event.id, None)
        if event.state == "final":
            finals = [*finals[-REMEMBERED:], event.text]
        else:
            partials[event.id] = event.text
        words = " ".join([*finals, *partials.values()])
        show(Path(path), textwrap.wrap(words, WIDTH)[-LINES:])


def show(path: Path, lines: list[str]) -> None:
    """Replace the file at once, so that nobody reads half of it."""
    written = path.with_name(f".{path.name}.part")
    written.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.replace(written, path)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    asyncio.run(main(*sys.argv[1:]))
