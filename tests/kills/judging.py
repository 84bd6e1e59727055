"""What is left after a siege, judged: registry and library on our side, the account's own list of tasks on the other."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from catalog3d.adapters.registry.tables import AssetRow, Base, GenerationRow, OrphanRow, ProductRow
from catalog3d.adapters.whole_files import PART_PREFIX
from catalog3d.ledger import PROVEN_ABSENT, LedgerState
from catalog3d.library import Library
from catalog3d.ports import ObjectStore
from catalog3d.status import NEEDS_PERSON, Status

MAX_OBJECT_BYTES = 50_000_000


@dataclass(frozen=True, kw_only=True)
class Books:
    """The registry as rows, read in one go."""

    products: Sequence[Mapping[str, Any]]
    generations: Sequence[Mapping[str, Any]]
    assets: Sequence[Mapping[str, Any]]
    orphans: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One sentence for each thing that must not be, and counts of what may.

    Attributes:
        paid_twice: Briefs for which the account has more than one task that was paid or is open.
        lost: SKUs that have neither a model nor a reason why not.
        partial: Objects of the library that are missing or not what their record says.
        unlisted: Paid tasks of ours that nobody would ever hear of.
        leases: What is still held although nobody works.
        left_leases: Of runs that were killed between finishing a SKU and dropping its lease: they hinder nobody, and
            expire.
        parts: Unfinished files of killed writers, which no key ever names.
        waits_s: For each lost answer whose fate became known: how long after its request left, by our own clock.
        charged: By the account, for tasks of ours.
        recorded: By the ledger, for the same.
        expected: By the ledger, for those that it recorded as charged.
    """

    paid_twice: list[str]
    lost: list[str]
    partial: list[str]
    unlisted: list[str]
    leases: list[str]
    stored: int
    parked: Counter[str]
    paid: int
    adopted: int
    proven_absent: int
    orphans: int
    unknown: int
    left_leases: int = 0
    parts: int = 0
    waits_s: tuple[float, ...] = ()
    charged: Decimal = Decimal(0)
    recorded: Decimal = Decimal(0)
    expected: Decimal = Decimal(0)

    @property
    def defects(self) -> dict[str, list[str]]:
        found = {
            "briefs paid twice": self.paid_twice,
            "lost SKUs": self.lost,
            "partial objects": self.partial,
            "orphans unlisted": self.unlisted,
            "leases held": self.leases,
        }
        return {what: cases for what, cases in found.items() if cases}


def read_books(engine: Engine) -> Books:
    """All rows that a verdict rests on."""

    def rows(table: type[Base]) -> Sequence[Mapping[str, Any]]:
        with engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(table.__table__)).mappings()]

    return Books(
        products=rows(ProductRow), generations=rows(GenerationRow), assets=rows(AssetRow), orphans=rows(OrphanRow)
    )


def judge(
    skus: Iterable[str],
    books: Books,
    tasks: Sequence[Mapping[str, Any]],
    store: ObjectStore,
    *,
    folder: Path | None = None,
    killed: Iterable[int] = (),
) -> Verdict:
    """Judge a siege that is over.

    Args:
        skus: Of the sheet.
        tasks: As `/standin/tasks` lists them.
        folder: Of a library on disk: its unfinished files are counted.
        killed: Process ids of runs that had no time to drop a lease.
    """
    stored = {row["sku"] for row in books.assets if row["stored"]}
    held, left_leases = _leases(books, set(killed))
    ours = [task for task in tasks if not task["foreign"]]
    return Verdict(
        paid_twice=_paid_twice(ours),
        lost=_lost(skus, books.products, stored),
        partial=[*_partial_assets(books.assets, store), *_partial_raw(books.generations, store)],
        unlisted=_unlisted(ours, books),
        leases=held,
        left_leases=left_leases,
        stored=len(stored),
        parked=Counter(
            row["reason"] for row in books.products if row["sku"] not in stored and row["status"] in NEEDS_PERSON
        ),
        paid=sum(task["status"] == "success" for task in ours),
        adopted=sum(1 for row in books.generations if row["given_up_at"] and row["task_id"]),
        proven_absent=sum(row["error_code"] == PROVEN_ABSENT for row in books.generations),
        orphans=len(books.orphans),
        unknown=sum(row["state"] == LedgerState.UNKNOWN for row in books.generations),
        parts=len(list(folder.rglob(f"{PART_PREFIX}*"))) if folder else 0,
        waits_s=tuple(_waits_s(books.generations)),
        charged=sum((Decimal(str(task["credits_consumed"])) for task in ours), Decimal(0)),
        recorded=sum((row["credits_consumed"] or Decimal(0) for row in books.generations), Decimal(0)),
        expected=sum((row["expected_credits"] for row in books.generations if row["credits_consumed"]), Decimal(0)),
    )


