"""The gates before a channel: why an approved asset is not published, each with its fix. Pure; everything is passed in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from catalog3d.asset import Approval, Asset
from catalog3d.channel_rules import ChannelRules
from catalog3d.publication import Publication
from catalog3d.quality import MeshReport
from catalog3d.wording import value_text


@dataclass(frozen=True, kw_only=True)
class PublishWish:
    """What somebody asks for.

    Attributes:
        only: SKUs; empty = all.
        channel: Only this channel; "" = all that the sheet names.
        concepts: Also what was made from a sketch or a prompt.
        standin: Also what the stand-in made, to this machine's own folders.
    """

    only: tuple[str, ...] = ()
    channel: str = ""
    concepts: bool = False
    standin: bool = False
    rollback: bool = False
    unpublish: bool = False


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One SKU, with all that decides whether it may be published.

    Attributes:
        channels: What the sheet names.
        owner: Who has to approve it, "" if nobody is named.
        in_sheet: Whether the sheet still has it.
        assets: Its stored versions, oldest first.
        approvers: Asset id -> who approved it last; None while nobody has looked.
        concepts: Ids of the assets that were made from a sketch or a prompt.
        standins: Ids of the assets that the stand-in made.
        publications: All of them, oldest first.
    """

    sku: str
    name: str
    channels: tuple[str, ...]
    assets: tuple[Asset, ...]
    handle: str = ""
    owner: str = ""
    on_hold: bool = False
    in_sheet: bool = True
    approvers: Mapping[int, str] | None = field(default_factory=dict)
    concepts: frozenset[int] = frozenset()
    standins: frozenset[int] = frozenset()
    publications: tuple[Publication, ...] = ()

    def asset(self, asset_id: int) -> Asset | None:
        return next((asset for asset in self.assets if asset.id == asset_id), None)

    def approved(self, format: str) -> Asset | None:  # noqa: A002 - the field's word
        """The approved version in force: the one that lies in `approved/`."""
        found = [a for a in self.assets if a.approval is Approval.APPROVED and a.format == format]
        return found[-1] if found else None

    def at(self, channel: str) -> tuple[Publication, ...]:
        return tuple(found for found in self.publications if found.channel == channel)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Under which terms is planned.

    Attributes:
        channels: Name -> rules, of the channels that there are.
        needs_owner: Whether the review owner has to have approved it.
    """

    wish: PublishWish
    channels: Mapping[str, ChannelRules]
    needs_owner: bool = False


def gates(
    candidate: Candidate, channel: str, asset: Asset, rules: ChannelRules, terms: Terms
) -> Iterator[tuple[str, str, str]]:
    """Why an approved asset is not published: (code, what is in the way, the fix), for each gate that is shut."""
    what = f"V{asset.version}"
    if candidate.on_hold:
        yield "ON_HOLD", "It is on hold in the sheet (3D Action).", "Empty that cell, and run the sheet."
    if not candidate.in_sheet:
        yield "GONE_FROM_SHEET", "Its row is no longer in the sheet.", "Put it back, and run the sheet."
    if asset.id in candidate.standins and not terms.wish.standin:
        yield standin_refusal(asset.version)
    if asset.id in candidate.concepts and not terms.wish.concepts:
        yield (
            "CONCEPT",
            f"{what} was made from a sketch or a prompt, not from a photo of the product.",
            "Make it from a photo, or add --concepts if the page says that it is a concept.",
        )
    if terms.needs_owner:
        yield from _owner_gate(candidate, asset)
    if any(check.severity == "error" for check in asset.checks):
        worst = next(check for check in asset.checks if check.severity == "error")
        yield "MESH_BLOCKED", f"{what} has a check that blocks: {worst.code}: {worst.message}", "Make another version."
    if asset.format != rules.format:
        yield (
            "FORMAT_NOT_MADE",
            f"{channel} takes {rules.format}, and {what} is {asset.format}.",
            "Name a format in the rules that is made.",
        )


def standin_refusal(version: int) -> tuple[str, str, str]:
    """Why no stand-in model is published: whether the record says that it is one, or the file itself."""
    return (
        "STANDIN",
        f"V{version} was made by the local stand-in, not by Tripo.",
        "Make the real one with a key; --standin publishes a rehearsal's models into folders of the rehearsal.",
    )


def _owner_gate(candidate: Candidate, asset: Asset) -> Iterator[tuple[str, str, str]]:
    approver = candidate.approvers.get(asset.id, "") if candidate.approvers is not None else candidate.owner
    if not candidate.owner:
        yield (
            "OWNER_UNKNOWN",
            "The rules ask for its review owner's approval, and nobody is named.",
            "Write an owner into the sheet, or review_owner into catalog.yaml.",
        )
    elif approver.casefold() != candidate.owner.casefold():
        by = approver or "nobody that is on record"
        yield (
            "NOT_BY_OWNER",
            f"V{asset.version} was approved by {by}, and its review owner is {candidate.owner}.",
            f"Have {candidate.owner} approve it.",
        )


def profile_gate(report: MeshReport, channel: str, limits: str) -> tuple[str, str, str] | None:
    """Why a model does not go to a channel by the channel's own limits (sources: `catalog3d.mesh.profiles`)."""
    worst = report.worst
    if worst is None or worst.severity != "error":
        return None
    limit = f" (limit {value_text(worst.limit)})" if worst.limit is not None else ""
    return (
        f"CHANNEL_{worst.code}"[:64],
        f"{channel} ({limits}) does not take it: {worst.code}: {worst.message}{limit}",
        "Make another version that keeps the limit, or name another profile for the channel in catalog.yaml.",
    )
