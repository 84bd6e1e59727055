"""Python, the packages that must fit together, and what is nice to have."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from catalog3d.diagnosis.findings import Finding, fine, problem, warning
from catalog3d.stages.doctor.site import Site

DISTRIBUTION = "catalog3d"
SHOWN = ("prefect", "fastapi", "pydantic", "sqlalchemy", "httpx", "minio")
"""Where most trouble between versions was seen."""
WHY = {
    # Measured 2026-11-22 with Prefect 3.8.8, whose metadata allows any fastapi<1.
    "fastapi": "Prefect 3.8's server answers 422 with FastAPI 0.151 to 0.154 and does not start from 0.155 on",
    "minio": "conditional puts are signed with the signer of this version",
}
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def check_python(_site: Site) -> Iterator[Finding]:
    version = platform.python_version()
    try:
        wanted = importlib.metadata.metadata(DISTRIBUTION)["Requires-Python"] or ">=3.11"
    except importlib.metadata.PackageNotFoundError:
        wanted = ">=3.11"
    if version in SpecifierSet(wanted):
        yield fine("Python", f"{version} ({sys.executable})")
    else:
        yield problem("Python", f"{version}; catalog3d needs {wanted}.", "Install it with a newer Python.")


def check_packages(_site: Site) -> Iterator[Finding]:
    try:
        wanted = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        yield warning(
            "Packages",
            "catalog3d runs from its sources without being installed, so nothing says which versions fit.",
            "Install it: `pip install -e .` in its folder.",
        )
        return
    needed = [Requirement(line) for line in wanted]
    unfit = [
        finding
        for requirement in needed
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if (finding := _unfit(requirement)) is not None
    ]
    yield from unfit
    if not unfit:
        shown = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in SHOWN)
        yield fine("Packages", f"All {len(needed)} declared versions fit ({shown}).")


def _unfit(requirement: Requirement) -> Finding | None:
    fix = f'`pip install "{requirement.name}{requirement.specifier}"`'
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return problem("Packages", f"{requirement.name} is not installed.", fix)
    if requirement.specifier.contains(version, prereleases=True):
        return None
    why = WHY.get(requirement.name.lower(), "")
    because = f" ({why})" if why else ""
    wanted = f"catalog3d needs {requirement.specifier}{because}"
    return problem("Packages", f"{requirement.name} {version} is installed; {wanted}.", fix)


def check_optional(_site: Site) -> Iterator[Finding]:
    """Never more than a note: nothing of a run needs them."""
    driver = importlib.util.find_spec("psycopg") is not None
    yield fine(
        "PostgreSQL",
        "Its driver is installed."
        if driver
        else "Not installed; only a registry shared by machines needs it (`pip install 'catalog3d[postgres]'`).",
    )
    browser = next((path for name in _BROWSERS if (path := shutil.which(name))), "")
    yield fine("Chromium", browser or "Not installed; only catalog3d's own browser tests need it.")
