"""Reads and uploads: retried as told, bounded, tolerant of odd answers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from catalog3d.adapters.tripo import TripoClient
from catalog3d.adapters.tripo.answers import TaskAnswer, clean_words, task_map, usage_rows
from catalog3d.adapters.tripo.failures import CASES, Answer, case_for, error_for
from catalog3d.errors import Catalog3DError, NeedsPersonError, ProductError, RunError, TransientError
from catalog3d.ports import PreparedView, TaskState
from tests.adapters.tripo.fakes import API, KEY, Bench, hasty_client, ok, raw_server, read_request, refusal

TASK = {
    "task_id": "t-1",
    "type": "image_to_model",
    "status": "success",
    "progress": 100,
    "input": {"model": "v3.1-20260211", "model_seed": 7, "texture": True, "inputs": [{"front": "file_a"}, None]},
    "output": {
        "model_url": "https://cdn.tripo3d.ai/a.glb?sig=1",
        "rendered_image_url": "https://cdn.tripo3d.ai/a.webp",
    },
    "credits_consumed": 30.25,
    "created_at": "2026-11-22T12:00:00Z",
}


def view(folder: Path, content: bytes = b"png") -> PreparedView:
    path = folder / "x.png"
    path.write_bytes(content)
    return PreparedView(
        slot="front",
        path=path,
        file_sha256="0",
        pixels_sha256="0",
        mime="image/png",
        width_px=1,
        height_px=1,
        size_bytes=len(content),
    )


def test_finished_task_is_read_with_exact_credits_and_a_flat_echo():
    bench = Bench(ok(TASK))
    detail = bench.run(bench.client.task("t-1"))
    assert detail.state is TaskState.SUCCESS
    assert detail.credits_consumed == Decimal("30.25")
    assert detail.model_url.endswith("a.glb?sig=1")
    assert detail.created_at == datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert detail.echo == {
        "model": "v3.1-20260211", "model_seed": "7", "texture": "true", "inputs.0.front": "file_a"
    }  # fmt: skip


def dated(when: str) -> httpx.Response:
    return ok({"balance": 1, "frozen": 0}, headers={"Date": when})


def test_the_servers_clock_is_the_median_of_its_last_answers():
    answers = [dated(f"Sun, 22 Nov 2026 12:{minute:02}:00 GMT") for minute in (1, 1, 40, 1, 1)]
    bench = Bench(*answers)

    async def read() -> datetime:
        for _ in answers:
            await bench.client.balance()
        return bench.client.server_now()

    assert bench.run(read()) == datetime(2026, 11, 22, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(dated("Mon, 23 Nov 2026 12:00:00 GMT"), id="a day ahead"),
        pytest.param(dated("Fri, 31 Dec 9999 23:59:59 GMT"), id="the end of time"),
        pytest.param(
            httpx.Response(502, text="busy", headers={"Date": "Sun, 22 Nov 2026 12:30:00 GMT"}), id="a proxy's page"
        ),
        pytest.param(
            httpx.Response(200, json={"balance": 1}, headers={"Date": "Sun, 22 Nov 2026 12:30:00 GMT"}),
            id="no envelope",
        ),
    ],
)
def test_a_clock_that_is_not_the_apis_or_plainly_wrong_is_not_believed(answer):
    bench = Bench(answer)

    async def read() -> bool:
        with suppress(Catalog3DError):
            await bench.client.balance()
        return bench.client.server_now() == bench.clock.now()

    assert bench.run(read())


@pytest.mark.parametrize(
    "word", ["queued", "running", "success", "failed", "banned", "expired", "cancelled", "unknown"]
)
def test_every_known_status_is_known(word):
    assert TaskAnswer.model_validate({**TASK, "status": word}).to_detail().state == TaskState(word)


@pytest.mark.parametrize("status", ["paused", "", None, 7, ["success"], {}])
def test_unheard_of_status_is_unknown_and_not_final(status):
    state = TaskAnswer.model_validate({**TASK, "status": status}).to_detail().state
    assert state is TaskState.UNKNOWN
    assert not state.is_final


@pytest.mark.parametrize("code", [2008, "2008"])
def test_failed_task_carries_its_code_whether_number_or_text(code):
    answer = {**TASK, "status": "failed", "error_code": code, "error_message": "Input rejected", "output": None}
    detail = TaskAnswer.model_validate(answer).to_detail()
    assert (detail.error_code, detail.error_message, detail.model_url) == ("2008", "Input rejected", "")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None)  # time on a shared machine says nothing about the code
@given(st.fixed_dictionaries({}, optional={name: json_values for name in TASK if name != "task_id"}))
def test_odd_values_in_a_task_never_raise(fields):
    detail = TaskAnswer.model_validate({**fields, "task_id": "t-1"}).to_detail()
    assert 0 <= detail.progress <= 100
    assert detail.credits_consumed is None or detail.credits_consumed >= 0


@settings(deadline=None)  # time on a shared machine says nothing about the code
@given(st.integers(100, 599), json_values)
def test_every_answer_has_a_row_in_the_table_and_gives_an_error_of_ours(status, body):
    answer = Answer(status=status, body=body if isinstance(body, dict) else None)
    assert case_for(answer) in CASES
    for paid in (True, False):
        error = error_for(answer, paid=paid, now=datetime(2026, 11, 22, tzinfo=UTC))
        assert isinstance(error, Catalog3DError)


def test_batch_leaves_out_missed_and_unreadable_tasks():
    tasks = {"t-1": TASK, "t-2": {"task_id": "other"}, "t-3": None}
    bench = Bench(ok({"tasks": tasks, "missed": ["t-4"]}))
    found = bench.run(bench.client.tasks(["t-1", "t-2", "t-3", "t-4"]))
    assert list(found) == ["t-1"]
    assert bench.tripo.body() == {"task_ids": ["t-1", "t-2", "t-3", "t-4"]}


def test_batch_of_none_asks_nobody_and_of_more_than_100_is_a_mistake():
    bench = Bench(ok({}))
    assert bench.run(bench.client.tasks([])) == {}
    with pytest.raises(ValueError, match="at most 100"):
        bench.run(bench.client.tasks(["t"] * 101))
    assert not bench.tripo.requests


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"items": rows}])
def test_usage_is_read_as_array_and_as_items(wrap):
    rows = [{"task_id": "t-1", "type": "image_to_model", "status": "success", "credits_consumed": "30.00"}]
    bench = Bench(ok(wrap(rows)))
    (row,) = bench.run(bench.client.usage(limit=999, offset=3))
    assert (row.task_id, row.state, row.credits_consumed) == ("t-1", TaskState.SUCCESS, Decimal("30.00"))
    assert dict(bench.tripo.requests[0].url.params) == {"limit": "200", "offset": "3"}


@pytest.mark.parametrize("data", [None, {}, "x", [{"type": "no id"}], [None]])
def test_usage_page_that_misses_rows_is_not_taken_for_a_whole_one(data):
    with pytest.raises(ValueError):
        usage_rows(data)


def test_tasks_answer_without_a_map_is_not_understood():
    with pytest.raises(ValueError):
        task_map({"tasks": []})


def test_balance_is_decimal():
    bench = Bench(ok({"balance": 9999.1, "frozen": 0.2}))
    balance = bench.run(bench.client.balance())
    assert (balance.available, balance.frozen) == (Decimal("9999.1"), Decimal("0.2"))


def test_task_of_another_key_is_parked_and_not_retried():
    bench = Bench(refusal(404, 2001, "task not found"))
    with pytest.raises(NeedsPersonError) as caught:
        bench.run(bench.client.task("t-1"))
    assert caught.value.code == "TASK_NOT_FOUND"
    assert len(bench.tripo.requests) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        *(refusal(status, 1000) for status in (500, 502, 503, 504)),
        refusal(429, 1007),
        httpx.ConnectError("x"),
        httpx.ReadTimeout("x"),
        httpx.RemoteProtocolError("x"),
        httpx.Response(200, text="<html>"),
        ok({"no": "balance"}),
    ],
)
def test_read_is_tried_again_with_growing_waits(trouble):
    bench = Bench(trouble, trouble, trouble, ok({"balance": 1}))
    assert bench.run(bench.client.balance()).available == 1
    assert bench.naps.asked_s == [0.25, 0.5, 1.0]


def test_read_gives_up_after_three_retries():
    bench = Bench(httpx.ReadError("x"))
    with pytest.raises(TransientError) as caught:
        bench.run(bench.client.balance())
    assert len(bench.tripo.requests) == 4
    assert caught.value.code == "UNREACHABLE"


def test_read_waits_as_told_but_not_for_ever():
    bench = Bench(refusal(429, 1007, headers={"Retry-After": "7"}), ok({"balance": 1}))
    bench.run(bench.client.balance())
    assert bench.naps.asked_s == [7.0]
    long = Bench(refusal(503, 1000, headers={"Retry-After": "300"}))
    with pytest.raises(TransientError) as caught:
        long.run(long.client.balance())
    assert caught.value.retry_after_s == 300.0
    assert not long.naps.asked_s


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refusal(401, 2), "KEY_REFUSED"),
        (httpx.Response(401, text="who?"), "KEY_REFUSED"),
        (httpx.Response(302, headers={"Location": "https://elsewhere.example/"}), "API_MISMATCH"),
    ],
)
def test_read_with_a_bad_key_or_address_stops_the_run_at_once(answer, code):
    bench = Bench(answer)
    with pytest.raises(RunError) as caught:
        bench.run(bench.client.balance())
    assert caught.value.code == code
    assert len(bench.tripo.requests) == 1


def test_upload_is_multipart_with_file_name_and_type(tmp_path):
    bench = Bench(ok({"file_token": "file_9"}))
    assert bench.run(bench.client.upload(view(tmp_path, b"\x89PNG..."))) == "file_9"
    content = bench.tripo.requests[0].content
    assert b'name="file"; filename="front.png"' in content
    assert b"Content-Type: image/png" in content
    assert b"\x89PNG..." in content


def test_upload_waits_for_the_rate_limit_and_so_do_the_others(tmp_path):
    limited = refusal(429, 1007, headers={"Retry-After": "20"})
    bench = Bench(limited, ok({"file_token": "file_1"}), ok({"file_token": "file_2"}))

    async def both() -> list[str]:
        first = await bench.client.upload(view(tmp_path))
        bench.client._channel._uploads_open_at = datetime(2026, 11, 22, 12, 1, tzinfo=UTC)
        return [first, await bench.client.upload(view(tmp_path))]

    assert bench.run(both()) == ["file_1", "file_2"]
    assert bench.naps.asked_s == [20.0, 40.0]


def test_upload_outlasts_many_rate_limits_but_not_all(tmp_path):
    limited = refusal(429, 1007, headers={"Retry-After": "60"})
    patient = Bench(*[limited] * 20, ok({"file_token": "file_1"}))
    assert patient.run(patient.client.upload(view(tmp_path))) == "file_1"
    hopeless = Bench(limited)
    with pytest.raises(TransientError) as caught:
        hopeless.run(hopeless.client.upload(view(tmp_path)))
    assert caught.value.code == "RATE_LIMITED"
    assert sum(hopeless.naps.asked_s) <= 1800


def test_upload_tries_again_after_trouble_and_stops_at_a_refusal(tmp_path):
    bench = Bench(httpx.ReadError("x"), refusal(502, 1000), ok({"file_token": "file_1"}))
    assert bench.run(bench.client.upload(view(tmp_path))) == "file_1"
    refused = Bench(refusal(400, 2004, "not a picture"))
    with pytest.raises(ProductError, match="not a picture"):
        refused.run(refused.client.upload(view(tmp_path)))
    assert len(refused.tripo.requests) == 1


def test_picture_that_is_gone_or_too_large_is_never_sent(tmp_path):
    bench = Bench(ok({}))
    gone = view(tmp_path)
    gone.path.unlink()
    with pytest.raises(ProductError) as caught:
        bench.run(bench.client.upload(gone))
    assert caught.value.code == "PHOTO_UNREADABLE"
    with pytest.raises(ProductError) as caught:
        bench.run(bench.client.upload(view(tmp_path, b"x" * 20_000_001)))
    assert caught.value.code == "PHOTO_TOO_LARGE"
    assert not bench.tripo.requests


@pytest.mark.parametrize(
    "base_url",
    [
        "http://openapi.tripo3d.ai",
        "ftp://openapi.tripo3d.ai",
        "https://user:pw@openapi.tripo3d.ai",
        "https://openapi.tripo3d.ai/v3",
        "https://openapi.tripo3d.ai?x=1",
        "http://127.0.0.1.example.com",
        "openapi.tripo3d.ai",
        "",
        "https://[",
    ],
)
def test_address_that_could_leak_the_key_is_refused(base_url):
    with pytest.raises(RunError) as caught:
        TripoClient(base_url=base_url, api_key=SecretStr(KEY))
    assert caught.value.code == "BASE_URL_INVALID"
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("base_url", [API, API + "/", "http://127.0.0.1:8765", "http://localhost:1", "http://[::1]:9"])
def test_https_and_loopback_are_accepted(base_url):
    client = TripoClient(base_url=base_url, api_key=SecretStr(KEY))
    asyncio.run(client.close())


@pytest.mark.parametrize("key", ["", "  ", "tsk_a b", "tsk_a\nX-Evil: 1", "tsk_é"])
def test_key_that_no_header_can_carry_is_refused_without_being_shown(key):
    with pytest.raises(RunError) as caught:
        TripoClient(base_url=API, api_key=SecretStr(key))
    assert caught.value.code == "KEY_REFUSED"
    assert "Evil" not in str(caught.value)


def test_proxy_of_the_environment_never_sees_loopback_traffic(monkeypatch):
    requests: list[bytes] = []

    async def main() -> None:
        async def api(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            requests.append(await read_request(reader))
            body = b'{"code":0,"data":{"balance":5}}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
            await writer.drain()

        async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            pytest.fail("the proxy was asked")

        async with raw_server(proxy) as proxy_url, raw_server(api) as url:
            monkeypatch.setenv("HTTP_PROXY", proxy_url)
            monkeypatch.setenv("ALL_PROXY", proxy_url)
            async with hasty_client(url) as client:
                assert (await client.balance()).available == 5

    asyncio.run(main())
    assert requests[0].startswith(b"GET /v3/account/balance HTTP/1.1")


@settings(deadline=None)  # time on a shared machine says nothing about the code
@given(st.text())
def test_foreign_words_become_one_bounded_line(text):
    line = clean_words(text)
    assert len(line) <= 300
    assert line.isprintable() or not line.isascii()
    assert "\n" not in line


def test_foreign_words_lose_keys_and_signatures():
    words = clean_words("see https://cdn.tripo3d.ai/a.glb?auth_key=1-2-3 with tsk_abc\n\x1b[31mnow")
    assert words == "see https://cdn.tripo3d.ai/a.glb with tsk_... [31mnow"
