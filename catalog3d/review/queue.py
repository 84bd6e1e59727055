"""The queue as a person asks for it: what an address says, whose turn it is, and where paging leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from catalog3d.adapters.registry.review_queue import EVERYTHING, WAITING, Facets, OwnerRules, QueueFilter
from catalog3d.rules import Rules
from catalog3d.status import HAS_MODEL

PAGE_SIZE = 50
MINE, ANYBODY = "mine", "anybody"
STATUSES = (WAITING, EVERYTHING, *sorted(status.value for status in HAS_MODEL))
_MAX_TEXT = 100
_MAX_PAGE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody asked the queue for.

    Attributes:
        owner: `mine`, `anybody`, a name, or "" where they did not say: then theirs if there is any.
        page: From 1.
    """

    status: str = WAITING
    category: str = ""
    owner: str = ""
    reason: str = ""
    run: str = ""
    text: str = ""
    page: int = 1

    def settled(self, person: str, facets: Facets) -> Wish:
        """The same wish with an owner: the queue opens on one's own work, if there is any."""
        if self.owner:
            return self
        mine = any(_same(owner, person) for owner in facets.owners)
        return replace(self, owner=MINE if mine else ANYBODY)

    def filter(self, person: str) -> QueueFilter:
        """What to ask the registry for."""
        owner = {MINE: person, ANYBODY: None, "": None}.get(self.owner, self.owner)
        return QueueFilter(
            status=self.status,
            category=self.category,
            owner=owner,
            reason=self.reason,
            run=self.run,
            text=self.text,
        )

    def query(self, **changes: str | int) -> str:
        """The part of an address behind `?`, with changes; whatever is as usual is left out."""
        changed = replace(self, **{"page": 1, **changes}) if changes else self  # type: ignore[arg-type]
        said = {name: value for name, value in vars(changed).items() if value != getattr(_USUAL, name)}
        return urlencode(said)

    def on_page(self, page: int) -> str:
        """The part of an address behind `?` that leads to another page of the same."""
        return replace(self, page=page).query()

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves out something beside what is decided."""
        return bool(self.category or self.reason or self.run or self.text)


_USUAL = Wish()


def read_wish(query: Mapping[str, str]) -> Wish:
    """The wish of an address; what makes no sense in it is as if it were not there."""

    def text(name: str) -> str:
        return query.get(name, "").strip()[:_MAX_TEXT]

    status, page = text("status"), text("page")
    return Wish(
        status=status if status in STATUSES else WAITING,
        category=text("category"),
        owner=text("owner"),
        reason=text("reason"),
        run=text("run"),
        text=text("text"),
        page=min(max(int(page), 1), _MAX_PAGE) if page.isascii() and page.isdecimal() else 1,
    )


def pages_of(count: int) -> int:
    """How many pages so many items have; an empty queue has one."""
    return max(1, -(-count // PAGE_SIZE))


def owner_rules(rules: Rules) -> OwnerRules:
    """Who reviews what the sheet names nobody for."""
    delegates = {away: rules.reviewer_of(away, "") for away in rules.delegates}
    if isinstance(rules.review_owner, str):
        return OwnerRules(everybody=rules.review_owner, delegates=delegates)
    return OwnerRules(by_category=rules.review_owner, delegates=delegates)


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
