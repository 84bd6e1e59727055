"""Our client against our stand-in over a real connection: what one sends the other understands, faults included."""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from catalog3d.adapters.tripo import Patience, TripoClient
from catalog3d.brief import Brief, Picture, Source, make_brief, texture_brief
from catalog3d.errors import (
    NeedsPersonError,
    NotSentError,
    ProductError,
    RunError,
    SubmissionUnknown,
    TransientError,
    UrlExpiredError,
)
from catalog3d.ledger import SOURCE
from catalog3d.ports import Generator, PreparedView, TaskDetail, TaskState
from catalog3d.prices import price_of
from catalog3d.rules import TripoRules
from catalog3d.standin.config import DEFAULT_KEY
from catalog3d.standin.server import StandinServer
from tests.standin.harness import AUTH, png, served

pytestmark = pytest.mark.server


class Desk:
    """One server and what a test does with it."""

    def __init__(self, server: StandinServer, folder: Path) -> None:
        self.url = server.url
        self.folder = folder
        self._pictures = 0

    def client(self, key: str = DEFAULT_KEY) -> TripoClient:
        patience = Patience(first_wait_s=0.02, longest_wait_s=0.05, stall_s=0.5)
        return TripoClient(base_url=self.url, api_key=SecretStr(key), patience=patience)

    def view(self, slot: str = "front") -> PreparedView:
        self._pictures += 1
        content = png(self._pictures)
        path = self.folder / f"{self._pictures}.png"
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        return PreparedView(
            slot=slot,
            path=path,
            file_sha256=digest,
            pixels_sha256=digest,
            mime="image/png",
            width_px=32,
            height_px=32,
            size_bytes=len(content),
        )

    def fault(self, fault: str, **match: Any) -> None:
        body = {"match": match, "fault": fault}
        httpx.post(f"{self.url}/standin/faults", json=body, headers=AUTH, trust_env=False).raise_for_status()

    def stats(self) -> Any:
        return httpx.get(f"{self.url}/standin/stats", headers=AUTH, trust_env=False).json()["data"]

    def play(self, story: Callable[[TripoClient], Awaitable[None]]) -> None:
        async def main() -> None:
            async with self.client() as client:
                await asyncio.wait_for(story(client), 30)

        asyncio.run(main())

    async def order(self, client: Generator, seed: int = 1) -> tuple[Brief, dict[str, str]]:
        view = self.view()
        picture = Picture(slot="front", pixels_sha256=view.pixels_sha256)
        return make_brief(TripoRules(), (picture,)), {"front": await client.upload(view)}


async def final(client: Generator, task_id: str) -> TaskDetail:
    while True:
        detail = (await client.tasks([task_id]))[task_id]
        if detail.state.is_final:
            return detail
        await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinServer]:
    with served(tmp_path_factory.mktemp("state"), time_scale=0.001, creations_per_minute=None) as running:
        yield running


@pytest.fixture
def desk(server: StandinServer, tmp_path: Path) -> Desk:
    return Desk(server, tmp_path)


def test_photo_becomes_a_checked_file_on_disk(desk):
    async def story(client: TripoClient) -> None:
        before = await client.balance()
        brief, tokens = await desk.order(client)
        submitted = await client.submit(brief, tokens, 4711)
        assert submitted.request_id
        assert submitted.server_date is not None
        detail = await final(client, submitted.task_id)
        assert detail.state is TaskState.SUCCESS
        assert detail.credits_consumed == Decimal(30)
        assert detail.echo["model_seed"] == "4711"
        assert detail.echo["input"] == tokens["front"]
        done = await client.download(detail.model_url, desk.folder / "out" / "model.glb", 10_000_000)
        content = done.path.read_bytes()
        assert struct.unpack("<4sII", content[:12]) == (b"glTF", 2, done.size_bytes)
        assert hashlib.sha256(content).hexdigest() == done.sha256
        after = await client.balance()
        assert before.available - after.available == Decimal(30)
        assert submitted.task_id in {row.task_id for row in await client.usage()}

    desk.play(story)


