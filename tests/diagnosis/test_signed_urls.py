"""How long an address lives is read from the query of each kind of CDN that results were seen to come from."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from catalog3d.diagnosis.signed_urls import expiry_of

ENDS = datetime(2026, 11, 22, 17, 15, 12, tzinfo=UTC)
EPOCH = int(ENDS.timestamp())
POLICY = base64.b64encode(
    json.dumps({"Statement": [{"Condition": {"DateLessThan": {"AWS:EpochTime": EPOCH}}}]}).encode()
).decode()


@pytest.mark.parametrize(
    "query",
    [
        f"auth_key={EPOCH}-0-0-3f2a",
        f"Expires={EPOCH}&Signature=x&Key-Pair-Id=K",
        f"expires={EPOCH}.000&nonce=1&signature=x",
        "X-Amz-Date=20261122T171012Z&X-Amz-Expires=300&X-Amz-Signature=x",
        "Policy=" + POLICY.translate(str.maketrans("+=/", "-_~")) + "&Signature=x",
    ],
)
def test_the_end_of_an_address_is_read_from_its_query(query: str) -> None:
    assert expiry_of(f"https://tripo-data.rg1.data.tripo3d.com/a/model.glb?{query}") == ENDS


@pytest.mark.parametrize(
    "query",
    ["", "Expires=tomorrow", "Expires=99999999999999", "X-Amz-Date=x&X-Amz-Expires=300", "Policy=%00", "auth_key=a-b",
     "X-Amz-Date=20261122T171012Z&X-Amz-Expires=99999999999999999999", "Policy=W10_"],
)  # fmt: skip
def test_an_address_that_does_not_say_has_no_end(query: str) -> None:
    assert expiry_of(f"https://cdn.tripo3d.ai/model.glb?{query}") is None
