"""A retake: a person wants another model of a product whose photo gave one already, and pays for it once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from catalog3d.asset import Asset
from catalog3d.brief import Brief
from catalog3d.learning import Route


@dataclass(frozen=True, kw_only=True)
class Retake:
    """One wish for another model, kept until somebody was told what came of it.

    Attributes:
        id: Its number in the registry; 0 as long as it is only being priced.
        version: Whose place the new model is to take.
        generation_id: Which that version was made by, None for a model made by hand.
        realm: Who was to make the new one.
        digest: Of the brief that was to be asked for again.
        after_attempt: The brief's last attempt at that time; only a later one is this retake's.
        brief: What is asked for, if that is not the brief of the sheet.
        asked: Digest of the sheet's brief at that time; "" = as `digest`.
        route, why: What it changes, in words for whoever pays.
        credits: Its price at that time.
        number, most: Which attempt of this photo it is, and how many there may be.
        person, reasons, note: Who asked for it, and why.
        is_allowed: Whether it may be ordered: by an operator, or within the budget of retakes.
        is_open: Whether nobody was told yet what came of it.
    """

    sku: str
    version: int
    generation_id: int | None
    realm: str
    digest: str
    after_attempt: int
    id: int = 0
    is_open: bool = True
    brief: Brief | None = None
    asked: str = ""
    route: Route = Route.SAME
    why: str = ""
    credits: Decimal = Decimal(0)
    number: int = 1
    most: int = 1
    person: str = ""
    reasons: tuple[str, ...] = ()
    note: str = ""
    is_allowed: bool = True

    @property
    def sheet_digest(self) -> str:
        """Of the brief that the sheet asked for when it was wished for."""
        return self.asked or self.digest

    def brief_for(self, sheet: Brief | None) -> Brief | None:
        """What is ordered while the sheet asks for this: a photo that changed since comes before every other change."""
        if self.brief is None:
            return sheet
        return self.brief if sheet is None or sheet.digest == self.sheet_digest else sheet

    def after(self, realm: str, digest: str) -> int:
        """The attempt after which a success of this brief is the retake's: 0 for another brief than was asked for."""
        return self.after_attempt if (realm, digest) == (self.realm, self.digest) else 0

    def is_made(self, newest: Asset | None) -> bool:
        """Whether another model than the one to be replaced is stored; a new name for the same model is none."""
        if newest is None or newest.version <= self.version:
            return False
        return newest.generation_id is None or newest.generation_id != self.generation_id
