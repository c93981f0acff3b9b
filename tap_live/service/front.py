"""The front door: every request, of HTTP or for WebSocket, is answered or refused here."""

from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from tap_live.errors import RefusedError
from tap_live.service.access import Access, Role, cookie_name
from tap_live.service.hub import Hub
from tap_live.service.site import Reply, Site, headers_of, refusal

SOCKET_PATHS = ("/", "/events")
EXCHANGE = "/session"  # of a one-time code for a cookie
LINK = "/link"  # makes a one-time link, for who controls


class Front:
    """Look at requests, without their sockets."""

    def __init__(self, access: Access, hub: Hub) -> None:
        self._access, self._hub = access, hub
        self._site = Site(hub)

    def receive(
        self, request: Request, *, who: str, local: bool, port: int
    ) -> tuple[Response | None, Role | None]:
        """Return the answer, or None and a role for one who becomes a subscriber.

        Args:
            who: the other end's address, for the log.
            local: whether both ends are this machine.
            port: that the server listens on.
        """
        host, role = "localhost", None
        try:
            host = self._access.check(request.headers)
            reply, role = self._answer(request, host, local, port)
        except RefusedError as error:
            self._hub.refuse(error.reason, who)
            reply = refusal(error)
        if reply is None:
            return None, role
        status = HTTPStatus(reply.status)
        headers = Headers(headers_of(reply, host))
        return Response(status.value, status.phrase, headers, reply.body), None

    def _answer(
        self, request: Request, host: str, local: bool, port: int
    ) -> tuple[Reply | None, Role | None]:
        path, headers = request.path.partition("?")[0], request.headers
        if request.method != "GET":
            raise RefusedError(405, "method", "this server answers GET and nothing else")
        if path == EXCHANGE:
            cookie = self._access.exchange(headers, cookie_name(port))
            return Reply(b"welcome\n", headers={"Set-Cookie": cookie}), None
        role = self._access.role_of_request(headers, local=local)
        if "Upgrade" not in headers:
            return self._link(host, role) if path == LINK else self._site.get(path, role), None
        if path not in SOCKET_PATHS:
            raise RefusedError(404, "path", f"subscribers connect to {' or '.join(SOCKET_PATHS)}")
        if role is None and "Origin" in headers:
            raise RefusedError(401, "token", "wanted a browser that came by a link")
        return None, role

    def _link(self, host: str, role: Role | None) -> Reply:
        if role != "controller":
            raise RefusedError(401, "token", "links are made for who has the control token")
        return Reply(f"{self._access.link(host)}\n".encode())
