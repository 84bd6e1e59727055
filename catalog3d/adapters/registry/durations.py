"""How long tasks took, as the registry knows it: what the watcher expects before it has seen any itself."""

from __future__ import annotations

from sqlalchemy import Engine, select

from catalog3d.adapters.registry.engine import read
from catalog3d.adapters.registry.tables import GenerationRow
from catalog3d.brief import Brief
from catalog3d.ledger import Outcome

RECENT = 200
"""Generations looked at: enough for every kind of a catalog, few enough to read at each start."""


def seconds_taken(
    engine: Engine, realm: str, base_url: str, *, recent: int = RECENT
) -> dict[tuple[str, str], list[float]]:
    """(task type, model) -> seconds from submission to settlement of the latest models, the latest last.

    They include how late an ending was seen: after a night without a run, hours. The quick ones tell.
    """
    with read(engine) as session:
        rows = session.execute(
            select(GenerationRow.brief, GenerationRow.submitted_at, GenerationRow.settled_at)
            .where(
                GenerationRow.realm == realm,
                GenerationRow.base_url == base_url,
                GenerationRow.outcome == Outcome.SUCCESS.value,
            )
            .order_by(GenerationRow.id.desc())
            .limit(recent)
        ).all()
    taken: dict[tuple[str, str], list[float]] = {}
    for text, submitted_at, settled_at in reversed(rows):
        brief = Brief.parse(text)
        # The provider calls the task of `image-to-model` `image_to_model` (facts: v3 task detail).
        kind = (brief.endpoint.replace("-", "_"), brief.model)
        if submitted_at is not None and settled_at is not None:
            taken.setdefault(kind, []).append((settled_at - submitted_at).total_seconds())
    return taken
