"""What is done about each SKU at each channel. Pure; everything known is passed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from catalog3d.asset import Approval, Asset
from catalog3d.channel_rules import ChannelRules, StorefrontRules
from catalog3d.publication import UNCERTAIN, Publication, PublicationState, live_at
from catalog3d.publish_gates import Candidate, PublishWish, Terms, gates


class Act(StrEnum):
    """What is to be done about one SKU at one channel."""

    PUBLISH = "publish"
    ROLL_BACK = "roll back"
    UNPUBLISH = "unpublish"
    REFUSE = "refuse"
    LEAVE = "leave"
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One SKU at one channel.

    Attributes:
        asset: What would be there afterwards; None where it is taken away.
        there: What the channel has of it by our record.
        adopts: Whether the channel has these very bytes already, so that it is not asked.
        code, message, fix: Why it is refused or left.
    """

    sku: str
    name: str
    channel: str
    act: Act
    asset: Asset | None = None
    there: Publication | None = None
    handle: str = ""
    adopts: bool = False
    code: str = ""
    message: str = ""
    fix: str = ""

    @property
    def is_work(self) -> bool:
        return self.act in (Act.PUBLISH, Act.ROLL_BACK, Act.UNPUBLISH)

    @property
    def reason(self) -> str:
        """Why it is not done, in one sentence with the fix."""
        return f"{self.message} {self.fix}".strip()


def plan_steps(candidate: Candidate, terms: Terms) -> list[Step]:
    """What is to be done about one SKU, channel by channel; storefronts first, since others hand on their links."""
    wanted = _channels_of(candidate, terms)
    steps = [_step(candidate, channel, terms) for channel in wanted]
    if not steps and terms.wish.only:
        steps = [_nowhere(candidate, terms.wish)]
    return steps


def _channels_of(candidate: Candidate, terms: Terms) -> list[str]:
    live = live_at(candidate.publications)
    known = list(dict.fromkeys((*candidate.channels, *live)))
    if terms.wish.rollback or terms.wish.unpublish:
        known = [name for name in known if candidate.at(name)]
    if terms.wish.channel:
        known = [name for name in known if name == terms.wish.channel]
    return sorted(known, key=lambda name: not isinstance(terms.channels.get(name), StorefrontRules))


def _nowhere(candidate: Candidate, wish: PublishWish) -> Step:
    if wish.rollback or wish.unpublish:
        message, fix = "It is not published.", "catalog3d status SKU --json lists what was."
    else:
        where = f"the channel {wish.channel}" if wish.channel else "any channel"
        message, fix = f"Its row does not name {where}.", "Write the channel into the sheet, and run the sheet again."
    return _refused(candidate, wish.channel, "NO_CHANNEL", message, fix)


def _step(candidate: Candidate, channel: str, terms: Terms) -> Step:
    wish = terms.wish
    rules = terms.channels.get(channel)
    if rules is None:
        fix = f"Write `{channel}:` with its kind under `channels:` in catalog.yaml."
        return _refused(
            candidate, channel, "CHANNEL_NOT_SET_UP", f"The rules do not set up the channel {channel}.", fix
        )
    if wish.unpublish:
        return _unpublished(candidate, channel)
    if wish.rollback or _rollback_was_cut_off(candidate, channel, wish):
        return _rolled_back(candidate, channel, wish)
    if any(found.state is PublicationState.REMOVING for found in candidate.at(channel)) and not wish.only:
        return _unpublished(candidate, channel)
    return _published(candidate, channel, rules, terms)


def _rollback_was_cut_off(candidate: Candidate, channel: str, wish: PublishWish) -> bool:
    """Whether somebody's rollback was begun and not ended: it is ended, and not undone."""
    there = live_at(candidate.at(channel)).get(channel)
    if there is None or wish.only:
        return False
    begun = {found.id for found in candidate.at(channel) if found.state is PublicationState.PLACING}
    return there.previous_id in begun


def _published(candidate: Candidate, channel: str, rules: ChannelRules, terms: Terms) -> Step:
    there = live_at(candidate.at(channel)).get(channel)
    asset = candidate.approved(rules.format)
    if asset is None or channel not in candidate.channels:
        return _without_approved(candidate, channel, rules, there)
    step = Step(
        sku=candidate.sku,
        name=candidate.name,
        channel=channel,
        act=Act.PUBLISH,
        asset=asset,
        there=there,
        handle=candidate.handle,
    )
    certain = not any(found.state in UNCERTAIN for found in candidate.at(channel))
    if certain and there is not None and there.asset_id == asset.id:
        return _with(step, Act.NOTHING, "", f"V{asset.version} is live there.")
    if left := _left_by_somebody(candidate, channel, asset, terms.wish):
        return _with(step, Act.LEAVE, *left)
    for refusal in gates(candidate, channel, asset, rules, terms):
        return _with(step, Act.REFUSE, *refusal)
    adopts = certain and there is not None and there.placed.sha256 == asset.sha256
    return replace(step, adopts=adopts)


