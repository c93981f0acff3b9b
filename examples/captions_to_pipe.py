"""Print each sentence as a line, for other programs to read.

python captions_to_pipe.py ws://127.0.0.1:8765/events | grep --line-buffered -i budget

A final caption is often a part of a sentence: parts are joined until one ends a sentence or
somebody else speaks.
"""

import asyncio
import sys

from tap_live.client import follow
from tap_live.events import Caption


async def main(url: str) -> None:
    speaker, said = None, ""
    async for event in follow(url, channels=["caption"]):
        if not isinstance(event, Caption) or event.state != "final" or not event.text:
            continue
        if event.speaker != speaker:
            tell(speaker, said)
            speaker, said = event.speaker, ""
        said = f"{said} {event.text}".strip()
        if said.endswith((".", "?", "!")):
            tell(speaker, said)
            said = ""
    tell(speaker, said)


def tell(speaker: str | None, said: str) -> None:
    if said:
        print(f"{speaker or '-'}\t{said}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    asyncio.run(main(sys.argv[1]))
