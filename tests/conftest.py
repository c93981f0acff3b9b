import os
from pathlib import Path

import hypothesis
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# A loaded machine is slow at times; a test that hangs is stopped by CI's own limit.
hypothesis.settings.register_profile("tap-live", deadline=None)
hypothesis.settings.load_profile("tap-live")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The developers' speech and sounds, which lie beside a checkout and in no release."""
    folder = Path(__file__).parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the developers' data set is not here")
    return folder
