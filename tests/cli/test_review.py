"""`catalog3d review` as a person starts and ends it."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import httpx
import pytest

from catalog3d.adapters.owned_server import free_port
from tests.pipeline.team import Team
from tests.processes.processes import eventually


def team(folder: Path, port: int, host: str = "127.0.0.1") -> Team:
    folder.mkdir()
    return Team(
        folder=folder,
        environment={"CATALOG3D_REVIEW__PORT": str(port), "CATALOG3D_REVIEW__HOST": host, "COLUMNS": "200"},
    )


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_when_asked(tmp_path: Path, ending: signal.Signals) -> None:
    port = free_port()
    running = team(tmp_path / "shop", port).start("review")
    try:
        assert eventually(lambda: answers(f"http://127.0.0.1:{port}/queue"), within_s=60)
        os.kill(running.pid, ending)
        _, said = running.communicate(timeout=30)
    finally:
        running.kill()
    assert f"Review at http://127.0.0.1:{port}" in said
    assert "What was decided is kept." in said
    assert running.returncode == 0


def test_a_taken_port_is_one_sentence_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = team(tmp_path / "shop", port)("review")
    assert said.code == 2
    assert f"PORT_IN_USE  Port {port} of 127.0.0.1 is taken" in said.stderr
    assert "CATALOG3D_REVIEW__PORT" in said.stderr


def test_it_is_not_opened_to_others_without_users(tmp_path: Path) -> None:
    said = team(tmp_path / "shop", free_port(), host="0.0.0.0")("review")
    assert said.code == 2
    assert "REVIEW_" in said.stderr
