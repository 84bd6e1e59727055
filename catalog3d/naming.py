"""File names by the team's rule, such as `CH123_ModernDiningChair_V1_GLB.glb`, and their way back to the SKU.

The parts of a name never hold `_`, so the rule's underscores divide them without doubt. Names are ASCII, at most
120 characters, and safe on every file system; `catalog3d.sku_part` keeps two SKUs from ever sharing one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from anyascii import anyascii

from catalog3d.errors import RunError
from catalog3d.sku_part import read_sku_part, sku_part

MAX_FILE_NAME = 120
"""Longer names are cut or refused by some shops and archive tools (product-sheet survey, 2026-11)."""

MAX_VERSION = 999_999
MAX_LITERAL = 24
"""Characters of a rule that are not placeholders."""

_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
_PATTERNS = {
    "sku": r"(?P<sku>[A-Za-z0-9][A-Za-z0-9.-]*)",
    "name": r"(?P<name>[A-Za-z0-9][A-Za-z0-9-]*)",
    "version": r"(?P<version>[1-9][0-9]{0,5})",
    "format": r"(?P<format>[A-Z0-9]{1,8})",
}
_LITERAL = re.compile(r"[A-Za-z0-9_-]*")
_FORMAT = re.compile(r"[A-Z0-9]{1,8}")
_EXTENSION = re.compile(r"[a-z0-9]{1,8}")
# 6 digits of a version, 8 of a format, a dot and 8 of an extension: a name is not cut differently as versions grow.
_RESERVED_LENGTH = 6 + 8 + 9
_FIX = "The built-in rule is {sku}_{name}_V{version}_{format}."


@dataclass(frozen=True, kw_only=True)
class ParsedName:
    """A file name taken apart.

    Attributes:
        sku: The true SKU, or None where only its hash fits into a name: the asset record has it.
        sku_part: The SKU's part as it stands in the name.
        name: The name's part, "" if the rule has none.
        format: Upper case, such as "GLB".
        extension: Lower case, without the dot.
    """

    sku: str | None
    sku_part: str
    name: str
    version: int
    format: str
    extension: str


def check_rule(rule: str) -> None:
    """Accept a naming rule.

    Raises:
        RunError: RULES_INVALID, with what is wrong: unknown or repeated placeholders, {sku} or {name} that do not
            stand alone between underscores, two placeholders in one part, odd or too many characters.
    """
    _compiled(rule)


def file_name(rule: str, *, sku: str, name: str, version: int, format: str, extension: str) -> str:  # noqa: A002 - the sheet's word
    """The file name of one version of a SKU: ASCII, at most 120 characters.

    Args:
        format: 1 to 8 capitals or digits, such as "GLB".
        extension: 1 to 8 small letters or digits, without a dot.

    Raises:
        RunError: RULES_INVALID.
        ValueError: A version outside 1..999999, a format or extension of another form, an empty SKU.
    """
    _compiled(rule)
    if not 1 <= version <= MAX_VERSION:
        raise ValueError(f"version {version} is not between 1 and {MAX_VERSION}")
    if not _FORMAT.fullmatch(format) or not _EXTENSION.fullmatch(extension):
        raise ValueError(f"format {format!r} or extension {extension!r} is not of the expected form")
    part = sku_part(sku)
    literal = len(_PLACEHOLDER.sub("", rule))
    parts = {
        "sku": part,
        "name": name_part(name, MAX_FILE_NAME - _RESERVED_LENGTH - literal - len(part)),
        "version": str(version),
        "format": format,
    }
    stem = _PLACEHOLDER.sub(lambda match: parts[match[1]], rule)
    return f"{stem}.{extension}"


def parse_file_name(rule: str, file_name: str) -> ParsedName | None:
    """Take a file name apart; None if it is not one that the rule makes.

    Raises:
        RunError: RULES_INVALID.
    """
    match = _compiled(rule).fullmatch(file_name) if len(file_name) <= MAX_FILE_NAME else None
    if match is None:
        return None
    found = match.groupdict()
    return ParsedName(
        sku=read_sku_part(found["sku"]),
        sku_part=found["sku"],
        name=found.get("name", ""),
        version=int(found["version"]),
        format=found["format"],
        extension=found["extension"],
    )


def asset_folder(sku: str) -> str:
    """The folder of a SKU's assets: one path segment, no two SKUs share one, also without regard to case."""
    return sku_part(sku)


def name_part(name: str, max_length: int) -> str:
    """A product name in PascalCase: `Modern Dining Chair` -> `ModernDiningChair`, at most `max_length` characters."""
    plain = re.sub(r"['`]", "", anyascii(unicodedata.normalize("NFC", name)))
    words = re.findall(r"[A-Za-z0-9]+", plain)
    shouted = len(words) > 1 and plain.upper() == plain
    built = ""
    for word in words:
        word_part = word[:1].upper() + (word[1:].lower() if shouted else word[1:])
        if built[-1:].isdigit() and word_part[:1].isdigit():
            word_part = f"-{word_part}"
        if built and len(built) + len(word_part) > max_length:
            break
        built += word_part
    return built[:max_length] or "Unnamed"[:max_length]


@lru_cache(maxsize=32)
def _compiled(rule: str) -> re.Pattern[str]:
    names = _PLACEHOLDER.findall(rule)
    literal = _PLACEHOLDER.sub("", rule)
    if unknown := [name for name in names if name not in _PATTERNS]:
        raise _refused(rule, f"there is no placeholder {{{unknown[0]}}}")
    if len(set(names)) < len(names) or not {"sku", "version", "format"} <= set(names):
        raise _refused(rule, "{sku}, {version} and {format} must each stand in it once")
    if len(literal) > MAX_LITERAL or not _LITERAL.fullmatch(literal):
        raise _refused(rule, f"it may hold at most {MAX_LITERAL} letters, digits, - and _ besides the placeholders")
    segments = rule.split("_")
    if any(len(_PLACEHOLDER.findall(segment)) > 1 for segment in segments):
        raise _refused(rule, "an underscore must divide the placeholders")
    for alone in ("{sku}", "{name}"):
        if alone in rule and alone not in segments:
            raise _refused(rule, f"{alone} must stand alone between underscores")
    if not re.match(r"[A-Za-z0-9{]", rule):
        raise _refused(rule, "it must begin with a letter, a digit or a placeholder")
    pattern = "".join(
        _PATTERNS[piece[1:-1]] if piece.startswith("{") else re.escape(piece)
        for piece in re.split(r"(\{[a-z]+\})", rule)
    )
    return re.compile(pattern + r"\.(?P<extension>[a-z0-9]{1,8})")


def _refused(rule: str, why: str) -> RunError:
    return RunError(f"The naming rule {rule[:200]!r} cannot be used: {why}.", code="RULES_INVALID", fix=_FIX)
