"""The evidence of a paid check, as a document for scripts and as a page for people. No key, no signed query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from catalog3d.diagnosis.assumptions import Observation, judge
from catalog3d.diagnosis.facts import Facts
from catalog3d.diagnosis.judging import Verdict
from catalog3d.wording import credits_text, plain

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One paid check of one account.

    Attributes:
        check_id: Names the check, its brief and its files.
        base_url: Of the API that was asked.
    """

    check_id: str
    made_at: datetime
    program: str
    base_url: str
    realm: str
    key_fingerprint: str
    facts: Facts

    @property
    def observations(self) -> tuple[Observation, ...]:
        return judge(self.facts)

    def of(self, verdict: Verdict) -> tuple[Observation, ...]:
        return tuple(one for one in self.observations if one.verdict is verdict)

    def as_json(self) -> dict[str, Any]:
        facts = self.facts
        return {
            "version": VERSION,
            "check": self.check_id,
            "made_at": self.made_at.isoformat(),
            "program": self.program,
            "base_url": self.base_url,
            "realm": self.realm,
            "key_fingerprint": self.key_fingerprint,
            "task_id": facts.task_id,
            "state": facts.state,
            "resumed": facts.resumed,
            "adopted": facts.adopted,
            "credits": {"expected": _number(facts.price), "spent": _number(facts.credits)},
            "counts": {verdict.value: len(self.of(verdict)) for verdict in Verdict},
            "observations": [
                {
                    "key": one.key,
                    "assumption": one.assumption,
                    "observed": one.observed,
                    "verdict": one.verdict.value,
                    "consequence": one.consequence,
                }
                for one in self.observations
            ],
        }

    def as_markdown(self) -> str:
        """A page that stands for itself."""
        facts = self.facts
        went = " It went on with a task of an interrupted check." if facts.resumed else ""
        lines = [
            f"# What this Tripo account does: {self.made_at:%Y-%m-%d %H:%M} UTC",
            "",
            (
                f"catalog3d {self.program} bought one text model without texture at {_cell(self.base_url)} for "
                f"{credits_text(facts.credits)} credits (expected: {credits_text(facts.price)}).{went}"
            ),
            "",
            f"* Task `{_cell(facts.task_id)}`, ended as {_cell(facts.state)}"
            + (f": {_cell(facts.error)}" if facts.error else ""),
            f"* Key with fingerprint {self.key_fingerprint}, realm `{_cell(self.realm)}`",
            (
                f"* {len(self.of(Verdict.HOLDS))} assumptions hold, {len(self.of(Verdict.BROKEN))} do not, "
                f"{len(self.of(Verdict.UNSEEN))} could not be observed"
            ),
            "",
            "| assumption | observed | verdict | what catalog3d does if it does not hold |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {_cell(one.assumption)} | {_cell(one.observed)} | **{one.verdict.value}** | {_cell(one.consequence)} |"
            for one in self.observations
        ]
        return "\n".join(lines) + "\n"


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(round(value, 2))


def _cell(text: str) -> str:
    """Foreign words cannot break the table, or become markup."""
    return plain(text, 400).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
