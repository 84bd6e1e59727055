"""Publishing: one SKU at one channel, written down before and after."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from catalog3d.asset import Asset
from catalog3d.channels import Channel, Item
from catalog3d.errors import Catalog3DError, ProductError, RunError, TransientError
from catalog3d.publication import Publication, PublicationState
from catalog3d.publish_gates import PublishWish, profile_gate, standin_refusal
from catalog3d.publishing import Act, Step
from catalog3d.quality import MeshReport
from catalog3d.request import named_skus
from catalog3d.stages.context import OpenCatalog
from catalog3d.stages.publish_plan import PublishPlan, plan_again

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Publications under way at once: each holds a place of the registry, and channels limit their own rates."""

_DONE = {Act.PUBLISH: "published", Act.ROLL_BACK: "rolled back", Act.UNPUBLISH: "unpublished"}


class Judge(Protocol):
    """Measures a file against a profile."""

    def __call__(self, path: Path, profile: str) -> MeshReport: ...


@dataclass(frozen=True, kw_only=True)
class PublishLine:
    """What became of one SKU at one channel.

    Attributes:
        outcome: published, rolled back, unpublished, live already, refused, left, failed, or planned in a dry run.
        version: The version that is there now (or would be); 0 = none.
    """

    sku: str
    name: str
    channel: str
    outcome: str
    version: int = 0
    code: str = ""
    message: str = ""
    fix: str = ""
    link: str = ""

    @property
    def is_refusal(self) -> bool:
        return self.outcome in ("refused", "failed")


@dataclass(kw_only=True)
class Publishing:
    """One publication run under way in this process.

    Attributes:
        opener: Opens a channel by its name; may raise a RunError.
        stopped: Channel -> why nothing more goes there in this run.
        lines: (SKU, channel) -> what became of it.
        notes: Sentences that a person should read.
        unwritten: What could not be written -> why; the next run writes it.
    """

    catalog: OpenCatalog
    wish: PublishWish
    plan: PublishPlan
    opener: Callable[[str], Channel]
    judge: Judge
    stopped: dict[str, RunError] = field(default_factory=dict)
    lines: dict[tuple[str, str], PublishLine] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unwritten: dict[str, Catalog3DError] = field(default_factory=dict)
    _channels: dict[str, Channel] = field(default_factory=dict)
    _steps: dict[tuple[str, str], Step] = field(init=False)

    def __post_init__(self) -> None:
        self._steps = {(step.sku, step.channel): step for step in self.plan.work}

    def channel(self, name: str) -> Channel:
        """An open channel.

        Raises:
            RunError: It cannot be used; the others can.
        """
        if name in self.stopped:
            raise self.stopped[name]
        if name not in self._channels:
            self._channels[name] = self.opener(name)
        return self._channels[name]

    def step(self, sku: str, channel: str) -> Step:
        """A step of the plan."""
        return self._steps[sku, channel]

    @property
    def waves(self) -> tuple[tuple[Step, ...], ...]:
        """The work of the plan, channels that hand on links of others after those."""
        rules = self.catalog.rules.channels_in_force
        first: list[Step] = []
        after: list[Step] = []
        for step in self._steps.values():
            (after if rules[step.channel].links_from else first).append(step)
        return tuple(first), tuple(after)

    @property
    def is_refused(self) -> bool:
        """Whether anything was not done that was asked for."""
        return bool(self.unwritten) or any(line.is_refusal for line in self.report)

    @property
    def report(self) -> tuple[PublishLine, ...]:
        """Every planned step with what became of it, in the order of the plan."""
        return tuple(self.lines.get((step.sku, step.channel)) or line_of(step) for step in self.plan.steps)


def publish_wish(*, only: tuple[str, ...], rollback: str, unpublish: str, **wishes: Any) -> PublishWish:
    """What a form or the command line asks for.

    Raises:
        RunError: SELECTION_UNCLEAR, more than one thing at once.
    """
    if sum(map(bool, (only, rollback, unpublish))) > 1:
        raise RunError(
            "Publishing, rolling back and taking away are three things.",
            code="SELECTION_UNCLEAR",
            fix="Use one of --sku, --rollback and --unpublish.",
        )
    named = named_skus(rollback or unpublish) or only
    return PublishWish(only=named, rollback=bool(rollback), unpublish=bool(unpublish), **wishes)


def line_of(step: Step) -> PublishLine:
    """What is said of a step that was not carried out."""
    outcome = {Act.REFUSE: "refused", Act.LEAVE: "left", Act.NOTHING: "live already"}.get(step.act, "planned")
    there = step.there
    if step.act is Act.NOTHING and there is None:
        outcome = "nothing to do"
    version = step.asset.version if step.asset else there.placed.version if there else 0
    return PublishLine(
        sku=step.sku,
        name=step.name,
        channel=step.channel,
        outcome=outcome,
        version=version,
        code=step.code,
        message=step.message,
        fix=step.fix,
        link=there.placed.link if there else "",
    )


def failed_line(step: Step, error: Catalog3DError) -> PublishLine:
    """What is said of a step that a channel did not take."""
    there = step.there
    return PublishLine(
        sku=step.sku,
        name=step.name,
        channel=step.channel,
        outcome="refused" if isinstance(error, ProductError) else "failed",
        version=there.placed.version if there else 0,
        code=error.code,
        message=error.message,
        fix=error.fix,
        link=there.placed.link if there else "",
    )


