import socket

import pytest
from websockets.datastructures import Headers

from tap_live.errors import RefusedError
from tap_live.service.access import CODE_S, COOKIE_S, Access, cookie_name, is_loopback, lower


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def access(clock):
    names, origins = lower(["Studio.local"]), lower(["https://Example.org/"])
    return Access(names=names, origins=origins, now=clock)


def headers(*pairs, host="127.0.0.1:8765", **named):
    return Headers([*pairs, *named.items(), *([("Host", host)] if host is not None else [])])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8765",
        "localhost:8765",
        "LOCALHOST",
        "[::1]:8765",
        "192.168.1.5",
        "studio.local:9",
    ],
)
def test_a_server_is_known_by_addresses_and_its_names(access, host):
    assert access.check(headers(host=host)) == host


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.1", "0x7f.1"],
)
def test_a_name_that_could_be_rebound_is_refused(access, host):
    with pytest.raises(RefusedError, match="not known by that name") as refused:
        access.check(headers(host=host))
    assert (refused.value.status, refused.value.reason) == (403, "host")


@pytest.mark.parametrize("host", [None, "", "a b", "user@localhost", "localhost:x", "[::1", "/"])
def test_a_host_that_is_none_is_refused(access, host):
    with pytest.raises(RefusedError, match="wanted one Host header"):
        access.check(headers(host=host))


def test_two_hosts_are_refused(access):
    with pytest.raises(RefusedError, match="wanted one Host header, found several"):
        access.check(headers(("Host", "localhost")))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:8765", "127.0.0.1:8765"),
        ("http://LocalHost:8765", "localhost:8765"),
        ("https://example.org", "localhost:8765"),
        (None, "localhost:8765"),
    ],
)
def test_our_own_page_and_those_allowed_may_read(access, origin, host):
    pairs = [("Origin", origin)] if origin else []
    assert access.check(headers(*pairs, host=host)) == host


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "file://",
        "http://127.0.0.1:9999",
        "http://localhost:8765",
        "https://127.0.0.1:8765",
        "http://127.0.0.1:8765.evil.example",
        "https://example.org.evil.example",
    ],
)
def test_a_page_from_elsewhere_may_not(access, origin):
    with pytest.raises(RefusedError, match="pages from elsewhere") as refused:
        access.check(headers(Origin=origin))
    assert (refused.value.status, refused.value.reason) == (403, "origin")


def test_with_tls_our_own_page_is_https(clock):
    access = Access(secure=True, now=clock)
    access.check(headers(Origin="https://localhost", host="localhost"))
    with pytest.raises(RefusedError):
        access.check(headers(Origin="http://localhost", host="localhost"))


def test_on_loopback_a_viewer_needs_nothing_and_elsewhere_there_is_no_role(access):
    assert access.role_of_request(headers(), local=True) == "viewer"
    assert access.role_of_request(headers(), local=False) is None


@pytest.mark.parametrize(
    "host", ["localhost:8765", "127.0.0.1", "127.1.2.3:1", "[::1]:8765", "Workshop", "workshop."]
)
def test_on_loopback_the_machine_is_called_by_what_is_its_own(host):
    access = Access(machine=frozenset(["localhost", "workshop"]))
    assert access.role_of_request(headers(host=host), local=True) == "viewer"


@pytest.mark.parametrize("host", ["studio.local", "192.168.1.5:8765", "0.0.0.0", "evil", "", None])
def test_a_proxy_on_this_machine_makes_nobody_a_viewer_by_its_name(access, host):
    assert access.role_of_request(headers(host=host), local=True) is None


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "x-forwarded-proto", "Forwarded", "FORWARDED", "X-Real-IP", "Via"]
)
def test_a_request_that_was_handed_on_is_not_local(access, header):
    handed_on = headers((header, "203.0.113.9"))
    assert access.role_of_request(handed_on, local=True) is None
    token = ("Authorization", f"Bearer {access.viewer_token}")
    assert access.role_of_request(headers((header, "x"), token), local=True) == "viewer"


