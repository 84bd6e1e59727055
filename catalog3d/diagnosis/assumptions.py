"""What catalog3d assumes of the provider, and what it does where that does not hold.

`docs/spend-safety.md` rests on these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from catalog3d.diagnosis.facts import Facts
from catalog3d.diagnosis.judging import (
    PROOF_S,
    URL_LIFE_S,
    Judged,
    Verdict,
    clock_judged,
    credits_judged,
    duration_judged,
    echo_judged,
    exists_judged,
    file_judged,
    fresh_judged,
    held_judged,
    host_judged,
    in_flight_judged,
    life_judged,
    list_judged,
    not_found_judged,
    order_judged,
    pages_judged,
    rate_judged,
    usage_credits_judged,
    visible_judged,
    wallet_judged,
)
from catalog3d.wording import plain


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One assumption, judged.

    Attributes:
        key: Stable name for scripts.
        consequence: What catalog3d does about it if it does not hold.
    """

    key: str
    assumption: str
    observed: str
    verdict: Verdict
    consequence: str


def judge(facts: Facts) -> tuple[Observation, ...]:
    """Every assumption, in the order in which they matter."""
    return tuple(
        Observation(
            key=key, assumption=assumption, verdict=verdict, observed=plain(observed, 300), consequence=consequence
        )
        for key, assumption, consequence, judged in ASSUMPTIONS
        for verdict, observed in (judged(facts),)
    )


_ADOPT = "A lost answer is matched by what else the task echoes; where nothing of it is ours alone, a person is asked."
ASSUMPTIONS: tuple[tuple[str, str, str, Callable[[Facts], Judged]], ...] = (
    (
        "task_exists",
        "An answer with a task id means that the task exists.",
        "A task that is missed is asked for again; after some misses in a row it is parked (TASK_LOST), never bought again.",
        exists_judged,
    ),
    ("echo_seed", "A task echoes the model_seed it was ordered with.", _ADOPT, echo_judged("model_seed")),
    ("echo_prompt", "A task echoes the prompt it was ordered with.", _ADOPT, echo_judged("prompt")),
    (
        "usage_in_flight",
        "account/usage lists tasks that are still being made.",
        "A lost request counts as absent only once a hidden task would have ended (CATALOG3D_TRIPO__DEADLINE_S), not sooner.",
        in_flight_judged,
    ),
    (
        "usage_delay",
        f"account/usage lists a task within {PROOF_S:.0f} s.",
        "A proof of absence needs a newer task of ours that usage shows; without one a person is asked, and nothing is sent.",
        visible_judged,
    ),
    (
        "usage_order",
        "account/usage is sorted, newest first.",
        "Nothing relies on it: usage is read to its end, and only back to a day where it is newest first.",
        order_judged,
    ),
    (
        "usage_pages",
        "Overlapping pages of account/usage agree.",
        "A reading whose pages do not join proves nothing; it is read again, and in the end a person is asked.",
        pages_judged,
    ),
    (
        "not_found",
        "A task that does not exist is answered 404 with code 2001.",
        "Any other refusal of a known task is parked for a person; it is never taken as proof that nothing was made.",
        not_found_judged,
    ),
    (
        "price",
        "A task costs what the price table says.",
        "The provider's figure is booked and shown beside the estimate; budgets reserve what the table says.",
        credits_judged,
    ),
    (
        "usage_price",
        "account/usage and the task name the same credits.",
        "The task's own figure is booked; every run compares it with usage and tells the difference.",
        usage_credits_judged,
    ),
    (
        "held",
        "The price is held in the wallet while a task is being made.",
        "The budgets do not rely on it: they are reserved in the ledger before anything is sent.",
        held_judged,
    ),
    (
        "wallet",
        "The wallet falls by exactly what the task cost.",
        "The ledger books the task's own figure; compare it with the invoice.",
        wallet_judged,
    ),
    (
        "list_agrees",
        "tasks/list and tasks/{id} say the same.",
        "Tasks are watched through tasks/list; one that it misses is asked for again and then parked, never bought again.",
        list_judged,
    ),
    (
        "fresh_url",
        "Asking a task again gives a fresh result address.",
        "An expired address cannot be renewed then: the SKU waits for the next run, the model stays paid.",
        fresh_judged,
    ),
    (
        "url_life",
        f"A result address lives {URL_LIFE_S:.0f} s or longer.",
        "Results are fetched at once, and a refused address is asked for anew a few times; it is never bought again.",
        life_judged,
    ),
    (
        "result_host",
        "Results come from a host that is allowed.",
        (
            "The download is refused (DOWNLOAD_REFUSED) and the model stays paid: add the host to "
            "CATALOG3D_TRIPO__DOWNLOAD_HOSTS if you trust it."
        ),
        host_judged,
    ),
    (
        "result_file",
        "The result is a whole GLB file.",
        "A broken or foreign file is not stored; it is fetched again, and the model stays paid.",
        file_judged,
    ),
    (
        "rate_headers",
        "Answers carry rate limit headers.",
        "Waits then follow Retry-After alone, or grow from try to try.",
        rate_judged,
    ),
    (
        "clock",
        "The server sends its time with every answer.",
        "Lost requests are then placed in time by this machine's clock, which must be right within ten minutes.",
        clock_judged,
    ),
    (
        "duration",
        "A task ends before the deadline.",
        "It is parked as TASK_STUCK, and the next run looks again and pays nothing (CATALOG3D_TRIPO__DEADLINE_S).",
        duration_judged,
    ),
)
