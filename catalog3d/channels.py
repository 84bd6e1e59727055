"""Where an approved asset is published: what a channel is given, what it answers, and what it must be able to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Where a channel has an asset.

    Attributes:
        link: Where a shop or a person finds it, "" if the channel has no address for it.
        remote: The channel's own ids that we made: only these are ever replaced or removed.
    """

    channel: str
    sku: str
    version: int
    sha256: str
    destination: str
    link: str = ""
    remote: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One approved asset for one channel.

    Attributes:
        model: A local, verified copy.
        product_ref: What the sheet says the product is called at the channel.
        extents_m: Width, height and depth of the model in metres; None if they were not measured.
        previous: What the channel has of this SKU by our record.
        publication: Names this one publication: the same however often it is tried, another one when the same asset is
            published again later.
    """

    sku: str
    name: str
    version: int
    format: str
    file: str
    sha256: str
    size_bytes: int
    model: Path
    product_ref: str = ""
    extents_m: tuple[float, float, float] | None = None
    previous: Placed | None = None
    publication: str = ""


class Channel(Protocol):
    """One place of publication. All methods block: call them in a thread."""

    name: str

    def describe(self, item: Item) -> str:
        """What publishing would do, one sentence for `--dry-run`; changes nothing."""

    def publish(self, item: Item) -> Placed:
        """Put the asset there, in place of what is there of this SKU. The same again changes nothing.

        Raises:
            ProductError: The channel does not take this SKU; the others go on.
            RunError: The channel as a whole cannot be used.
            TransientError: Worth trying again.
        """

    def unpublish(self, placed: Placed) -> None:
        """Take away what `publish` has put there, and nothing else; what is gone already is fine.

        Raises:
            ProductError, RunError, TransientError: As `publish`.
        """


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One SKU in a channel's lists.

    Attributes:
        link: "" for a SKU that was taken away: a list that is merged elsewhere must say so.
    """

    sku: str
    name: str
    version: int
    format: str
    sha256: str
    size_bytes: int
    link: str
    extents_m: tuple[float, float, float] | None = None


@runtime_checkable
class KeepsLists(Protocol):
    """A channel that also keeps lists over everything that it has, such as a feed or an import file."""

    def write_lists(self, listed: Sequence[Listed]) -> tuple[str, ...]:
        """Write the lists anew, each atomically; the same again changes nothing.

        Args:
            listed: All that the channel has or had, by SKU.

        Returns:
            Sentences about what the lists could not take.

        Raises:
            RunError, TransientError: As `Channel.publish`.
        """
