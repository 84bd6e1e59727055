"""A worker that is suspended in the middle of a transaction does not stop all others for good."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, text

from catalog3d.adapters.registry import engine as engines
from catalog3d.adapters.registry.alone import alone
from catalog3d.errors import TransientError
from tests.postgres_server import fresh_database

pytestmark = pytest.mark.server


@contextmanager
def opened(server: str) -> Iterator[Engine]:
    with fresh_database(server) as url:
        engine = engines.open_engine(url)
        try:
            yield engine
        finally:
            engine.dispose()


def asleep_in_its_transaction(engine: Engine, seconds: float) -> None:
    with engines.write(engine) as session:
        engines.serialise(session, "intent:x")
        time.sleep(seconds)
        session.execute(text("SELECT 1"))


def test_others_are_told_that_the_registry_is_busy(postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_BUSY_TIMEOUT_S", 1)
    with opened(postgres_server) as engine, ThreadPoolExecutor(1) as pool:
        sleeper = pool.submit(asleep_in_its_transaction, engine, 4)
        time.sleep(0.5)
        with pytest.raises(TransientError) as caught, engines.write(engine) as session:
            engines.serialise(session, "intent:x")
        assert caught.value.code == "REGISTRY_BUSY"
        sleeper.result()


def test_a_sleeper_is_let_go_of_and_cannot_go_on_when_it_wakes(
    postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_IDLE_TIMEOUT_S", 1)
    with opened(postgres_server) as engine, ThreadPoolExecutor(1) as pool:
        sleeper = pool.submit(asleep_in_its_transaction, engine, 4)
        time.sleep(0.5)
        with engines.write(engine) as session:
            engines.serialise(session, "intent:x")
        assert not sleeper.done()
        with pytest.raises(TransientError):
            sleeper.result()


def test_work_that_is_longer_than_a_transaction_is_waited_for(
    postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_BUSY_TIMEOUT_S", 1)
    monkeypatch.setattr(engines, "_IDLE_TIMEOUT_S", 1)
    with opened(postgres_server) as engine, ThreadPoolExecutor(1) as pool:

        def long_work() -> None:
            with alone(engine, "decisions"):
                time.sleep(3)

        working = pool.submit(long_work)
        time.sleep(0.5)
        with alone(engine, "decisions"):
            assert working.done() or working.result() is None
