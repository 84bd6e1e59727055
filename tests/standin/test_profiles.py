"""Account profiles: each knob turns what it names, each profile is what its sentence says."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from catalog3d.standin.__main__ import main
from catalog3d.standin.conduct import Conduct
from catalog3d.standin.faults import Faults
from catalog3d.standin.profiles import PROFILES, combined
from tests.standin.harness import AUTH, Here, Seconds, play


async def profile(standin: Here, **body: Any) -> Any:
    answer = await standin.post("/standin/profile", body)
    assert answer.status_code == 200, answer.headers
    return answer.json()["data"]


async def usage_ids(standin: Here, **page: int) -> list[str]:
    data = await standin.get("/v3/account/usage", params={"limit": 200, **page})
    return [row["task_id"] for row in (data["items"] if isinstance(data, dict) else data)]


async def several(standin: Here, count: int) -> list[str]:
    """Finished tasks, oldest first."""
    return [(await standin.finish(await standin.image()))["task_id"] for _ in range(count)]


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_makes_a_model_once_its_faults_are_out_of_the_way(name, tmp_path):
    async def story(standin: Here) -> None:
        assert (await standin.get("/standin/profile"))["profile"] == name
        await standin.http.delete("/standin/faults", headers=AUTH)
        if PROFILES[name].knobs.get("lag_hides_task"):
            task_id = await standin.made(await standin.image())
            standin.clock.now += 10
            assert (await standin.get(f"/v3/tasks/{task_id}"))["status"] == "success"
        else:
            assert (await standin.finish(await standin.image()))["status"] == "success"

    play(tmp_path, story, profile=name)


@pytest.mark.parametrize("name", PROFILES)
def test_faults_and_knobs_of_every_profile_are_valid(name, tmp_path):
    Conduct.model_validate(PROFILES[name].knobs)
    assert PROFILES[name].sentence.endswith(".")

    async def story(standin: Here) -> None:
        assert len(await standin.get("/standin/faults")) == len(PROFILES[name].faults)

    play(tmp_path, story, profile=name)


@pytest.mark.parametrize(("order", "first"), [("newest", -1), ("oldest", 0)])
def test_usage_comes_in_the_order_of_the_profile(order, first, tmp_path):
    async def story(standin: Here) -> None:
        await profile(standin, usage_order=order)
        ids = await several(standin, 4)
        assert await usage_ids(standin) == (ids if first == 0 else ids[::-1])
        assert await usage_ids(standin, limit=1) == [ids[first]]

    play(tmp_path, story)


def test_shuffled_usage_comes_in_another_order_each_time_and_as_items(tmp_path):
    async def story(standin: Here) -> None:
        ids = await several(standin, 6)
        orders = [tuple(await usage_ids(standin)) for _ in range(8)]
        assert all(sorted(order) == sorted(ids) for order in orders)
        assert len(set(orders)) > 1
        assert set(await standin.get("/v3/account/usage")) == {"items"}

    play(tmp_path, story, profile="shuffled")


def test_hidden_task_in_flight_shows_up_when_it_ends(tmp_path):
    async def story(standin: Here) -> None:
        task_id = await standin.made(await standin.image())
        assert await usage_ids(standin) == []
        assert (await standin.get(f"/v3/tasks/{task_id}"))["status"] == "queued"
        standin.clock.now += 10
        assert await usage_ids(standin) == [task_id]

    play(tmp_path, story, profile="hidden-in-flight")


@pytest.mark.parametrize(("name", "status", "lag_s"), [("slow-to-show", 200, 120), ("slow-to-know", 404, 60)])
def test_new_task_shows_up_only_after_the_lag(name, status, lag_s, tmp_path):
    async def story(standin: Here) -> None:
        task_id = await standin.made(await standin.image())
        standin.clock.now += lag_s * 0.5 - 1
        asked = await standin.http.get(f"/v3/tasks/{task_id}", headers=AUTH)
        listed = await standin.post("/v3/tasks/list", {"task_ids": [task_id]})
        assert (asked.status_code, await usage_ids(standin)) == (status, [])
        assert listed.json()["data"]["missed"] == ([task_id] if status == 404 else [])
        standin.clock.now += 2
        assert await usage_ids(standin) == [task_id]
        assert (await standin.get(f"/v3/tasks/{task_id}"))["task_id"] == task_id

    play(tmp_path, story, profile=name, time_scale=0.5)


def test_pages_shift_while_they_are_read(tmp_path):
    async def story(standin: Here) -> None:
        (mine,) = await several(standin, 1)
        first = await usage_ids(standin, limit=50)
        assert first[0] == mine or len(first) == 50
        second = await usage_ids(standin, limit=50, offset=50)
        assert second[:3] == first[-3:]
        assert len(set(first + second)) == 97

    play(tmp_path, story, profile="shifting-pages")


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("plain", set()),
        ("no-seed-echo", {"model_seed"}),
        ("no-token-echo", {"input"}),
        ("silent-echo", {"model_seed", "input"}),
    ],
)
def test_echo_leaves_out_what_the_profile_says(name, missing, tmp_path):
    async def story(standin: Here) -> None:
        echo = (await standin.finish(await standin.image(model_seed=7)))["input"]
        assert {"model_seed", "input", "model", "texture"} - set(echo) == missing
        views = [{"front": await standin.upload()}, {"left": await standin.upload()}]
        body = {"inputs": views, "model": echo["model"]}
        several = await standin.finish(await standin.post("/v3/generation/multiview-to-model", body))
        assert ("inputs" in several["input"]) == ("input" not in missing)

    play(tmp_path, story, profile=name)


@pytest.mark.parametrize(("name", "offset_s"), [("plain", 0), ("clock-ahead", 300), ("clock-behind", -300)])
def test_clock_of_the_server_is_off_everywhere_it_shows(name, offset_s, tmp_path):
    async def story(standin: Here) -> None:
        shown = standin.clock.now + offset_s
        answer = await standin.image()
        assert parsedate_to_datetime(answer.headers["Date"]).timestamp() == shown
        assert int(answer.headers["X-RateLimit-Reset"]) == pytest.approx(shown + 1.2, abs=1)
        task_id = await standin.made(answer)
        assert seconds((await standin.get(f"/v3/tasks/{task_id}"))["created_at"]) == shown
        (row,) = await standin.get("/v3/account/usage")
        assert seconds(row["created_at"]) == shown

    play(tmp_path, story, profile=name)


def seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


def test_foreign_tasks_are_listed_and_half_of_them_belong_to_another_key(tmp_path):
    async def story(standin: Here) -> None:
        mine = (await standin.finish(await standin.image(model_seed=7)))["task_id"]
        rows = {row["task_id"]: row for row in await standin.get("/v3/account/usage", params={"limit": 200})}
        page2 = await standin.get("/v3/account/usage", params={"limit": 200, "offset": 200})
        rows |= {row["task_id"]: row for row in page2}
        assert len(rows) == 302
        foreign = [task_id for task_id in rows if task_id != mine]
        answers = [await standin.http.get(f"/v3/tasks/{task_id}", headers=AUTH) for task_id in foreign]
        assert set(Counter(answer.status_code for answer in answers)) == {200, 404}
        echoes = [answer.json()["data"]["input"] for answer in answers if answer.status_code == 200]
        assert 7 not in {echo["model_seed"] for echo in echoes}
        assert {echo["model"] for echo in echoes} == {"v3.1-20260211", "P1-20260311"}
        same_second = [row for row in rows.values() if row["created_at"] == rows[mine]["created_at"]]
        assert len(same_second) == 2
        stats = await standin.get("/standin/stats")
        assert (stats["created"], stats["paid"], stats["foreign_tasks"]) == (1, 1, 301)
        assert await standin.wallet() == (9970.0, 0.0)

    play(tmp_path, story, profile="busy-account")


def test_new_foreign_task_runs_and_ends_like_one_of_ours(tmp_path):
    async def story(standin: Here) -> None:
        await profile(standin, foreign_per_create=1)
        answer = await standin.image()
        assert [row["status"] for row in await standin.get("/v3/account/usage")] == ["queued", "running"]
        await standin.finish(answer)
        ended = await standin.get("/v3/account/usage")
        assert {row["status"] for row in ended} <= {"success", "failed"}

    play(tmp_path, story)


def test_small_account_has_three_slots_and_ten_uploads_a_minute(tmp_path):
    async def story(standin: Here) -> None:
        tokens = [await standin.upload() for _ in range(10)]
        with pytest.raises(AssertionError, match="1007"):
            await standin.upload()
        codes = [(await standin.image(token)).json()["code"] for token in tokens[:4]]
        assert codes == [0, 0, 0, 2000]
        standin.clock.now += 61
        await standin.upload()

    play(tmp_path, story, profile="small-account", time_scale=1.0)


def test_told_waits_are_whole_seconds_unless_exact_ones_are_asked_for(tmp_path):
    async def story(standin: Here) -> None:
        answers = [await standin.image() for _ in range(4)]
        assert answers[3].headers["Retry-After"] == "1"
        await profile(standin, exact_waits=True)
        told_s = float((await standin.image()).headers["Retry-After"])
        tasks = await standin.get("/standin/tasks")
        assert told_s == pytest.approx(min(task["ends_at"] for task in tasks) - standin.clock.now, abs=1e-3)
        assert 0 < told_s < 1

    play(tmp_path, story, profile="small-account", time_scale=0.002)


def test_poor_wallet_runs_empty_in_the_middle_and_is_filled_again_on_leaving(tmp_path):
    async def story(standin: Here) -> None:
        codes = [(await standin.image()).json()["code"] for _ in range(4)]
        assert codes == [0, 0, 0, 2010]
        assert await standin.wallet() == (10.0, 90.0)
        await profile(standin, echo_seed=False)
        assert await standin.wallet() == (10.0, 90.0)
        await profile(standin, credits=500)
        assert (await standin.image()).status_code == 200
        await profile(standin, profile="plain")
        assert await standin.wallet() == (10000.0, 120.0)

    play(tmp_path, story, profile="poor")


def test_result_addresses_live_as_long_as_the_profile_says(tmp_path):
    async def story(standin: Here) -> None:
        url = (await standin.finish(await standin.image()))["output"]["model_url"]
        assert (await standin.http.get(url)).status_code == 200
        standin.clock.now += 2.1
        assert (await standin.http.get(url)).status_code == 403

    play(tmp_path, story, profile="hurried-urls")


def test_profiles_combine_with_each_other_and_with_single_knobs(tmp_path):
    async def story(standin: Here) -> None:
        shown = await profile(standin, profile="oldest-first, silent-echo", visible_after_s=5, echo_seed=True)
        knobs = shown["knobs"]
        assert (knobs["usage_order"], knobs["echo_seed"], knobs["echo_token"]) == ("oldest", True, False)
        assert knobs["visible_after_s"] == 5
        turned = await profile(standin, hide_in_flight=True)
        assert turned["knobs"] == knobs | {"hide_in_flight": True}
        assert (await profile(standin, profile="plain"))["knobs"] == Conduct().model_dump(mode="json")

    play(tmp_path, story)
    assert len(combined("rough-network,bad-day").faults) > len(PROFILES["bad-day"].faults)


@pytest.mark.parametrize(
    "body",
    [
        {"profile": "nobody"},
        {"profile": "plain,nobody"},
        {"profile": 7},
        {"moon": "full"},
        {"usage_order": "up"},
        {"visible_after_s": -1},
        {"slots": 0},
        {"credits": "NaN"},
        {"clock_offset_s": "soon"},
    ],
)
def test_profile_that_makes_no_sense_is_refused_and_changes_nothing(body, tmp_path):
    async def story(standin: Here) -> None:
        before = await standin.get("/standin/profile")
        answer = await standin.post("/standin/profile", body)
        assert answer.json()["code"] == 1004
        assert answer.headers["X-Standin-Reason"]
        assert await standin.get("/standin/profile") == before

    play(tmp_path, story)


def test_profile_outlives_a_restart_and_that_of_the_start_wins(tmp_path):
    clock = Seconds()

    async def before(standin: Here) -> None:
        await profile(standin, profile="bad-day", echo_seed=False)
        await standin.fault("stuck")

    async def kept(standin: Here) -> None:
        shown = await standin.get("/standin/profile")
        assert (shown["profile"], shown["knobs"]["echo_seed"]) == ("bad-day", False)
        assert len(await standin.get("/standin/faults")) == len(PROFILES["bad-day"].faults) + 1

    async def plain(standin: Here) -> None:
        assert (await standin.get("/standin/profile"))["knobs"]["echo_seed"]
        assert [fault["fault"] for fault in await standin.get("/standin/faults")] == ["stuck"]

    play(tmp_path, before, clock=clock)
    play(tmp_path, kept, clock=clock)
    play(tmp_path, plain, clock=clock, profile="plain")


def test_restart_with_the_same_profile_fills_no_wallet_again(tmp_path):
    clock = Seconds()

    async def spend(standin: Here) -> None:
        await standin.finish(await standin.image())

    async def left(standin: Here) -> None:
        assert await standin.wallet() == (70.0, 0.0)

    play(tmp_path, spend, clock=clock, profile="poor")
    play(tmp_path, left, clock=clock, profile="poor")


def test_process_lists_its_profiles_and_refuses_an_unknown_one(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--profiles"])
    listed = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(f"{name} " in listed and entry.sentence in listed for name, entry in PROFILES.items())
    with pytest.raises(SystemExit):
        main(["--state", "/nowhere", "--profile", "nobody"])
    assert "nobody" in capsys.readouterr().err


def test_shares_of_a_mix_strike_about_as_often_as_they_say(tmp_path):
    async def story(standin: Here) -> None:
        faults: Faults = standin.service.faults
        faults.add({"fault": "http_503", "match": {"rate": 0.2, "on": "tasks_list"}})
        struck = [bool(faults.on_request("tasks_list")) for _ in range(500)]
        assert 70 <= sum(struck) <= 130
        assert len({index % 5 for index, hit in enumerate(struck) if hit}) == 5

    play(tmp_path, story)
