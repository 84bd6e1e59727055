"""Moments to kill at, and what a kill at that moment cut off, both read from the registry."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress

from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from tests.kills.judging import read_books

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
START_UP_S = 3.5
"""About what a run needs until it works, if it is alone on the machine."""
LONGEST_LIFE_S = 9.0
LOOK_S = 0.01


def some_moment(engine: Engine, chance: random.Random, processes: int) -> Callable[[], bool]:
    """A moment to kill at: some time after the start, or right after the registry tells of one more step of the work.

    Args:
        processes: Runs at once, which share the machine and so are slower each.
    """
    began = time.monotonic()
    start_up_s, longest_s = START_UP_S * processes, LONGEST_LIFE_S * processes
    if chance.random() < 0.35:
        after_s = chance.choice((chance.uniform(0.2, start_up_s), chance.uniform(start_up_s, longest_s)))
        return lambda: time.monotonic() - began > after_s
    return step_taken(engine, chance, chance.uniform(start_up_s, longest_s))


def step_taken(engine: Engine, chance: random.Random, at_last_s: float) -> Callable[[], bool]:
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


def can_be_written(engine: Engine) -> bool:
    """Whether nobody holds the write lock of a registry file."""
    with closing(sqlite3.connect(str(engine.url.database), uri=True, timeout=0.2, isolation_level=None)) as registry:
        try:
            registry.execute("begin immediate")
        except sqlite3.OperationalError:
            return False
        finally:
            registry.rollback()
    return True


def unfinished(engine: Engine) -> Counter[str]:
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
