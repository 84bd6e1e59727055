"""Results are fetched whole or not at all, from allowed hosts, without the key."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import struct
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from catalog3d.adapters.tripo import extension_of
from catalog3d.errors import ProductError, RunError, TransientError, UrlExpiredError
from tests.adapters.tripo.fakes import CDN, KEY, Bench, RawHandler, hasty_client, raw_server, read_request

URL = f"https://{CDN}/tcli_1/20261122/t/tripo_pbr_model_t.glb?auth_key=SIGNATURE"


def glb(size: int = 5000, *, magic: bytes = b"glTF", version: int = 2, length: int | None = None) -> bytes:
    return struct.pack("<4sII", magic, version, size if length is None else length) + bytes(size - 12)


def fetch(bench: Bench, target: Path, url: str = URL, max_bytes: int = 1_000_000):
    return bench.run(bench.client.download(url, target, max_bytes))


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_file_lands_whole_with_its_digest_and_the_key_stays_home(tmp_path):
    bench = Bench(httpx.Response(200, content=glb()))
    done = fetch(bench, tmp_path / "deep" / "model.glb")
    assert done.path.read_bytes() == glb()
    assert done.sha256 == hashlib.sha256(glb()).hexdigest()
    assert done.size_bytes == 5000
    assert files_in(done.path.parent) == ["model.glb"]
    (request,) = bench.tripo.requests
    assert KEY not in str(request.headers)
    assert "authorization" not in request.headers


@pytest.mark.parametrize("status", [403, 404, 410])
def test_expired_address_says_so_without_its_signature(status, tmp_path):
    bench = Bench(httpx.Response(status))
    with pytest.raises(UrlExpiredError) as caught:
        fetch(bench, tmp_path / "model.glb")
    assert "SIGNATURE" not in str(caught.value)
    assert CDN in str(caught.value)


@pytest.mark.parametrize("status", [400, 429, 500, 503, 206])
def test_other_refusals_are_for_now(status, tmp_path):
    bench = Bench(httpx.Response(status, headers={"Retry-After": "9"}))
    with pytest.raises(TransientError) as caught:
        fetch(bench, tmp_path / "model.glb")
    assert not isinstance(caught.value, UrlExpiredError)
    assert caught.value.retry_after_s == 9.0


@pytest.mark.parametrize(
    ("content", "error", "code"),
    [
        (glb(magic=b"Kayd"), ProductError, "WRONG_FILE"),
        (glb(version=1), ProductError, "WRONG_FILE"),
        (glb(length=4999), ProductError, "WRONG_FILE"),
        (glb(length=5001), TransientError, "DOWNLOAD_TRUNCATED"),
        (b"<html>no</html>", ProductError, "WRONG_FILE"),
        (b"glTF", ProductError, "WRONG_FILE"),
        (b"", TransientError, "DOWNLOAD_TRUNCATED"),
    ],
)
def test_file_that_is_no_whole_glb_leaves_nothing_behind(content, error, code, tmp_path):
    target = tmp_path / "model.glb"
    target.write_bytes(b"older")
    with pytest.raises(error) as caught:
        fetch(Bench(httpx.Response(200, content=content)), target)
    assert caught.value.code == code
    assert files_in(tmp_path) == ["model.glb"]
    assert target.read_bytes() == b"older"


def test_other_extension_than_ordered_is_refused_before_fetching(tmp_path):
    bench = Bench(httpx.Response(200, content=glb()))
    with pytest.raises(ProductError, match=r"\.fbx file"):
        fetch(bench, tmp_path / "model.glb", URL.replace(".glb", ".fbx"))
    assert not bench.tripo.requests


def test_archives_of_conversions_are_not_held_to_the_glb_format(tmp_path):
    done = fetch(Bench(httpx.Response(200, content=b"PK..")), tmp_path / "m.zip", URL.replace(".glb", ".ZIP"))
    assert done.size_bytes == 4
    assert extension_of(URL.replace(".glb", ".ZIP")) == ".zip"


def test_declared_size_above_the_cap_is_refused_before_the_body(tmp_path):
    with pytest.raises(ProductError) as caught:
        fetch(Bench(httpx.Response(200, content=glb())), tmp_path / "model.glb", max_bytes=4999)
    assert caught.value.code == "FILE_TOO_LARGE"
    assert files_in(tmp_path) == []


def test_undeclared_size_is_cut_at_the_cap(tmp_path):
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(10_000)

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self):
            for piece in endless():
                yield piece

    bench = Bench(lambda request: httpx.Response(200, stream=Endless()))
    with pytest.raises(ProductError) as caught:
        fetch(bench, tmp_path / "model.glb")
    assert caught.value.code == "FILE_TOO_LARGE"
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/a.glb?k=SIGNATURE",
        f"http://{CDN}/a.glb",
        f"https://{CDN}.evil.example/a.glb",
        f"https://evil.example\\@{CDN}/a.glb",
        f"https://user@{CDN}/a.glb",
        "http://127.0.0.1/a.glb",
        "http://169.254.169.254/latest/a.glb",
        "file:///etc/passwd.glb",
    ],
)
def test_address_that_is_not_allowed_is_never_asked(url, tmp_path):
    bench = Bench(httpx.Response(200, content=glb()))
    with pytest.raises((RunError, TransientError)) as caught:
        fetch(bench, tmp_path / "model.glb", url)
    assert not bench.tripo.requests
    assert "SIGNATURE" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "not a url", "https://[", "https://"])
def test_result_without_a_usable_address_is_asked_for_again(url, tmp_path):
    with pytest.raises(TransientError) as caught:
        fetch(Bench(httpx.Response(200)), tmp_path / "model.glb", url)
    assert caught.value.code == "URL_INVALID"


def test_redirects_are_followed_among_allowed_hosts_only(tmp_path):
    moved = httpx.Response(302, headers={"Location": "https://cdn.tripo3d.ai/b.glb?k=1"})
    done = fetch(Bench(moved, httpx.Response(200, content=glb())), tmp_path / "model.glb")
    assert done.size_bytes == 5000
    away = Bench(httpx.Response(302, headers={"Location": "http://169.254.169.254/b.glb"}))
    with pytest.raises(RunError) as caught:
        fetch(away, tmp_path / "other.glb")
    assert caught.value.code == "DOWNLOAD_REFUSED"
    assert len(away.tripo.requests) == 1
    round_and_round = Bench(httpx.Response(302, headers={"Location": URL}))
    with pytest.raises(TransientError):
        fetch(round_and_round, tmp_path / "other.glb")
    assert len(round_and_round.tripo.requests) == 4


def test_compressed_body_that_nobody_asked_for_is_refused(tmp_path):
    answer = httpx.Response(200, content=b"", headers={"Content-Encoding": "br"})
    with pytest.raises(ProductError) as caught:
        fetch(Bench(answer), tmp_path / "model.glb")
    assert caught.value.code == "WRONG_FILE"


def test_disk_that_cannot_be_written_stops_the_run_with_one_sentence(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(RunError) as caught:
        fetch(Bench(httpx.Response(200, content=glb())), tmp_path / "file" / "model.glb")
    assert caught.value.code == "DISK_FAILED"


def test_signature_is_not_in_the_log_of_httpx(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    fetch(Bench(httpx.Response(200, content=glb())), tmp_path / "model.glb")
    assert "tripo_pbr_model_t.glb" in caplog.text
    assert "SIGNATURE" not in caplog.text


def raw_fetch(handler: RawHandler, target: Path) -> None:
    async def main() -> None:
        async with raw_server(handler) as url, hasty_client(url, stall_s=0.2, download_s=0.6) as client:
            await client.download(f"{url}/cdn/a.glb?k=1", target, 1_000_000)

    asyncio.run(main())


def test_body_shorter_than_declared_is_truncated(tmp_path):
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + glb()[:4000])
        await writer.drain()

    with pytest.raises(TransientError):
        raw_fetch(handler, tmp_path / "model.glb")
    assert files_in(tmp_path) == []


def test_truncated_body_without_a_declared_size_is_caught_by_the_glb_header(tmp_path):
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + glb()[:4000])
        await writer.drain()

    with pytest.raises(TransientError) as caught:
        raw_fetch(handler, tmp_path / "model.glb")
    assert caught.value.code == "DOWNLOAD_TRUNCATED"


@pytest.mark.parametrize("pause_s", [0.05, 5.0])
def test_dripping_and_stalling_bodies_end_within_the_time_limit(pause_s, tmp_path):
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        while True:
            writer.write(b"g")
            await asyncio.sleep(pause_s)

    with pytest.raises(TransientError) as caught:
        raw_fetch(handler, tmp_path / "model.glb")
    assert caught.value.code == "DOWNLOAD_BROKEN"
    assert files_in(tmp_path) == []
