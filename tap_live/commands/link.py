"""`tap-live link`: let one more browser follow a running stream."""

import ssl
import urllib.error
import urllib.request
from typing import Annotated

import typer

from tap_live.errors import WireError
from tap_live.service.token_file import DEFAULT_PORT, Tokens, read_tokens


def link(
    port: Annotated[int, typer.Option(help="The one that `run --serve` was given.")] = DEFAULT_PORT,
) -> None:
    """Print a link that lets one browser follow, once, within an hour."""
    typer.echo(new_link(read_tokens(port)))


def new_link(tokens: Tokens) -> str:
    """Ask the engine on this machine for a link. Raises: WireError if it does not answer."""
    own = tokens.url.replace("ws", "http", 1).removesuffix("/events")
    request = urllib.request.Request(f"{own}/link")
    request.add_header("Authorization", f"Bearer {tokens.control}")
    request.add_header("Host", tokens.page.split("/")[2])
    context = ssl.create_default_context()
    # a certificate is for the names that others use; this never leaves the machine
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(request, timeout=5) as answer:
            return str(answer.read().decode().strip())
    except (urllib.error.URLError, OSError) as error:
        raise WireError(f"the engine at {own} gives no link: {error}") from error
