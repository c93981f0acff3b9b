"""What holds for the repository as a whole."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CEILINGS_MB = {"vad": 2.5, "speaker": 3, "demo": 1, "text-cue": 2.5, "audio-cue": 3,
    "voice-compact": 4, "voice-offline": 6, "sound-compact": 4, "sound-offline": 4,
}  # fmt: skip
WHISPER_MB = 3  # all graphs and tokenizers together


def tracked():
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("this is no checkout")
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def megabytes(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def test_a_clone_is_quick():
    assert sum(path.stat().st_size for path in tracked()) < 30e6


@pytest.mark.parametrize(("bundle", "ceiling"), CEILINGS_MB.items())
def test_a_bundle_keeps_to_its_size(bundle, ceiling):
    assert megabytes(ROOT / "tap_live" / "bundles" / bundle) <= ceiling


def test_whispers_graphs_keep_to_their_size():
    folders = (ROOT / "tap_live" / "bundles").glob("whisper-*")
    assert sum(map(megabytes, folders)) <= WHISPER_MB


def test_every_package_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = set(project["tool"]["setuptools"]["packages"])
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for top in ("tap_live", "models", "export", "ui")
        for path in (ROOT / top).rglob("__init__.py")
    }
    named = {name if name.startswith("tap_live") else f"tap_live.{name}" for name in found}
    assert named == listed


@pytest.mark.parametrize("module", ["tap_live", "tap_live.live", "tap_live.commands.app"])
def test_the_engine_needs_no_torch(module):
    program = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_importing_the_package_loads_nothing_heavy():
    program = "import sys, tap_live; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert not {"numpy", "onnxruntime", "torch", "rich"} & set(done.stdout.split())


def test_onnx_runtime_reports_to_nobody(tmp_path):
    """Its telemetry keeps an identifier in the cache and looks for its maker's server."""
    program = (
        "import sys; from pathlib import Path; from tap_live.bundle import open_bundle;"
        "from tap_live.runtime import Engine; Engine(open_bundle(Path(sys.argv[1])), 'windows')"
    )
    silenced = ("CI", "ORT_DISABLE_TELEMETRY")  # either would switch it off by itself
    environment = {name: value for name, value in os.environ.items() if name not in silenced}
    environment |= {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    bundle = ROOT / "tap_live" / "bundles" / "vad"
    subprocess.run([sys.executable, "-c", program, bundle], env=environment, check=True)
    assert not list(tmp_path.rglob("*onnxruntime*"))
