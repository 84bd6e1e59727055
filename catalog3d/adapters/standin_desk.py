"""The stand-in's own pages, which Tripo does not have: its account profile, and what it has counted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from pydantic import SecretStr

from catalog3d.errors import RunError
from catalog3d.standin.profiles import PROFILES, unknown_names

TIMEOUT_S = 30.0

logger = logging.getLogger("catalog3d.standin")


def require_profiles(names: str) -> None:
    """Accept a profile, or several with commas between them.

    Raises:
        RunError: PROFILE_UNKNOWN.
    """
    if unknown := unknown_names(names):
        raise RunError(
            f"The stand-in has no account profile {unknown[0]!r}.",
            code="PROFILE_UNKNOWN",
            fix=f"Choose from {', '.join(PROFILES)}; `catalog3d standin --profiles` says what they do.",
        )


class StandinDesk:
    """Asks a stand-in about itself.

    Args:
        url: Root, without a path.
        api_key: Its key.
    """

    def __init__(self, url: str, api_key: SecretStr) -> None:
        self._url = url
        self._api_key = api_key

    def stats(self) -> dict[str, Any]:
        """Requests, tasks by brief, and the faults that struck.

        Raises:
            RunError: STANDIN_SILENT.
        """
        return self._ask("GET", "stats")

    @contextmanager
    def behaving(self, names: str) -> Iterator[None]:
        """These profiles are in force meanwhile, and afterwards what was before.

        Raises:
            RunError: STANDIN_SILENT.
        """
        before = self._ask("GET", "profile")
        if before["profile"] == names:
            yield
            return
        self._ask("POST", "profile", {"profile": names})
        try:
            yield
        finally:
            self._give_back(before)

    def _give_back(self, before: dict[str, Any]) -> None:
        try:
            self._ask("POST", "profile", {"profile": before["profile"], **before["knobs"]})
        except RunError as error:  # it has ended meanwhile, and takes its profile from whoever starts it next
            logger.warning("%s", error)

    def _ask(self, method: str, page: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._api_key.get_secret_value()}"}
        url = f"{self._url}/standin/{page}"
        try:
            answer = httpx.request(method, url, json=body, headers=headers, timeout=TIMEOUT_S, trust_env=False)
            data: dict[str, Any] = answer.raise_for_status().json()["data"]
        except (httpx.HTTPError, ValueError, KeyError) as exc:
            raise RunError(
                f"The stand-in at {self._url} does not answer about its {page} ({type(exc).__name__}).",
                code="STANDIN_SILENT",
                fix="Stop it if it runs, then start again.",
            ) from exc
        return data
