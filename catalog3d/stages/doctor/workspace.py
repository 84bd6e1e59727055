"""The home, its settings and its rules."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values

from catalog3d.diagnosis.findings import Finding, fine, problem, warning
from catalog3d.diagnosis.setting_names import unknown_settings
from catalog3d.rules import Rules, load_rules
from catalog3d.stages.doctor.site import Site
from catalog3d.wording import plural


def check_home(site: Site) -> Iterator[Finding]:
    home = site.root
    if not home.is_dir():
        yield problem("Home", f"{home} does not exist.", "Make that folder, or correct CATALOG3D_HOME.")
    elif not os.access(home, os.W_OK):
        yield problem("Home", f"{home} cannot be written by this user.", "Give this user the right to write there.")
    elif site.given:
        yield fine("Home", f"{home} (CATALOG3D_HOME)")
    elif (mark := _mark(home)) is not None:
        where = "this folder" if home == site.start.resolve() else "the nearest folder upward"
        yield fine("Home", f"{home} ({where} that holds {mark})")
    else:
        yield warning(
            "Home",
            f"{home}: neither it nor a folder above it holds a catalog yet, so it would become a new one.",
            "Go to the folder of your sheet, set CATALOG3D_HOME, or start here with `catalog3d init`.",
        )


def check_settings(site: Site) -> Iterator[Finding]:
    env_file = site.root / ".env"
    in_file = _names_in(env_file)
    unknown = unknown_settings({*site.environment, *in_file})
    for name, nearest in unknown.items():
        where = f" (in {env_file})" if name in in_file else ""
        meant = f"Did you mean {nearest}? Rename it" if nearest else "Correct its name"
        yield warning("Settings", f"{name} is set{where}, and nothing reads it.", f"{meant}, or remove it.")
    if site.trouble is not None:
        yield problem("Settings", site.trouble.message, f"{site.trouble.fix} Then ask again: the rest needs it.")
    elif not unknown:
        ours = [name for name in {*site.environment, *in_file} if name.upper().startswith("CATALOG3D_")]
        known = (
            f"{plural(len(ours), 'variable')} of ours set, none unknown." if ours else "Nothing is set: all defaults."
        )
        yield fine("Settings", known)


def check_rules(site: Site) -> Iterator[Finding]:
    given = site.settings.rules if site.settings else None
    path = given or site.home.rules_file
    if given is not None and not given.is_file():
        yield problem("Rules", f"{given} does not exist.", "Correct CATALOG3D_RULES.")
        return
    rules = load_rules(path)
    if not path.is_file():
        yield fine("Rules", "No catalog.yaml: the built-in rules apply.")
        return
    yield fine("Rules", f"{path}: model {rules.tripo.model}, profile {rules.quality.profile}.")
    yield from _nightly(site, rules)


def _nightly(site: Site, rules: Rules) -> Iterator[Finding]:
    night = rules.nightly
    if night.sheet and not (site.root / night.sheet).is_file():
        yield problem("Nightly sheet", f"{site.root / night.sheet} does not exist.", "Correct `nightly: sheet:`.")
    elif night.sheet and site.pays and night.budget is None:
        yield warning(
            "Nightly sheet",
            "The nightly run has no budget of its own, so it spends nothing.",
            "Write `nightly: budget:` (in credits) into catalog.yaml.",
        )


def _mark(home: Path) -> str | None:
    if (home / "catalog.yaml").is_file():
        return "catalog.yaml"
    return ".catalog3d" if (home / ".catalog3d").is_dir() else None


def _names_in(env_file: Path) -> set[str]:
    """The names of a .env file; its values are of no concern here."""
    if not env_file.is_file():
        return set()
    return set(dotenv_values(env_file, interpolate=False))
