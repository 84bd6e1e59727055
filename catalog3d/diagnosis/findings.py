"""Findings of the free checks: what was looked at, how it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was checked.

    Attributes:
        check: What was looked at, in a word or two.
        found: What was found, one sentence.
        fix: What to do about it; never empty unless the level is ok.
    """

    check: str
    level: Level
    found: str
    fix: str = ""


def fine(check: str, found: str) -> Finding:
    return Finding(check=check, level=Level.OK, found=found)


def warning(check: str, found: str, fix: str) -> Finding:
    return Finding(check=check, level=Level.WARNING, found=found, fix=fix)


def problem(check: str, found: str, fix: str) -> Finding:
    return Finding(check=check, level=Level.PROBLEM, found=found, fix=fix)


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """All findings about one home, in the order of the checks."""

    home: str
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        return self.of(Level.PROBLEM)

    def of(self, level: Level) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.level is level)

    def concerning(self, checks: Iterable[str]) -> tuple[Finding, ...]:
        """Problems of certain checks."""
        wanted = frozenset(checks)
        return tuple(finding for finding in self.problems if finding.check in wanted)

    def as_json(self) -> dict[str, Any]:
        """The document of `doctor --json`."""
        return {
            "home": self.home,
            "ok": not self.problems,
            "counts": {level.value: len(self.of(level)) for level in Level},
            "checks": [
                {"check": one.check, "level": one.level.value, "found": one.found, "fix": one.fix}
                for one in self.findings
            ],
        }
