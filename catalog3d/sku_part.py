"""A SKU as one part of a file name: readable, reversible, and never the same for two SKUs.

Capitals, digits, single `-` and `.` stay as they are: `CH123` -> `CH123`, `404.038.96` -> `404.038.96`.
Any other SKU keeps its look and gets a code after `--`, because some file systems and shops do not tell
`abc` from `ABC` and the parts of a file name are divided by `_`:

    ch123-oak    -> ch123-oak--l          l = all letters are small, u = all are capitals
    CH_123       -> CH-123--u.2b          .2b = at position 2 there is a bar (underscore)
    Oak Chair/2  -> Oak-Chair-2--m6f.3s.9x2f   m6f = capitals and small as bits, s = space, x2f = character 2F
    CON          -> xON--u.0x43           a name that Windows reserves

What is longer than the limit gets 130 bits of its sha256 instead of a code, which cannot be read back.
"""

from __future__ import annotations

import base64
import hashlib
import re

from anyascii import anyascii

MAX_LENGTH = 60
"""Of the whole part: leaves room for the name in 120 characters."""

RESERVED = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10))})
"""Device names that Windows refuses as a file name, also with an extension (Microsoft, Naming Files)."""

_PLAIN = re.compile(r"[A-Z0-9]+(?:[.-][A-Z0-9]+)*")
_CODED = re.compile(
    r"(?P<slug>[A-Za-z0-9][A-Za-z0-9.-]*)--(?P<case>[ul]|m[0-9a-f]+)(?P<edits>(?:\.[0-9]+(?:b|s|x[0-9a-f]+))*)"
)
_EDIT = re.compile(r"\.([0-9]+)(b|s|x[0-9a-f]+)")
_NAMED = {"_": "b", " ": "s"}
_HASH_LENGTH = 26


def sku_part(sku: str) -> str:
    """The part of a file or folder name that stands for a SKU.

    Starts with a letter or digit; holds letters, digits, `.` and `-`; never ends in `.`; at most 60 characters.

    Raises:
        ValueError: The SKU is empty.
    """
    if not sku:
        raise ValueError("a SKU must not be empty")
    if len(sku) <= MAX_LENGTH and _PLAIN.fullmatch(sku) and not _is_reserved(sku):
        return sku
    slug, edits = _slug(sku[: MAX_LENGTH + 1])
    part = f"{slug}--{_case_code(slug, edits)}{_edit_code(edits)}"
    if len(sku) <= MAX_LENGTH and len(part) <= MAX_LENGTH:
        return part
    digest = hashlib.sha256(sku.encode("utf-8", "surrogatepass")).digest()
    code = base64.b32encode(digest).decode("ascii").lower()[:_HASH_LENGTH]
    return f"{slug[: MAX_LENGTH - _HASH_LENGTH - 3]}--h{code}"


def read_sku_part(part: str) -> str | None:
    """The SKU that a part stands for; None if it was hashed or is not one of ours."""
    if len(part) > MAX_LENGTH:
        return None
    sku = part if _PLAIN.fullmatch(part) else _decode(part)
    return sku if sku and sku_part(sku) == part else None


def _decode(part: str) -> str | None:
    match = _CODED.fullmatch(part)
    if match is None:
        return None
    edits: dict[int, str] = {}
    for position, token in _EDIT.findall(match["edits"]):
        edits[int(position)] = _character(token)
    letters = _letters(match["slug"], edits)
    chars = list(match["slug"].upper())
    for bit, position in enumerate(reversed(letters)):
        if match["case"] == "l" or (match["case"][0] == "m" and int(match["case"][1:], 16) >> bit & 1):
            chars[position] = chars[position].lower()
    for position, char in edits.items():
        if position >= len(chars) or not char:
            return None
        chars[position] = char
    return "".join(chars)


def _slug(sku: str) -> tuple[str, dict[int, str]]:
    """One character for each of the SKU's, and the true ones where they differ by more than case."""
    chars: list[str] = []
    edits: dict[int, str] = {}
    for position, char in enumerate(sku):
        keep = (char.isascii() and char.isalnum()) or (char in ".-" and position > 0)
        if keep and not (position == 0 and _is_reserved(sku)):
            chars.append(char)
            continue
        edits[position] = char
        plain = anyascii(char)
        readable = len(plain) == 1 and plain.isalnum() and not char.isascii()
        chars.append(plain if readable else "-" if position else "x")
    return "".join(chars), edits


def _case_code(slug: str, edits: dict[int, str]) -> str:
    small = [slug[position].islower() for position in _letters(slug, edits)]
    if not any(small):
        return "u"
    if all(small):
        return "l"
    return f"m{sum(1 << bit for bit, is_small in enumerate(reversed(small)) if is_small):x}"


def _edit_code(edits: dict[int, str]) -> str:
    return "".join(f".{position}{_NAMED.get(char) or f'x{ord(char):x}'}" for position, char in edits.items())


def _letters(slug: str, edits: dict[int, str]) -> list[int]:
    return [position for position, char in enumerate(slug) if char.isalpha() and position not in edits]


def _character(token: str) -> str:
    for char, name in _NAMED.items():
        if token == name:
            return char
    code = int(token[1:], 16)
    return chr(code) if code <= 0x10FFFF else ""


def _is_reserved(sku: str) -> bool:
    return sku.split(".", maxsplit=1)[0].upper() in RESERVED
