"""Somebody else on the account: tasks in its usage that are none of ours."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable

from catalog3d.standin.chance import Chance
from catalog3d.standin.options import H_MODELS, P1
from catalog3d.standin.store import Store, TaskRow

STRANGER = "stranger"
"""Owner of tasks that another key of the account made: usage lists them, their detail is 404."""
ANYONE = "anyone"
"""Owner of tasks that another program made with our key: shown whole."""

_HISTORY_S = 7200.0
"""At Tripo. So far back the older foreign tasks reach."""
_LONGEST_S = 120.0
_FAILED_SHARE = 0.1


class Strangers:
    """Makes foreign tasks.

    Args:
        clock: Seconds since the epoch.
        time_scale: Seconds here per second at Tripo.
    """

    def __init__(self, store: Store, clock: Callable[[], float], chance: Chance, time_scale: float) -> None:
        self._store = store
        self._clock = clock
        self._chance = chance
        self._time_scale = time_scale

    def settle_in(self, count: int) -> None:
        """Older tasks, until there are `count` foreign ones."""
        chance = self._chance.generator("foreign history")
        for number in range(self._store.strangers(), count):
            self._add(number, self._clock() - chance.random() * _HISTORY_S * self._time_scale)

    def pass_by(self, count: int) -> None:
        """Tasks that are made right now."""
        there = self._store.strangers() if count else 0
        for number in range(there, there + count):
            self._add(number, self._clock())

    def leave(self) -> None:
        self._store.forget_strangers()

    def _add(self, number: int, created_at: float) -> None:
        chance = self._chance.generator("foreign", number)
        lasts_s = chance.uniform(20.0, _LONGEST_S) * self._time_scale
        failed = chance.random() < _FAILED_SHARE
        self._store.add_task(
            TaskRow(
                task_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                owner=(ANYONE, STRANGER)[number // 2 % 2],
                type="image_to_model",
                endpoint="image-to-model",
                model=(model := H_MODELS[0] if number % 2 else P1),
                pool="H" if number % 2 else "P",
                echo=json.dumps(_echo(model, chance)),
                brief="",
                price="30.00" if number % 2 else "50.00",
                created_at=created_at,
                starts_at=created_at,
                ends_at=created_at + lasts_s,
                plan="failed:2018" if failed else "success",
                status="failed" if failed else "success",
                completed_at=created_at + lasts_s,
                error_code=2018 if failed else None,
                error_message="The model is too complex to remesh" if failed else "",
                work="{}",
                result="",
                extension=".glb",
                downloads="{}",
                hidden_polls=0,
                stranger=1,
            )
        )


def _echo(model: str, chance: random.Random) -> dict[str, object]:
    return {
        "texture": True,
        "pbr": True,
        "input": f"file_{uuid.UUID(int=chance.getrandbits(128), version=4)}",
        "model": model,
        "model_seed": chance.getrandbits(31),
    }