def _without_approved(candidate: Candidate, channel: str, rules: ChannelRules, there: Publication | None) -> Step:
    """No approved version, or no longer wished for: what is live is never taken away by itself, and is said."""
    if there is not None:
        live = candidate.asset(there.asset_id)
        what = f"V{there.placed.version}"
        if live is not None and live.approval is Approval.REJECTED:
            return _refused(
                candidate,
                channel,
                "LIVE_REJECTED",
                f"{what} is live at {channel}, and was rejected since.",
                "catalog3d publish --unpublish SKU takes it away; --rollback SKU puts the one before it back.",
                there=there,
            )
        if channel not in candidate.channels:
            message = f"{what} is live at {channel}, which the sheet no longer names: it stays there."
            return _with(_bare(candidate, channel, there), Act.LEAVE, "NOT_WISHED", message, _TAKE_AWAY)
        message = f"{what} stays live at {channel}: no other version is approved."
        return _with(_bare(candidate, channel, there), Act.NOTHING, "", message)
    made = [asset for asset in candidate.assets if asset.format == rules.format]
    if candidate.assets and not made:
        message, fix = f"{channel} takes {rules.format}, which is not made.", "Name a format in the rules that is made."
        return _refused(candidate, channel, "FORMAT_NOT_MADE", message, fix)
    newest = f"V{made[-1].version} is {made[-1].approval.value}" if made else "It has no model yet"
    is_rejected = bool(made) and made[-1].approval is Approval.REJECTED
    waits = "Make another version and approve that." if is_rejected else "Look at it, then approve it."
    fix = waits if made else "Run the sheet first."
    return _refused(candidate, channel, "NOT_APPROVED", f"{newest}: only approved versions are published.", fix)


_TAKE_AWAY = "catalog3d publish --unpublish SKU takes it away."


def _left_by_somebody(
    candidate: Candidate, channel: str, asset: Asset, wish: PublishWish
) -> tuple[str, str, str] | None:
    """What somebody took back by hand comes back by hand only."""
    if wish.only:
        return None
    history = candidate.at(channel)
    mine = next((found for found in history if found.asset_id == asset.id), None)
    again = f"catalog3d publish --sku SKU --channel {channel} puts it there again."
    if mine is not None and mine.state is PublicationState.ROLLED_BACK:
        return "ROLLED_BACK", f"V{asset.version} was rolled back.", again
    last = max(history, key=lambda found: (found.at, found.id), default=None)
    if last is not None and last.state is PublicationState.REMOVED:
        return "UNPUBLISHED", "Somebody took it away.", again
    return None


def _unpublished(candidate: Candidate, channel: str) -> Step:
    """Take away what is there, or may be there after a kill."""
    history = candidate.at(channel)
    there = live_at(history).get(channel)
    maybe = there or next((found for found in reversed(history) if found.state in UNCERTAIN), None)
    if maybe is None:
        return _with(_bare(candidate, channel, None), Act.NOTHING, "", f"Nothing of it is live at {channel}.")
    return _with(_bare(candidate, channel, maybe), Act.UNPUBLISH)


def _rolled_back(candidate: Candidate, channel: str, wish: PublishWish) -> Step:
    """Put back the version that was live before the one that is."""
    history = candidate.at(channel)
    there = live_at(history).get(channel)
    begun = next((found for found in history if found.state is PublicationState.PLACING), None)
    if there is None:
        return _refused(
            candidate, channel, "NOT_LIVE", f"Nothing of it is live at {channel}.", "catalog3d publish publishes it."
        )
    before = next((found for found in history if found.id == there.previous_id), None)
    asset = candidate.asset(before.asset_id) if before is not None else None
    if before is None or asset is None:
        message = f"V{there.placed.version} is the first version that was ever live at {channel}."
        return _refused(candidate, channel, "NOTHING_BEFORE", message, _TAKE_AWAY, there=there)
    if asset.approval not in (Approval.APPROVED, Approval.SUPERSEDED):
        message = f"V{asset.version}, live before it, is {asset.approval.value} now."
        fix = "Approve another version and publish it, or take it away: catalog3d publish --unpublish SKU."
        return _refused(candidate, channel, "BEFORE_REJECTED", message, fix, there=there)
    if (asset.id in candidate.concepts and not wish.concepts) or (asset.id in candidate.standins and not wish.standin):
        flag = "--concepts" if asset.id in candidate.concepts else "--standin"
        message = f"V{asset.version}, live before it, is no model of a real photo made by Tripo."
        return _refused(candidate, channel, "CONCEPT", message, f"Add {flag} if it may be seen.", there=there)
    adopts = begun is None and there.is_live and there.placed.sha256 == asset.sha256
    return Step(
        sku=candidate.sku,
        name=candidate.name,
        channel=channel,
        act=Act.ROLL_BACK,
        asset=asset,
        there=there,
        handle=candidate.handle,
        adopts=adopts,
    )


def _bare(candidate: Candidate, channel: str, there: Publication | None) -> Step:
    return Step(sku=candidate.sku, name=candidate.name, channel=channel, act=Act.NOTHING, there=there)


def _with(step: Step, act: Act, code: str = "", message: str = "", fix: str = "") -> Step:
    return replace(step, act=act, code=code, message=message, fix=fix)


def _refused(
    candidate: Candidate, channel: str, code: str, message: str, fix: str, *, there: Publication | None = None
) -> Step:
    return _with(_bare(candidate, channel, there), Act.REFUSE, code, message, fix)


def selected(candidates: Sequence[Candidate], wish: PublishWish) -> tuple[list[Candidate], int]:
    """The SKUs that a wish is about, and how many others only wait for an approval.

    Without names, a SKU that nobody has approved yet is no refusal: its turn comes.
    """
    if wish.only:
        return [candidate for candidate in candidates if candidate.sku in wish.only], 0
    chosen, waiting = [], 0
    for candidate in candidates:
        approved = any(asset.approval is Approval.APPROVED for asset in candidate.assets)
        if live_at(candidate.publications) or (approved and candidate.channels):
            chosen.append(candidate)
        elif candidate.channels and candidate.assets:
            waiting += 1
    return chosen, waiting
