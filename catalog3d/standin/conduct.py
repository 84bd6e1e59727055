"""How an account behaves where Tripo's documentation leaves it open, as knobs."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
Some = Annotated[int, Field(ge=1)]


class Conduct(BaseModel):
    """The knobs of an account; the defaults are the plain one.

    Seconds are seconds at Tripo and shrink with the time scale, except those of `clock_offset_s` and `url_ttl_s`.

    Attributes:
        usage_order: Order of account/usage; shuffled = anew for every request.
        usage_shape: `data` is an array, or an object with `items`.
        hide_in_flight: Usage lists a task only once it has ended.
        visible_after_s: How long after its creation a task of ours is missing from usage.
        lag_hides_task: The same lag holds for tasks/{id} and tasks/list: 404, and `missed`.
        rows_between_pages: So many new foreign tasks arrive before each page but the first is answered.
        echo_seed, echo_token: Whether a task's `input` shows its seeds, and the file tokens.
        clock_offset_s: What the server's clock is ahead: of `Date`, X-RateLimit-Reset and all times of tasks.
        foreign_tasks: Tasks of somebody else in the account's usage, from the last two hours. Of every two one has
            our model. Half of them another key made: usage lists them, their detail is 404/2001.
        foreign_per_create: So many more arrive in the same second as each create of ours.
        slots: Open tasks of each pool; None = as started with.
        uploads_per_minute, creations_per_minute: 0 = no limit, None = as started with.
        exact_waits: `Retry-After` in parts of a second, so that waits shrink with the time scale as tasks do: for
            benchmarks. Tripo tells whole seconds.
        credits: Available credits from now on; None = as started with.
        url_ttl_s: Life of a signed result address; None = as started with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    usage_order: Literal["newest", "oldest", "shuffled"] = "newest"
    usage_shape: Literal["array", "items"] = "array"
    hide_in_flight: bool = False
    visible_after_s: float = Field(default=0.0, ge=0, le=3600, allow_inf_nan=False)
    lag_hides_task: bool = False
    rows_between_pages: int = Field(default=0, ge=0, le=100)
    echo_seed: bool = True
    echo_token: bool = True
    clock_offset_s: float = Field(default=0.0, ge=-86_400, le=86_400, allow_inf_nan=False)
    foreign_tasks: int = Field(default=0, ge=0, le=5000)
    foreign_per_create: int = Field(default=0, ge=0, le=20)
    slots: Some | None = None
    uploads_per_minute: Count | None = None
    creations_per_minute: Count | None = None
    exact_waits: bool = False
    credits: Decimal | None = Field(default=None, ge=0, le=10**9, allow_inf_nan=False)
    url_ttl_s: float | None = Field(default=None, gt=0, le=86_400, allow_inf_nan=False)

    @property
    def has_strangers(self) -> bool:
        return bool(self.foreign_tasks or self.foreign_per_create or self.rows_between_pages)