def test_views_and_text_are_understood(desk):
    async def story(client: TripoClient) -> None:
        views = [desk.view("front"), desk.view("left")]
        pictures = tuple(Picture(slot=view.slot, pixels_sha256=view.pixels_sha256) for view in views)
        tokens = {view.slot: await client.upload(view) for view in views}
        several = await client.submit(make_brief(TripoRules(), pictures), tokens, 1)
        assert (await final(client, several.task_id)).type == "multiview_to_model"
        small = TripoRules(model="P1-20260311", face_limit=5000)
        text = await client.submit(make_brief(small, (), "a brass lamp"), {}, 2)
        assert (await final(client, text.task_id)).credits_consumed == Decimal(40)

    desk.play(story)


def test_another_surface_is_ordered_by_the_task_of_the_model(desk):
    async def story(client: TripoClient) -> None:
        brief, tokens = await desk.order(client)
        model = await final(client, (await client.submit(brief, tokens, 1)).task_id)
        source = Source(digest=brief.digest, raw_sha256="e" * 64)
        ordered = texture_brief(source, "dark walnut", quality="detailed")
        texture = await final(client, (await client.submit(ordered, {SOURCE: model.task_id}, 99)).task_id)
        assert (texture.type, texture.credits_consumed) == ("texture_model", price_of(ordered))
        assert texture.echo["texture_seed"] == "99"
        assert texture.echo["input"] == model.task_id
        assert texture.echo["texture_prompt.text"] == "dark walnut"
        with pytest.raises(ProductError) as caught:
            await client.submit(ordered, {}, 100)
        assert caught.value.code == "REQUEST_INVALID"

    desk.play(story)


def test_a_surface_for_a_task_that_is_not_there_any_more_is_refused_and_costs_nothing(desk):
    async def story(client: TripoClient) -> None:
        ordered = texture_brief(Source(digest="d" * 64, raw_sha256="e" * 64), "dark walnut")
        before = await client.balance()
        with pytest.raises(ProductError) as caught:
            await client.submit(ordered, {SOURCE: "0196f4ce-82a8-7ddb-970f-6a940e17c830"}, 1)
        assert caught.value.code == "TASK_NOT_FOUND"
        assert await client.balance() == before

    desk.play(story)


def test_conversion_is_ordered_and_fetched(desk):
    async def story(client: TripoClient) -> None:
        brief, tokens = await desk.order(client)
        model = await final(client, (await client.submit(brief, tokens, 1)).task_id)
        converted = await final(client, (await client.convert(model.task_id, "OBJ")).task_id)
        done = await client.download(converted.model_url, desk.folder / "model.zip", 10_000_000)
        assert done.path.read_bytes()[:2] == b"PK"
        with pytest.raises(ProductError) as caught:
            await client.convert(model.task_id, "USDZ")
        assert caught.value.code == "TRIPO_2002"

    desk.play(story)


@pytest.mark.parametrize("fault", ["drop", "http_502", "http_504", "html", "bad_json"])
@pytest.mark.parametrize("moment", ["", "_after_create"])
def test_lost_answer_is_unknown_whether_or_not_the_task_was_made(desk, fault, moment):
    before = desk.stats()

    async def story(client: TripoClient) -> None:
        brief, tokens = await desk.order(client)
        desk.fault(fault + moment, model_seed=99)
        with pytest.raises(SubmissionUnknown):
            await client.submit(brief, tokens, 99)

    desk.play(story)
    after = desk.stats()
    assert after["create_posts"] - before["create_posts"] == 1
    assert after["created"] - before["created"] == (1 if moment else 0)


