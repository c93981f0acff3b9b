"""`--device` and `--strict` on a machine that has a CPU only."""

import onnxruntime
import pytest

from tap_live import providers
from tap_live.commands.placing import say_devices, where_of
from tap_live.providers import Where

pytestmark = pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(),
    reason="for machines without a GPU",
)


@pytest.fixture(autouse=True)
def nothing_said_yet():
    providers._warn_once.cache_clear()


def test_without_a_word_the_fastest_device_is_taken():
    assert where_of(None, False) == Where("auto")
    assert Where("auto").first() == Where("tensorrt").first() == "cpu"


def test_networks_for_hops_leave_the_cpu_only_for_a_named_device():
    assert Where("auto").for_hops == Where("cpu")
    assert Where("cuda", strict=True).for_hops == Where("cuda", strict=True)


def test_where_networks_run_is_said_when_asked_or_when_it_is_not_the_cpu(capsys):
    say_devices(None, {"whisper-base": "cpu"})
    say_devices("auto", {})
    assert capsys.readouterr().err == ""
    say_devices("auto", {"whisper-base": "cpu"})
    assert capsys.readouterr().err == "running: whisper-base on cpu\n"
    say_devices(None, {"whisper-base": "cuda", "voice-compact": "cpu"})
    assert capsys.readouterr().err == "running: whisper-base on cuda, voice-compact on cpu\n"


def test_a_device_that_is_not_there_is_said_once_and_the_cpu_is_taken(
    tap_live, tiny, speech, caplog
):
    words = ("transcribe", speech, "--whisper", tiny, "--beam", 1, "--device", "cuda")
    code, out, err = tap_live(*words)
    assert code == 0
    assert "bus" in out
    assert "running: whisper-tiny.en on cpu" in err
    (record,) = caplog.records
    assert "wanted cuda, but this ONNX Runtime has only" in record.message
    assert "the next slower is taken" in record.message


@pytest.mark.parametrize("command", ["transcribe", "run", "demo"])
def test_strict_fails_rather_than_run_on_a_slower_device(tap_live, tiny, speech, command, tmp_path):
    words = {
        "transcribe": [speech],
        "run": ["--input", speech],
        "demo": ["--out", tmp_path / "out"],
    }[command]
    code, out, err = tap_live(
        command, *words, "--whisper", tiny, "--device", "tensorrt", "--strict"
    )
    assert (code, out) == (1, "")
    assert "wanted tensorrt, but this ONNX Runtime has only" in err
    assert "pip install 'tap-live[gpu]'" in err