def test_the_machines_own_names_are_known(access):
    name = socket.gethostname().lower()
    assert access.machine == {"localhost", name, f"{name}.local"}


@pytest.mark.parametrize(
    ("which", "role"), [("control_token", "controller"), ("viewer_token", "viewer")]
)
def test_a_token_in_the_request_gives_its_role(access, which, role):
    shown = headers(Authorization=f"bearer {getattr(access, which)}")
    assert access.role_of_request(shown, local=False) == role


@pytest.mark.parametrize("token", ["", "x", "é\xff", "x" * 8000])
def test_a_wrong_token_is_refused_on_loopback_too(access, token):
    with pytest.raises(RefusedError, match="not right") as refused:
        access.role_of_request(headers(Authorization=f"Bearer {token}"), local=True)
    assert (refused.value.status, refused.value.reason) == (401, "token")


def test_tokens_are_long_each_its_own_and_never_shown(access):
    tokens = {access.control_token, access.viewer_token, Access().control_token}
    assert len(tokens) == 3
    assert all(len(token) >= 40 for token in tokens)
    assert not [token for token in tokens if token in repr(access)]


def cookie_of(access, code):
    return access.exchange(headers(Authorization=f"Code {code}"), cookie_name(8765))


def test_a_code_is_exchanged_once_for_a_cookie_that_scripts_cannot_read(access):
    code = access.new_code()
    cookie = cookie_of(access, code)
    name, _, attributes = cookie.partition("; ")
    assert set(attributes.split("; ")) == {
        "Path=/", f"Max-Age={COOKIE_S:.0f}", "HttpOnly", "SameSite=Strict"
    }  # fmt: skip
    assert access.role_of_request(headers(Cookie=f"other=1; {name}"), local=False) == "viewer"
    with pytest.raises(RefusedError, match="used already or is old"):
        cookie_of(access, code)


def test_with_tls_the_cookie_goes_nowhere_else():
    access = Access(secure=True)
    assert cookie_of(access, access.new_code()).endswith("; Secure")


def test_codes_and_cookies_grow_old(access, clock):
    old = access.new_code()
    clock.now = CODE_S + 1
    with pytest.raises(RefusedError, match="old"):
        cookie_of(access, old)
    name = cookie_of(access, access.new_code()).partition(";")[0]
    clock.now += COOKIE_S + 1
    assert access.role_of_request(headers(Cookie=name), local=False) is None


@pytest.mark.parametrize("shown", ["", "Code", "Code wrong", "Bearer wrong", "Basic eDp5"])
def test_what_is_no_code_gets_no_cookie(access, shown):
    access.new_code()
    with pytest.raises(RefusedError) as refused:
        access.exchange(headers(Authorization=shown), "tap")
    assert refused.value.reason == "code"


@pytest.mark.parametrize("cookie", ["tap-live-8765=wrong", "=;=;", "\xff", 'a="', ""])
def test_a_wrong_cookie_is_none(access, cookie):
    assert access.role_of_request(headers(Cookie=cookie), local=False) is None


def test_outstanding_codes_are_bounded(access):
    first = access.new_code()
    for _ in range(1000):
        access.new_code()
    with pytest.raises(RefusedError):
        cookie_of(access, first)
    assert len(access._codes) == 1000


def test_a_link_carries_its_code_where_no_server_sees_it(access):
    link = access.link("192.168.1.5:8765")
    base, _, code = link.partition("#code=")
    assert base == "http://192.168.1.5:8765/"
    assert cookie_of(access, code)


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        *[("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True)],
        *[("192.168.1.5", False), ("::ffff:10.0.0.1", False), ("fe80::1%eth0", False), ("", False)],
    ],
)
def test_loopback_is_known_in_all_its_forms(address, ours):
    assert is_loopback(address) is ours
