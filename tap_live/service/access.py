"""Who may read and who may command: hosts, origins, tokens, one-time codes and cookies.

On loopback a viewer needs nothing, unless a proxy there hands on what others ask; commands
need the control token. From anywhere else a viewer needs a token too. A browser gets there
by a one-time code in the fragment of a link, which is never sent in a request line, and
exchanges it for a cookie.
"""

import hmac
import ipaddress
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from typing import Literal, TypeAlias

from websockets.datastructures import Headers, MultipleValuesError

from tap_live.errors import RefusedError

Role: TypeAlias = Literal["viewer", "controller"]

CODE_S = 3600.0  # a link is good for an hour, once
COOKIE_S = 12 * 3600.0
MOST_CODES = 1000  # outstanding
MOST_COOKIES = 2000
PROXIED = ("forwarded", "x-forwarded-", "x-real-ip", "via")  # headers that begin so
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::\d{1,5})?", re.IGNORECASE)
_CODE_SCHEME, _TOKEN_SCHEME = "Code", "Bearer"


@dataclass
class Access:
    """Decide about requests; the only place that knows tokens.

    Args:
        names: hosts by which this server may be called, beside addresses and localhost.
        origins: web pages elsewhere that may read, as "https://example.org".
        secure: whether the server speaks TLS.
        machine: names of this machine, by which it calls itself.
    """

    names: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    secure: bool = False
    machine: frozenset[str] = field(default_factory=lambda: machine_names())
    now: Callable[[], float] = time.monotonic
    control_token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    viewer_token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    _codes: dict[bytes, tuple[Role, float]] = field(default_factory=dict, repr=False)
    _cookies: dict[bytes, tuple[Role, float]] = field(default_factory=dict, repr=False)

    def check(self, headers: Headers) -> str:
        """Look at where a request says it goes to and comes from; return its Host.

        Raises: RefusedError if a name or a page could be somebody else's.
        """
        host = _only(headers, "Host")
        match = _HOST.fullmatch(host or "")
        if host is None or match is None:
            raise RefusedError(400, "host", "wanted one Host header with a host and perhaps a port")
        if not self._is_ours(match["name"].lower().rstrip(".")):
            raise RefusedError(
                403, "host", "this server is not known by that name: see --allow-host"
            )
        origin = _only(headers, "Origin")
        scheme = "https" if self.secure else "http"
        own = f"{scheme}://{host.lower()}"
        if origin is not None and origin.lower() not in {own, *self.origins}:
            raise RefusedError(
                403, "origin", "pages from elsewhere may not read this: see --allow-origin"
            )
        return host

    def role_of_request(self, headers: Headers, *, local: bool) -> Role | None:
        """Say what a request's headers allow; None is nothing.

        Args:
            local: whether both ends of the connection are this machine; what a proxy on it
                hands on is not taken for local.
        Raises: RefusedError if it shows a token or code that is wrong.
        """
        scheme, _, shown = (_only(headers, "Authorization") or "").partition(" ")
        if scheme.lower() == _TOKEN_SCHEME.lower():
            return self.role_of_token(shown.strip())
        role = self._role_of_cookie(headers)
        return role or ("viewer" if local and self._is_direct(headers) else None)

    def role_of_token(self, token: str) -> Role:
        """Say what a token allows. Raises: RefusedError if it is wrong."""
        shown = token.encode(errors="replace")
        controls = hmac.compare_digest(shown, self.control_token.encode())
        views = hmac.compare_digest(shown, self.viewer_token.encode())
        if controls:
            return "controller"
        if views:
            return "viewer"
        raise RefusedError(401, "token", "that token is not right")

    def new_code(self, role: Role = "viewer") -> str:
        """Make a code that is good once, for `CODE_S`."""
        code = secrets.token_urlsafe(16)
        _remember(self._codes, code, role, self.now() + CODE_S, MOST_CODES)
        return code

    def exchange(self, headers: Headers, cookie: str) -> str:
        """Take a one-time code; return a Set-Cookie header for a cookie of that name.

        Raises: RefusedError if there is no code, or it is wrong, used or old.
        """
        scheme, _, code = (_only(headers, "Authorization") or "").partition(" ")
        held = self._codes.pop(_digest(code.strip()), None)
        if scheme.lower() != _CODE_SCHEME.lower() or held is None or held[1] < self.now():
            raise RefusedError(401, "code", "that link was used already or is old: ask for another")
        value = secrets.token_urlsafe(32)
        _remember(self._cookies, value, held[0], self.now() + COOKIE_S, MOST_COOKIES)
        secure = "; Secure" if self.secure else ""
        return (
            f"{cookie}={value}; Path=/; Max-Age={COOKIE_S:.0f}; HttpOnly; SameSite=Strict{secure}"
        )

    def link(self, host: str) -> str:
        """Make a link for one browser; what follows # never leaves it."""
        return f"http{'s' if self.secure else ''}://{host}/#code={self.new_code()}"

    def _is_ours(self, name: str) -> bool:
        """An address cannot be rebound, a name can: only those that we know."""
        if name == "localhost" or name in self.names:
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True

    def _is_direct(self, headers: Headers) -> bool:
        """Whether a request over loopback calls this machine itself, and nobody handed it on."""
        match = _HOST.fullmatch(_only(headers, "Host") or "")
        name = match["name"].lower().rstrip(".") if match else ""
        if name not in self.machine and not is_loopback(name.strip("[]")):
            return False
        return not any(header.lower().startswith(PROXIED) for header in headers)

    def _role_of_cookie(self, headers: Headers) -> Role | None:
        for header in headers.get_all("Cookie"):
            try:
                crumbs = SimpleCookie(header)
            except CookieError:
                continue
            for crumb in crumbs.values():
                held = self._cookies.get(_digest(crumb.value))
                if held and held[1] >= self.now():
                    return held[0]
        return None


def cookie_name(port: int) -> str:
    """Cookies know no ports: two engines on one machine need two names."""
    return f"tap-live-{port}"


def machine_names() -> frozenset[str]:
    """How a program on this machine may call it."""
    name = socket.gethostname()
    return lower(["localhost", name, f"{name}.local"])


def is_loopback(address: str) -> bool:
    """Whether an address of a socket is this machine itself."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_loopback)


def _only(headers: Headers, name: str) -> str | None:
    try:
        return headers.get(name)
    except MultipleValuesError:
        raise RefusedError(400, "headers", f"wanted one {name} header, found several") from None


def _digest(secret: str) -> bytes:
    """What is looked up: the time that it takes tells nothing of the secret."""
    return sha256(secret.encode(errors="replace")).digest()


def _remember(
    held: dict[bytes, tuple[Role, float]], secret: str, role: Role, until: float, most: int
) -> None:
    while len(held) >= most:  # the oldest goes
        del held[next(iter(held))]
    held[_digest(secret)] = role, until


def lower(names: Iterable[str]) -> frozenset[str]:
    """Names and origins as they are compared."""
    return frozenset(name.lower().rstrip("/") for name in names)
