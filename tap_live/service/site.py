"""What the service answers over HTTP: the caption page, captions as files, and numbers.

Paths are looked up in a table and never become names of files.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

import msgspec

from tap_live import __version__
from tap_live.captions.formats import WRITERS
from tap_live.errors import RefusedError
from tap_live.events import Caption, schema
from tap_live.service.access import Role
from tap_live.service.hub import Hub
from tap_live.service.metrics import CONTENT_TYPE, metrics

_PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
_CAPTIONS = {
    "/captions.vtt": "text/vtt; charset=utf-8",
    "/captions.srt": "application/x-subrip; charset=utf-8",
    "/captions.txt": "text/plain; charset=utf-8",
}
_JSON = "application/json"


@dataclass(frozen=True)
class Reply:
    """One HTTP response."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def headers_of(reply: Reply, host: str) -> dict[str, str]:
    """All headers of a reply; `host` is the request's, checked."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
        f"connect-src 'self' ws://{host} wss://{host}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Type": reply.content_type,
        "Content-Length": str(len(reply.body)),
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Connection": "close",
        **reply.headers,
    }


def refusal(error: RefusedError) -> Reply:
    """Say why somebody was not let in."""
    return Reply(f"{error}\n".encode(), status=error.status)


class Site:
    """Answer requests from what the hub holds."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._files: dict[str, CaptionFile] = {}
        self._answers: dict[str, Callable[[], Reply]] = {
            "/health": self._health,
            "/metrics": lambda: Reply(metrics(hub).encode(), CONTENT_TYPE),
            "/schema.json": lambda: Reply(msgspec.json.encode(schema()), _JSON),
        }

    def get(self, path: str, role: Role | None) -> Reply:
        """Answer a request for a path. Raises: RefusedError if it is not there, or not for all."""
        if path in _PAGE:
            name, content_type = _PAGE[path]
            return Reply((files(__package__) / "page" / name).read_bytes(), content_type)
        known = path in self._answers or path in _CAPTIONS
        if role is None:
            raise RefusedError(
                401, "token", "wanted a token: see the link that `tap-live run` shows"
            )
        if not known:
            raise RefusedError(404, "path", "there is no such page")
        return self._answers[path]() if path in self._answers else self._captions(path)

    def _health(self) -> Reply:
        health = {
            "status": "ended" if self._hub.ended else "ok",
            "version": __version__,
            "stream": self._hub.stream,
            "at": self._hub.at,
            "subscribers": len(self._hub.sessions),
        }
        return Reply(msgspec.json.encode(health), _JSON)

    def _captions(self, path: str) -> Reply:
        suffix = path.removeprefix("/captions")
        file = self._files.setdefault(path, CaptionFile(suffix))
        new = self._hub.history.captions(skip=file.finals)
        if any(caption.late for caption in new):  # they belong before others
            file = self._files[path] = CaptionFile(suffix)
            new = sorted(self._hub.history.captions(), key=lambda caption: caption.start)
        file.write(new)
        return Reply(file.text(), _CAPTIONS[path])


class CaptionFile:
    """A file of captions in memory, that grows as they come."""

    def __init__(self, suffix: str) -> None:
        self.finals = 0  # written
        self._file = io.BytesIO()
        self._writer = WRITERS[suffix](self._file)

    def write(self, captions: Sequence[Caption]) -> None:
        for caption in captions:
            self._writer.write(caption)
        self.finals += len(captions)

    def text(self) -> bytes:
        """Return the whole file."""
        return self._file.getvalue()
