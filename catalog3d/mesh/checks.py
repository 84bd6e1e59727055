"""Judges a scanned file by a profile: every finding with value, limit, what a shopper sees and a fix."""

from __future__ import annotations

from collections.abc import Iterator

from catalog3d.mesh.findings import Value, error, info, warning
from catalog3d.mesh.profiles import ProfileLimits
from catalog3d.mesh.proportions import matches, proportion_findings
from catalog3d.mesh.scan import Measures, Scan
from catalog3d.product import Dimensions, Severity
from catalog3d.quality import Check, MeshFacts, MeshReport

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def judge(scan: Scan, profile: ProfileLimits, dimensions: Dimensions | None = None) -> MeshReport:
    """The report of one file: what is wrong anyway, then what the profile says; errors first."""
    checks = list(scan.faults)
    if scan.facts is not None:
        checks += _fact_findings(scan.facts, profile)
        if scan.measures is not None:
            checks += _measure_findings(scan.facts, scan.measures, profile)
            checks += _shape_findings(scan.facts, profile, matches(scan.facts.extents_m, dimensions, profile))
        checks += proportion_findings(scan.facts.extents_m, dimensions, profile, standin=scan.facts.standin)
    checks.sort(key=lambda check: _ORDER[check.severity])
    return MeshReport(profile=profile.name, checks=tuple(checks), facts=scan.facts)


def _held(profile: ProfileLimits, code: str, value: float, message: str, shown: Value = None) -> Iterator[Check]:
    """The finding if the value is beyond the profile's limit."""
    beyond = profile.limits[code].exceeded(value)
    if beyond is not None:
        severity, limit = beyond
        make = error if severity == "error" else warning
        yield make(code, message, value if shown is None else shown, limit)


def _fact_findings(facts: MeshFacts, profile: ProfileLimits) -> Iterator[Check]:
    megabytes = facts.size_bytes / 1e6
    yield from _held(
        profile, "FILE_TOO_LARGE", facts.size_bytes,
        f"The file has {megabytes:.1f} MB: a shopper on a phone waits for it or leaves. Use smaller textures or fewer triangles.",
    )  # fmt: skip
    yield from _held(
        profile, "TRIANGLES", facts.triangles,
        f"The model has {facts.triangles:,} triangles: it stutters on a phone. Set a lower face limit and generate again.",
    )  # fmt: skip
    yield from _held(
        profile, "MATERIALS", facts.materials,
        f"The model has {facts.materials} materials: each one costs drawing time on a phone. Merge them.",
    )  # fmt: skip


def _measure_findings(facts: MeshFacts, measures: Measures, profile: ProfileLimits) -> Iterator[Check]:
    yield from _held(
        profile, "DRAWS", measures.draws,
        f"The model is drawn in {measures.draws:,} steps: it stutters on a phone. Merge its parts.",
    )  # fmt: skip
    yield from _held(
        profile, "GPU_BYTES", measures.gpu_bytes,
        f"The model needs about {measures.gpu_bytes / 1e6:,.0f} MB of graphics memory: a phone may close the page. Use smaller textures.",
    )  # fmt: skip
    yield from _held(
        profile, "NORMAL_MISSING", measures.without_normals,
        f"{measures.without_normals} parts have no normals: curved surfaces show flat facets. Export the model with normals.",
    )  # fmt: skip
    yield from _held(
        profile, "LIGHTS_CAMERAS", measures.lights_cameras,
        f"The model brings {measures.lights_cameras} lights or cameras of its own: a product page lights it itself. Export without them.",
    )  # fmt: skip
    if measures.without_uv:
        message = f"{measures.without_uv} parts have a texture but no texture coordinates: they show one plain colour. Export the model with UVs."
        yield error("UV_MISSING", message, measures.without_uv, 0)
    yield from _texture_findings(measures, profile)
    yield from _topology_findings(facts, measures, profile)


