"""The life of a task: made and its credits held, queued, running, ended and settled.

Nothing ticks: what is due is settled whenever somebody asks, by the clock that was passed in. A task
succeeds when its time has come *and* its file is made.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from catalog3d.standin.accounts import check_slot
from catalog3d.standin.answers import CODES, Refusal
from catalog3d.standin.behaviour import Behaviour
from catalog3d.standin.config import StandinConfig
from catalog3d.standin.faults import Struck
from catalog3d.standin.options import SEEDS
from catalog3d.standin.orders import Order
from catalog3d.standin.store import Store, TaskRow
from catalog3d.standin.strangers import ANYONE, STRANGER
from catalog3d.standin.wallet import Wallet

# Seconds at Tripo. Sources: vendor's model pages (about 120 textured, 40 bare; P1 60 and 10), ComfyUI's
# averages (80, convert 30), users' multiview runs (210).
_TEXTURED_S = {"H": 120.0, "P": 60.0}
_BARE_S = {"H": 40.0, "P": 10.0}
_CONVERT_S = 30.0
_TEXTURE_S = 120.0  # not published: as long as a whole textured model
_SPREAD = (0.4, 1.75)  # 48 to 210 s for a textured H model
_QUEUED_S = 2.0
_MAKING_FAILED = 2018
INPUTS = frozenset({"input", "inputs", "file", "files"})
"""Where a request names its pictures."""


class Tasks:
    """All tasks of the account.

    Args:
        clock: Seconds since the epoch.
    """

    def __init__(
        self, store: Store, wallet: Wallet, config: StandinConfig, behaviour: Behaviour, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._wallet = wallet
        self._config = config
        self._behaviour = behaviour
        self._clock = clock

    def create(self, owner: str, order: Order, struck: Struck) -> TaskRow:
        """Make a task and hold its credits, or nothing.

        Raises:
            Refusal: 2000 when the pool is full, 2010 when the wallet is empty.
        """
        self.settle_due()
        now = self._clock()
        with self._store.transaction():
            check_slot(order.pool, self._behaviour.slots, self._store.open_tasks(), now)
            self._wallet.freeze(order.credits)
            row = self._row(owner, order, struck, now)
            self._store.add_task(row)
        return row

    def settle_due(self) -> None:
        """Bring every task whose time has come to its end."""
        now = self._clock()
        for task in self._store.open_tasks():
            if task.ends_at > now:
                return  # they come in the order of their ends
            if task.plan == "stuck" or task.plan.startswith("status:"):
                continue
            if task.plan == "success" and not task.result:
                continue
            with self._store.transaction():
                self._settle(task)

    def making_failed(self, task_id: str, reason: str) -> None:
        """The file could not be made: the task fails when its time comes."""
        self._store.change_task(task_id, plan=f"failed:{_MAKING_FAILED}", error_message=reason[:300])

    def find(self, owner: str, task_id: str, *, poll: bool = True) -> TaskRow:
        """A task of this owner.

        Args:
            poll: Whether this counts as a query for the fault `hidden`.

        Raises:
            Refusal: 2001.
        """
        self.settle_due()
        task = self._store.task(task_id)
        if task is None or task.owner not in (owner, ANYONE):
            raise Refusal(2001)
        hidden_s = self._behaviour.lag_s if self._behaviour.conduct.lag_hides_task and not task.stranger else 0.0
        if self._clock() < task.created_at + hidden_s:
            raise Refusal(2001, "not visible yet")
        if poll and task.hidden_polls > 0:
            self._store.change_task(task_id, hidden_polls=task.hidden_polls - 1)
            raise Refusal(2001, "hidden by a fault")
        return task

    def detail(self, task: TaskRow, sign: Callable[[TaskRow], str]) -> dict[str, Any]:
        """A task as `GET /v3/tasks/{id}` shows it.

        Args:
            sign: Makes a fresh address of the task's result.
        """
        status = self.status(task)
        success = status == "success"
        detail: dict[str, Any] = {
            "task_id": task.task_id,
            "type": task.type,
            "status": status,
            "progress": self._progress(task, status),
            "input": self._echo(task),
            "output": {"model_url": sign(task)} if success else {},
            "credits_consumed": self.credits_consumed(task),
            "created_at": self._iso(task.created_at),
            "completed_at": self._iso(task.completed_at),
        }
        if task.error_code is not None:
            detail |= {"error_code": task.error_code, "error_message": task.error_message}
        return detail

    def status(self, task: TaskRow) -> str:
        """The word of the API."""
        if task.stranger and self._clock() < (task.completed_at or 0):
            return "running"
        if task.status != "open":
            return task.status
        if self._clock() < task.starts_at:
            return "queued"
        return task.plan.removeprefix("status:") if task.plan.startswith("status:") else "running"

    def usage_row(self, task: TaskRow) -> dict[str, Any]:
        """A task as `GET /v3/account/usage` lists it."""
        return {
            "task_id": task.task_id,
            "type": task.type,
            "status": self.status(task),
            "created_at": self._iso(task.created_at),
            "credits_consumed": self.credits_consumed(task),
        }

    def credits_consumed(self, task: TaskRow) -> float:
        return float(task.price) if self.status(task) == "success" else 0.0

    def _echo(self, task: TaskRow) -> dict[str, Any]:
        conduct, echo = self._behaviour.conduct, json.loads(task.echo)
        hidden = (set() if conduct.echo_seed else SEEDS) | (set() if conduct.echo_token else INPUTS)
        return {name: value for name, value in echo.items() if name not in hidden}

    def _iso(self, moment: float | None) -> str | None:
        """A moment as the server's clock shows it."""
        if moment is None:
            return None
        shown = moment + self._behaviour.conduct.clock_offset_s
        return datetime.fromtimestamp(shown, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _settle(self, task: TaskRow) -> None:
        word, _, code = task.plan.partition(":")
        changes: dict[str, Any] = {"status": word, "completed_at": task.ends_at}
        if word == "failed":
            number = int(code or _MAKING_FAILED)
            changes |= {"error_code": number, "error_message": task.error_message or CODES[number][1]}
        self._store.change_task(task.task_id, **changes)
        (self._wallet.settle if word == "success" else self._wallet.release)(Decimal(task.price))

    def _progress(self, task: TaskRow, status: str) -> int:
        if status not in {"queued", "running"} and task.status != "open":
            return 100
        if status == "queued":
            return 0
        share = (self._clock() - task.starts_at) / max(task.ends_at - task.starts_at, 1e-9)
        return min(int(100 * share), 42 if task.plan == "stuck" else 99)

    def _row(self, owner: str, order: Order, struck: Struck, now: float) -> TaskRow:
        task_id = str(uuid.uuid4())
        starts_at = now + _QUEUED_S * self._config.time_scale
        return TaskRow(
            task_id=task_id,
            owner=STRANGER if struck.other_key else owner,
            type=order.type,
            endpoint=order.endpoint,
            model=order.model,
            pool=order.pool,
            echo=json.dumps(order.echo),
            brief=order.brief,
            price=str(order.credits),
            created_at=now,
            starts_at=starts_at,
            ends_at=starts_at + _duration_s(order, task_id) * self._config.time_scale,
            plan=struck.plan,
            status="open",
            completed_at=None,
            error_code=None,
            error_message="",
            work=json.dumps(order.work),
            result="",
            extension=order.extension,
            downloads=json.dumps(dict(struck.downloads)),
            hidden_polls=struck.hidden_polls,
            answer=struck.after,
        )


def _duration_s(order: Order, task_id: str) -> float:
    work: Mapping[str, Any] = order.work
    if work["kind"] == "shape":
        usual = (_TEXTURED_S if work["textured"] else _BARE_S)[order.pool]
    else:
        usual = _TEXTURE_S if work["kind"] == "texture" else _CONVERT_S
    share = int(task_id[:8], 16) / 0xFFFFFFFF
    return usual * (_SPREAD[0] + share * (_SPREAD[1] - _SPREAD[0]))
