"""The provider's wallet, asked once before a plan is held against it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from catalog3d.adapters.tripo.client import TripoClient
from catalog3d.errors import RunError, TransientError
from catalog3d.settings import Settings


def wallet_of(settings: Settings) -> Callable[[], Decimal]:
    """How to ask Tripo for the credits available. Blocks: call it where no event loop runs.

    The function raises RunError: GENERATOR_UNREACHABLE, KEY_REFUSED, KEY_MISSING.
    """
    return lambda: asyncio.run(_available(settings))


async def available_credits(client: TripoClient) -> Decimal:
    """The credits that an account can spend now.

    Raises:
        RunError: GENERATOR_UNREACHABLE, KEY_REFUSED.
    """
    try:
        return (await client.balance()).available
    except TransientError as error:
        raise RunError(
            f"The server that makes the models does not answer: {error.message}",
            code="GENERATOR_UNREACHABLE",
            fix="Check CATALOG3D_TRIPO__BASE_URL and the network, then run again.",
        ) from error


async def _available(settings: Settings) -> Decimal:
    key = settings.tripo_key
    if key is None:
        raise RunError("There is no Tripo key.", code="KEY_MISSING", fix="Set CATALOG3D_TRIPO__API_KEY.")
    client = TripoClient(base_url=settings.tripo.base_url, api_key=key)
    try:
        return await available_credits(client)
    finally:
        await client.close()