def _texture_findings(measures: Measures, profile: ProfileLimits) -> Iterator[Check]:
    if not measures.images:
        return
    largest = max(max(image.width_px, image.height_px) for image in measures.images)
    smallest = min(min(image.width_px, image.height_px) for image in measures.images)
    odd = sum(not (_is_power(image.width_px) and _is_power(image.height_px)) for image in measures.images)
    total = sum(image.pixels for image in measures.images)
    yield from _held(
        profile, "TEXTURE_MAX", largest,
        f"The largest texture is {largest} px: some viewers refuse it or scale it down. Use at most 2048 px.",
    )  # fmt: skip
    yield from _held(
        profile, "TEXTURE_MIN", smallest,
        f"The smallest texture is {smallest} px: the surface looks blurred up close. Use at least 512 px.",
    )  # fmt: skip
    yield from _held(
        profile, "TEXTURE_NPOT", odd,
        f"{odd} textures have sides that are no powers of two: older phones blur or refuse them. Resize to 1024 or 2048 px.",
    )  # fmt: skip
    yield from _held(
        profile, "TEXTURE_TOTAL_PX", total,
        f"All textures together have {total / 1e6:.1f} million pixels: a phone may run out of memory. Use smaller textures.",
    )  # fmt: skip


def _is_power(size_px: int) -> bool:
    return size_px > 0 and size_px & (size_px - 1) == 0


def _topology_findings(facts: MeshFacts, measures: Measures, profile: ProfileLimits) -> Iterator[Check]:
    topology = measures.topology
    if topology is None or not facts.triangles:
        return
    degenerate = _percent(topology.degenerate, facts.triangles)
    yield from _held(
        profile, "DEGENERATE", degenerate,
        f"{topology.degenerate:,} triangles ({degenerate:g} %) have no area: dark spots and seams may show. Generate it again.",
    )  # fmt: skip
    crowded = _percent(topology.crowded_edges, topology.edges)
    yield from _held(
        profile, "NON_MANIFOLD", crowded,
        f"{topology.crowded_edges:,} edges ({crowded:g} %) join more than two triangles: shading may flicker there. Look at it closely.",
    )  # fmt: skip
    if topology.boundary_edges:
        yield _boundary(topology.boundary_edges, _percent(topology.boundary_edges, topology.edges), profile)
    if topology.volume_sign < 0:
        message = "The surface is inside out: a shopper looks through the front into the back. Flip its normals, or generate it again."
        yield error("INVERTED_VOLUME", message, -1, 0)


def _boundary(edges: int, percent: float, profile: ProfileLimits) -> Check:
    message = f"{edges:,} edges ({percent:g} %) are open rims: normal for cloth or cups, but a hole would show. Turn it around once."
    beyond = profile.limits["BOUNDARY_EDGES"].exceeded(percent)
    if beyond is None:
        return info("BOUNDARY_EDGES", message, percent, profile.limits["BOUNDARY_EDGES"].warning)
    return (error if beyond[0] == "error" else warning)("BOUNDARY_EDGES", message, percent, beyond[1])


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 3) if whole else 0.0


def _shape_findings(facts: MeshFacts, profile: ProfileLimits, as_declared: bool) -> Iterator[Check]:
    if facts.extents_m is None:
        return
    longest, shortest = max(facts.extents_m), min(facts.extents_m)
    yield from _scale_findings(longest, profile)
    # A rug is flat: proportions that the sheet declares are no accident.
    if not as_declared and longest > 0:
        aspect = round(longest / shortest, 1) if shortest > longest / 1e6 else 1e6
        shown = "flat" if aspect >= 1e6 else None
        thin = "completely flat" if shown else f"{aspect:g} times longer than thick"
        message = (
            f"The model is {thin}: often a picture was taken for the product itself. Look at it, use another photo."
        )
        for check in _held(profile, "DEGENERATE_SHAPE", aspect, message, shown):
            yield _of_standin(check, thin) if facts.standin else check


def _of_standin(check: Check, thin: str) -> Check:
    """The stand-in makes a card of a photo whose product it cannot tell from the background: no doubt about the product."""
    return info(
        check.code, f"The stand-in's shape is {thin}: it could not cut the product out of its photo.", check.value
    )


def _scale_findings(longest: float, profile: ProfileLimits) -> Iterator[Check]:
    message = (
        f"The model is {longest:.3g} m long: in a room a shopper would see a giant or nothing. Export it in metres."
    )
    for code in ("SCALE_MIN_M", "SCALE_MAX_M"):
        for found in _held(profile, code, longest, message):
            yield Check(
                code="SCALE_IMPLAUSIBLE", severity=found.severity, message=message, value=found.value, limit=found.limit
            )
