"""What a plan bills, in groups of SKUs that have the same reason: said before anything happens."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from catalog3d.plan import Plan, PlanItem
from catalog3d.status import next_action
from catalog3d.wording import credits_text, plain, plural

_SKUS_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class BillGroup:
    """SKUs that bill the same for the same reason.

    Attributes:
        do: Whether the run has something to do about them.
        credits: Of all of them together; SKUs that share a model are billed once.
        why: Why they are done, or left.
    """

    do: bool
    skus: tuple[str, ...]
    credits: Decimal
    why: str

    def sentence(self, unit: str = "credits") -> str:
        """The group in one line: "2 SKUs, 60 credits: no model yet (A1, A2)"."""
        bill = f"{credits_text(self.credits)} {unit}" if self.do else "not done"
        shown = ", ".join(plain(sku, 40) for sku in self.skus[:_SKUS_SHOWN])
        more = f" and {len(self.skus) - _SKUS_SHOWN:,} more" if len(self.skus) > _SKUS_SHOWN else ""
        return f"{plural(len(self.skus), 'SKU')}, {bill}: {self.why} ({shown}{more})"


def bill_groups(plan: Plan) -> list[BillGroup]:
    """The groups of a plan: what costs most first, what is left as it is last."""
    members: dict[tuple[bool, str], list[PlanItem]] = {}
    for item in plan.items:
        members.setdefault((item.do, item.why if item.do else _why_left(item)), []).append(item)
    billed: set[str] = set()
    groups = []
    for (do, why), items in members.items():
        credits_ = Decimal(0)
        for item in items:
            if item.credits and item.price_group not in billed:
                billed.add(item.price_group)
                credits_ += item.credits
        groups.append(BillGroup(do=do, skus=tuple(item.sku for item in items), credits=credits_, why=why))
    return sorted(groups, key=lambda group: (not group.do, -group.credits))


def _why_left(item: PlanItem) -> str:
    reason = f" ({item.reason})" if item.reason else ""
    action = next_action(item.status, item.reason)
    return f"{item.status}{reason}, nothing to do by itself. {action}".strip()
