"""Faults on demand: each does what its name says, and the counter tells what was paid."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from catalog3d.standin.faults import KINDS, Strikes
from tests.standin.harness import Here, play, png


@pytest.mark.parametrize(
    "kind", [name for name, place in KINDS.items() if place is Strikes.BEFORE and name != "reject"]
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


@pytest.mark.parametrize("kind", [name for name, place in KINDS.items() if place is Strikes.AFTER])
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
    ],
)
def test_fault_that_makes_no_sense_is_refused_with_its_reason(body, tmp_path):
    async def story(standin: Here) -> None:
        answer = await standin.post("/standin/faults", body)
        assert answer.json()["code"] == 1004
        assert answer.headers["X-Standin-Reason"]

    play(tmp_path, story)


def _is_created(answer: httpx.Response) -> bool:
    try:
        body = answer.json()
    except ValueError:
        return False
    return answer.status_code == 200 and bool(body["data"]["task_id"])
