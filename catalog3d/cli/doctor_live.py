"""The paid part of `doctor`: says what it costs, waits for a yes, buys, writes the evidence."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from catalog3d.adapters.wiring import open_catalog
from catalog3d.diagnosis.evidence import Evidence
from catalog3d.diagnosis.judging import Verdict
from catalog3d.errors import RunError
from catalog3d.prices import PRICES_DATED, USD_PER_CREDIT
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.doctor.live import Patience, perform, write_evidence
from catalog3d.stages.doctor.offer import Offer, make_offer
from catalog3d.wording import credits_text

AGES_S = (60.0, 330.0)
"""A minute, and half a minute beyond the five that Tripo's quick start names."""
STOPPED = 130
"""What shells say of a program that Ctrl-C ended."""
ALARMS = frozenset({"task_exists", "price", "result_host", "result_file"})
"""What a run cannot do without: its failing is a problem, not only a surprise."""


@dataclass(frozen=True, kw_only=True)
class Bought:
    """One paid check, done and written down."""

    evidence: Evidence
    files: tuple[Path, ...]

    @property
    def alarms(self) -> tuple[str, ...]:
        return tuple(one.key for one in self.evidence.of(Verdict.BROKEN) if one.key in ALARMS)

    def as_json(self) -> dict[str, Any]:
        return {**self.evidence.as_json(), "files": [str(path) for path in self.files]}


def buy_check(start: Path, out: Console, *, yes: bool, patient: bool, new: bool) -> Bought:
    """Ask, buy, look, write.

    Raises:
        RunError: NOT_CONFIRMED without a yes: nothing was bought.
    """
    with open_catalog(start, offline=True) as catalog:
        offer = make_offer(catalog, new=new)
        _announce(out, catalog, offer)
        if offer.pays and not yes:
            _require_yes(offer)
        patience = Patience(look_s=catalog.settings.tripo.poll_s, ages_s=AGES_S if patient else ())
        takes = "eight minutes" if patient else "a minute or two"
        with out.status(f"Watching the account while the model is made ({takes})"):
            evidence = _performed(out, catalog, offer, patience)
        document = json.dumps(evidence.as_json(), indent=2, ensure_ascii=False) + "\n"
        return Bought(evidence=evidence, files=write_evidence(catalog, evidence, document))


def _performed(out: Console, catalog: OpenCatalog, offer: Offer, patience: Patience) -> Evidence:
    try:
        return asyncio.run(perform(catalog, offer, patience))
    except KeyboardInterrupt:
        out.print(
            "\nStopped. What was ordered is kept: the next `catalog3d doctor --live` goes on with it for nothing."
        )
        raise typer.Exit(STOPPED) from None


def _announce(out: Console, catalog: OpenCatalog, offer: Offer) -> None:
    if not offer.pays:
        out.print(f"An interrupted check goes on ({offer.check_id}): nothing more is bought.")
        return
    out.print(
        f"[bold]Cost[/] {credits_text(offer.price)} credits ({offer.price * USD_PER_CREDIT:.2f} USD, prices of "
        f"{PRICES_DATED}) for one text model ({offer.brief.model}, without texture) at "
        f"{escape(catalog.settings.tripo.base_url)}; reserved in today's budget of {catalog.settings.budget.day}",
        soft_wrap=True,
    )


def _require_yes(offer: Offer) -> None:
    try:
        answer = typer.prompt(f'Type "yes" to spend {offer.price} credits', default="", show_default=False, err=True)
    except typer.Abort:
        answer = ""
    if answer.strip().lower() != "yes":
        raise RunError(
            "Nothing was bought: there was no yes.", code="NOT_CONFIRMED", fix='Type "yes" when asked, or add --yes.'
        )
