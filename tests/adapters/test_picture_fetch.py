"""Fetching what a sheet names: only from public addresses, bounded in size and time, every failure with a code."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog3d.adapters.picture_addresses import is_public
from catalog3d.adapters.picture_fetch import MAX_REDIRECTS, PictureFetcher, shown
from catalog3d.errors import Catalog3DError, ProductError, TransientError
from tests.adapters.picture_server import PictureServer, certificate, loopback, redirects, sends, serving, writes

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(2_000)
INSIDE = ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"]
INSIDE_IPV6 = [
    "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1",
    "2002:7f00:1::", "2002:0a00:0001::1", "2001:0:7f00:1::",
]  # fmt: skip


@pytest.fixture
def server() -> Iterator[PictureServer]:
    with serving() as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "picture"


def _refusal(url: str, target: Path, fetcher: PictureFetcher | None = None) -> Catalog3DError:
    with pytest.raises(Catalog3DError) as caught:
        (fetcher or PictureFetcher(allowed=loopback)).fetch(url, target)
    return caught.value


def test_a_picture_is_fetched_as_it_is(server: PictureServer, target: Path) -> None:
    server.answers["/a.png"] = sends(PICTURE, content_type="image/png")
    PictureFetcher(allowed=loopback).fetch(server.url("/a.png?size=1"), target)
    assert target.read_bytes() == PICTURE
    assert server.asked == ["/a.png?size=1"]


@pytest.mark.parametrize("address", [*INSIDE, *INSIDE_IPV6])
def test_addresses_inside_a_network_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::8.8.8.8"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@given(st.text(max_size=40))
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert not is_public(text + "/")


@given(st.ip_addresses(v=4))
def test_an_address_wrapped_in_ipv6_is_never_more_public_than_itself(address: object) -> None:
    wrapped = [f"::ffff:{address}", f"64:ff9b::{address}", f"::{address}"]
    assert is_public(str(address)) or not any(map(is_public, wrapped))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1"]
)
def test_loopback_is_refused_however_it_is_spelled_and_never_asked(
    host: str, server: PictureServer, target: Path
) -> None:
    error = _refusal(server.url("/a.png", host), target, PictureFetcher())
    assert (type(error), error.code) in ((ProductError, "URL_REFUSED"), (TransientError, "URL_UNREACHABLE"))
    assert error.fix
    assert server.asked == []


@pytest.mark.parametrize("address", [*INSIDE, *INSIDE_IPV6])
def test_a_name_that_leads_inside_is_refused(address: str, server: PictureServer, target: Path) -> None:
    fetcher = PictureFetcher(resolver=lambda _host, _port: [address])
    error = _refusal(server.url("/a.png", "shop.example"), target, fetcher)
    assert error.code == "URL_REFUSED"
    assert "private network" in error.message
    assert server.asked == []


def test_one_private_address_among_public_ones_is_enough_to_refuse(server: PictureServer, target: Path) -> None:
    fetcher = PictureFetcher(resolver=lambda _host, _port: ["8.8.8.8", "127.0.0.1"])
    assert _refusal(server.url("/a.png", "shop.example"), target, fetcher).code == "URL_REFUSED"
    assert server.asked == []


def test_the_address_that_was_checked_is_the_one_that_is_asked(server: PictureServer, target: Path) -> None:
    """DNS rebinding: a second look at the name would lead elsewhere."""
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    server.answers["/a.png"] = sends(PICTURE)
    fetcher = PictureFetcher(resolver=lambda _host, _port: next(answers), allowed=loopback)
    fetcher.fetch(server.url("/a.png", "shop.example"), target)
    assert target.read_bytes() == PICTURE
    assert server.hosts == [f"shop.example:{server.port}"]
    assert next(answers) == ["10.0.0.1"]


@pytest.mark.parametrize(
    "location",
    ["http://10.0.0.1/a.png", "http://169.254.169.254/latest/meta-data/", "//192.168.0.1/a.png", "http://[fd00::1]/"],
)
def test_a_redirect_leads_nowhere_that_the_first_address_could_not(
    location: str, server: PictureServer, target: Path
) -> None:
    server.answers["/a.png"] = redirects(location)
    error = _refusal(server.url("/a.png"), target)
    assert error.code == "URL_REFUSED"
    assert "private network" in error.message


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://127.0.0.1/a", "gopher://127.0.0.1/", "javascript:1", "http://ann:secret@127.0.0.1/"],
)
def test_a_redirect_to_anything_but_http_is_refused(location: str, server: PictureServer, target: Path) -> None:
    server.answers["/a.png"] = redirects(location)
    error = _refusal(server.url("/a.png"), target)
    assert (error.code, "secret" in str(error)) == ("URL_REFUSED", False)


def test_a_few_redirects_are_followed_and_a_circle_is_not(server: PictureServer, target: Path) -> None:
    server.answers |= {"/1": redirects("/2"), "/2": redirects(server.url("/3"), 307), "/3": sends(PICTURE)}
    PictureFetcher(allowed=loopback).fetch(server.url("/1"), target)
    assert target.read_bytes() == PICTURE
    server.answers["/round"] = redirects("/round")
    assert "redirects more than" in _refusal(server.url("/round"), target.with_name("other")).message
    assert server.asked.count("/round") == MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/a.png", "file:///etc/passwd", "http://", "https:///a.png", "http://[::1", "http://127.0.0.1:99999/",
        "", "a.png", "http://\x00/", "http://127.0.0.1/" + "a" * 5_000, "http://exa mple/", "http://" + "a" * 300 + ".example/",
    ],
)  # fmt: skip
def test_what_is_no_usable_web_address_is_refused_or_not_found(url: str, target: Path) -> None:
    error = _refusal(url, target)
    assert error.code in ("URL_REFUSED", "URL_UNREACHABLE")
    assert error.fix
    assert len(str(error)) < 400


@pytest.mark.parametrize("login", ["ann:secret", "secret", "ann:s%65cret"])
def test_an_address_with_a_login_is_refused_and_the_password_is_never_shown(
    login: str, server: PictureServer, target: Path
) -> None:
    url = f"http://{login}@127.0.0.1:{server.port}/a.png"
    error = _refusal(url, target)
    assert error.code == "URL_REFUSED"
    assert not any(word in text for word in ("secret", "ann", "s%65cret") for text in (str(error), shown(url)))
    assert server.asked == []


def test_a_query_may_be_a_signature_and_is_not_shown(server: PictureServer, target: Path) -> None:
    error = _refusal(server.url("/gone.png?X-Amz-Signature=secret"), target)
    assert "gone.png" in error.message
    assert "secret" not in str(error)


@given(st.text(max_size=80))
def test_any_text_can_be_shown(text: str) -> None:
    assert len(shown(text)) <= 120
    assert len(shown(f"http://user:{text}@shop.example/")) <= 120


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "PHOTO_MISSING", ProductError), (410, "PHOTO_MISSING", ProductError), (401, "PHOTO_MISSING", ProductError),
        (403, "PHOTO_MISSING", ProductError), (204, "PHOTO_MISSING", ProductError), (206, "PHOTO_MISSING", ProductError),
        (500, "URL_UNREACHABLE", TransientError), (503, "URL_UNREACHABLE", TransientError),
        (408, "URL_UNREACHABLE", TransientError),
    ],
)  # fmt: skip
def test_every_status_has_its_code_and_a_fix(
    status: int, code: str, kind: type, server: PictureServer, target: Path
) -> None:
    server.answers["/a.png"] = sends(b"", status)
    error = _refusal(server.url("/a.png"), target)
    assert (error.code, type(error)) == (code, kind)
    assert f"HTTP {status}" in error.message
    assert error.fix
    assert not target.exists()


def test_a_busy_server_says_when_to_come_back(server: PictureServer, target: Path) -> None:
    server.answers |= {"/a": sends(b"", 429, retry_after="7"), "/b": sends(b"", 429, retry_after="soon")}
    waits = []
    for path in ("/a", "/b"):
        error = _refusal(server.url(path), target)
        assert isinstance(error, TransientError)
        waits.append(error.retry_after_s)
    assert waits == [7.0, None]


def test_a_size_that_is_declared_too_large_is_refused_before_it_is_read(server: PictureServer, target: Path) -> None:
    server.answers["/a.png"] = sends(b"", content_length="999999999999")
    error = _refusal(server.url("/a.png"), target)
    assert (type(error), error.code) == (ProductError, "PHOTO_TOO_LARGE")
    assert not target.exists()


def test_a_stream_without_end_is_cut(server: PictureServer, target: Path) -> None:
    chunk = b"8000\r\n" + bytes(0x8000) + b"\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: image/png\r\n\r\n"
    server.answers["/a.png"] = writes(head, *[chunk] * 1_000)
    error = _refusal(server.url("/a.png"), target, PictureFetcher(allowed=loopback, max_bytes=1_000_000))
    assert error.code == "PHOTO_TOO_LARGE"
    assert "1 MB" in error.message
    assert target.stat().st_size <= 1_000_000


def test_a_compressed_answer_is_refused_so_that_it_cannot_unpack_to_anything(
    server: PictureServer, target: Path
) -> None:
    server.answers["/a.png"] = sends(b"\x1f\x8b" + bytes(100), content_encoding="gzip")
    assert _refusal(server.url("/a.png"), target).code == "URL_REFUSED"


@pytest.mark.parametrize("pieces", [(b"H", b"T"), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"a", b"b")])
def test_a_slow_server_is_left_after_the_time_for_one_picture(
    pieces: tuple[bytes, ...], server: PictureServer, target: Path
) -> None:
    release = threading.Event()
    server.answers["/a.png"] = writes(*pieces, pause=release)
    start = time.monotonic()
    error = _refusal(server.url("/a.png"), target, PictureFetcher(allowed=loopback, total_time_s=0.3))
    took_s = time.monotonic() - start
    release.set()
    assert (type(error), error.code) == (TransientError, "URL_UNREACHABLE")
    assert "0.3 seconds" in error.message
    assert took_s < 2


def test_a_name_server_that_hangs_is_left_as_well(target: Path) -> None:
    release = threading.Event()

    def hanging(_host: str, _port: int) -> list[str]:
        release.wait(10)
        return []

    start = time.monotonic()
    error = _refusal("http://shop.example/a.png", target, PictureFetcher(resolver=hanging, total_time_s=0.2))
    took_s = time.monotonic() - start
    release.set()
    assert (type(error), took_s < 2) == (TransientError, True)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Fill: " + b"a" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_broken_answer_is_an_error_with_a_code(raw: bytes, server: PictureServer, target: Path) -> None:
    server.answers["/a.png"] = writes(raw)
    assert _refusal(server.url("/a.png"), target).code in (
        "URL_REFUSED",
        "URL_UNREACHABLE",
        "PHOTO_MISSING",
        "PHOTO_TOO_LARGE",
    )


def test_a_server_that_is_not_there_is_worth_another_try(server: PictureServer, target: Path) -> None:
    with serving() as gone:
        url = gone.url("/a.png")
    error = _refusal(url, target)
    assert (type(error), error.code, error.fix != "") == (TransientError, "URL_UNREACHABLE", True)
    nobody = PictureFetcher(resolver=_unknown, allowed=loopback)
    assert "no server is known" in _refusal("http://shop.example/a.png", target, nobody).message


def _unknown(_host: str, _port: int) -> list[str]:
    raise OSError("Name or service not known")


def test_the_next_address_is_tried_where_the_first_does_not_answer(server: PictureServer, target: Path) -> None:
    server.answers["/a.png"] = sends(PICTURE)
    fetcher = PictureFetcher(resolver=lambda _host, _port: ["127.0.0.9", "127.0.0.1"], allowed=loopback)
    fetcher.fetch(server.url("/a.png", "shop.example"), target)
    assert target.read_bytes() == PICTURE


def test_a_certificate_must_be_valid_for_the_name_in_the_sheet(tmp_path: Path, target: Path) -> None:
    """The connection goes to a checked address, so it is the name that has to be proven."""
    pem = certificate(tmp_path, "shop.example")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    fetcher = PictureFetcher(resolver=lambda _host, _port: ["127.0.0.1"], allowed=loopback)
    with serving(tls) as server:
        server.answers["/a.png"] = sends(PICTURE)
        unknown = _refusal(server.url("/a.png", "shop.example", "https"), target, fetcher)
        fetcher._tls.load_verify_locations(pem)
        fetcher.fetch(server.url("/a.png", "shop.example", "https"), target)
        other = _refusal(server.url("/a.png", "other.example", "https"), target.with_name("other"), fetcher)
    assert target.read_bytes() == PICTURE
    assert ["no valid certificate" in error.message for error in (unknown, other)] == [True, True]
    assert [error.code for error in (unknown, other)] == ["URL_REFUSED"] * 2


def test_proxies_and_logins_of_the_environment_are_not_used(
    server: PictureServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.answers["/a.png"] = sends(PICTURE)
    PictureFetcher(allowed=loopback).fetch(server.url("/a.png"), target)
    assert target.read_bytes() == PICTURE
