"""Names of settings that nothing reads: a typo in an environment variable is silent everywhere else."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import get_args

from pydantic import BaseModel

from catalog3d.settings import Settings

PREFIX = "CATALOG3D_"
READ_ELSEWHERE = frozenset({"CATALOG3D_HOME"})
"""Read by `settings.given_home`, because HOME/.env cannot say where HOME is."""
NOT_OURS = ("CATALOG3D_TEST_", "CATALOG3D_CHANNELS__")
"""Of the test suite; secrets of channels, whose names the team gives: a channel asks for its own."""

_CLOSE = 0.6
"""difflib's own default: below it two names have little in common."""


def known_settings(model: type[BaseModel] = Settings, prefix: str = PREFIX) -> frozenset[str]:
    """Every variable that sets something, sections (given as JSON) included."""
    found: set[str] = set(READ_ELSEWHERE) if model is Settings else set()
    for name, field in model.model_fields.items():
        if field.validation_alias is not None:  # a name without our prefix, such as TRIPO_API_KEY
            continue
        found.add(prefix + name.upper())
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= known_settings(kind, f"{prefix}{name.upper()}__")
    return frozenset(found)


def unknown_settings(names: Iterable[str]) -> dict[str, str]:
    """Name that nothing reads -> the nearest name that something reads, or "" if none is near."""
    known = known_settings()
    unknown = sorted(
        {name for name in names if name.upper().startswith(PREFIX) and not name.upper().startswith(NOT_OURS)}
        - {name for name in names if name.upper() in known}
    )
    return {name: _nearest(name.upper(), known) for name in unknown}


def _nearest(name: str, known: frozenset[str]) -> str:
    rest = {candidate.removeprefix(PREFIX): candidate for candidate in known}
    near = difflib.get_close_matches(name.removeprefix(PREFIX), rest, n=1, cutoff=_CLOSE)
    return rest[near[0]] if near else ""
