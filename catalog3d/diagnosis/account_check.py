"""The model that `doctor --live` buys: the cheapest there is, whose prompt names the check, so that it is found again."""

from __future__ import annotations

import re
from dataclasses import replace

from catalog3d.brief import Brief, make_brief
from catalog3d.prices import family_of
from catalog3d.rules import TripoRules

FACES = 5_000
"""A small file is enough."""

_PROMPT = "A plain cube with sharp edges. Account check {check_id}."
_CHECK = re.compile(r"Account check ([0-9A-Za-z-]{1,60})\.$")


def check_brief(check_id: str, model: str) -> Brief:
    """The brief of a check.

    Args:
        model: The team's own model version; another is used unless it is of the H family, whose text models are the
            cheapest.
    """
    rules = TripoRules(
        model=model if family_of(model) == "H" else TripoRules().model,
        texture=False,
        pbr=False,
        texture_quality=None,
        face_limit=FACES,
    )
    return replace(make_brief(rules, ()), prompt=_PROMPT.format(check_id=check_id))


def check_of(brief: Brief) -> str:
    """The id of the check that a brief belongs to; "" for a product's brief."""
    found = _CHECK.search(brief.prompt) if brief.endpoint == "text-to-model" else None
    check_id = found[1] if found else ""
    return check_id if check_id and brief.prompt == _PROMPT.format(check_id=check_id) else ""