def _waits_s(generations: Iterable[Mapping[str, Any]]) -> Iterator[float]:
    for row in generations:
        known_at = row["submitted_at"] if row["task_id"] else row["settled_at"]
        if row["given_up_at"] and row["sending_at"] and known_at:
            yield (known_at - row["sending_at"]).total_seconds()


def _is_paid(task: Mapping[str, Any]) -> bool:
    return task["status"] in {"success", "queued", "running"}


def _paid_twice(tasks: Iterable[Mapping[str, Any]]) -> list[str]:
    by_brief: dict[str, list[str]] = {}
    for task in filter(_is_paid, tasks):
        by_brief.setdefault(task["digest"], []).append(task["task_id"])
    return [f"brief {digest[:12]}: tasks {', '.join(ids)}" for digest, ids in by_brief.items() if len(ids) > 1]


def _lost(skus: Iterable[str], products: Iterable[Mapping[str, Any]], stored: set[str]) -> list[str]:
    known = {row["sku"]: row for row in products}
    found = []
    for sku in skus:
        row = known.get(sku)
        parked = row is not None and row["status"] in NEEDS_PERSON and row["reason"]
        if sku not in stored and not parked:
            found.append(f"{sku}: {row['status'] + ' ' + row['reason'] if row else 'the registry does not know it'}")
    return found


def _partial_assets(assets: Iterable[Mapping[str, Any]], store: ObjectStore) -> list[str]:
    unreadable: list[str] = []
    records = list(Library(store).records(lambda key, error: unreadable.append(f"{key}: {error}")))
    found = [
        f"{record.key}: its record says otherwise" for record in records if _digest(store, record.key) != record.sha256
    ]
    found += [
        f"{record.picture_key}: missing"
        for record in records
        if record.picture_key and store.get(record.picture_key, max_bytes=MAX_OBJECT_BYTES) is None
    ]
    keys = {record.key for record in records}
    found += [f"{row['key']}: stored without a record" for row in assets if row["stored"] and row["key"] not in keys]
    return unreadable + found


def _partial_raw(generations: Iterable[Mapping[str, Any]], store: ObjectStore) -> list[str]:
    return [
        f"{row['raw_key']}: not what the ledger says"
        for row in generations
        if row["raw_key"] and _digest(store, row["raw_key"]) != row["raw_sha256"]
    ]


def _digest(store: ObjectStore, key: str) -> str:
    """Of the object's real bytes; "" if there is none."""
    content = store.get(key, max_bytes=MAX_OBJECT_BYTES)
    return "" if content is None else hashlib.sha256(content).hexdigest()


def _unlisted(tasks: Iterable[Mapping[str, Any]], books: Books) -> list[str]:
    """Paid tasks that no generation holds, no list names, and no request that is still looked for explains."""
    held = {row["task_id"] for row in books.generations} | {row["task_id"] for row in books.orphans}
    looked_for = {row["model_seed"] for row in books.generations if row["state"] == LedgerState.UNKNOWN}
    return [
        f"task {task['task_id']} (seed {task['model_seed']}, {', '.join(task['skus'])}) {task['status']}"
        for task in tasks
        if _is_paid(task) and task["task_id"] not in held and task["model_seed"] not in looked_for
    ]


def _leases(books: Books, killed: set[int]) -> tuple[list[str], int]:
    """What is held, and how many leases of killed runs are left on work that is finished."""
    leases = [
        (f"generation {row['id']}", row["lease_holder"], row["state"] == LedgerState.SETTLED)
        for row in books.generations
    ]
    leases += [
        (row["sku"], row["lease_holder"], row["status"] not in {Status.READY, Status.GENERATING})
        for row in books.products
    ]
    held = [lease for lease in leases if lease[1]]
    left = [lease for lease in held if lease[2] and _process_of(lease[1]) in killed]
    return [f"{what}: {holder}" for what, holder, done in held if (what, holder, done) not in left], len(left)


def _process_of(holder: str) -> int:
    """A holder's name is machine, process id and run."""
    return int(holder.rsplit("-", 2)[1])


@dataclass(kw_only=True)
class Tally:
    """What happened during a siege.

    Attributes:
        seen: What the registry showed right after each kill: how often each kind of unfinished work.
        broken: Lives that could not start or never ended.
        killed: Their process ids.
    """

    kills: int = 0
    lives: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    killed: set[int] = field(default_factory=set)
    usage_reads: int = 0
    wall_s: float = 0.0
