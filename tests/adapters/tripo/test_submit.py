"""A create POST is sent once, and its outcome is never guessed."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from catalog3d.brief import Picture, make_brief
from catalog3d.errors import NotSentError, ProductError, RunError, SubmissionUnknown
from catalog3d.rules import TripoRules
from tests.adapters.tripo.fakes import (
    BRIEF,
    KEY,
    TOKENS,
    Bench,
    hasty_client,
    ok,
    raw_server,
    read_request,
    refusal,
)

CREATED = {"task_id": "0196f4ce-82a8-7ddb-970f-6a940e17c830", "type": "image_to_model", "status": "queued"}


def test_task_id_comes_back_with_the_evidence_of_the_call():
    bench = Bench(ok(CREATED, headers={"X-Request-ID": "req-9", "Date": "Sun, 22 Nov 2026 12:00:00 GMT"}))
    submitted = bench.run(bench.client.submit(BRIEF, TOKENS, 7))
    assert submitted.task_id == CREATED["task_id"]
    assert submitted.request_id == "req-9"
    assert submitted.trace_id == bench.tripo.requests[0].headers["X-Tripo-Trace-ID"]
    assert submitted.server_date is not None
    assert submitted.server_date.isoformat() == "2026-11-22T12:00:00+00:00"


def test_body_pins_the_model_and_leaves_out_what_is_not_set():
    bench = Bench(ok(CREATED))
    bench.run(bench.client.submit(BRIEF, TOKENS, 7))
    assert bench.tripo.requests[0].url.path == "/v3/generation/image-to-model"
    assert bench.tripo.body() == {
        "input": "file_a",
        "model": "v3.1-20260211",
        "texture": True,
        "pbr": True,
        "texture_quality": "standard",
        "face_limit": 80_000,
        "model_seed": 7,
    }


def test_views_are_sent_as_one_key_objects_in_fixed_order():
    pictures = tuple(Picture(slot=slot, pixels_sha256="1" * 64) for slot in ("back", "left", "front"))
    bench = Bench(ok(CREATED))
    tokens = {"front": "file_f", "left": "file_l", "back": "file_b"}
    bench.run(bench.client.submit(make_brief(TripoRules(), pictures), tokens, 7))
    assert bench.tripo.requests[0].url.path == "/v3/generation/multiview-to-model"
    assert bench.tripo.body()["inputs"] == [{"front": "file_f"}, {"left": "file_l"}, {"back": "file_b"}]


def test_p1_is_never_sent_the_keys_that_it_refuses():
    rules = TripoRules(model="P1-20260311", geometry_quality="detailed", face_limit=5000)
    bench = Bench(ok(CREATED))
    bench.run(bench.client.submit(make_brief(rules, (), "an oak chair"), {}, 7))
    body = bench.tripo.body()
    assert body["prompt"] == "an oak chair"
    assert not {"quad", "smart_low_poly", "generate_parts", "geometry_quality"} & set(body)


@pytest.mark.parametrize(
    ("rules", "prompt", "tokens"),
    [
        (TripoRules(model="tripo-v3.1"), "a chair", {}),
        (TripoRules(), "x" * 1025, {}),
        (TripoRules(), "   ", {}),
        (TripoRules(), "", TOKENS),
    ],
)
def test_request_that_cannot_be_valid_is_refused_before_it_is_sent(rules, prompt, tokens):
    bench = Bench(ok(CREATED))
    with pytest.raises(ProductError) as caught:
        bench.run(bench.client.submit(make_brief(rules, (), prompt), tokens, 7))
    assert caught.value.code == "REQUEST_INVALID"
    assert not bench.tripo.requests


def test_every_call_has_its_own_trace_id():
    bench = Bench(ok(CREATED))

    async def twice() -> None:
        await bench.client.submit(BRIEF, TOKENS, 1)
        await bench.client.submit(BRIEF, TOKENS, 2)

    bench.run(twice())
    assert len({request.headers["X-Tripo-Trace-ID"] for request in bench.tripo.requests}) == 2


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x"), httpx.ProxyError("407")],
)
def test_connection_that_was_never_made_means_not_sent(error):
    bench = Bench(error)
    with pytest.raises(NotSentError):
        bench.run(bench.client.submit(BRIEF, TOKENS, 7))
    assert len(bench.tripo.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("x"),
        httpx.ReadError("x"),
        httpx.WriteError("x"),
        httpx.WriteTimeout("x"),
        httpx.RemoteProtocolError("x"),
        refusal(500, 1000),
        refusal(500, 1001),
        refusal(502, 2008),
        httpx.Response(503, text="busy"),
        httpx.Response(504, text="<html>gateway</html>"),
        httpx.Response(408, json={"code": 2008}),
        httpx.Response(200, text="<html>proxy</html>"),
        httpx.Response(200, text='{"code":0,"data":{"task_'),
        httpx.Response(200, content=b""),
        httpx.Response(200, json=[]),
        httpx.Response(404, text="<html>nginx</html>"),
        httpx.Response(307, headers={"Location": "https://elsewhere.example/"}),
        ok({}),
        ok({"task_id": ""}),
        ok({"task_id": "a b\nc"}),
        ok(None),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, content=b'{"code":0,"data":{"task_id":"a","x":NaN}}'),
        httpx.Response(200, json={"code": 0, "data": {"task_id": "a", "filler": "x" * 5_000_001}}),
    ],
)
def test_answer_that_says_nothing_certain_is_unknown_and_never_sent_again(answer):
    bench = Bench(answer)
    with pytest.raises(SubmissionUnknown) as caught:
        bench.run(bench.client.submit(BRIEF, TOKENS, 7))
    assert len(bench.tripo.requests) == 1
    assert caught.value.details["trace_id"] == bench.tripo.requests[0].headers["X-Tripo-Trace-ID"]
    assert not bench.naps.asked_s


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"Retry-After": "12"}, 12.0),
        ({"Retry-After": "12", "X-RateLimit-Reset": "1795348830"}, 12.0),
        ({"X-RateLimit-Reset": "1795348830"}, 30.0),
        ({"X-RateLimit-Reset": "1795348930", "Date": "Sun, 22 Nov 2026 12:01:40 GMT"}, 30.0),
        ({"Retry-After": "Sun, 22 Nov 2026 12:00:20 GMT"}, 20.0),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "1e12"}, 3600.0),
        ({"X-RateLimit-Reset": "99999999999"}, None),
        ({"X-RateLimit-Reset": "1795348000"}, 0.0),
        ({}, None),
    ],
)
@pytest.mark.parametrize(("code", "ours"), [(1007, "RATE_LIMITED"), (2000, "SLOTS_FULL")])
def test_429_created_nothing_and_says_how_long_to_wait(headers, wait_s, code, ours):
    bench = Bench(refusal(429, code, headers=headers))
    with pytest.raises(NotSentError) as caught:
        bench.run(bench.client.submit(BRIEF, TOKENS, 7))
    assert caught.value.retry_after_s == wait_s
    assert caught.value.code == ours
    assert len(bench.tripo.requests) == 1


@pytest.mark.parametrize(
    ("status", "code", "ours"),
    [
        (401, 2, "KEY_REFUSED"),
        (401, 1000, "KEY_REFUSED"),
        (401, 1001, "KEY_REFUSED"),
        (401, 1002, "KEY_REFUSED"),
        (403, 2010, "NO_CREDITS"),
        (200, 2010, "NO_CREDITS"),
        (403, 1005, "ACCESS_REFUSED"),
        (404, 4001, "API_MISMATCH"),
    ],
)
def test_bad_key_and_empty_wallet_stop_the_run(status, code, ours):
    bench = Bench(refusal(status, code))
    with pytest.raises(RunError) as caught:
        bench.run(bench.client.submit(BRIEF, TOKENS, 7))
    assert caught.value.code == ours
    assert caught.value.fix


@pytest.mark.parametrize("code", [1003, 1004, 2001, *range(2002, 2010), *range(2011, 2023), 2999])
def test_refused_input_ends_the_sku_with_the_providers_words_and_evidence(code):
    bench = Bench(refusal(400, code, "Your photo is odd"))
    with pytest.raises(ProductError) as caught:
        bench.run(bench.client.submit(BRIEF, TOKENS, 7))
    error = caught.value
    assert not isinstance(error, SubmissionUnknown)
    assert error.code == ("TASK_NOT_FOUND" if code == 2001 else f"TRIPO_{code}")
    assert "Your photo is odd. ask" in error.message
    trace = bench.tripo.requests[0].headers["X-Tripo-Trace-ID"]
    assert error.details == {
        "http_status": "400", "code": str(code), "request_id": "req-1", "trace_id": trace
    }  # fmt: skip


def test_conversion_is_bought_under_the_same_rules():
    bench = Bench(ok(CREATED))
    bench.run(bench.client.convert("task-1", "USDZ", {"texture_size": 2048, "face_limit": None}))
    assert bench.tripo.requests[0].url.path == "/v3/models/convert"
    assert bench.tripo.body() == {"input": "task-1", "format": "USDZ", "texture_size": 2048}
    lost = Bench(httpx.ReadTimeout("x"))
    with pytest.raises(SubmissionUnknown):
        lost.run(lost.client.convert("task-1", "USDZ"))
    with pytest.raises(ProductError, match="GLB is not a format"):
        lost.run(lost.client.convert("task-1", "GLB"))


def test_each_create_uses_a_connection_of_its_own_and_asks_to_close_it():
    seen: list[tuple[object, bytes]] = []

    async def main() -> None:
        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:  # would happily keep the connection
                seen.append((writer.get_extra_info("peername"), await read_request(reader)))
                body = b'{"code":0,"data":{"task_id":"t-1"}}'
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                await writer.drain()

        async with raw_server(handler) as url, hasty_client(url) as client:
            for seed in range(3):
                await client.submit(BRIEF, TOKENS, seed)

    asyncio.run(main())
    assert len({peer for peer, _ in seen}) == 3
    assert all(b"connection: close" in request.lower() for _, request in seen)


@pytest.mark.parametrize("farewell", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b"garbage\r\n\r\n"])
def test_connection_dropped_after_the_request_is_unknown_and_the_server_saw_one_post(farewell):
    posts: list[bytes] = []

    async def main() -> None:
        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            posts.append(await read_request(reader))
            writer.write(farewell)
            await writer.drain()

        async with raw_server(handler) as url, hasty_client(url) as client:
            with pytest.raises(SubmissionUnknown):
                await client.submit(BRIEF, TOKENS, 7)

    asyncio.run(main())
    assert len(posts) == 1


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"])
def test_answer_that_never_ends_is_unknown_within_the_time_limit(drip):
    async def main() -> None:
        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(drip)
            while True:  # bytes keep coming, so that no read timeout helps
                await asyncio.sleep(0.05)
                if drip:
                    writer.write(b" ")

        async with raw_server(handler) as url, hasty_client(url, answer_s=0.3) as client:
            with pytest.raises(SubmissionUnknown):
                await client.submit(BRIEF, TOKENS, 7)

    asyncio.run(main())


def test_nobody_listening_means_not_sent():
    async def main() -> None:
        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None: ...

        async with raw_server(handler) as url:
            pass
        async with hasty_client(url) as client:
            with pytest.raises(NotSentError):
                await client.submit(BRIEF, TOKENS, 7)

    asyncio.run(main())


def test_key_is_in_no_error_no_repr_and_no_log(caplog):
    caplog.set_level("DEBUG")
    echoing = refusal(401, 2, f"Invalid API key {KEY}, see https://x.example/a?signature=abc")
    bench = Bench(echoing)
    with pytest.raises(RunError) as caught:
        bench.run(bench.client.submit(BRIEF, TOKENS, 7))
    shown = f"{caught.value} {caught.value.details} {bench.client!r} {bench.client._channel!r} {caplog.text}"
    assert KEY not in shown
    assert "tsk_..." in shown
    assert "signature" not in shown
