"""What our Prefect processes see of the user's environment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catalog3d.adapters.prefect_environment import client_environment, command_environment, server_environment
from catalog3d.home import Home

URL = "http://127.0.0.1:4321/api"


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(root=tmp_path, catalog="live")


def test_everything_of_prefect_lies_in_the_home(home):
    environment = client_environment(home, URL)
    for name in ("PREFECT_HOME", "PREFECT_PROFILES_PATH", "PREFECT_LOGGING_SETTINGS_PATH"):
        assert environment[name].startswith(str(home.shared))
    assert "[profiles.catalog3d]" in (home.prefect / "profiles.toml").read_text()
    assert environment["PREFECT_PROFILE"] == "catalog3d"


@pytest.mark.parametrize(
    "make", [client_environment, command_environment, lambda h, u: server_environment(h, u, ui=True)]
)
def test_telemetry_is_off_and_no_other_server_can_be_started(home, make):
    environment = make(home, URL)
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] == "false"
    assert environment["PREFECT_API_URL"] == URL


def test_server_of_ours_sees_no_prefect_setting_and_no_key_of_the_user(home, monkeypatch):
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql://theirs")
    monkeypatch.setenv("PREFECT_API_KEY", "pnu_secret")
    monkeypatch.setenv("TRIPO_API_KEY", "tsk_secret")
    monkeypatch.setenv("CATALOG3D_STORE__SECRET_KEY", "store_secret")

    values = json.dumps(server_environment(home, URL, ui=False))

    assert "theirs" not in values
    assert "secret" not in values


def test_worker_of_ours_sees_our_keys_and_home_but_no_prefect_setting_of_the_user(home, monkeypatch):
    monkeypatch.setenv("PREFECT_API_KEY", "pnu_secret")
    monkeypatch.setenv("CATALOG3D_TRIPO__API_KEY", "tsk_ours")

    environment = command_environment(home, URL)

    assert "PREFECT_API_KEY" not in environment
    assert environment["CATALOG3D_TRIPO__API_KEY"] == "tsk_ours"
    assert environment["CATALOG3D_HOME"] == str(home.root)


def test_proxy_is_not_asked_for_our_own_servers(home):
    environment = client_environment(home, URL, inherited={"no_proxy": "intranet.example, localhost"})
    assert environment["NO_PROXY"] == environment["no_proxy"] == "intranet.example,localhost,127.0.0.1,::1"


def test_server_writes_task_runs_in_batches(home):
    environment = server_environment(home, URL, ui=False)
    assert environment["PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE"] == "100"
    assert environment["PREFECT_SERVER_UI_ENABLED"] == "false"


def test_prefect_logs_to_a_bounded_file_and_to_the_api_and_nowhere_else(home):
    path = Path(client_environment(home, URL)["PREFECT_LOGGING_SETTINGS_PATH"])
    handlers = json.loads(path.read_text())["handlers"]
    assert {name: handler["class"].rpartition(".")[2] for name, handler in handlers.items()} == {
        "file": "RotatingFileHandler",
        "api": "APILogHandler",
        "worker_api": "WorkerAPILogHandler",
    }
    assert handlers["file"]["maxBytes"] > 0
