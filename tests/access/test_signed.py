"""Signed links, form tokens, targets after a login, and counting tries: without a server."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog3d.review.addresses import host_name, is_own_origin, network_of, safe_target
from catalog3d.review.attempts import ADDRESS_MOST, NAME_MOST, WINDOW_S, Attempts, LoginLimits
from catalog3d.review.links import LINK_S, Signer
from tests.clock import HandClock

PATHS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(lambda text: f"/assets/{text}")


def signer(clock: HandClock | None = None, secret: bytes = b"s" * 32) -> Signer:
    return Signer(secret, clock or HandClock())


def parts(link: str) -> tuple[str, list[tuple[str, str]]]:
    """Path and query as a server reads them."""
    path, _, query = link.partition("?")
    return unquote(path), parse_qsl(query, keep_blank_values=True)


@given(PATHS)
def test_a_link_opens_its_path_until_it_expires(path: str) -> None:
    clock = HandClock()
    link = signer(clock).link(path)
    assert link.isascii()
    assert parts(link)[0] == path
    assert signer(clock).accepts(*parts(link))
    clock.advance(LINK_S)
    assert not signer(clock).accepts(*parts(link))


@given(PATHS, PATHS)
def test_a_link_opens_no_other_path(path: str, other: str) -> None:
    _, query = parts(signer().link(path))
    assert signer().accepts(other, query) == (other == path)


@given(PATHS, st.text(max_size=14), st.text(max_size=70))
def test_a_link_that_was_touched_opens_nothing(path: str, expires: str, signature: str) -> None:
    _, query = parts(signer().link(path))
    said = dict(query)
    for touched in ({**said, "expires": expires}, {**said, "signature": signature}):
        assert signer().accepts(path, list(touched.items())) == (touched == said)
    assert not signer().accepts(path, [*query, ("v", "2")])
    assert not signer().accepts(path, [*query, *query])
    assert not signer().accepts(path, query[:1])
    assert not signer(secret=b"t" * 32).accepts(path, query)


def test_a_time_cannot_be_read_into_the_path() -> None:
    """`expires` and path are signed together: moving digits from one to the other is another link."""
    clock = HandClock()
    _, query = parts(signer(clock).link("/assets/1"))
    expires = dict(query)["expires"]
    for moved in (expires[:-1], expires + "1", "0" + expires, "\u0661" + expires[1:], f" {expires}", f"+{expires}"):
        assert not signer(clock).accepts("/assets/1", [("expires", moved), ("signature", dict(query)["signature"])])


def test_a_signature_for_one_purpose_is_none_for_another() -> None:
    path, query = parts(signer().link("/assets/a"))
    said = dict(query)
    assert not signer().is_form_token(said["signature"], f"{said['expires']} {path}")


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_form_token_is_that_of_one_browser(browser: str, other: str) -> None:
    assert signer().is_form_token(signer().form_token(browser), browser)
    assert signer().is_form_token(signer().form_token(browser), other) == (browser == other)
    assert not signer().is_form_token(other, browser)


HOSTILE = st.lists(
    st.sampled_from(["/", "\\", "//", "evil.example", "@", ":", "?", "#", ".", "..", "http:", "\t", "\n", "\r", " ", "%2f", "queue", "\u2028", "\x00", "\u3002"]),
    max_size=8,
).map("".join)  # fmt: skip


def browsers_reading(base: str, target: str) -> str:
    """The host that a browser ends at: it drops tabs and line ends, and takes a backslash for a slash (WHATWG URL)."""
    for dropped in "\t\r\n":
        target = target.replace(dropped, "")
    return urlsplit(urljoin(base, target.strip(" \x00").replace("\\", "/"))).netloc


@given(HOSTILE | st.text(max_size=60) | HOSTILE.map(lambda text: f"/{text}"))
@example("//evil.example")
@example("/\\evil.example")
@example("/\t/evil.example")
@example("/\n/evil.example")
def test_whatever_is_asked_for_a_login_leads_to_this_site(wanted: str) -> None:
    target = safe_target(wanted)
    assert target.startswith("/")
    assert browsers_reading("http://127.0.0.1:8770/login", target) == "127.0.0.1:8770"
    assert safe_target(target) == target


@pytest.mark.parametrize(
    "wanted", ["/queue", "/sku/CH123?version=2", "/queue?owner=anna%20maria", "/suche?q=m%C3%A4rz"]
)
def test_places_on_this_site_are_kept(wanted: str) -> None:
    assert safe_target(wanted) == wanted


@pytest.mark.parametrize("wanted", ["", "/login", "/login?next=/login", "/logout", "/" + "a" * 5000, "queue"])
def test_places_that_lead_nowhere_are_the_start(wanted: str) -> None:
    assert safe_target(wanted) == "/"


def test_an_origin_is_ours_by_scheme_host_and_port() -> None:
    asked = {"scheme": "http", "host": "review.lan:8770", "url": ""}
    assert is_own_origin("http://review.lan:8770", **asked)
    assert is_own_origin("https://review.lan:8770", **asked)  # a proxy took the TLS off and did not say so
    for other in ("http://review.lan", "http://review.lan:8771", "http://evil.lan:8770", "null", ""):
        assert not is_own_origin(other, **asked)
    assert is_own_origin(
        "https://review.shop.example", scheme="http", host="app:8770", url="https://review.shop.example"
    )


def test_a_host_header_is_a_name_and_a_port_and_nothing_else() -> None:
    assert host_name("[::1]:8770") == "::1"
    assert host_name("LocalHost:1") == "localhost"
    for broken in (
        "",
        "a b",
        "user@localhost",
        "localhost/x",
        "localhost:port",
        "[::1",
        "localhost:1:2",
        "localhost\n",
    ):
        assert host_name(broken) == ""


def test_neighbours_of_one_ipv6_customer_count_as_one() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1")
    assert network_of("2001:db8::1") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:203.0.113.9") == network_of("203.0.113.9") == "203.0.113.9"
    assert network_of("") == ""


def test_a_name_waits_until_its_oldest_try_leaves_the_window() -> None:
    clock = HandClock()
    limits = LoginLimits(clock)
    for _ in range(NAME_MOST):
        assert limits.begin("maria", "203.0.113.9") == 0
        clock.advance(10)
    assert limits.begin("maria", "198.51.100.1") == WINDOW_S - 10 * NAME_MOST
    clock.advance(WINDOW_S - 10 * NAME_MOST)
    assert limits.begin("maria", "203.0.113.9") == 0
    assert limits.begin("maria", "203.0.113.9") > 0


def test_an_address_waits_whatever_names_it_tries() -> None:
    limits = LoginLimits(HandClock())
    for number in range(ADDRESS_MOST):
        assert limits.begin(f"name{number}", f"2001:db8::{number:x}") == 0
    assert limits.begin("maria", "2001:db8::ffff") == WINDOW_S
    assert limits.begin("maria", "2001:db8:1::1") == 0


def test_whoever_gets_in_is_not_counted() -> None:
    limits = LoginLimits(HandClock())
    for _ in range(2 * ADDRESS_MOST):
        assert limits.begin("maria", "203.0.113.9") == 0
        limits.succeeded("maria", "203.0.113.9")


@given(st.lists(st.integers(0, 50), max_size=200))
def test_only_so_many_keys_are_kept_however_many_try(keys: list[int]) -> None:
    attempts = Attempts(HandClock(), most=3, max_kept=10)
    for key in keys:
        attempts.note(str(key))
    assert len(attempts._times) <= 10
    assert all(len(times) <= 3 for times in attempts._times.values())
