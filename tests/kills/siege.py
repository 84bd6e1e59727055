"""Runs that are killed at random moments and started again until they finish by themselves."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DatabaseError

from catalog3d.adapters.stores import open_store
from catalog3d.home import Home
from catalog3d.settings import StoreSettings
from tests.kills.judging import Books, Tally, Verdict, judge, read_books
from tests.kills.moments import LONGEST_LIFE_S, LOOK_S, can_be_written, some_moment, step_taken, unfinished
from tests.kills.team import Catalog, Life
from tests.pipeline.team import KEY

CUTS: tuple[Mapping[str, Any], ...] = (
    {"fault": "drop_after_create", "match": {"rate": 0.08}},
    {"fault": "http_502_after_create", "match": {"rate": 0.04}},
    {"fault": "drop", "match": {"rate": 0.05}},
    {"fault": "drop", "match": {"rate": 0.03, "on": "upload"}},
    {"fault": "drop", "match": {"rate": 0.02, "on": "tasks_list"}},
    {"fault": "truncate_download", "match": {"rate": 0.1}},
)
"""Connections that are cut, with and without a paid task behind them."""

_BETWEEN_RUNS_S = 5.0


def lookups_scaled(scale: float, *, longest_task_s: float = 1800.0) -> dict[str, str]:
    """Settings of a team whose provider's time runs faster by `scale`: how long lost answers are looked for."""
    settings = {
        "ABSENT_AFTER_S": max(5.0, 180 * scale),  # `Date` counts whole seconds, so no proof is quicker
        "LOOK_APART_S": max(0.5, 30 * scale),
        "DEADLINE_S": max(10.0, longest_task_s * scale),
        "POLL_S": 0.2,
    }
    money = {"CATALOG3D_BUDGET__RUN": "1000000", "CATALOG3D_BUDGET__DAY": "1000000"}
    return {f"CATALOG3D_TRIPO__{name}": str(value) for name, value in settings.items()} | money


@dataclass(frozen=True, kw_only=True)
class Account:
    """The stand-in's own side, which no client sees."""

    url: str

    def tasks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("GET", "tasks")
        return found

    def usage_reads(self) -> int:
        """Requests for pages of the account's usage, which is where a lost answer is looked for."""
        requests: dict[str, int] = self._ask("GET", "stats")["requests"]
        return sum(count for name, count in requests.items() if name.startswith("GET /v3/account/usage"))

    def become(self, profile: str, cuts: tuple[Mapping[str, Any], ...] = CUTS) -> None:
        """Take on a profile, and cut connections besides."""
        self._ask("POST", "profile", {"profile": profile})
        for cut in cuts:
            self._ask("POST", "faults", {**cut, "times": 0})

    def _ask(self, method: str, page: str, body: Any = None) -> Any:
        key = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(trust_env=False, timeout=30) as client:
            answer = client.request(method, f"{self.url}/standin/{page}", json=body, headers=key)
        return answer.raise_for_status().json()["data"]


