"""A person settles a request of which nobody knows what became: with its task, or by having it sent again."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from catalog3d.adapters.registry.catalog import Change
from catalog3d.errors import NeedsPersonError, ProductError
from catalog3d.ledger import Generation, Lease, LedgerState, Outcome
from catalog3d.lookup import HORIZON, Fit, fit, may_be
from catalog3d.ports import Submitted, TaskDetail
from catalog3d.stages.context import GeneratorLink, OpenCatalog
from catalog3d.stages.lookup import sent_of
from catalog3d.stages.usage import details_of, read_usage
from catalog3d.status import Stage, Status

RESUBMITTED = "RESUBMITTED"


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


async def resubmit(catalog: OpenCatalog, link: GeneratorLink, sku: str, *, person: str) -> Resolution:
    """Close a SKU's unanswered request as one that made nothing, so that the next run sends a new one.

    The account is read once more before: what is surely its task is not paid again.

    Raises:
        ProductError: SKU_UNKNOWN, NOTHING_TO_RESOLVE, TAKEN; TASK_FOUND, its task is there.
    """
    generation, lease = _unknown_request(catalog, sku, person)
    try:
        found = await _find(catalog, link, generation)
        if found is not None:
            raise ProductError(
                f"The account has its task: {found.task_id}. Sending it again would pay twice.",
                code="TASK_FOUND",
                fix=f"catalog3d resolve {sku} --adopt {found.task_id}",
                sku=sku,
            )
        message = f"{person} decided that the request made nothing."
        catalog.registry.ledger.settle(
            lease, Outcome.WITHDRAWN, credits_consumed=Decimal(0), code=RESUBMITTED, message=message
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


async def _find(catalog: OpenCatalog, link: GeneratorLink, generation: Generation) -> TaskDetail | None:
    sent = sent_of(generation)
    scan = await read_usage(link.client, sent.sent_at - HORIZON)
    held = catalog.registry.lookups.by_task(catalog.realm, scan.rows.keys())
    wanted = [task_id for task_id, row in scan.rows.items() if task_id not in held and may_be(sent, row)]
    tasks = await details_of(link.clients, wanted)
    return next((task for task in tasks.values() if fit(sent, task) is Fit.OURS), None)


def _stand(catalog: OpenCatalog, sku: str, status: Status, reason: str, message: str) -> None:
    change = Change(sku=sku, status=status, stage=Stage.GENERATE_MODEL.value, reason=reason, message=message)
    catalog.registry.catalog.change([change])
