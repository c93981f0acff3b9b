"""`python played_start.py GRAPH HOW FOLDER`: a start of its own on a machine with a card.

Engines are kept in FOLDER/cache; what is told is printed, and the device that it ends with.
"""

import sys
from pathlib import Path

import platformdirs
from played_ort import PlayedOrt

from tap_live import engine_cache, engine_child
from tap_live.providers import place
from tap_live.waiting import Waiting


def start(graph: Path, how: str, folder: Path) -> None:
    child = Path(__file__).with_name("played_child.py")
    platformdirs.user_cache_path = lambda name: folder / "cache"
    engine_cache.this_machine = lambda: engine_cache.Machine("H200", "9.0", "1", "2", "3")
    sys.modules["onnxruntime"] = PlayedOrt()
    engine_child.COMMAND = (sys.executable, str(child), how, str(folder))
    waiting = Waiting(lambda text: print(text, flush=True))
    print(place(graph, "tensorrt", ranges={"frames": (2, 10, 500)}, waiting=waiting).device)


start(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
