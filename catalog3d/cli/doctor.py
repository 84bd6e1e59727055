"""`doctor`: what is missing and how to fix it; with `--live`, what the real account does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from catalog3d.adapters.wiring import SystemClock
from catalog3d.cli.doctor_live import Bought, buy_check
from catalog3d.cli.doctor_tables import findings_table, observations_table, verdict
from catalog3d.cli.errors import console, print_json, sentence_on_error
from catalog3d.diagnosis.findings import Diagnosis
from catalog3d.errors import RunError
from catalog3d.stages.doctor.checkup import examine_site
from catalog3d.stages.doctor.site import site_of
from catalog3d.wording import plain

UNWELL = 1
NEEDED = ("Settings", "Rules", "Home", "Tripo", "Tripo key", "Region", "Wallet", "Registry", "Registry durability")
"""What must be well before anything is bought."""


def doctor(
    live: Annotated[
        bool, typer.Option("--live", help="Also buy one small text model (10 credits) and check the real account.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --live: buy it without asking.")] = False,
    patient: Annotated[
        bool, typer.Option("--patient", help="With --live: wait six minutes to see how long result addresses live.")
    ] = False,
    new: Annotated[
        bool, typer.Option("--new", help="With --live: leave a check whose order got no answer, and buy another.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Look at everything a run needs, and say for each thing that is wrong how to fix it.

    Free, and changes nothing: the store gets a small file that is removed again. Only --live pays, after a yes: it
    checks what is assumed of Tripo against your account and writes the evidence into `reports/`.

    Exit code: 0 all well or only warnings, 1 problems, 2 --live could not start.
    """
    with sentence_on_error(json_=json_):
        out = console()
        site = site_of(Path.cwd(), environment=dict(os.environ), clock=SystemClock())
        with out.status("Looking at everything"):
            diagnosis = examine_site(site)
        if not json_:
            out.print(findings_table(diagnosis))
            out.print(verdict(diagnosis))
        bought = _live(diagnosis, out, yes=yes, patient=patient, new=new) if live else None
        if json_:
            print_json({**diagnosis.as_json(), **({"live": bought.as_json()} if bought else {})})
        elif bought is not None:
            _show(out, bought)
    raise typer.Exit(UNWELL if diagnosis.problems or (bought and bought.alarms) else 0)


def _live(diagnosis: Diagnosis, out: Console, **wishes: Any) -> Bought:
    in_the_way = diagnosis.concerning(NEEDED)
    if in_the_way:
        raise RunError(
            f"Nothing is bought while this is wrong: {in_the_way[0].check}: {in_the_way[0].found}",
            code="NOT_WELL",
            fix=in_the_way[0].fix,
        )
    return buy_check(Path.cwd(), out, **wishes)


def _show(out: Console, bought: Bought) -> None:
    out.print(observations_table(bought.evidence))
    for path in bought.files:
        out.print(f"[bold]Evidence[/] {plain(str(path), 1000)}", soft_wrap=True, markup=True)
