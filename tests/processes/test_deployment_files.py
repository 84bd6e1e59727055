"""The files in deployments/ fit the code, as far as that can be seen without a container engine."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import chain
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from catalog3d.adapters.guard import CHILDREN_S, GRACE_S
from catalog3d.adapters.prefect_environment import client_environment, server_environment
from catalog3d.home import Home
from catalog3d.settings import Settings
from tests.processes.processes import ROOT

DEPLOYMENTS = ROOT / "deployments"
OF_THE_HOME = {"CATALOG3D_HOME"}

UNKNOWN_TO_PREFECT = "import sys, prefect.settings as known; print([n for n in sys.argv[1:] if not hasattr(known, n)])"


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((DEPLOYMENTS / "compose.yaml").read_text())


def _server_env() -> dict[str, str]:
    lines = (DEPLOYMENTS / "server.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_server_env_says_what_our_own_server_gets(tmp_path):
    ours = server_environment(Home(root=tmp_path, catalog="live"), "http://127.0.0.1:4200/api", ui=True)
    assert {name: ours[name] for name in _server_env()} == _server_env()


def test_every_image_is_pinned(compose):
    images = {service["image"] for service in compose["services"].values()} - {"catalog3d:local"}
    images |= {line.split()[1] for line in (DEPLOYMENTS / "Dockerfile").read_text().splitlines() if line[:5] == "FROM "}
    assert all(any(digit.isdigit() for digit in image.partition(":")[2]) for image in images)
    assert not any(image.endswith(":latest") for image in images)


def test_nothing_listens_beyond_this_machine(compose):
    ports = chain.from_iterable(service.get("ports", []) for service in compose["services"].values())
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_is_written_down(compose):
    environments = (service.get("environment", {}) for service in compose["services"].values())
    secrets = [
        value for values in environments for name, value in values.items() if "KEY" in name or "PASSWORD" in name
    ]
    named_by_their_user = [value for value in secrets if value != "catalog3d"]
    assert named_by_their_user
    assert all("${" in value for value in named_by_their_user)


def test_our_settings_in_compose_exist(compose):
    names = {name for name in compose["x-worker-environment"] if name.startswith("CATALOG3D_")} - OF_THE_HOME
    unknown = [name for name in names if not _exists(Settings, name.removeprefix("CATALOG3D_").lower().split("__"))]
    assert unknown == []


def _exists(model: type[BaseModel], path: list[str]) -> bool:
    field = model.model_fields.get(path[0])
    if field is None or len(path) == 1:
        return field is not None
    return isinstance(field.annotation, type) and _exists(field.annotation, path[1:])


def test_every_prefect_setting_that_we_set_exists_in_the_installed_prefect(compose, tmp_path):
    home = Home(root=tmp_path, catalog="live")
    environment = {**client_environment(home, "http://x/api"), **server_environment(home, "http://x/api", ui=True)}
    environment |= {**_server_env(), **compose["x-worker-environment"], **compose["services"]["prefect"]["environment"]}
    names = sorted(
        name for name in environment if name.startswith("PREFECT_") and name != "PREFECT_PROFILE"
    )  # a choice, no setting

    told = subprocess.run(
        [sys.executable, "-c", UNKNOWN_TO_PREFECT, *names],
        env={"PREFECT_HOME": str(tmp_path / "prefect"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.strip() == "[]"
    assert len(names) > 20


def test_a_stopped_container_lets_its_flow_runs_end_in_order(compose):
    (line,) = [line for line in (DEPLOYMENTS / "Dockerfile").read_text().splitlines() if line.startswith("CMD ")]
    command, worker = json.loads(line.removeprefix("CMD ")), compose["services"]["worker"]
    guard, started = command[: command.index("--")], command[command.index("--") + 1 :]
    assert guard == ["python", "-m", "catalog3d.adapters.guard", "-", "-"]
    assert started[:3] == ["prefect", "worker", "start"]
    assert "command" not in worker
    assert worker["init"] is True
    assert float(worker["stop_grace_period"].removesuffix("s")) > CHILDREN_S + GRACE_S + 10


def test_dockerfile_installs_the_lock_that_there_is():
    words = (DEPLOYMENTS / "Dockerfile").read_text().split()
    assert (ROOT / words[words.index("-r") + 1]).is_file()
