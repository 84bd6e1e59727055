"""Tripo's API v3 as the `Generator` of the stages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from catalog3d.adapters.tripo.answers import (
    BalanceAnswer,
    CreatedAnswer,
    FileAnswer,
    TaskAnswer,
    task_map,
    usage_rows,
)
from catalog3d.adapters.tripo.channel import Channel, Patience, World
from catalog3d.adapters.tripo.download import Downloads
from catalog3d.adapters.tripo.failures import Answer, server_date, unclear
from catalog3d.adapters.tripo.requests import convert_request, generation_request
from catalog3d.brief import Brief
from catalog3d.errors import ProductError
from catalog3d.ports import (
    MOST_LISTED_TASKS,
    MOST_USAGE_ROWS,
    Balance,
    Clock,
    Downloaded,
    PreparedView,
    Submitted,
    TaskDetail,
    UsageRow,
)
from catalog3d.settings import TRIPO_DOWNLOAD_HOSTS

# Tripo v3 documentation: images up to 20 MB.
MAX_UPLOAD_BYTES = 20_000_000
_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg"}

logger = logging.getLogger("catalog3d.tripo")


class _UtcClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class TripoClient:
    """One account at one API host. Implements `catalog3d.ports.Generator`.

    The key goes to the API host only. Proxies of the environment are used for https and never on loopback.

    Args:
        base_url: https, or http on loopback, without a path.
        download_hosts: Where results may come from, beside the host of `base_url`.
        transport: Instead of the real network, for tests.

    Raises:
        RunError: BASE_URL_INVALID, KEY_REFUSED (no characters of a key).
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: SecretStr,
        download_hosts: Iterable[str] = TRIPO_DOWNLOAD_HOSTS,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        patience: Patience | None = None,
    ) -> None:
        world = World(now=(clock or _UtcClock()).now, sleep=sleep, transport=transport)
        if chance is not None:
            world = World(now=world.now, sleep=sleep, chance=chance, transport=transport)
        patience = patience or Patience()
        self._now = world.now
        self._channel = Channel(base_url, api_key, world=world, patience=patience)
        self._downloads = Downloads(self._channel.base, download_hosts, world=world, patience=patience)

    def __repr__(self) -> str:
        return f"TripoClient({self._channel.base})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._channel.close()
        await self._downloads.close()

    async def balance(self) -> Balance:
        def understand(data: Any) -> Balance:
            return BalanceAnswer.model_validate(data).to_balance()

        return await self._channel.read("GET", "/v3/account/balance", understand)

    async def usage(self, limit: int = 50, offset: int = 0) -> tuple[UsageRow, ...]:
        """One page of the account's tasks (1 to 200 rows); Tripo promises no order."""
        params = {"limit": min(max(limit, 1), MOST_USAGE_ROWS), "offset": max(offset, 0)}
        return await self._channel.read("GET", "/v3/account/usage", usage_rows, params=params)

    def server_now(self) -> datetime:
        return self._channel.server_now()

    async def upload(self, view: PreparedView) -> str:
        """Upload one picture.

        Raises:
            ProductError: PHOTO_TOO_LARGE, PHOTO_UNREADABLE, or the API's refusal.
            TransientError: Not reached, or no free upload within half an hour.
        """
        if view.size_bytes > MAX_UPLOAD_BYTES:
            raise ProductError(
                f"The {view.slot} picture has {view.size_bytes} bytes; Tripo takes {MAX_UPLOAD_BYTES}.",
                code="PHOTO_TOO_LARGE",
                fix="Save it smaller.",
            )
        try:
            content = await asyncio.to_thread(_read_at_most, view.path, MAX_UPLOAD_BYTES)
        except OSError as exc:
            raise ProductError(
                f"The prepared {view.slot} picture could not be read.",
                code="PHOTO_UNREADABLE",
                fix="Run again: it is prepared anew from its source.",
            ) from exc
        name = f"{view.slot}.{_EXTENSIONS.get(view.mime, 'bin')}"

        def understand(data: Any) -> str:
            return FileAnswer.model_validate(data).file_token

        return await self._channel.upload("/v3/files", (name, content, view.mime), understand)

    async def submit(self, brief: Brief, tokens: Mapping[str, str], model_seed: int) -> Submitted:
        path, body = generation_request(brief, tokens, model_seed)
        return await self._buy(path, body)

    async def convert(self, source: str, target_format: str, params: Mapping[str, Any] | None = None) -> Submitted:
        """Order a conversion: paid, with the same errors as `submit`.

        Args:
            source: Task id or file token.
            target_format: GLTF, USDZ, FBX, OBJ, STL or 3MF; "GLTF" gives a .glb, "OBJ" a .zip.
        """
        path, body = convert_request(source, target_format, params or {})
        return await self._buy(path, body)

    async def task(self, task_id: str) -> TaskDetail:
        """What is known of one task.

        Raises:
            NeedsPersonError: TASK_NOT_FOUND. It is not known to be unpaid: another key may have made it.
        """

        def understand(data: Any) -> TaskDetail:
            detail = TaskAnswer.model_validate(data).to_detail()
            if detail.task_id != task_id:
                raise ValueError("the answer is about another task")
            return detail

        return await self._channel.read("GET", f"/v3/tasks/{quote(task_id, safe='')}", understand)

    async def tasks(self, task_ids: Sequence[str]) -> Mapping[str, TaskDetail]:
        """Up to 100 tasks in one call; ids that the provider missed are left out.

        Raises:
            ValueError: More than 100 ids.
        """
        if len(task_ids) > MOST_LISTED_TASKS:
            raise ValueError(f"{len(task_ids)} task ids, at most {MOST_LISTED_TASKS} fit in one call")
        if not task_ids:
            return {}
        body = {"task_ids": list(task_ids)}
        found = await self._channel.read("POST", "/v3/tasks/list", task_map, json=body)
        return {task_id: found[task_id] for task_id in task_ids if task_id in found}

    async def download(self, url: str, target: Path, max_bytes: int) -> Downloaded:
        return await self._downloads.fetch(url, target, max_bytes)

    async def _buy(self, path: str, body: dict[str, Any]) -> Submitted:
        answer = await self._channel.pay(path, body)
        try:
            task_id = CreatedAnswer.model_validate(answer.data).task_id
        except ValueError as exc:
            raise unclear(answer, paid=True, now=self._now()) from exc
        self._log(path, body, task_id, answer)
        return Submitted(
            task_id=task_id,
            request_id=answer.request_id,
            trace_id=answer.trace_id,
            server_date=server_date(answer),
        )

    @staticmethod
    def _log(path: str, body: Mapping[str, Any], task_id: str, answer: Answer) -> None:
        # An input may be a signed URL, so that the inputs stay out of the log.
        sent = {
            name: value for name, value in body.items() if name not in {"input", "inputs", "prompt", "texture_prompt"}
        }
        logger.info("%s %s made task %s: %s", path, sent, task_id, answer.evidence)


def _read_at_most(path: Path, size_bytes: int) -> bytes:
    with path.open("rb") as file:
        content = file.read(size_bytes + 1)
    if len(content) > size_bytes:
        raise OSError("larger than it was when prepared")
    return content
