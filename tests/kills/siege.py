"""Runs that are killed at random moments and started again until they finish by themselves."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DatabaseError

from catalog3d.adapters.stores import open_store
from catalog3d.home import Home
from catalog3d.settings import StoreSettings
from tests.kills.judging import Books, Tally, Verdict, judge, read_books
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

_WORK = {
    "asked": "select count(*) from generations",
    "sending": "select count(*) from generations where sending_at is not null",
    "accepted": "select count(*) from generations where task_id <> ''",
    "made": "select count(*) from generations where state = 'settled'",
    "fetched": "select count(*) from generations where raw_key <> ''",
    "named": "select count(*) from assets",
    "stored": "select count(*) from assets where stored",
}
"""Steps of the work, by what a commit of each leaves in the registry."""
_START_UP_S = 3.5
"""About what a run needs until it works."""
_LONGEST_LIFE_S = 9.0
_LOOK_S = 0.01
_CALM_RUNS = 5


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
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def play(self, kills: int) -> Verdict:
        """Kill so often, let it finish, and judge."""
        began = time.monotonic()
        with self.engine() as engine:
            self.attack(engine, kills)
            self.calm_down(engine)
            self.tally.wall_s = time.monotonic() - began
            return self.verdict(engine)

    def attack(self, engine: Engine, kills: int) -> None:
        """Kill runs, so many in all, unless they are done before."""
        shares = [kills // self.processes + (place < kills % self.processes) for place in range(self.processes)]
        threads = [
            threading.Thread(target=self._kill, args=(engine, random.Random(f"{self.seed}-{place}"), share, place))
            for place, share in enumerate(shares)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _kill(self, engine: Engine, chance: random.Random, kills: int, place: int) -> None:
        """One who starts runs and kills them; ends early when nothing is left to do."""
        killed = 0
        for _ in range(2 * kills):
            if killed == kills:
                return
            life = self.new_life(f"killed-{place}")
            moment = _moment(engine, chance)
            began = time.monotonic()
            while not life.has_ended and time.monotonic() - began < _LONGEST_LIFE_S and not moment():
                time.sleep(_LOOK_S)
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
                self.tally.seen.update(_unfinished(engine))

    def calm_down(self, engine: Engine) -> None:
        """Let runs end by themselves until nothing is left that another run would do."""
        for _ in range(_CALM_RUNS):
            lives = [self.new_life(f"calm-{place}") for place in range(self.processes)]
            for life in lives:
                self._note_end(life, life.end(self.calm_s))
            if not self.unsettled(engine):
                return

    def new_life(self, name: str) -> Life:
        with self._lock:
            self.tally.lives += 1
        return self.catalog.start(self.catalog.folder.parent / f"{name}.log")

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
        with self.engine() as engine:
            sleeper = self.new_life("sleeper")
            moment = _step_taken(engine, chance, 60.0)
            began = time.monotonic()
            while not sleeper.has_ended and time.monotonic() - began < 60 and not moment():
                time.sleep(_LOOK_S)
            sleeper.signal(signal.SIGSTOP)
            self.tally.seen.update(_unfinished(engine))
            began = time.monotonic()
            while time.monotonic() - began < self.calm_s:
                life = self.new_life("successor")
                self._note_end(life, life.end(self.calm_s))
                if not self.unsettled(engine):
                    break
                time.sleep(5)
            sleeper.signal(signal.SIGCONT)
            self._note_end(sleeper, sleeper.end(self.calm_s))
            self.calm_down(engine)
            return self.verdict(engine)

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        engine = create_engine(self.registry_url)
        try:
            yield engine
        finally:
            engine.dispose()


def _moment(engine: Engine, chance: random.Random) -> Callable[[], bool]:
    """A moment to kill at: some time after the start, or right after the registry tells of one more step of the work."""
    began = time.monotonic()
    if chance.random() < 0.35:
        after_s = chance.choice((chance.uniform(0.2, _START_UP_S), chance.uniform(_START_UP_S, _LONGEST_LIFE_S)))
        return lambda: time.monotonic() - began > after_s
    return _step_taken(engine, chance, chance.uniform(_START_UP_S, _LONGEST_LIFE_S))


def _step_taken(engine: Engine, chance: random.Random, at_last_s: float) -> Callable[[], bool]:
    """Right after the next commits of one kind of work, or a moment later; at last at some time."""
    step = chance.choice(tuple(_WORK))
    began = time.monotonic()
    more, delay_s = chance.randint(1, 3), chance.choice((0.0, chance.uniform(0, 0.3)))
    before = _count(engine, step)

    def has_come() -> bool:
        if _count(engine, step) < before + more:
            return time.monotonic() - began > at_last_s
        time.sleep(delay_s)
        return True

    return has_come


def _count(engine: Engine, step: str) -> int:
    with suppress(DatabaseError), engine.connect() as connection:
        return int(connection.execute(text(_WORK[step])).scalar_one())
    return 0


def _unfinished(engine: Engine) -> Counter[str]:
    """Kinds of work that a kill has just cut off, each once; `nothing begun` where there is no ledger yet."""
    try:
        books = read_books(engine)
    except DatabaseError:
        return Counter({"no registry": 1})
    kinds = {row["state"] for row in books.generations if row["state"] != "settled"}
    stored = {row["generation_id"] for row in books.assets if row["stored"]}
    for row in books.generations:
        if row["outcome"] == "success" and row["id"] not in stored:
            kinds.add("to check and store" if row["raw_key"] else "to fetch")
    if any(not row["stored"] for row in books.assets):
        kinds.add("named, not stored")
    if not books.generations:
        kinds.add("nothing asked for")
    return Counter(dict.fromkeys(kinds, 1))
