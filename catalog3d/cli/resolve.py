"""`resolve`: a person settles a request of which nobody knows what became."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from catalog3d.adapters.wiring import lookup_rules_of, open_catalog, open_generator
from catalog3d.cli.errors import console, print_json, sentence_on_error
from catalog3d.cli.person import As, deciding
from catalog3d.errors import RunError
from catalog3d.people import Act
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.resolve import Resolution
from catalog3d.stages.resolve import adopt as adopt_task
from catalog3d.stages.resolve import resubmit as close_request

REFUSED = 1


def resolve(
    sku: Annotated[str, typer.Argument(help="The SKU with the reason SUBMISSION_UNKNOWN.")],
    adopt: Annotated[str, typer.Option(help="Its task in the Tripo account: fetched by the next run, free.")] = "",
    resubmit: Annotated[
        bool, typer.Option("--resubmit", help="It made nothing: the next run orders, and pays, anew.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --resubmit: although it is early, or tasks may be it. May pay twice.")
    ] = False,
    as_: As = "",
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Settle a paid request that got no answer, after looking into the Tripo account.

    Runs look for such requests themselves, and send one again only if it surely made nothing. What is left is for
    you: name its task with --adopt, or say with --resubmit that there is none.

    Exit code: 0, or 1 if it was refused.
    """
    with sentence_on_error(json_=json_, exit_code=REFUSED):
        if bool(adopt) == resubmit:
            raise RunError(
                "resolve needs to know how.",
                code="NOTHING_SELECTED",
                fix="Add --adopt TASK_ID, or --resubmit if the account has no such task.",
            )
        with open_catalog(Path.cwd(), offline=True) as catalog:
            person = deciding(catalog, as_, Act.ORDER)
            done = asyncio.run(_resolve(catalog, sku, adopt, person=person, force=force))
        if json_:
            print_json({"sku": sku, "state": done.generation.state.value, "task_id": done.generation.task_id})
        else:
            console().print(escape(done.sentence), soft_wrap=True)


async def _resolve(catalog: OpenCatalog, sku: str, task_id: str, *, person: str, force: bool) -> Resolution:
    async with open_generator(catalog) as (link, _balance):
        if task_id:
            return await adopt_task(catalog, link, sku, task_id, person=person)
        rules = lookup_rules_of(catalog)
        return await close_request(catalog, link, sku, person=person, rules=rules, force=force)
