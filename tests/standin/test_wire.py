"""What only a real connection shows: silence, too many bytes, and one clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from catalog3d.standin.server import StandinServer
from tests.standin.harness import AUTH, H31, png, served

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinServer]:
    with served(tmp_path_factory.mktemp("state"), time_scale=0.0001) as running:
        yield running


@pytest.fixture
def http(server: StandinServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=AUTH, trust_env=False) as client:
        yield client


def create(http: httpx.Client, fault: str = "", **options: Any) -> httpx.Response:
    if fault:
        http.post("/standin/faults", json={"fault": fault}).raise_for_status()
    token = http.post("/v3/files", files={"file": ("a.png", png(), "image/png")}).json()["data"]["file_token"]
    return http.post("/v3/generation/image-to-model", json={"input": token, "model": H31}, **options)


def result_url(http: httpx.Client, fault: str) -> str:
    task_id = create(http, fault).json()["data"]["task_id"]
    while not (url := http.get(f"/v3/tasks/{task_id}").json()["data"]["output"].get("model_url")):
        pass
    return str(url)


def test_create_that_hangs_runs_into_the_timeout_and_its_task_is_made(http):
    before = len(http.get("/standin/tasks").json()["data"])
    with pytest.raises(httpx.ReadTimeout):
        create(http, "hang_after_create", timeout=0.3)
    after = http.get("/standin/tasks").json()["data"]
    assert (len(after) - before, after[-1]["lost_answer"]) == (1, "hang")


def test_query_that_hangs_is_cut_after_its_time(http):
    http.post("/standin/faults", json={"fault": "hang:0", "match": {"on": "balance"}}).raise_for_status()
    with pytest.raises(httpx.RemoteProtocolError):
        http.get("/v3/account/balance")
    assert http.get("/v3/account/balance").status_code == 200


def test_oversized_download_has_no_length_and_does_not_end_soon(http):
    received = 0
    with httpx.stream("GET", result_url(http, "oversized_download"), trust_env=False) as answer:
        assert "Content-Length" not in answer.headers
        for piece in answer.iter_bytes():
            received += len(piece)
            if received > 20_000_000:
                break
    assert received > 20_000_000


def test_oversized_length_promises_more_than_comes(http):
    with httpx.stream("GET", result_url(http, "oversized_length"), trust_env=False) as answer:
        assert int(answer.headers["Content-Length"]) == 10_000_000_000
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()


def test_every_answer_tells_the_time_once(http):
    for answer in (http.get("/healthz"), http.get("/v3/account/balance"), http.get("/nowhere")):
        assert len(answer.headers.get_list("Date")) == 1
