"""Publications: which approved asset is, was or is just being put where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from catalog3d.asset import Approval, Asset
from catalog3d.channels import Placed


class PublicationState(StrEnum):
    """Where a publication stands.

    `placing` and `removing` are written before the channel is asked: after a kill the channel may be in either state,
    and is asked again. `replaced`: another version took its place; `rolled_back`: the one before it did.
    """

    PLACING = "placing"
    LIVE = "live"
    REPLACED = "replaced"
    ROLLED_BACK = "rolled_back"
    REMOVING = "removing"
    REMOVED = "removed"
    REFUSED = "refused"


UNCERTAIN = frozenset({PublicationState.PLACING, PublicationState.REMOVING})


@dataclass(frozen=True, kw_only=True)
class Publication:
    """One asset at one channel; there is one of them for each asset and channel, whatever became of it.

    Attributes:
        previous_id: The publication that it replaced when it first went live, or None.
        told: Whether lists, asset record, index, status and sheet say what this says.
        serial: Counts how often it was begun anew.
        message: Why the channel refused it.
    """

    id: int
    asset_id: int
    placed: Placed
    state: PublicationState
    previous_id: int | None
    extents_m: tuple[float, float, float] | None
    size_bytes: int
    format: str
    told: bool
    serial: int
    message: str
    at: datetime

    @property
    def channel(self) -> str:
        return self.placed.channel

    @property
    def sku(self) -> str:
        return self.placed.sku

    @property
    def is_live(self) -> bool:
        return self.state is PublicationState.LIVE

    @property
    def name(self) -> str:
        """Names this one publication to the channel, for its own deduplication."""
        return f"{self.id}-{self.serial}"


def live_at(publications: Iterable[Publication]) -> dict[str, Publication]:
    """Channel -> what it has, of one SKU's publications. What is just being taken away counts as there."""
    there = (PublicationState.LIVE, PublicationState.REMOVING)
    return {found.channel: found for found in publications if found.state in there}


def is_published(asset: Asset, channels: Sequence[str], publications: Iterable[Publication]) -> bool:
    """Whether an approved asset is live at every channel that the sheet names."""
    if asset.approval is not Approval.APPROVED or not channels:
        return False
    live = {found.channel for found in publications if found.is_live and found.asset_id == asset.id}
    return live >= set(channels)
