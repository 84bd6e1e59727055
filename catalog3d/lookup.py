"""What became of a paid request that nobody answered: found among the account's tasks, or proven absent.

Pure: everything that was read is passed in. All times are the provider's own clock. Every doubt
ends at a person: a task is adopted only if it is surely ours, and a request is sent again by itself
only if it surely made nothing. `docs/spend-safety.md` lists what that rests on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from catalog3d.brief import TEXTURE, task_type_of
from catalog3d.ports import TaskDetail, UsageRow

WINDOW = timedelta(minutes=10)
"""How far a task's creation may lie from our request and still be its answer (clocks of one provider differ)."""

CLOCK_GRAIN = timedelta(seconds=2)
"""The provider's clock is known from `Date` headers, which count whole seconds."""

SAME_MOMENT = timedelta(minutes=2)
"""How far the usage and an answer may differ about when a task was made: an answer is waited for 120 s."""

_NEVER = datetime.max.replace(tzinfo=UTC)

HORIZON = timedelta(hours=24)
"""How far before the oldest request a reading of the usage goes, if the usage is sorted newest first."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request that left and whose answer never came.

    Attributes:
        tokens: The file tokens that it named.
        source: The task that it starts from, "" for none. It tells others apart, and never proves a task ours: several
            requests may start from one task.
        sent_at: When it left.
        given_up_at: When its connection was surely closed: nothing can have arrived later.
    """

    generation_id: int
    endpoint: str
    model: str
    prompt: str
    model_seed: int
    tokens: frozenset[str]
    sent_at: datetime
    given_up_at: datetime
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class LookupRules:
    """How long to look, and how sure is sure.

    Attributes:
        absent_after_s: After the request was given up; usage was seen to lag by up to 120 s.
        apart_s: Between the two readings of a proof.
        unseen_after_s: Instead of `absent_after_s` while no running task was ever seen in the usage: a task of
            ours could be hidden until it ends, and this is the longest one may take.
        give_up_after_s: When a person is asked, however many other models may still be sent.
    """

    absent_after_s: float = 180.0
    apart_s: float = 30.0
    unseen_after_s: float = 1800.0
    give_up_after_s: float = 3600.0

    def scaled(self, scale: float) -> LookupRules:
        """The same for a provider whose time runs faster."""
        return LookupRules(
            absent_after_s=self.absent_after_s * scale,
            apart_s=self.apart_s * scale,
            unseen_after_s=self.unseen_after_s * scale,
            give_up_after_s=self.give_up_after_s * scale,
        )


@dataclass(frozen=True, kw_only=True)
class Scan:
    """One reading of the account's usage.

    Attributes:
        began_at, ended_at: When its first page was asked for and its last had come.
        whole: Whether surely no row was missed.
        began_s, ended_s: The same by our own clock.
    """

    began_at: datetime
    ended_at: datetime
    rows: Mapping[str, UsageRow]
    whole: bool
    began_s: float = 0.0
    ended_s: float = 0.0


class Fit(StrEnum):
    """Whether a task is the answer to a request."""

    OURS = "ours"
    UNSURE = "unsure"
    OTHER = "other"


class _Word(StrEnum):
    AGREES = "agrees"
    SILENT = "silent"
    DIFFERS = "differs"


def fit(sent: Sent, task: TaskDetail) -> Fit:
    """Compare a task with a request.

    Ours: seed or file token agree and nothing differs; what the echo does not say is ignored. A task that echoes
    neither cannot be told from ours, unless endpoint, model, prompt or time differ. One that agrees in the seed or
    the token and differs elsewhere is neither: a person must look.
    """
    identity = {_seed(sent, task), _tokens(sent, task)}
    rest = {
        _endpoint(sent, task),
        _model(sent, task),
        _prompt(sent, task),
        _source(sent, task),
        _time(sent, task.created_at),
    }
    if _Word.AGREES in identity:
        return Fit.UNSURE if _Word.DIFFERS in identity | rest else Fit.OURS
    return Fit.OTHER if _Word.DIFFERS in identity | rest else Fit.UNSURE


def may_be(sent: Sent, row: UsageRow) -> bool:
    """Whether a row of the usage could be the request at all, so that its task must be looked at."""
    return _time(sent, row.created_at) is not _Word.DIFFERS


def first_made(tasks: Iterable[TaskDetail]) -> tuple[TaskDetail, ...]:
    """Tasks by the time they were made, those without a time last."""
    return tuple(sorted(tasks, key=lambda task: (task.created_at is None, task.created_at or _NEVER, task.task_id)))


def proven_absent(
    sent: Sent,
    scans: Sequence[Scan],
    witnesses: Mapping[str, datetime],
    rules: LookupRules,
    *,
    running_shown: bool,
    not_before_s: float,
) -> bool:
    """Whether readings prove that a request made nothing, given that none of their rows could be it.

    Two whole readings, long enough after the request and apart from each other, both showing a *witness*: a task of
    ours that was accepted after the request was given up. So the usage is known to show what is as new as that.
    While no running task of ours was ever seen in it, one that the request made could be hidden until it ends, so
    the readings must come later than that. A witness counts only where the usage dates it as its answer did: else the
    two tell time by different clocks, and a task of ours could lie where nobody looked.

    Args:
        witnesses: Task id -> when the provider accepted it.
        running_shown: Whether the usage was ever seen to list a task of ours while it ran.
        not_before_s: The earliest moment for such a reading by our own clock, whatever the provider's says.
    """
    from_then = provable_from(sent, rules, running_shown=running_shown)
    usable = [scan for scan in scans if scan.whole and scan.began_at >= from_then and scan.began_s >= not_before_s]
    return any(
        second.began_at - first.ended_at >= timedelta(seconds=rules.apart_s)
        and second.began_s - first.ended_s >= rules.apart_s
        and _witnessed(sent, first, witnesses) & _witnessed(sent, second, witnesses)
        for place, first in enumerate(usable)
        for second in usable[place + 1 :]
    )


