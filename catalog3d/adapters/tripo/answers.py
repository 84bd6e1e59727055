"""What Tripo answers, read tolerantly: unknown fields are ignored, odd values become "not said".

The API is young and its answers vary between documentation and servers, so only what cannot be
done without (a task id, a balance) is demanded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from catalog3d.ports import Balance, TaskDetail, TaskState, UsageRow

_MAX_WORDS = 300
_MAX_ECHO_FIELDS = 100
_MAX_ECHO_VALUE = 2000
_SECRET = re.compile(r"tsk_[A-Za-z0-9_\-]+")
_QUERY = re.compile(r"(https?://[^\s?#\"']+)\?[^\s\"']*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+")


def _reject_constant(name: str) -> Any:
    raise ValueError(name)


def parse_json(content: bytes) -> Any:
    """JSON with exact decimals.

    Raises:
        ValueError: Not JSON, not UTF-8, NaN or Infinity inside, or nested too deeply.
    """
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=_reject_constant)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def clean_words(text: object) -> str:
    """Foreign words for a message or a log: one bounded line, without keys and without signatures of URLs."""
    if text is None:
        return ""
    line = _CONTROL.sub(" ", str(text)[: 4 * _MAX_WORDS])
    line = _QUERY.sub(r"\1", _SECRET.sub("tsk_...", line))
    return " ".join(line.split())[:_MAX_WORDS]


def _decimal_or_none(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal | float):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and number >= 0 else None


def _time_or_none(value: object) -> datetime | None:
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(float(value), UTC)
        else:
            return None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _progress(value: object) -> int:
    number = _decimal_or_none(value)
    return 0 if number is None else int(min(number, Decimal(100)))


def _state(value: object) -> TaskState:
    try:
        return TaskState(str(value).strip().lower())
    except ValueError:
        return TaskState.UNKNOWN


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _code(value: object) -> str:
    return clean_words(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""


# Opaque ids: documented samples are UUIDs or `task_...`; a longer or odd one is not an id.
_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{1,128}$")]
_Credits = Annotated[Decimal | None, BeforeValidator(_decimal_or_none)]
_Text = Annotated[str, BeforeValidator(_text)]
_Moment = Annotated[datetime | None, BeforeValidator(_time_or_none)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class CreatedAnswer(_Answer):
    """`data` of a create POST."""

    task_id: _Id


class FileAnswer(_Answer):
    """`data` of an upload."""

    file_token: Annotated[str, StringConstraints(min_length=1, max_length=500)]


class BalanceAnswer(_Answer):
    """`data` of account/balance."""

    balance: Decimal = Field(allow_inf_nan=False)
    frozen: Annotated[Decimal, BeforeValidator(lambda value: _decimal_or_none(value) or Decimal(0))] = Decimal(0)

    def to_balance(self) -> Balance:
        return Balance(available=self.balance, frozen=self.frozen)


class TaskAnswer(_Answer):
    """`data` of tasks/{id}, and each value of tasks/list."""

    task_id: _Id
    type: _Text = ""
    status: Annotated[TaskState, BeforeValidator(_state)] = TaskState.UNKNOWN
    progress: Annotated[int, BeforeValidator(_progress)] = 0
    input: Annotated[dict[str, Any], BeforeValidator(_mapping)] = Field(default_factory=dict)
    output: Annotated[dict[str, Any], BeforeValidator(_mapping)] = Field(default_factory=dict)
    credits_consumed: _Credits = None
    error_code: Annotated[str, BeforeValidator(_code)] = ""
    error_message: Annotated[str, BeforeValidator(clean_words)] = ""
    error_msg: Annotated[str, BeforeValidator(clean_words)] = ""
    created_at: _Moment = None

    def to_detail(self) -> TaskDetail:
        return TaskDetail(
            task_id=self.task_id,
            type=clean_words(self.type),
            state=self.status,
            progress=self.progress,
            model_url=_first(self.output, "model_url", "pbr_model_url", "pbr_model", "model"),
            preview_url=_first(self.output, "rendered_image_url", "rendered_image"),
            credits_consumed=self.credits_consumed,
            error_code=self.error_code,
            error_message=self.error_message or self.error_msg,
            created_at=self.created_at,
            echo=_flat(self.input),
        )


class UsageAnswer(_Answer):
    """One row of account/usage."""

    task_id: _Id
    type: _Text = ""
    status: Annotated[TaskState, BeforeValidator(_state)] = TaskState.UNKNOWN
    created_at: _Moment = None
    credits_consumed: _Credits = None

    def to_row(self) -> UsageRow:
        return UsageRow(
            task_id=self.task_id,
            type=clean_words(self.type),
            state=self.status,
            created_at=self.created_at,
            credits_consumed=self.credits_consumed,
        )


def usage_rows(data: Any) -> tuple[UsageRow, ...]:
    """The rows of account/usage: an array, or an object with `items`.

    Raises:
        ValueError: Neither of the two, or a row without an id: a page that misses rows must not look whole.
    """
    rows = data.get("items") if isinstance(data, Mapping) else data
    if not isinstance(rows, list):
        raise ValueError("usage is not a list")  # noqa: TRY004 - one error class for every unreadable answer
    return tuple(UsageAnswer.model_validate(row).to_row() for row in rows)


def task_map(data: Any) -> dict[str, TaskDetail]:
    """The tasks of tasks/list by id; missed and unreadable ones are left out.

    Raises:
        ValueError: The answer has no map of tasks.
    """
    tasks = data.get("tasks") if isinstance(data, Mapping) else None
    if not isinstance(tasks, Mapping):
        raise ValueError("tasks/list has no map of tasks")  # noqa: TRY004 - as above
    details: dict[str, TaskDetail] = {}
    for task_id, task in tasks.items():
        try:
            detail = TaskAnswer.model_validate(task).to_detail()
        except ValidationError:
            continue  # as good as missed: one odd task must not hide the others
        if detail.task_id == task_id:
            details[task_id] = detail
    return details


def _first(output: Mapping[str, Any], *names: str) -> str:
    return next((text for name in names if (text := _text(output.get(name)))), "")


def _flat(value: Mapping[str, Any]) -> dict[str, str]:
    """Nested JSON as dotted names and text: `inputs.0.front`; bounded, because it is foreign."""
    flat: dict[str, str] = {}
    waiting: list[tuple[str, Any]] = list(value.items())[::-1]
    while waiting and len(flat) < _MAX_ECHO_FIELDS:
        name, item = waiting.pop()
        if isinstance(item, Mapping):
            waiting.extend((f"{name}.{key}", inner) for key, inner in list(item.items())[::-1])
        elif isinstance(item, list):
            waiting.extend((f"{name}.{place}", inner) for place, inner in list(enumerate(item))[::-1])
        elif isinstance(item, bool):
            flat[name] = "true" if item else "false"
        elif item is not None:
            flat[name] = str(item)[:_MAX_ECHO_VALUE]
    return flat
