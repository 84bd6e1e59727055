"""The stand-in as a process of ours."""

from __future__ import annotations

import httpx
import pytest

from catalog3d.adapters.local_servers import StandinAddress, standin_server
from catalog3d.adapters.owned_server import health_of
from catalog3d.errors import RunError
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


def _profile_of(address: StandinAddress) -> str:
    headers = {"Authorization": f"Bearer {address.api_key.get_secret_value()}"}
    answer = httpx.get(f"{address.url}/standin/profile", headers=headers, trust_env=False)
    return str(answer.raise_for_status().json()["data"]["profile"])


@pytest.mark.server
def test_standin_has_a_profile_only_as_long_as_somebody_wants_it(home):
    with standin_server(home) as address:
        with standin_server(home, profile="poor,oldest-first") as same:
            assert same == address
            assert _profile_of(address) == "poor,oldest-first"
            with standin_server(home) as joined:
                assert _profile_of(joined) == "poor,oldest-first"
        assert _profile_of(address) == "plain"
    with standin_server(home, profile="shuffled") as started:
        assert _profile_of(started) == "shuffled"
    with standin_server(home) as later:
        assert _profile_of(later) == "plain"


def test_standin_with_an_unknown_profile_is_not_started(home):
    with pytest.raises(RunError, match="nobody") as refused, standin_server(home, profile="nobody"):
        pass
    assert refused.value.code == "PROFILE_UNKNOWN"
