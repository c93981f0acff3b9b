import sys
import threading

import pytest

from tap_live.errors import BundleError, CancelledError
from tap_live.events import Export
from tap_live.service.exporting import make_bundle

WANTED = Export(id="e1", model="compact", checkpoint="x.pt", precision="fp16")
PROGRESS = '{"type":"progress","id":"export","done":%d,"total":2,"text":"parity"}'
REPORT = '{"model":"compact","folder":"there"}'


def program(code):
    """A command that does this in place of `tap-live export`."""
    return (sys.executable, "-c", f"import sys, time, signal\n{code}")


def test_progress_is_told_with_the_commands_id_and_the_report_is_the_answer(tmp_path):
    told = []
    lines = [PROGRESS % 1, PROGRESS % 2, REPORT]
    made = make_bundle(
        WANTED, "x.pt", tmp_path / "bundles" / "one", told.append, threading.Event(),
        program(f"print({chr(10).join(lines)!r})"),
    )  # fmt: skip
    assert made["folder"] == "there"
    assert [(one.id, one.done, one.total, one.text) for one in told] == [
        ("e1", 1, 2, "parity"),
        ("e1", 2, 2, "parity"),
    ]


def test_the_command_is_told_everything(tmp_path):
    code = "import json; print(json.dumps({'words': sys.argv[1:]}))"
    out = tmp_path / "one"
    made = make_bundle(WANTED, "x.pt", out, lambda told: None, threading.Event(), program(code))
    assert made["words"] == [
        *("compact", "--checkpoint", "x.pt", "--out", str(out)),
        *("--to", "onnx", "--precision", "fp16", "--json"),
    ]


def test_a_failure_says_what_the_command_says(tmp_path):
    code = "print('error: no PyTorch here', file=sys.stderr); sys.exit(1)"
    with pytest.raises(BundleError, match="the export failed: error: no PyTorch here"):
        make_bundle(WANTED, "x.pt", tmp_path, lambda told: None, threading.Event(), program(code))


def test_it_is_ended_as_by_ctrl_c_when_it_is_cancelled(tmp_path):
    cancelled = threading.Event()
    code = (
        f"print('''{PROGRESS % 0}''', flush=True)\n"
        "try: time.sleep(60)\n"
        f"except KeyboardInterrupt: open({str(tmp_path / 'cleared')!r}, 'w').close()"
    )
    before = threading.active_count()
    with pytest.raises(CancelledError):
        make_bundle(
            WANTED, "x.pt", tmp_path, lambda told: cancelled.set(), cancelled, program(code)
        )
    assert (tmp_path / "cleared").exists()
    assert threading.active_count() == before
