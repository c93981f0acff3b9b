"""Keep the captions of a running engine in a file, complete at every moment.

python captions_to_file.py ws://127.0.0.1:8765/events meeting.vtt

The suffix says how: .vtt, .srt, .txt or .jsonl. What was said before is in it too, and a
connection that breaks leaves no gap.
"""

import asyncio
import sys
from contextlib import closing
from pathlib import Path

from tap_live.captions.formats import open_writer
from tap_live.client import follow
from tap_live.events import Caption


async def main(url: str, path: str) -> None:
    with closing(open_writer(Path(path))) as file:
        async for event in follow(url, channels=["caption"]):
            if isinstance(event, Caption):
                file.write(event)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    asyncio.run(main(*sys.argv[1:]))
