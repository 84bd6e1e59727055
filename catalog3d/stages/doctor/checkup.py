"""All free checks of one installation, side by side: one that fails is itself a finding and ends nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from catalog3d.diagnosis.findings import Diagnosis, Finding, problem
from catalog3d.errors import Catalog3DError
from catalog3d.stages.doctor.machine import check_optional, check_packages, check_python
from catalog3d.stages.doctor.orchestrator import check_prefect
from catalog3d.stages.doctor.provider import check_download_hosts, check_tripo
from catalog3d.stages.doctor.record import check_disk, check_registry
from catalog3d.stages.doctor.site import Check, Site
from catalog3d.stages.doctor.storage import check_store
from catalog3d.stages.doctor.workspace import check_home, check_rules, check_settings

log = logging.getLogger(__name__)

CHECKS: tuple[Check, ...] = (
    Check(name="Python", look=check_python, needs_settings=False),
    Check(name="Packages", look=check_packages, needs_settings=False),
    Check(name="Home", look=check_home, needs_settings=False),
    Check(name="Settings", look=check_settings, needs_settings=False),
    Check(name="Rules", look=check_rules),
    Check(name="Tripo", look=check_tripo),
    Check(name="Download hosts", look=check_download_hosts),
    Check(name="Store", look=check_store),
    Check(name="Registry", look=check_registry),
    Check(name="Disk", look=check_disk),
    Check(name="Prefect", look=check_prefect),
    Check(name="Optional", look=check_optional, needs_settings=False),
)
_AT_ONCE = 6
"""Most of them wait for a network."""


def examine_site(site: Site, checks: Sequence[Check] = CHECKS) -> Diagnosis:
    """Run every check that can be run; the findings keep the order of the checks."""
    possible = [check for check in checks if site.settings is not None or not check.needs_settings]
    with ThreadPoolExecutor(_AT_ONCE, "doctor") as threads:
        found = list(threads.map(lambda check: findings_of(check, site), possible))
    return Diagnosis(home=str(site.root), findings=tuple(finding for findings in found for finding in findings))


def findings_of(check: Check, site: Site) -> list[Finding]:
    """What one check finds, and how it broke off if it did."""
    found: list[Finding] = []
    try:
        found.extend(check.look(site))
    except Catalog3DError as error:
        found.append(problem(check.name, error.message, error.fix or "See the documentation of that part."))
    except Exception as exc:
        log.debug("the check %s failed", check.name, exc_info=True)
        found.append(
            problem(
                check.name,
                f"This check itself failed ({type(exc).__name__}), so nothing is known about it.",
                "Please report it: a check should never fail.",
            )
        )
    return found
