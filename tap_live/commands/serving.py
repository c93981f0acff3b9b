"""Serve a live stream to subscribers while it runs."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tap_live.commands.extracting import Extracting
from tap_live.errors import ConfigError
from tap_live.live import Live
from tap_live.service.access import Access, is_loopback, lower
from tap_live.service.control import LiveControl
from tap_live.service.hub import Hub
from tap_live.service.mixing import LiveMix
from tap_live.service.server import Service, ServiceConfig
from tap_live.service.tap import AudioTap
from tap_live.service.token_file import tokens_on_disk
from tap_live.targets import Asked

EVENTS = 1024  # that may wait for the service
_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]]+):(?P<port>\d{1,5})")

Serve = Annotated[
    str | None,
    typer.Option(
        "--serve",
        metavar="HOST:PORT",
        help="Let browsers and programs follow, as 127.0.0.1:8765; 0.0.0.0:8765 lets other "
        "machines, each with a link or a token.",
    ),
]
TlsCert = Annotated[Path | None, typer.Option(help="With --serve: certificate (PEM), for TLS.")]
TlsKey = Annotated[Path | None, typer.Option(help="The certificate's private key (PEM).")]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(help="With --serve: a name by which this machine is called. Repeatable."),
]
AllowOrigin = Annotated[
    list[str] | None,
    typer.Option(help="With --serve: a site whose pages may follow, as https://example.org."),
]


@dataclass(frozen=True)
class Serving:
    """What `--serve` and the options beside it say."""

    config: ServiceConfig
    names: frozenset[str]
    origins: frozenset[str]


def parse_serving(
    address: str | None,
    certificate: Path | None = None,
    key: Path | None = None,
    hosts: Sequence[str] = (),
    origins: Sequence[str] = (),
) -> Serving | None:
    """Read the options; None if nothing is served. Raises: ConfigError."""
    if address is None:
        if certificate or key or hosts or origins:
            raise ConfigError("--tls-…, --allow-… say how to serve: add --serve HOST:PORT")
        return None
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["port"]) > 65535:
        raise ConfigError(f"wanted --serve HOST:PORT, as 127.0.0.1:8765; found {address!r}")
    host = match["host"].strip("[]")
    machine = socket.gethostname()
    return Serving(
        ServiceConfig(
            host=host, port=int(match["port"]), certificate=_certificate(certificate, key)
        ),
        lower([machine, f"{machine}.local", *([] if is_address(host) else [host]), *hosts]),
        lower(origins),
    )


@contextmanager
def serving(
    live: Live,
    wanted: Serving | None,
    record: Path | None = None,
    asked: Sequence[Asked] = (),
    plan: Extracting | None = None,
    devices: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Serve a stream inside a `with`, which goes around the stream's own.

    Args:
        record: where the whole stream is recorded, if it is.
        asked: what it keeps, with the extractors of the plan.
        devices: where each network runs.
    Raises: AddressError if the address cannot be listened on; StorageError.
    """
    if wanted is None:
        yield
        return
    config = wanted.config
    access = Access(names=wanted.names, origins=wanted.origins, secure=bool(config.certificate))
    tap = AudioTap()
    live.tap(tap.push)
    mix = LiveMix(
        live,
        asked,
        plan.kinds if plan else (),
        plan.rest_gain if plan else 1.0,
        embed=plan.embed if plan else None,
    )
    control = LiveControl(live, mix, record=record, devices=devices)
    events = live.subscribe(EVENTS)

    with Service(config, Hub(), access, events, control, tap, control.show_spectra) as service:
        page = page_of(config.host, service.port, access.secure)
        with tokens_on_disk(access, service.port, page):
            _announce(config.host, page, access)
            yield


def page_of(host: str, port: int, secure: bool) -> str:
    """Where a browser finds the page, from another machine if the address is for all."""
    if host in ("0.0.0.0", "::"):
        host = _own_address()
    host = f"[{host}]" if ":" in host else host
    return f"http{'s' if secure else ''}://{host}:{port}/"


def is_address(host: str) -> bool:
    """Whether a host is a number rather than a name."""
    return ":" in host or bool(re.fullmatch(r"[\d.]+", host))


def _announce(host: str, page: str, access: Access) -> None:
    console = Console(stderr=True, soft_wrap=True)
    if host == "localhost" or is_loopback(host):
        console.print(f"captions: {page}", markup=False)
        return
    link = f"{page}#code={access.new_code()}"
    console.print(f"captions, for one browser: {link}", markup=False)
    console.print("for more: tap-live link", markup=False)


def _own_address() -> str:
    """The address that other machines of the network see; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation, that nobody has
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def _certificate(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        if key is not None:
            raise ConfigError("--tls-key belongs to a certificate: add --tls-cert")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"wanted a certificate and its key, both PEM, in {certificate}"
            f"{f' and {key}' if key else ''}, found: {error.strerror or error}"
        ) from error
    return context
