"""How far this machine's clock is from another's, and what that endangers."""

from __future__ import annotations

from catalog3d.diagnosis.findings import Finding, fine, problem, warning

LEASE_DRIFT_S = 30.0
"""docs/spend-safety.md: machines that share a registry differ by less, because leases last 60 s."""
SIGNATURE_DRIFT_S = 900.0
"""S3 refuses signatures that are 15 minutes off (AWS, RequestTimeTooSkewed), and others do as it does."""
_FIX = "Switch on time synchronisation (NTP) on this machine: `timedatectl set-ntp true`."


def clock_finding(check: str, offset_s: float | None) -> Finding:
    """Judge an offset: the other clock minus ours, in seconds."""
    if offset_s is None:
        return warning(check, "The server does not tell its time.", "Compare this machine's clock yourself.")
    away = abs(offset_s)
    if away < 1.5:  # a Date header has whole seconds
        return fine(check, "This machine's clock agrees.")
    found = f"This machine's clock is {away:.0f} s {'behind' if offset_s > 0 else 'ahead'}."
    if away >= SIGNATURE_DRIFT_S:
        return problem(check, f"{found} S3 stores refuse such signatures, and addresses seem to end too soon.", _FIX)
    if away >= LEASE_DRIFT_S:
        return warning(check, f"{found} Other machines on this registry could take over work that goes on.", _FIX)
    return fine(check, found)
