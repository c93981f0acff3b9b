"""`python played_child.py HOW FOLDER`: the process that builds, with a played ONNX Runtime.

It writes a line in FOLDER/builds for each engine, and holds the lock FOLDER/alive while it is hung.
"""

import os
import signal
import sys
import time
from pathlib import Path

import played_ort
from filelock import FileLock

from tap_live import engine_child

HOW, FOLDER = sys.argv[1], Path(sys.argv[2])


class Building(played_ort.Building):
    def build(self, when):
        super().build(when)
        with (FOLDER / "builds").open("a") as file:
            file.write(f"{self.graph.stem} {when}\n")
        if HOW == "takes a while":
            time.sleep(1)
        elif HOW == "hangs":
            os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C in a terminal does
            with FileLock(FOLDER / "alive"):
                (FOLDER / "hung").touch()
                time.sleep(600)
        elif HOW == "crashes":
            print("[E] ran into\n\n[E] nothing", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        elif HOW == "is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif HOW == "fails":
            raise RuntimeError("no kernel\nfor this card")


played_ort.Building = Building
sys.modules["onnxruntime"] = played_ort.PlayedOrt()
engine_child.main()
