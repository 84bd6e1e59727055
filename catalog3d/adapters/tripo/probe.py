"""Looks at the API once and shows the whole answer, headers included: for a diagnosis, where a refusal is a result too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from catalog3d.adapters.tripo.channel import Channel, Patience, World
from catalog3d.adapters.tripo.failures import Answer, server_date
from catalog3d.errors import TransientError

PATIENCE = Patience(connect_s=10.0, answer_s=20.0)
"""A person waits for it; a run waits three to six times as long."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """One answer, and when it came by this machine's clock."""

    answer: Answer
    asked_at: datetime
    answered_at: datetime

    @property
    def clock_offset_s(self) -> float | None:
        """Server's clock minus ours in seconds, as exact as a `Date` of whole seconds can be; None without one."""
        told = server_date(self.answer)
        if told is None:
            return None
        between = self.asked_at + (self.answered_at - self.asked_at) / 2
        return (told - between).total_seconds() + 0.5  # the header leaves out the fraction: half a second on average


class Probe(Channel):
    """Requests that change nothing, each sent once."""

    def __init__(
        self, base_url: str, api_key: SecretStr, *, world: World | None = None, patience: Patience = PATIENCE
    ) -> None:
        super().__init__(base_url, api_key, world=world or World(), patience=patience)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def look(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Look:
        """Ask once; whatever is answered.

        Raises:
            TransientError: UNREACHABLE.
        """
        request = self._request(self._reads, method, path, json=json, params=params)
        asked_at = self._world.now()
        try:
            answer = await self._send(self._reads, request)
        except (httpx.HTTPError, TimeoutError) as exc:
            raise TransientError(
                f"{self.base.host} could not be reached ({type(exc).__name__}).",
                code="UNREACHABLE",
                fix="Check the network, its proxy, and CATALOG3D_TRIPO__BASE_URL.",
            ) from exc
        return Look(answer=answer, asked_at=asked_at, answered_at=self._world.now())
