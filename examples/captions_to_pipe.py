"""Print each final caption as a line, for other programs to read.

python captions_to_pipe.py ws://127.0.0.1:8765/events | grep --line-buffered -i budget
"""

import asyncio
import sys

from tap_live.client import follow
from tap_live.events import Caption


async def main(url: str) -> None:
    async for event in follow(url, channels=["caption"]):
        if isinstance(event, Caption) and event.state == "final" and event.text:
            print(f"{event.speaker or '-'}\t{event.text}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