def preview(publishing: Publishing, step: Step) -> PublishLine:
    """What a step would do; changes nothing. A channel may be asked what it has."""
    line = line_of(step)
    if step.act is Act.UNPUBLISH:
        return _told(line, f"Would take V{line.version} away from {step.channel}.")
    if step.asset is None or not step.is_work:
        return line
    if step.adopts:
        return _told(line, f"{step.channel} has these very bytes: would only record V{line.version}.")
    try:
        with tempfile.TemporaryDirectory(prefix="catalog3d-publish-") as folder:
            item = _item(publishing, step, step.asset, Path(folder))
            return _told(line, publishing.channel(step.channel).describe(item))
    except Catalog3DError as error:
        return failed_line(step, error)


def carry_out(publishing: Publishing, step: Step) -> PublishLine:
    """Do one step, whatever others do meanwhile: planned again once nobody else is at this SKU and channel.

    Raises:
        ProductError: The channel does not take this SKU.
        RunError: The channel cannot be used; nothing more goes there in this run.
        TransientError: Worth trying again.
    """
    record = publishing.catalog.registry.publications
    with record.alone_at(step.channel, step.sku):
        now = plan_again(publishing.catalog, step, publishing.wish)
        if step.act is Act.ROLL_BACK and (now.there is None or step.there is None or now.there.id != step.there.id):
            return _told(line_of(step), "Somebody else has rolled it back meanwhile.", outcome="left")
        if not now.is_work:
            return line_of(now)
        if now.act is Act.UNPUBLISH:
            return _unpublish(publishing, now)
        return _publish(publishing, now)


def _publish(publishing: Publishing, step: Step) -> PublishLine:
    asset, there = step.asset, step.there
    if asset is None:
        raise RunError(f"{step.sku} has nothing to publish.", code="STAGE_ORDER")
    record = publishing.catalog.registry.publications
    instead = PublicationState.ROLLED_BACK if step.act is Act.ROLL_BACK else PublicationState.REPLACED
    if step.adopts and there is not None:
        placed = replace(there.placed, version=asset.version)
        done = record.done(record.begin(asset, step.channel), placed, instead=instead, extents_m=there.extents_m)
        return _line(step, done)
    with tempfile.TemporaryDirectory(prefix="catalog3d-publish-") as folder:
        item = _item(publishing, step, asset, Path(folder))
        channel = publishing.channel(step.channel)
        begun = record.begin(asset, step.channel)
        try:
            placed = channel.publish(replace(item, publication=begun.name))
        except ProductError as error:
            record.refused(begun, str(error))
            raise
        return _line(step, record.done(begun, placed, instead=instead, extents_m=item.extents_m))


def _unpublish(publishing: Publishing, step: Step) -> PublishLine:
    if step.there is None:
        return line_of(step)
    record = publishing.catalog.registry.publications
    channel = publishing.channel(step.channel)
    record.begin_removal(step.there)
    channel.unpublish(step.there.placed)
    record.removed(step.there)
    return PublishLine(sku=step.sku, name=step.name, channel=step.channel, outcome=_DONE[Act.UNPUBLISH])


def _item(publishing: Publishing, step: Step, asset: Asset, folder: Path) -> Item:
    """A local, verified copy of the model, which keeps the channel's own limits.

    Raises:
        ProductError: KEY_MISSING, CONTENT_CHANGED, CHANNEL_* for a limit of the channel.
    """
    model = folder / asset.file
    publishing.catalog.store.fetch(asset.key, model, sha256=asset.sha256)
    limits = publishing.catalog.rules.channels_in_force[step.channel].limits
    report = publishing.judge(model, limits)
    is_standin = report.facts is not None and report.facts.standin and not publishing.wish.standin
    if refusal := standin_refusal(asset.version) if is_standin else profile_gate(report, step.channel, limits):
        code, message, fix = refusal
        raise ProductError(message, code=code, fix=fix, sku=step.sku)
    previous = step.there.placed if step.there is not None else None
    return Item(
        sku=step.sku,
        name=step.name,
        version=asset.version,
        format=asset.format,
        file=asset.file,
        sha256=asset.sha256,
        size_bytes=asset.size_bytes,
        model=model,
        product_ref=step.handle,
        extents_m=report.facts.extents_m if report.facts else None,
        previous=previous,
    )


def _line(step: Step, done: Publication) -> PublishLine:
    return PublishLine(
        sku=step.sku,
        name=step.name,
        channel=step.channel,
        outcome=_DONE[step.act],
        version=done.placed.version,
        link=done.placed.link,
    )


def _told(line: PublishLine, message: str, *, outcome: str = "") -> PublishLine:
    return replace(line, message=message, outcome=outcome or line.outcome)


def note_failure(publishing: Publishing, step: Step, error: Catalog3DError) -> PublishLine:
    """What became of a step that raised; a RunError closes the channel for the rest of this run."""
    if isinstance(error, RunError):
        publishing.stopped.setdefault(step.channel, error)
    if isinstance(error, TransientError):
        log.warning("%s at %s: %s", step.sku, step.channel, error)
    return failed_line(step, error)
