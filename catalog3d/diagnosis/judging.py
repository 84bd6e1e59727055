"""One judgement for each assumption about the provider: facts in, a verdict and what was observed out."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from catalog3d.diagnosis.facts import Facts
from catalog3d.lookup import LookupRules
from catalog3d.wording import credits_text, plural

PROOF_S = LookupRules().absent_after_s
"""A lost request counts as absent only this long after it was given up, so usage must show tasks sooner."""
URL_LIFE_S = 300.0
"""The shortest life of a result address that any source names (Tripo quick start)."""


class Verdict(StrEnum):
    HOLDS = "holds"
    BROKEN = "does not hold"
    UNSEEN = "not observed"


Judged = tuple[Verdict, str]
H, B, U = Verdict.HOLDS, Verdict.BROKEN, Verdict.UNSEEN


def exists_judged(facts: Facts) -> Judged:
    if facts.found_at_once is None:
        return U, "The check went on with a task of earlier."
    return (
        H if facts.found_at_once else B
    ), f"The first question after the answer {'knew' if facts.found_at_once else 'did not know'} the task."


def echo_judged(name: str) -> Callable[[Facts], Judged]:
    def judged(facts: Facts) -> Judged:
        if facts.echo is None:
            return U, "The task could not be asked for."
        sent = {"model_seed": str(facts.model_seed), "prompt": facts.prompt}[name]
        told = facts.echo.get(name)
        if told is None:
            named = ", ".join(sorted(facts.echo)[:12]) or "nothing"
            return B, f"The task echoes no {name}; it echoes {named}."
        return (H, f"{name} comes back as it was sent.") if told == sent else (B, f"{name} comes back changed.")

    return judged


def in_flight_judged(facts: Facts) -> Judged:
    if facts.seen_in_flight and facts.seen_after_s is not None:
        return H, f"Listed while it was being made, {facts.seen_after_s:.1f} s after the answer."
    if facts.in_flight_reads:
        return B, f"Not listed in {facts.in_flight_reads} reads while it was being made."
    return U, "The task was finished before usage could be read."


def visible_judged(facts: Facts) -> Judged:
    if facts.resumed:
        return U, "The check went on with a task of earlier."
    if facts.seen_after_s is None:
        return (B if facts.looked_s >= PROOF_S else U), f"Not listed within {facts.looked_s:.0f} s."
    verdict = H if facts.seen_after_s < PROOF_S else B
    return verdict, f"First listed {facts.seen_after_s:.1f} s after the answer."


def order_judged(facts: Facts) -> Judged:
    if not facts.order:
        return U, f"{plural(facts.usage_rows, 'row')} cannot show an order."
    return (H if facts.order == "newest first" else B), f"{facts.order.capitalize()}, in {facts.usage_rows} rows."


def pages_judged(facts: Facts) -> Judged:
    if facts.pages_agree is None:
        return U, f"{plural(facts.usage_rows, 'row')} cannot fill two pages."
    return (
        H if facts.pages_agree else B
    ), "Overlapping pages agree." if facts.pages_agree else "Overlapping pages differ."


def not_found_judged(facts: Facts) -> Judged:
    if facts.not_found is None:
        return U, "It was not asked for."
    told = facts.not_found
    observed = f"HTTP {told.status}, code {told.code}: {told.words or 'no words'}"
    return (H if told.status == 404 and told.code == 2001 else B), observed


def credits_judged(facts: Facts) -> Judged:
    if facts.credits is None:
        return U, "The task does not say what it cost."
    if facts.state != "success":
        return (
            H if facts.credits == 0 else B
        ), f"It ended as {facts.state} and cost {credits_text(facts.credits)} credits."
    return (
        H if facts.credits == facts.price else B
    ), f"{credits_text(facts.credits)} credits; the price table says {credits_text(facts.price)}."


def usage_credits_judged(facts: Facts) -> Judged:
    if facts.usage_credits is None or facts.credits is None:
        return U, "Usage did not list the finished task with its price."
    same = facts.usage_credits == facts.credits
    return (
        H if same else B
    ), f"{credits_text(facts.usage_credits)} credits in usage, {credits_text(facts.credits)} in the task."


def held_judged(facts: Facts) -> Judged:
    if facts.frozen_in_flight is None:
        return U, "The task was finished before the wallet could be read."
    verdict = H if facts.frozen_in_flight >= facts.price else B
    return verdict, f"{credits_text(facts.frozen_in_flight)} credits were held while it was being made."


def wallet_judged(facts: Facts) -> Judged:
    if facts.balance_before is None or facts.balance_after is None or facts.credits is None:
        return U, "The wallet was not read before the order."
    gone = facts.balance_before - facts.balance_after
    observed = f"{credits_text(gone)} credits less than before the order; the task says {credits_text(facts.credits)}."
    if gone == facts.credits:
        return H, observed
    return U, f"{observed} Something else may run on this account."


def list_judged(facts: Facts) -> Judged:
    if facts.listed is None:
        return U, "It was not asked for."
    if not facts.listed:
        return B, "tasks/list does not know the task."
    if facts.differs:
        return B, f"They differ in {', '.join(facts.differs)}."
    return H, "Both say the same."


def fresh_judged(facts: Facts) -> Judged:
    if facts.fresh_url is None:
        return U, "There was no address."
    return (
        H if facts.fresh_url else B
    ), "Two queries gave two addresses." if facts.fresh_url else "The same address twice."


def life_judged(facts: Facts) -> Judged:
    if not facts.host:
        return U, "There was no address."
    tried = [f"after {age:.0f} s it {'still delivered' if ok else 'was refused'}" for age, ok in facts.old_url]
    observed = "; ".join((_told_life(facts.url_life_s), *tried)) + "."
    died = min((age for age, ok in facts.old_url if not ok), default=None)
    lived = max((age for age, ok in facts.old_url if ok), default=0.0)
    if died is not None:
        return (B if died < URL_LIFE_S else H), observed
    if lived >= URL_LIFE_S:
        return H, observed
    long_enough = {life >= URL_LIFE_S - 2 for life in facts.url_life_s or ()}  # clocks are compared to a second
    if len(long_enough) != 1:
        return U, observed
    return (H if long_enough == {True} else B), observed


def _told_life(lives_s: tuple[float, float] | None) -> str:
    if lives_s is None:
        return "It does not say when it ends"
    by_server, by_ours = lives_s
    if abs(by_server - by_ours) < 2:
        return f"It says that it lives {by_server:.0f} s"
    return f"It says that it lives {by_server:.0f} s by the server's clock, or {by_ours:.0f} s by this machine's"


def host_judged(facts: Facts) -> Judged:
    if not facts.host:
        return U, "There was no address."
    if facts.host_allowed:
        return H, f"{facts.host} is allowed."
    return B, f"{facts.host} is not among the allowed hosts."


def file_judged(facts: Facts) -> Judged:
    if facts.delivered_bytes is not None:
        return H, f"A whole GLB of {facts.delivered_bytes} bytes."
    return (B, facts.delivery_trouble) if facts.delivery_trouble else (U, "There was no address.")


def rate_judged(facts: Facts) -> Judged:
    if not facts.reads:
        return U, "Nothing was asked."
    if facts.rate_headers:
        return H, f"{', '.join(facts.rate_headers)} in answers to reads."
    return B, f"No rate limit header in {facts.reads} answers to reads."


def clock_judged(facts: Facts) -> Judged:
    if facts.clock_offset_s is None:
        return B, "It sends no Date."
    return H, f"Its clock is {facts.clock_offset_s:+.1f} s from this machine's."


def duration_judged(facts: Facts) -> Judged:
    if facts.duration_s is None:
        return U, "The check went on with a task of earlier."
    verdict = H if facts.duration_s < facts.deadline_s else B
    return verdict, f"{facts.duration_s:.1f} s from the answer to the end; the deadline is {facts.deadline_s:.0f} s."
