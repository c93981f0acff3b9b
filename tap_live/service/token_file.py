"""How programs of the same user find a running engine: its address and tokens, for them alone.

One file a port lies in the user's data folder, mode 0600, for as long as the engine serves.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import platformdirs

from tap_live.errors import StorageError
from tap_live.private import write_private
from tap_live.service.access import Access

DEFAULT_PORT = 8765


class Tokens(msgspec.Struct, frozen=True):
    """What opens one engine's service."""

    url: str  # on this machine
    page: str  # as other machines see it
    control: str
    viewer: str

    def __repr__(self) -> str:  # a token is never shown
        return f"Tokens(url={self.url!r})"


def token_path(port: int) -> Path:
    """Where the tokens of the engine on a port lie."""
    return platformdirs.user_data_path("tap-live") / "service" / f"{port}.json"


def read_tokens(port: int = DEFAULT_PORT) -> Tokens:
    """Read the tokens of the engine that serves on a port of this machine.

    Raises: StorageError if there is none, or it is another user's.
    """
    path = token_path(port)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Tokens)
    except (OSError, msgspec.DecodeError) as error:
        others = ", ".join(sorted(other.stem for other in path.parent.glob("*.json")))
        instead = (
            f"yours serve on {others}: give --port"
            if others
            else f"start one with `tap-live run --serve 127.0.0.1:{port}`"
        )
        raise StorageError(
            f"wanted the tokens of an engine that serves on port {port}, found no such file "
            f"{path}: {instead}"
        ) from error


@contextmanager
def tokens_on_disk(access: Access, port: int, page: str) -> Iterator[Path]:
    """Keep the tokens where the user's own programs find them.

    Raises: StorageError if the folder cannot be written.
    """
    path = token_path(port)
    scheme = "wss" if access.secure else "ws"
    url = f"{scheme}://127.0.0.1:{port}/events"
    tokens = Tokens(url, page, access.control_token, access.viewer_token)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.chmod(0o700)
        write_private(path, msgspec.json.encode(tokens))
    except OSError as error:
        raise StorageError(f"cannot keep the control token in {path}: {error.strerror}") from error
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