def provable_from(sent: Sent, rules: LookupRules, *, running_shown: bool) -> datetime:
    """The earliest moment at which a reading may be part of a proof that a request made nothing."""
    wait_s = rules.absent_after_s if running_shown else max(rules.absent_after_s, rules.unseen_after_s)
    return sent.given_up_at + timedelta(seconds=wait_s)


def later_than(sent: Sent, witnesses: Mapping[str, datetime]) -> set[str]:
    """Tasks that were surely accepted after a request was given up."""
    return {task_id for task_id, accepted_at in witnesses.items() if accepted_at > sent.given_up_at + CLOCK_GRAIN}


def _witnessed(sent: Sent, scan: Scan, witnesses: Mapping[str, datetime]) -> set[str]:
    """The witnesses that a reading shows, dated by it as their answers were."""
    return {
        task_id
        for task_id in later_than(sent, witnesses) & scan.rows.keys()
        if (dated := scan.rows[task_id].created_at) is None
        or (abs(dated - witnesses[task_id]) <= SAME_MOMENT and dated > sent.given_up_at)
    }


def claims(sent: Sent, task: TaskDetail) -> bool:
    """Whether a task names our seed or our tokens, so that our request made it, whatever else it says."""
    return _Word.AGREES in (_seed(sent, task), _tokens(sent, task))


def follows(page: Sequence[UsageRow], before: Sequence[UsageRow]) -> bool:
    """Whether a page surely goes on where the one before it ended: their overlap is the same run of rows."""
    ids, ids_before = [row.task_id for row in page], [row.task_id for row in before]
    if not ids or ids[0] not in ids_before:
        return False
    overlap = ids_before[ids_before.index(ids[0]) :]
    return ids[: len(overlap)] == overlap


def goes_back_to(rows: Sequence[UsageRow], horizon: datetime) -> bool:
    """Whether rows are sorted newest first and the last is older than a moment: nothing newer can follow."""
    times = [row.created_at for row in rows]
    if not times or any(time is None for time in times):
        return False
    known = [time for time in times if time is not None]
    return known == sorted(known, reverse=True) and known[-1] < horizon


def seed_name(endpoint: str) -> str:
    """Under which name a request carries the seed that tells it from all others."""
    return "texture_seed" if endpoint == TEXTURE else "model_seed"


def _seed(sent: Sent, task: TaskDetail) -> _Word:
    said = task.echo.get(seed_name(sent.endpoint), "").strip()
    if _NUMBER.fullmatch(said):
        return _Word.AGREES if Decimal(said) == sent.model_seed else _Word.DIFFERS
    return _agreement(said, str(sent.model_seed))


def _tokens(sent: Sent, task: TaskDetail) -> _Word:
    """File tokens anywhere in the echoed inputs; URLs and other words that are no tokens say nothing."""
    shapes = tuple({token.partition("_")[0] + "_" for token in sent.tokens if "_" in token})
    named = {value for name, value in task.echo.items() if name.partition(".")[0] in _INPUTS}
    said = {value for value in named if value in sent.tokens or (shapes and value.startswith(shapes))}
    if not said or not sent.tokens:
        return _Word.SILENT
    return _Word.AGREES if said <= sent.tokens else _Word.DIFFERS


def _endpoint(sent: Sent, task: TaskDetail) -> _Word:
    # The documentation's sample shows `text_to_model` on tasks made from pictures, so that word tells nothing.
    said = "" if task.type == "text_to_model" and sent.endpoint != "text-to-model" else task.type
    return _agreement(said, task_type_of(sent.endpoint))


def _model(sent: Sent, task: TaskDetail) -> _Word:
    return _agreement(task.echo.get("model") or task.echo.get("model_version") or "", sent.model)


def _prompt(sent: Sent, task: TaskDetail) -> _Word:
    said = task.echo.get("texture_prompt.text" if sent.endpoint == TEXTURE else "prompt", "")
    return _agreement(" ".join(said.split()), " ".join(sent.prompt.split()))


def _source(sent: Sent, task: TaskDetail) -> _Word:
    return _agreement(task.echo.get("input", "") if sent.source else "", sent.source)


def _time(sent: Sent, created_at: datetime | None) -> _Word:
    if created_at is None:
        return _Word.SILENT
    within = sent.sent_at - WINDOW <= created_at <= sent.given_up_at + WINDOW
    return _Word.AGREES if within else _Word.DIFFERS


def _agreement(said: str, ours: str) -> _Word:
    if not said or not ours:
        return _Word.SILENT
    return _Word.AGREES if said == ours else _Word.DIFFERS


_NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{0,30})?([eE][+-]?\d{1,2})?", re.ASCII)

_INPUTS = frozenset({"input", "inputs", "file", "files"})
