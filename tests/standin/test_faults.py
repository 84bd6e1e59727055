"""Faults on demand: each does what its name says, and the counter tells what was paid."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import pytest

from catalog3d.standin.faults import KINDS, Strikes
from tests.standin.harness import AUTH, Here, play, png


@pytest.mark.parametrize(
    "kind", [name for name, place in KINDS.items() if place is Strikes.BEFORE and name not in {"reject", "hang"}]
)
def test_answer_instead_of_a_task_makes_nothing(kind, tmp_path):
    async def story(standin: Here) -> None:
        await standin.fault(kind)
        if kind == "drop":
            with pytest.raises(ConnectionAbortedError):
                await standin.image()
        else:
            assert not _is_created(await standin.image())
        assert (await standin.get("/standin/stats"))["created"] == 0
        assert _is_created(await standin.image())

    play(tmp_path, story)


@pytest.mark.parametrize(
    "kind", [name for name, place in KINDS.items() if place is Strikes.AFTER and not name.startswith("hang")]
)
def test_answer_lost_after_creation_leaves_one_task_that_is_paid(kind, tmp_path):
    async def story(standin: Here) -> None:
        await standin.fault(kind)
        if kind.startswith("drop"):
            with pytest.raises(ConnectionAbortedError):
                await standin.image(model_seed=77)
        else:
            assert not _is_created(await standin.image(model_seed=77))
        await standin.service.maker.idle()
        standin.clock.now += 10
        (row,) = await standin.get("/v3/account/usage")
        task = await standin.get(f"/v3/tasks/{row['task_id']}")
        assert (task["status"], task["input"]["model_seed"]) == ("success", 77)
        assert (await standin.get("/standin/stats"))["paid"] == 1

    play(tmp_path, story)


@pytest.mark.parametrize(("code", "http"), [(1004, 400), (2008, 400), (2010, 403), (2000, 429), (1007, 429), (2, 401)])
def test_reject_answers_with_any_code(code, http, tmp_path):
    async def story(standin: Here) -> None:
        await standin.fault(f"reject:{code}")
        answer = await standin.image()
        assert (answer.status_code, answer.json()["code"]) == (http, code)
        assert (await standin.get("/standin/stats"))["created"] == 0

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("fail:2008", "failed", 2008),
        ("async_1004", "failed", 1004),
        ("banned", "banned", None),
        ("expired", "expired", None),
        ("cancelled", "cancelled", None),
    ],
)
def test_task_that_ends_badly_gives_its_credits_back(fault, status, code, tmp_path):
    async def story(standin: Here) -> None:
        await standin.fault(fault)
        task = await standin.finish(await standin.image())
        assert (task["status"], task.get("error_code"), task["progress"]) == (status, code, 100)
        assert (task["output"], task["credits_consumed"]) == ({}, 0.0)
        assert await standin.wallet() == (10000.0, 0.0)

    play(tmp_path, story)


@pytest.mark.parametrize(("fault", "status"), [("stuck", "running"), ("status:paused", "paused")])
def test_task_that_never_ends_holds_its_slot_and_its_credits(fault, status, tmp_path):
    async def story(standin: Here) -> None:
        await standin.fault(fault)
        task_id = await standin.made(await standin.image())
        standin.clock.now += 10_000
        assert (await standin.get(f"/v3/tasks/{task_id}"))["status"] == status
        assert await standin.wallet() == (9970.0, 30.0)

    play(tmp_path, story)


def test_hidden_task_is_not_found_at_first(tmp_path):
    async def story(standin: Here) -> None:
        await standin.fault("hidden:2")
        path = f"/v3/tasks/{await standin.made(await standin.image())}"
        answers = [
            await standin.http.get(path, headers={"Authorization": "Bearer tsk_standin_rehearsal"}) for _ in range(3)
        ]
        assert [answer.status_code for answer in answers] == [404, 404, 200]

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("short_download", lambda answer, whole: answer.content == whole[: len(whole) // 2]),
        ("wrong_file", lambda answer, whole: answer.content.startswith(b"Kaydara")),
        ("url_403", lambda answer, whole: answer.status_code == 403),
        ("url_404", lambda answer, whole: answer.status_code == 404),
        ("url_503", lambda answer, whole: answer.status_code == 503),
        ("long_download", lambda answer, whole: answer.content == whole + whole[: len(whole) // 2]),
        ("wrong_type", lambda answer, whole: answer.headers["Content-Type"].startswith("text/html")),
    ],
)
def test_download_goes_wrong_so_often_as_asked(fault, check, tmp_path):
    async def story(standin: Here) -> None:
        await standin.fault(f"{fault}:2")
        url = (await standin.finish(await standin.image()))["output"]["model_url"]
        answers = [await standin.http.get(url) for _ in range(3)]
        whole = answers[2].content
        assert whole[:4] == b"glTF"
        assert all(check(answer, whole) for answer in answers[:2])

    play(tmp_path, story)


def test_fault_hits_only_what_it_matches_and_only_so_often(tmp_path):
    async def story(standin: Here) -> None:
        unlucky = png(9)
        await standin.fault("fail:2008", times=0, picture_sha256=hashlib.sha256(unlucky).hexdigest())
        await standin.fault("reject:2003", nth=2)
        await standin.fault("reject:2004", model_seed=5)
        assert _is_created(await standin.image())
        assert (await standin.image()).json()["code"] == 2003
        assert _is_created(await standin.image())
        assert (await standin.image(model_seed=5)).json()["code"] == 2004
        for _ in range(2):
            assert (await standin.finish(await standin.image(await standin.upload(unlucky))))["status"] == "failed"
        (left,) = await standin.get("/standin/faults")
        assert left["fault"] == "fail:2008"

    play(tmp_path, story)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"fault": "explode"},
        {"fault": "fail"},
        {"fault": "fail:1"},
        {"fault": "reject:x"},
        {"fault": "status"},
        {"fault": "status:a b"},
        {"fault": "hidden:x"},
        {"fault": "stuck", "match": {"moon": "full"}},
        {"fault": "stuck", "match": []},
        {"fault": "stuck", "times": -1},
        {"fault": 7},
        {"fault": "stuck", "match": {"rate": 1.5}},
        {"fault": "stuck", "match": {"every": 0}},
        {"fault": "stuck", "match": {"on": "moon"}},
        {"fault": "stuck", "match": {"on": "upload"}},
        {"fault": "drop_after_create", "match": {"on": "upload"}},
        {"fault": "drop", "match": {"on": "usage", "model_seed": 3}},
    ],
)
def test_fault_that_makes_no_sense_is_refused_with_its_reason(body, tmp_path):
    async def story(standin: Here) -> None:
        answer = await standin.post("/standin/faults", body)
        assert answer.json()["code"] == 1004
        assert answer.headers["X-Standin-Reason"]

    play(tmp_path, story)


READS = {
    "task": ("GET", "/v3/tasks/{}"),
    "tasks_list": ("POST", "/v3/tasks/list"),
    "usage": ("GET", "/v3/account/usage"),
    "balance": ("GET", "/v3/account/balance"),
    "upload": ("POST", "/v3/files"),
}


async def _asked(standin: Here, route: str, task_id: str) -> httpx.Response:
    method, path = READS[route]
    body: dict[str, Any] = {"json": {"task_ids": [task_id]}} if route == "tasks_list" else {}
    if route == "upload":
        body = {"files": {"file": ("photo.png", png(), "image/png")}}
    return await standin.http.request(method, path.format(task_id), headers=AUTH, **body)


@pytest.mark.parametrize("route", READS)
@pytest.mark.parametrize(("fault", "http"), [("http_502", 502), ("http_500", 500), ("http_429", 429), ("html", 200)])
def test_reads_and_uploads_fail_as_asked_and_then_work(route, fault, http, tmp_path):
    async def story(standin: Here) -> None:
        task_id = await standin.made(await standin.image())
        await standin.fault(fault, on=route)
        bad, good = [await _asked(standin, route, task_id) for _ in range(2)]
        assert (bad.status_code, "json" in bad.headers["Content-Type"]) == (http, False)
        assert (good.status_code, good.json()["code"]) == (200, 0)
        assert (await standin.get("/standin/stats"))["faults_struck"] == {f"{fault} on {route}": 1}

    play(tmp_path, story)


def test_download_route_fails_whatever_its_task(tmp_path):
    async def story(standin: Here) -> None:
        url = (await standin.finish(await standin.image()))["output"]["model_url"]
        await standin.fault("http_503", on="download", every=2, times=0)
        assert [(await standin.http.get(url)).status_code for _ in range(4)] == [200, 503, 200, 503]

    play(tmp_path, story)


def test_fault_of_a_read_strikes_nobody_without_the_key(tmp_path):
    async def story(standin: Here) -> None:
        await standin.fault("http_502", on="usage")
        assert (await standin.http.get("/v3/account/usage")).status_code == 401
        assert (await standin.http.get("/v3/account/usage", headers=AUTH)).status_code == 502

    play(tmp_path, story)


@pytest.mark.parametrize("route", ["create", *READS])
@pytest.mark.parametrize(
    ("storm", "code", "told"),
    [("storm:3", 1007, "Retry-After"), ("storm_2000:3", 2000, "Retry-After"), ("storm_reset:3", 1007, "")],
)
def test_storm_refuses_so_many_requests_in_a_row_and_then_is_over(route, storm, code, told, tmp_path):
    async def story(standin: Here) -> None:
        token = await standin.upload()
        task_id = await standin.made(await standin.image(token))
        await standin.fault(storm, on=route)
        answers = [
            await (standin.image(token) if route == "create" else _asked(standin, route, task_id)) for _ in range(4)
        ]
        assert [answer.json()["code"] for answer in answers] == [code] * 3 + [0]
        for answer in answers[:3]:
            assert ("Retry-After" in answer.headers) == bool(told)
            assert told or float(answer.headers["X-RateLimit-Reset"]) == standin.clock.now + 1
        assert await standin.get("/standin/faults") == []

    play(tmp_path, story)


def test_wallet_empties_in_the_middle_of_a_run_and_stays_empty(tmp_path):
    async def story(standin: Here) -> None:
        await standin.fault("empty_wallet", nth=2)
        codes = [(await standin.image()).json()["code"] for _ in range(3)]
        assert codes == [0, 2010, 2010]
        assert await standin.wallet() == (0.0, 30.0)
        assert (await standin.get("/standin/stats"))["created"] == 1

    play(tmp_path, story)


def test_task_of_another_key_is_listed_and_paid_and_not_found(tmp_path):
    async def story(standin: Here) -> None:
        await standin.fault("other_key")
        task_id = await standin.made(await standin.image())
        standin.clock.now += 10
        hidden = await standin.http.get(f"/v3/tasks/{task_id}", headers=AUTH)
        assert (hidden.status_code, hidden.json()["code"]) == (404, 2001)
        assert [row["task_id"] for row in await standin.get("/v3/account/usage")] == [task_id]
        (task,) = await standin.get("/standin/tasks")
        assert (task["other_key"], task["foreign"], task["status"]) == (True, False, "success")
        assert (await standin.get("/standin/stats"))["paid"] == 1

    play(tmp_path, story)


def test_hanging_create_is_cut_without_an_answer_but_its_task_is_made(tmp_path):
    async def story(standin: Here) -> None:
        await standin.fault("hang_after_create:0")
        with pytest.raises(ConnectionAbortedError):
            await standin.image()
        (task,) = await standin.get("/standin/tasks")
        assert task["lost_answer"] == "hang:0"

    play(tmp_path, story)


def test_rate_strikes_the_same_creates_for_the_same_seed_also_after_a_restart(tmp_path):
    def struck(folder: str, seed: int, restart_after: int) -> list[bool]:
        failed: list[bool] = []

        async def some(standin: Here, count: int) -> None:
            token = await standin.upload()
            for _ in range(count):
                failed.append((await standin.image(token)).status_code == 502)
                await standin.service.maker.idle()
                standin.clock.now += 60

        async def first(standin: Here) -> None:
            await standin.fault("http_502", times=0, rate=0.4)
            await some(standin, restart_after)

        async def second(standin: Here) -> None:
            await some(standin, 24 - restart_after)

        play(tmp_path / folder, first, seed=seed)
        play(tmp_path / folder, second, seed=seed)
        return failed

    one = struck("one", 1, 12)
    assert struck("two", 1, 5) == one
    assert struck("three", 2, 12) != one
    assert 3 <= sum(one) <= 17


def test_fault_of_a_sku_strikes_it_by_its_name(tmp_path):
    async def story(standin: Here) -> None:
        unlucky = png(9)
        await standin.post("/standin/skus", {"CH1": hashlib.sha256(unlucky).hexdigest()})
        await standin.fault("fail:2008", sku="CH1")
        assert (await standin.finish(await standin.image()))["status"] == "success"
        assert (await standin.finish(await standin.image(await standin.upload(unlucky))))["status"] == "failed"

    play(tmp_path, story)


def test_fault_of_a_create_that_is_refused_is_not_used_up(tmp_path):
    async def story(standin: Here) -> None:
        await standin.fault("fail:2008")
        for _ in range(3):
            await standin.image()
        assert (await standin.image()).json()["code"] == 2000
        await standin.fault("stuck")
        assert (await standin.image()).json()["code"] == 2000
        assert [fault["fault"] for fault in await standin.get("/standin/faults")] == ["stuck"]

    play(tmp_path, story, slots={"H": 3})


def _is_created(answer: httpx.Response) -> bool:
    try:
        body = answer.json()
    except ValueError:
        return False
    return answer.status_code == 200 and "task_id" in body["data"]
