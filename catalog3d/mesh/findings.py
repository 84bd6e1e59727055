"""Short ways to write down a finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from catalog3d.product import Severity
from catalog3d.quality import Check

Value = float | str | None


def error(code: str, message: str, value: Value = None, limit: Value = None) -> Check:
    """A finding that blocks."""
    return _check(code, Severity.ERROR, message, value, limit)


def warning(code: str, message: str, value: Value = None, limit: Value = None) -> Check:
    """A finding that wants a look."""
    return _check(code, Severity.WARNING, message, value, limit)


def info(code: str, message: str, value: Value = None, limit: Value = None) -> Check:
    """A finding that is only said."""
    return _check(code, Severity.INFO, message, value, limit)


def _check(code: str, severity: Severity, message: str, value: Value, limit: Value) -> Check:
    return Check(code=code, severity=severity, message=sendable(message), value=_kept(value), limit=_kept(limit))


def _kept(value: Value) -> Value:
    # A whole number too is kept as what it will be once it has been to the child process and back.
    return sendable(value) if isinstance(value, str) else None if value is None else float(value)


def sendable(text: str) -> str:
    """Text of a foreign file without the half characters (lone surrogates) that no encoding can write."""
    return text.encode("utf-8", "replace").decode("utf-8")


def not_checked(what: str, why: str) -> Check:
    """Says plainly that something was not judged: never a silent pass."""
    return info("NOT_CHECKED", f"Not checked: {what}, because {why}.", value=what)


def shortened(checks: Iterable[Check], most: int = 5) -> tuple[Check, ...]:
    """At most five findings of each code: the same fault in each of a thousand parts is one fault."""
    seen: Counter[str] = Counter()
    kept = []
    for check in checks:
        seen[check.code] += 1
        if seen[check.code] <= most:
            kept.append(check)
    return tuple(kept)


def blocks(checks: Sequence[Check]) -> bool:
    """Whether any of the findings is an error."""
    return any(check.severity is Severity.ERROR for check in checks)
