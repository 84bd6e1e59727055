"""Limits as data: what each profile allows, and where the number comes from.

Published limits come from the Khronos 3D Commerce guidelines 1.0 ("Khronos guideline"), the Khronos glTF
Asset Auditor and the platforms' own pages, all read 2026-11. "Proposal" is the project's own number, not
yet tuned on many real products. A platform that publishes nothing gets no limit in its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from catalog3d.errors import RunError

DEFAULT_PROFILE = "web-ar"


@dataclass(frozen=True, kw_only=True)
class Limit:
    """One check's limits: beyond `warning` it is a warning, beyond `error` an error; None = never.

    Attributes:
        least: True where the value must not be below the limit, False where it must not exceed it.
        source: Who asks for it.
    """

    warning: float | None = None
    error: float | None = None
    least: bool = False
    source: str = "proposal"

    def exceeded(self, value: float) -> tuple[str, float] | None:
        """("error" or "warning", the limit) if the value is beyond one, else None."""
        for severity, limit in (("error", self.error), ("warning", self.warning)):
            if limit is not None and (value < limit if self.least else value > limit):
                return severity, limit
        return None


@dataclass(frozen=True, kw_only=True)
class ProfileLimits:
    """The limits one file is judged by: check code -> limit."""

    name: str
    limits: Mapping[str, Limit]


_MIB = 1024**2

WEB_AR: Mapping[str, Limit] = {
    "FILE_TOO_LARGE": Limit(
        warning=5 * _MIB,
        error=15_000_000,
        source="error: Google Merchant's maximum of 15 MB; warning: Khronos guideline and auditor (5120 KB)",
    ),
    "TRIANGLES": Limit(
        warning=100_000,
        error=150_000,
        source="error: Khronos target for mobile AR and web; warning: Khronos guideline, auditor, Apple",
    ),
    "DRAWS": Limit(warning=20, error=500, source="Khronos target and maximum for mobile AR and web"),
    "MATERIALS": Limit(warning=5, source="Khronos auditor"),
    "TEXTURE_MAX": Limit(
        warning=2048,
        error=4096,
        source="warning: Khronos targets, auditor, Google, Apple; error: the largest that any platform names",
    ),
    "TEXTURE_MIN": Limit(warning=512, least=True, source="Khronos auditor"),
    "TEXTURE_NPOT": Limit(warning=0, source="Khronos guideline and auditor"),
    "TEXTURE_TOTAL_PX": Limit(warning=37_700_000, source="WANNA: 37.7 Mpx in total"),
    "GPU_BYTES": Limit(warning=256 * _MIB),
    "NORMAL_MISSING": Limit(warning=0),
    "LIGHTS_CAMERAS": Limit(warning=0, source="Khronos guideline: no lights; cameras: proposal"),
    "DEGENERATE": Limit(warning=0.1, error=5.0),
    "NON_MANIFOLD": Limit(warning=0.1, source="Khronos guideline; the number is a proposal"),
    "BOUNDARY_EDGES": Limit(warning=1.0, source="Khronos guideline; the number is a proposal"),
    "SCALE_MIN_M": Limit(error=0.01, least=True, source="khronos-recommended.json of the auditor: 0.01 to 100 m"),
    "SCALE_MAX_M": Limit(error=100.0, source="khronos-recommended.json of the auditor: 0.01 to 100 m"),
    "DEGENERATE_SHAPE": Limit(warning=10.0, source="a placeholder picture gave such a shape at the provider"),
    # The depth of a model made from one photo is invented, so this asks for a person and never blocks.
    "PROPORTION_MISMATCH": Limit(warning=5.0),
}

_SHOPIFY = {
    "FILE_TOO_LARGE": Limit(
        warning=15_000_000,
        error=500_000_000,
        source="Shopify 3D modeling checklist: below 500 MB; above 15 MB Shopify makes its own smaller copy",
    ),
    "TRIANGLES": Limit(source="Shopify 3D modeling checklist: 'only as needed', no number"),
    "DRAWS": Limit(source="not published"),
    "MATERIALS": Limit(warning=1, source="Shopify 3D modeling checklist"),
}
_GOOGLE_MERCHANT = {
    "FILE_TOO_LARGE": Limit(
        warning=10_000_000,
        error=15_000_000,
        source="Google Merchant Center, virtual_model_link: 10 MB recommended, 15 MB at most",
    ),
    "TRIANGLES": Limit(source="not published"),
    "DRAWS": Limit(source="not published"),
    "MATERIALS": Limit(source="not published"),
    "TEXTURE_MAX": Limit(error=2048, source="Google Merchant Center, virtual_model_link: up to 2K, 4K is unsupported"),
}

PROFILES: Mapping[str, Mapping[str, Limit]] = {
    "web-ar": WEB_AR,
    "shopify": {**WEB_AR, **_SHOPIFY},
    "google-merchant": {**WEB_AR, **_GOOGLE_MERCHANT},
}


def limits_for(profile: str = DEFAULT_PROFILE, overrides: Mapping[str, float] | None = None) -> ProfileLimits:
    """A profile with the team's own numbers (`quality.limits` of the rules) put in.

    A number replaces the limit that blocks, where the check has one, else the one that warns; a warning
    beyond the new blocking limit is dropped.

    Raises:
        RunError: PROFILE_UNKNOWN or LIMIT_UNKNOWN, listing the known ones.
    """
    known = PROFILES.get(profile)
    if known is None:
        raise RunError(
            f"There is no quality profile called {profile!r}.",
            code="PROFILE_UNKNOWN",
            fix=f"Known profiles: {', '.join(PROFILES)}.",
        )
    limits = dict(known)
    for code, number in (overrides or {}).items():
        if code not in WEB_AR:
            raise RunError(
                f"There is no quality limit called {code!r}.",
                code="LIMIT_UNKNOWN",
                fix=f"Known limits: {', '.join(WEB_AR)}.",
            )
        limits[code] = _overridden(limits[code], WEB_AR[code], number)
    return ProfileLimits(name=profile, limits=limits)


def _overridden(limit: Limit, general: Limit, number: float) -> Limit:
    source = "the team's rules"
    if limit.error is None and (limit.warning is not None or general.error is None):
        return replace(limit, warning=number, source=source)
    kept = limit.warning
    if kept is not None and (kept <= number if limit.least else kept >= number):
        kept = None
    return replace(limit, error=number, warning=kept, source=source)