def test_orphan_of_a_lost_answer_is_recognised_by_seed_and_token(desk):
    async def story(client: TripoClient) -> None:
        brief, tokens = await desk.order(client)
        desk.fault("drop_after_create", model_seed=31337)
        with pytest.raises(SubmissionUnknown):
            await client.submit(brief, tokens, 31337)
        details = [await client.task(row.task_id) for row in await client.usage(limit=5)]
        (mine,) = [detail for detail in details if detail.echo.get("model_seed") == "31337"]
        assert mine.echo["input"] == tokens["front"]
        assert mine.echo["model"] == brief.model

    desk.play(story)


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("reject:1004", ProductError, "TRIPO_1004"),
        ("reject:2008", ProductError, "TRIPO_2008"),
        ("reject:2010", RunError, "NO_CREDITS"),
        ("reject:1005", RunError, "ACCESS_REFUSED"),
        ("reject:2", RunError, "KEY_REFUSED"),
        ("reject:1007", NotSentError, "RATE_LIMITED"),
        ("reject:2000", NotSentError, "SLOTS_FULL"),
        ("reject:1000", SubmissionUnknown, "SUBMISSION_UNKNOWN"),
    ],
)
def test_refusals_arrive_as_their_errors(desk, fault, error, code):
    async def story(client: TripoClient) -> None:
        brief, tokens = await desk.order(client)
        desk.fault(fault, model_seed=55)
        with pytest.raises(error) as caught:
            await client.submit(brief, tokens, 55)
        assert caught.value.code == code
        if error is NotSentError:
            assert caught.value.retry_after_s == 1.0

    desk.play(story)


@pytest.mark.parametrize(
    ("fault", "state", "code"),
    [
        ("fail:2008", TaskState.FAILED, "2008"),
        ("async_1004", TaskState.FAILED, "1004"),
        ("banned", TaskState.BANNED, ""),
        ("expired", TaskState.EXPIRED, ""),
        ("cancelled", TaskState.CANCELLED, ""),
    ],
)
def test_bad_ends_arrive_as_their_states(desk, fault, state, code):
    async def story(client: TripoClient) -> None:
        brief, tokens = await desk.order(client)
        desk.fault(fault, model_seed=66)
        detail = await final(client, (await client.submit(brief, tokens, 66)).task_id)
        assert (detail.state, detail.error_code, detail.model_url) == (state, code, "")

    desk.play(story)


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("truncate_download", TransientError, ""),
        ("short_download", TransientError, "DOWNLOAD_TRUNCATED"),
        ("stalled_download", TransientError, "DOWNLOAD_BROKEN"),
        ("wrong_file", ProductError, "WRONG_FILE"),
        ("url_403", UrlExpiredError, "URL_EXPIRED"),
        ("url_404", UrlExpiredError, "URL_EXPIRED"),
    ],
)
def test_bad_downloads_leave_nothing_and_the_next_one_is_whole(desk, fault, error, code):
    async def story(client: TripoClient) -> None:
        brief, tokens = await desk.order(client)
        desk.fault(fault, model_seed=77)
        detail = await final(client, (await client.submit(brief, tokens, 77)).task_id)
        target = desk.folder / "out" / "model.glb"
        with pytest.raises(error) as caught:
            await client.download(detail.model_url, target, 10_000_000)
        assert not code or caught.value.code == code
        assert not target.exists()
        assert list(target.parent.iterdir() if target.parent.exists() else []) == []
        fresh = await client.task(detail.task_id)
        assert (await client.download(fresh.model_url, target, 10_000_000)).size_bytes > 0

    desk.play(story)


def test_other_key_is_refused_and_its_tasks_are_not_found(desk):
    async def story(client: TripoClient) -> None:
        with pytest.raises(NeedsPersonError) as caught:
            await client.task("0196f4ce-82a8-7ddb-970f-6a940e17c830")
        assert caught.value.code == "TASK_NOT_FOUND"
        async with desk.client(key="tsk_other") as stranger:
            with pytest.raises(RunError) as refused:
                await stranger.balance()
        assert refused.value.code == "KEY_REFUSED"

    desk.play(story)


def test_fifty_tasks_at_once_are_polled_in_one_call(desk):
    async def story(client: TripoClient) -> None:
        brief, tokens = await desk.order(client)
        made: list[str] = []
        while len(made) < 50:
            try:
                made.append((await client.submit(brief, tokens, len(made))).task_id)
            except NotSentError:
                await asyncio.sleep(0.02)
        found = await client.tasks(made)
        assert list(found) == made

    desk.play(story)
