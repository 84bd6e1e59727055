"""The templates of all pages, those for people whom nobody knows yet among them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from catalog3d.asset import REJECT_REASONS
from catalog3d.review.checklist import QUESTIONS
from catalog3d.wording import SYMBOLS, credits_text, parts_of, plain, plural, size_text, value_text

STATIC = Path(__file__).parent / "static"


@cache
def environment() -> Environment:
    """Escapes everything, and knows our filters; a value that is missing is an error."""
    environment = Environment(
        loader=PackageLoader("catalog3d.review", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        plain=plain, credits=credits_text, size=size_text, value=value_text, parts=parts_of, plural=plural, path=quote
    )
    environment.globals.update(
        symbols=SYMBOLS,
        reasons=REJECT_REASONS,
        questions=QUESTIONS,
        static=lambda name: f"/static/{name}?v={digest_of(STATIC / name)}",
    )
    return environment


@cache
def digest_of(file: Path) -> str:
    """What the address of a file changes with."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
