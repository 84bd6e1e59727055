"""What a Prefect server says about itself, its deployments and the workers that would run them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from catalog3d.errors import RunError

TIMEOUT_S = 10.0
"""For a server elsewhere, which may have to wake up."""
MAX_ROWS = 200
"""Prefect's own limit for one page."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Deployment(_Row):
    name: str
    tags: list[str] = []
    work_pool_name: str | None = None


class Pool(_Row):
    """A work pool; `status` is READY while a worker of it was heard of lately (Prefect 3.8)."""

    name: str
    type: str = ""
    is_paused: bool = False
    status: str | None = None


class Worker(_Row):
    name: str
    status: str = ""


@dataclass(frozen=True, kw_only=True)
class PrefectLook:
    """One server.

    Attributes:
        version: Of the server.
        deployments: Those with the tag that all of ours carry.
        pools: Name -> pool, or None for a pool that a deployment names and the server does not have.
        online: Pool name -> workers that were heard of lately.
    """

    version: str
    deployments: tuple[Deployment, ...]
    pools: Mapping[str, Pool | None]
    online: Mapping[str, tuple[str, ...]]


def look_at_prefect(api_url: str, *, key: str = "", auth: str = "", tag: str = "catalog3d") -> PrefectLook:
    """Ask a server.

    Args:
        key: PREFECT_API_KEY of the person's environment.
        auth: PREFECT_API_AUTH_STRING, as `user:password`.

    Raises:
        RunError: PREFECT_UNREACHABLE, PREFECT_REFUSED, PREFECT_ODD (the server of another version answers otherwise).
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    user, _, password = auth.partition(":")
    with httpx.Client(
        base_url=api_url.rstrip("/") + "/",
        headers=headers,
        auth=(user, password) if auth else None,
        timeout=TIMEOUT_S,
        follow_redirects=False,
    ) as client:
        version = _ask(client, "GET", "admin/version", str)
        wanted = {"limit": MAX_ROWS, "deployments": {"tags": {"all_": [tag]}}}
        deployments = _ask(client, "POST", "deployments/filter", list[Deployment], wanted)
        names = sorted({one.work_pool_name for one in deployments if one.work_pool_name})
        pools = {name: _ask(client, "GET", f"work_pools/{name}", Pool, missing=True) for name in names}
        online = {
            name: tuple(
                worker.name
                for worker in _ask(client, "POST", f"work_pools/{name}/workers/filter", list[Worker], {})
                if worker.status == "ONLINE"
            )
            for name, pool in pools.items()
            if pool is not None
        }
    return PrefectLook(version=version, deployments=tuple(deployments), pools=pools, online=online)


def _ask(
    client: httpx.Client, method: str, path: str, kind: Any, body: Any | None = None, *, missing: bool = False
) -> Any:
    try:
        answer = client.request(method, path, json=body)
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise RunError(
            f"The Prefect server does not answer ({type(exc).__name__}).",
            code="PREFECT_UNREACHABLE",
            fix="Start it, or unset PREFECT_API_URL: then one is started here.",
        ) from exc
    if answer.status_code in {401, 403}:
        raise RunError(
            f"The Prefect server wants to know who we are (HTTP {answer.status_code}).",
            code="PREFECT_REFUSED",
            fix="Set PREFECT_API_KEY or PREFECT_API_AUTH_STRING as its owner says.",
        )
    if answer.status_code >= 500:
        raise RunError(
            f"The Prefect server is there and cannot answer now (HTTP {answer.status_code}): it is starting or busy.",
            code="PREFECT_UNREACHABLE",
            fix="Try again in a minute; its own log says more.",
        )
    if missing and answer.status_code == 404:
        return None
    try:
        return TypeAdapter(kind).validate_json(answer.raise_for_status().content)
    except (httpx.HTTPError, ValidationError) as exc:
        raise RunError(
            f"The Prefect server answers {path} in a way that this version does not know (HTTP {answer.status_code}).",
            code="PREFECT_ODD",
            fix="Run the same Prefect version on the server as here.",
        ) from exc