@dataclass(kw_only=True)
class Siege:
    """One catalog, its account, and whoever kills its runs.

    Args:
        registry_url: Of the team's registry.
        processes: Runs at once.
        calm_s: How long a run that nobody kills may take.
    """

    catalog: Catalog
    account: Account
    registry_url: str
    store: StoreSettings
    seed: int
    processes: int = 1
    calm_s: float = 240.0
    tally: Tally = field(default_factory=Tally)
    _lives: list[Life] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def play(self, kills: int) -> Verdict:
        """Kill so often, let it finish, and judge."""
        with self._timed(), self.engine() as engine:
            self.attack(engine, kills)
            self.calm_down(engine)
            self.tally.usage_reads = self.account.usage_reads()
            return self.verdict(engine)

    def attack(self, engine: Engine, kills: int) -> None:
        """Kill runs, so many in all, unless they are done before."""
        shares = [kills // self.processes + (place < kills % self.processes) for place in range(self.processes)]
        with ThreadPoolExecutor(self.processes) as killers:
            working = [
                killers.submit(self._kill, engine, random.Random(f"{self.seed}-{place}"), share, place)
                for place, share in enumerate(shares)
            ]
        for killer in working:
            killer.result()

    def _kill(self, engine: Engine, chance: random.Random, kills: int, place: int) -> None:
        """One who starts runs and kills them; ends early when nothing is left to do."""
        killed = 0
        for _ in range(2 * kills):
            if killed == kills:
                return
            life = self.new_life(f"killed-{place}", place)
            moment = some_moment(engine, chance, self.processes)
            began, longest_s = time.monotonic(), LONGEST_LIFE_S * self.processes
            while not life.has_ended and time.monotonic() - began < longest_s and not moment():
                time.sleep(LOOK_S)
            if life.has_ended:
                self._note_end(life, life.process.returncode)
                if not self.unsettled(engine):
                    return
                continue
            life.kill()
            killed += 1
            with self._lock:
                self.tally.kills += 1
                self.tally.killed.add(life.process.pid)
                self.tally.seen.update(unfinished(engine))

    def calm_down(self, engine: Engine) -> None:
        """Let runs end by themselves until nothing is left that another run would do.

        A lease of another machine is waited for, since nobody there says whether its holder lives.
        """
        began = time.monotonic()
        while time.monotonic() - began < self.calm_s:
            lives = [self.new_life(f"calm-{place}", place) for place in range(self.processes)]
            for life in lives:
                self._note_end(life, life.end(self.calm_s))
            if not self.unsettled(engine):
                return
            time.sleep(_BETWEEN_RUNS_S)

    def new_life(self, name: str, place: int = 0) -> Life:
        with self._lock:
            self.tally.lives += 1
            life = self.catalog.start(self.catalog.folder.parent / f"{name}.log", place)
            self._lives.append(life)
        return life

    def end(self) -> None:
        """Leave no run behind, however this went."""
        for life in self._lives:
            if not life.has_ended:
                life.kill()

    def _note_end(self, life: Life, code: int | None) -> None:
        if code not in {0, 1}:
            how = "never ended" if code is None else f"ended with {code}"
            with self._lock:
                self.tally.broken.append(f"A run {how}: {life.last_words()}")

    def unsettled(self, engine: Engine) -> list[str]:
        """SKUs that another run would go on with: neither stored nor parked; and leases that nobody dropped."""
        try:
            verdict = self.verdict(engine)
        except DatabaseError:  # the schema is not there yet
            return list(self.catalog.skus)
        return verdict.lost + verdict.leases

    def verdict(self, engine: Engine) -> Verdict:
        home = Home(root=self.catalog.folder, catalog="live")
        books: Books = read_books(engine)
        folder = home.models if self.store.kind == "local" else None
        return judge(
            self.catalog.skus,
            books,
            self.account.tasks(),
            open_store(self.store, home),
            folder=folder,
            killed=self.tally.killed,
        )

    def stop_and_take_over(self, chance: random.Random) -> Verdict:
        """SIGSTOP a run in its work, let another take over when its leases expire, wake it, and judge."""
        with self._timed(), self.engine() as engine:
            sleeper = self.new_life("sleeper")
            moment = step_taken(engine, chance, 60.0)
            began = time.monotonic()
            while not sleeper.has_ended and time.monotonic() - began < 60 and not moment():
                time.sleep(LOOK_S)
            self._put_to_sleep(sleeper, engine)
            self.tally.seen.update(unfinished(engine))
            began = time.monotonic()
            while time.monotonic() - began < self.calm_s:
                life = self.new_life("successor", 1)
                self._note_end(life, life.end(self.calm_s))
                if not self.unsettled(engine):
                    break
                time.sleep(_BETWEEN_RUNS_S)
            taken_over = sum(row["lease_fence"] > 1 for row in read_books(engine).generations)
            self.tally.seen["models taken over from the sleeper"] += taken_over
            sleeper.signal(signal.SIGCONT)
            self._note_end(sleeper, sleeper.end(self.calm_s))
            self.calm_down(engine)
            return self.verdict(engine)

    def _put_to_sleep(self, life: Life, engine: Engine) -> None:
        """Stop a run, but not inside a write to a registry file: its lock would hold off everybody until it wakes."""
        for _ in range(100):
            life.signal(signal.SIGSTOP)
            life.await_stop()
            if engine.dialect.name != "sqlite" or can_be_written(engine):
                return
            self.tally.seen["stopped inside a write, and let go on a moment"] += 1
            life.signal(signal.SIGCONT)
            time.sleep(LOOK_S)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.tally.wall_s += time.monotonic() - began

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        engine = create_engine(self.registry_url)
        try:
            yield engine
        finally:
            engine.dispose()
