"""A person settles a request of which nobody knows what became: with its task, or by having it sent again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from catalog3d.adapters.registry.catalog import Change
from catalog3d.errors import NeedsPersonError, ProductError
from catalog3d.ledger import RESUBMITTED, Generation, Lease, LedgerState, Outcome
from catalog3d.lookup import HORIZON, Fit, LookupRules, claims, fit, may_be, provable_from
from catalog3d.ports import Submitted, TaskDetail
from catalog3d.stages.context import GeneratorLink, OpenCatalog
from catalog3d.stages.lookup import OTHERS_READ, sent_of
from catalog3d.stages.usage import details_of, read_usage
from catalog3d.status import Stage, Status


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """What was settled."""

    generation: Generation
    sentence: str


async def adopt(catalog: OpenCatalog, link: GeneratorLink, sku: str, task_id: str, *, person: str) -> Resolution:
    """Give a SKU's unanswered request the task that it made.

    Raises:
        ProductError: SKU_UNKNOWN, NOTHING_TO_RESOLVE, TAKEN, TASK_DIFFERS, TASK_TAKEN, TASK_NOT_FOUND.
    """
    generation, lease = _unknown_request(catalog, sku, person)
    try:
        task = await _task(link, generation, task_id)
        if fit(sent_of(generation), task) is Fit.OTHER:
            raise ProductError(
                f"The task {task_id} was made by another request: its seed, photo, model or time differ.",
                code="TASK_DIFFERS",
                fix="Look for another task in the account; with none, use --resubmit.",
                sku=sku,
            )
        answer = Submitted(task_id=task.task_id, server_date=task.created_at)
        catalog.registry.ledger.submitted(lease, answer)
        _stand(catalog, sku, Status.GENERATING, "", f"{person} found its task {task_id}; the next run fetches it.")
    finally:
        catalog.registry.ledger.drop_lease(lease)
    return Resolution(
        generation=catalog.registry.ledger.get(generation.id),
        sentence=f"{sku} is made by task {task_id}. The next run fetches it and pays nothing.",
    )


async def resubmit(
    catalog: OpenCatalog, link: GeneratorLink, sku: str, *, person: str, rules: LookupRules, force: bool = False
) -> Resolution:
    """Close a SKU's unanswered request as one that made nothing, so that the next run sends a new one.

    The account is read once more before: what is surely its task is not paid again.

    Args:
        force: Whether a person knows better than a reading that is too early, not whole, or has doubtful tasks.

    Raises:
        ProductError: SKU_UNKNOWN, NOTHING_TO_RESOLVE, TAKEN; TASK_FOUND, its task is there; without `force`
            TOO_EARLY, USAGE_NOT_WHOLE, TASK_UNSURE.
    """
    generation, lease = _unknown_request(catalog, sku, person)
    try:
        account = await _account(catalog, link, generation)
        _require_not_found(sku, account)
        if not force:
            _require_no_doubt(sku, generation, account, link.client.server_now(), rules)
        message = f"{person} decided that the request made nothing."
        catalog.registry.ledger.settle(
            lease,
            Outcome.WITHDRAWN,
            credits_consumed=Decimal(0),
            code=RESUBMITTED,
            message=message,
            only_from=LedgerState.UNKNOWN,
        )
        _stand(catalog, sku, Status.READY, "", message)
    finally:
        catalog.registry.ledger.drop_lease(lease)
    return Resolution(
        generation=catalog.registry.ledger.get(generation.id),
        sentence=f"{sku} will be ordered anew by the next run, for {generation.expected_credits} credits.",
    )


def _unknown_request(catalog: OpenCatalog, sku: str, person: str) -> tuple[Generation, Lease]:
    standing, ledger = catalog.registry.catalog.standing(sku), catalog.registry.ledger
    if standing is None:
        raise ProductError(
            f"There is no SKU {sku} in this catalog.", code="SKU_UNKNOWN", fix="catalog3d status lists them.", sku=sku
        )
    generation = None if standing.generation_id is None else ledger.get(standing.generation_id)
    if generation is None or generation.state is not LedgerState.UNKNOWN:
        raise ProductError(
            f"{sku} has no request without an answer.",
            code="NOTHING_TO_RESOLVE",
            fix="catalog3d status --needs-person lists what waits for a person.",
            sku=sku,
        )
    holder, lease = ledger.lease_holder(generation.id), ledger.take_lease(generation.id, f"resolve-{person}"[:64])
    if lease is None and catalog.holders.lives(holder) is False:
        lease = ledger.take_lease(generation.id, f"resolve-{person}"[:64], instead_of=holder)
    if lease is None:
        raise ProductError(
            f"A run is looking for the answer of {sku} now.", code="TAKEN", fix="Wait until it has ended.", sku=sku
        )
    return generation, lease


async def _task(link: GeneratorLink, generation: Generation, task_id: str) -> TaskDetail:
    try:
        return await link.client_of(generation).task(task_id)
    except NeedsPersonError as error:
        raise ProductError(error.message, code=error.code, fix="Copy the task's id from the Tripo account.") from error


@dataclass(frozen=True, kw_only=True)
class _Account:
    """What a reading of the account says about one request.

    Attributes:
        ours: Tasks that are surely its own.
        unsure: Tasks that may be.
    """

    whole: bool
    ours: tuple[str, ...]
    unsure: tuple[str, ...]


async def _account(catalog: OpenCatalog, link: GeneratorLink, generation: Generation) -> _Account:
    sent = sent_of(generation)
    scan = await read_usage(link.client, sent.sent_at - HORIZON)
    held = catalog.registry.lookups.by_task(catalog.realm, scan.rows.keys())
    strangers = {task_id: row for task_id, row in scan.rows.items() if task_id not in held}
    near = sorted(task_id for task_id, row in strangers.items() if may_be(sent, row))
    far = sorted(strangers.keys() - set(near))[:OTHERS_READ]
    tasks = await details_of(link.clients, [*near, *far])
    fits = {task_id: fit(sent, task) for task_id, task in tasks.items() if task_id in near or claims(sent, task)}
    return _Account(
        whole=scan.whole,
        ours=tuple(task_id for task_id, how in fits.items() if how is Fit.OURS),
        unsure=tuple(task_id for task_id in {**dict.fromkeys(near), **fits} if fits.get(task_id) in (None, Fit.UNSURE)),
    )


def _require_not_found(sku: str, account: _Account) -> None:
    if account.ours:
        raise ProductError(
            f"The account has its task: {account.ours[0]}. Sending it again would pay twice.",
            code="TASK_FOUND",
            fix=f"catalog3d resolve {sku} --adopt {account.ours[0]}",
            sku=sku,
        )


def _require_no_doubt(sku: str, generation: Generation, account: _Account, now: datetime, rules: LookupRules) -> None:
    """Refuse while its task could still be there unseen, or be there and not be recognised."""
    shown_by = provable_from(sent_of(generation), rules, running_shown=False)
    if now < shown_by:
        raise ProductError(
            f"Its task may not be listed before {shown_by:%Y-%m-%d %H:%M} UTC.",
            code="TOO_EARLY",
            fix="Try again then. --force orders it now, and may pay twice.",
            sku=sku,
        )
    if account.unsure:
        raise ProductError(
            f"The account has tasks that may be it: {', '.join(account.unsure[:5])}.",
            code="TASK_UNSURE",
            fix=f"Look at them in the Tripo account. If one shows {sku}: catalog3d resolve {sku} --adopt TASK_ID. "
            "If none does, add --force.",
            sku=sku,
        )
    if not account.whole:
        raise ProductError(
            "The account's usage changed while it was read, so that a task may have been missed.",
            code="USAGE_NOT_WHOLE",
            fix="Try again. --force orders it all the same, and may pay twice.",
            sku=sku,
        )


def _stand(catalog: OpenCatalog, sku: str, status: Status, reason: str, message: str) -> None:
    change = Change(sku=sku, status=status, stage=Stage.GENERATE_MODEL.value, reason=reason, message=message)
    catalog.registry.catalog.change([change])
