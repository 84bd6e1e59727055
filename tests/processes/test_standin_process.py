"""The stand-in as a process of ours."""

from __future__ import annotations

import httpx
import pytest

from catalog3d.adapters.local_servers import StandinAddress, standin_server
from catalog3d.adapters.owned_server import health_of
from catalog3d.home import Home


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(root=tmp_path, catalog="rehearsal")


def _status_of_balance(address: StandinAddress, key: str) -> int:
    url = f"{address.url}/v3/account/balance"
    return httpx.get(url, headers={"Authorization": f"Bearer {key}"}, trust_env=False).status_code


@pytest.mark.server
def test_standin_opens_to_its_own_key_alone_and_ends_with_its_user(home):
    with standin_server(home) as address:
        assert _status_of_balance(address, address.api_key.get_secret_value()) == 200
        assert _status_of_balance(address, "tsk_of_somebody_else") == 401
    assert health_of(f"{address.url}/healthz") == 0


@pytest.mark.server
def test_standin_that_is_started_again_keeps_its_key_and_is_shared(home):
    with standin_server(home) as before:
        pass
    with standin_server(home) as first, standin_server(home) as second:
        assert first == second
        assert first.api_key == before.api_key
    assert (home.shared / "standin").is_dir()
