"""What a publication run will do: every SKU and channel, planned from what the registry and the records say now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from catalog3d.adapters.registry.catalog import Standing
from catalog3d.asset import Asset, Choice
from catalog3d.errors import RunError
from catalog3d.publication import Publication
from catalog3d.publish_gates import Candidate, PublishWish, Terms
from catalog3d.publishing import Act, Step, plan_steps, selected
from catalog3d.rules import Rules
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.resting import channels_of


@dataclass(frozen=True, kw_only=True)
class PublishPlan:
    """A publication run before it begins.

    Attributes:
        waiting: SKUs that name a channel and wait for somebody to approve them.
        untold: SKUs of which an earlier run was cut off before lists, records and sheet said so.
    """

    steps: tuple[Step, ...]
    waiting: int = 0
    untold: tuple[str, ...] = ()

    @property
    def work(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.is_work)

    @property
    def has_something_to_do(self) -> bool:
        return bool(self.work or self.untold)


def plan_publishing(catalog: OpenCatalog, wish: PublishWish) -> PublishPlan:
    """Plan all that a wish is about; changes nothing.

    Raises:
        RunError: CHANNEL_UNKNOWN.
    """
    known = catalog.rules.channels_in_force
    if wish.channel and wish.channel not in known:
        raise RunError(
            f"There is no channel {wish.channel}.",
            code="CHANNEL_UNKNOWN",
            fix=f"Known channels: {', '.join(known)}; more are set up under `channels:` in catalog.yaml.",
        )
    terms = terms_of(catalog.rules, wish)
    chosen, waiting = selected(list(_candidates(catalog)), wish)
    steps = [step for candidate in chosen for step in _steps(catalog, candidate, terms)]
    found = {candidate.sku for candidate in chosen}
    steps += [_unknown(sku) for sku in wish.only if sku not in found]
    untold = sorted({publication.sku for publication in catalog.registry.publications.untold()})
    return PublishPlan(steps=tuple(steps), waiting=waiting, untold=tuple(untold))


def plan_again(catalog: OpenCatalog, step: Step, wish: PublishWish) -> Step:
    """The same step, planned from what is known now: somebody else may have been there."""
    candidate = next(_candidates(catalog, step.sku), None)
    if candidate is None:
        return _unknown(step.sku)
    terms = terms_of(catalog.rules, replace(wish, channel=step.channel))
    steps = _steps(catalog, candidate, terms)
    return steps[0] if steps else replace(step, act=Act.NOTHING, message="There is nothing left to do.")


def terms_of(rules: Rules, wish: PublishWish) -> Terms:
    return Terms(wish=wish, channels=rules.channels_in_force, needs_owner=rules.publish_needs_owner)


def _steps(catalog: OpenCatalog, candidate: Candidate, terms: Terms) -> list[Step]:
    """Planned from the registry; only what would be done is held against the asset records too."""
    steps = plan_steps(candidate, terms)
    if not any(step.act in (Act.PUBLISH, Act.ROLL_BACK) for step in steps):
        return steps
    return plan_steps(_with_records(catalog, candidate, terms), terms)


def _with_records(catalog: OpenCatalog, candidate: Candidate, terms: Terms) -> Candidate:
    records = {record.file: record for record in catalog.library.records_of(candidate.sku)}
    of = {asset.id: records[asset.file] for asset in candidate.assets if asset.file in records}
    approvers = {}
    if terms.needs_owner:
        versions = {asset.version: asset.id for asset in candidate.assets}
        for decision in catalog.registry.catalog.decisions(candidate.sku):
            if decision.decision is Choice.APPROVED and decision.version in versions:
                approvers[versions[decision.version]] = decision.person
    return replace(
        candidate,
        approvers=approvers,
        concepts=frozenset(asset_id for asset_id, record in of.items() if record.concept),
        standins=candidate.standins | {asset_id for asset_id, record in of.items() if record.standin},
    )


def _candidates(catalog: OpenCatalog, sku: str | None = None) -> Iterator[Candidate]:
    record = catalog.registry.catalog
    assets: dict[str, list[Asset]] = defaultdict(list)
    for asset in record.assets(sku):
        if asset.stored:
            assets[asset.sku].append(asset)
    publications: dict[str, list[Publication]] = defaultdict(list)
    for publication in catalog.registry.publications.of(sku):
        publications[publication.sku].append(publication)
    standings = record.standings() if sku is None else {sku: record.standing(sku)}
    for standing in sorted(filter(None, standings.values()), key=lambda item: (item.row, item.sku)):
        yield _candidate(catalog, standing, assets[standing.sku], publications[standing.sku])


def _candidate(
    catalog: OpenCatalog, standing: Standing, assets: list[Asset], publications: list[Publication]
) -> Candidate:
    fields, ids = standing.fields, frozenset(asset.id for asset in assets)
    return Candidate(
        sku=standing.sku,
        name=standing.name,
        channels=channels_of(standing),
        handle=str(fields.get("handle") or ""),
        owner=str(fields.get("owner") or "") or catalog.rules.owner_of(str(fields.get("category") or "")),
        on_hold=fields.get("action") == "hold",
        in_sheet=bool(standing.sheet),
        assets=tuple(assets),
        approvers=None,
        concepts=frozenset(),
        standins=ids if catalog.is_rehearsal else frozenset(),
        publications=tuple(publications),
    )


def _unknown(sku: str) -> Step:
    return Step(
        sku=sku,
        name="",
        channel="",
        act=Act.REFUSE,
        code="SKU_UNKNOWN",
        message=f"There is no SKU {sku} in this catalog.",
        fix="catalog3d status lists them.",
    )
