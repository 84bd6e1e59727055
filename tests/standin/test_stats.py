"""What the stand-in tells of what it has seen: counts for tests, pace for benchmarks, tasks for reconciliation."""

from __future__ import annotations

import hashlib
import sqlite3

import pytest

from tests.standin.harness import AUTH, H31, Here, play, png

TEXT = "/v3/generation/text-to-model"


def test_stats_count_creates_uploads_and_polls_and_how_fast_they_came(tmp_path):
    async def story(standin: Here) -> None:
        task_id = await standin.made(await standin.image())
        for _ in range(4):
            await standin.get(f"/v3/tasks/{task_id}")
            await standin.post("/v3/tasks/list", {"task_ids": [task_id]})
            standin.clock.now += 2
        stats = await standin.get("/standin/stats")
        assert (stats["create_posts"], stats["uploads"], stats["polls"]) == (1, 1, 8)
        assert stats["polls_per_s"] == pytest.approx(7 / 6, abs=1e-3)
        assert stats["span_s"] == 6.0
        assert stats["first_request_at"] < stats["last_request_at"]
        assert (await standin.http.delete("/standin/stats", headers=AUTH)).status_code == 200
        fresh = await standin.get("/standin/stats")
        assert (fresh["polls"], fresh["polls_per_s"], fresh["created"]) == (0, None, 1)

    play(tmp_path, story)


def test_stats_tell_a_brief_that_is_bought_twice_and_by_which_sku(tmp_path):
    async def story(standin: Here) -> None:
        chair, lamp = png(1), png(2)
        names = {"CH1": hashlib.sha256(chair).hexdigest(), "LA1": hashlib.sha256(lamp).hexdigest(), "TX1": "a mug"}
        assert (await standin.post("/standin/skus", names)).status_code == 200
        for content in (chair, chair, lamp):
            await standin.finish(await standin.image(await standin.upload(content)))
        await standin.post(TEXT, {"prompt": "a mug", "model": H31})
        stats = await standin.get("/standin/stats")
        assert stats["most_per_brief"] == 2
        assert sorted(entry["most"] for entry in stats["briefs"]) == [1, 1, 2]
        assert stats["skus"] == {
            "CH1": {"created": 2, "paid": 2, "open": 0},
            "LA1": {"created": 1, "paid": 1, "open": 0},
            "TX1": {"created": 1, "paid": 0, "open": 1},
        }

    play(tmp_path, story)


def test_tasks_are_listed_with_all_that_a_reconciliation_asks_for(tmp_path):
    async def story(standin: Here) -> None:
        picture = png(3)
        sha256 = hashlib.sha256(picture).hexdigest()
        await standin.post("/standin/skus", {"CH1": sha256})
        await standin.fault("http_502_after_create")
        token = await standin.upload(picture)
        assert (await standin.image(token, model_seed=5)).status_code == 502
        await standin.service.maker.idle()
        standin.clock.now += 10
        (task,) = await standin.get("/standin/tasks")
        (brief,) = (await standin.get("/standin/stats"))["briefs"]
        assert (task["task_id"], task["digest"]) == (brief["task_ids"][0], brief["digest"])
        assert (task["status"], task["price"], task["credits_consumed"]) == ("success", 30.0, 30.0)
        assert (task["model_seed"], task["input"], task["skus"]) == (5, token, ["CH1"])
        assert (task["lost_answer"], task["other_key"], task["foreign"]) == ("http_502", False, False)
        assert task["created_at"] < task["starts_at"] < task["ends_at"] == task["completed_at"]

    play(tmp_path, story)


def test_tasks_are_listed_whole_where_usage_hides_them(tmp_path):
    async def story(standin: Here) -> None:
        await standin.image()
        assert await standin.get("/v3/account/usage") == []
        assert [task["foreign"] for task in await standin.get("/standin/tasks")] == [False]

    play(tmp_path, story, profile="hidden-in-flight")


def test_names_that_are_none_are_refused(tmp_path):
    async def story(standin: Here) -> None:
        assert (await standin.post("/standin/skus", {"CH1": 7})).json()["code"] == 1004

    play(tmp_path, story)


def test_state_folder_of_an_earlier_version_is_still_read(tmp_path):
    old = sqlite3.connect(tmp_path / "standin.db")
    old.executescript(
        "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);"
        "INSERT INTO counters VALUES ('GET /v3/tasks/*', 7);"
        "CREATE TABLE tasks (task_id TEXT PRIMARY KEY, owner TEXT NOT NULL, type TEXT NOT NULL, endpoint TEXT NOT NULL,"
        " model TEXT NOT NULL, pool TEXT NOT NULL, echo TEXT NOT NULL, brief TEXT NOT NULL, price TEXT NOT NULL,"
        " created_at REAL NOT NULL, starts_at REAL NOT NULL, ends_at REAL NOT NULL, plan TEXT NOT NULL,"
        " status TEXT NOT NULL, completed_at REAL, error_code INTEGER, error_message TEXT NOT NULL, work TEXT NOT NULL,"
        " result TEXT NOT NULL, extension TEXT NOT NULL, downloads TEXT NOT NULL, hidden_polls INTEGER NOT NULL);"
        "CREATE TABLE faults (id INTEGER PRIMARY KEY, match TEXT NOT NULL, fault TEXT NOT NULL, remaining INTEGER);"
        "INSERT INTO faults VALUES (1, '{}', 'stuck', 1);"
    )
    old.close()

    async def story(standin: Here) -> None:
        await standin.made(await standin.image())
        standin.clock.now += 10
        (task,) = await standin.get("/standin/tasks")
        assert (task["plan"], task["lost_answer"], task["foreign"]) == ("stuck", "", False)
        assert (await standin.get("/standin/stats"))["polls"] == 7

    play(tmp_path, story)
