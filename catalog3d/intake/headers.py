"""Which column is which field: the team's mapping first, then the dialect, then the known synonyms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog3d.intake.dialects import Dialect
from catalog3d.intake.header_text import normalized, variants_of
from catalog3d.intake.vocabulary import OUR_COLUMNS, PICTURE_WORDS, SIDES, SYNONYMS

_OURS = {normalized(header) for header in OUR_COLUMNS}
_OURS_READ = {"status": normalized("3D Status"), "action": normalized("3D Action")}
_IDENTITY_WORDS = {normalized(word) for field in ("sku", "handle") for word in SYNONYMS[field]}
_NAME_WORDS = {normalized(word) for word in SYNONYMS["name"]}
_SIDES_ALONE = frozenset(
    {"front", "back", "rear", "left", "right", "detail", "top", "vorne", "hinten", "links", "rechts"}
)
_PICTURE = "|".join(sorted((re.escape(normalized(word)) for word in PICTURE_WORDS), key=len, reverse=True))
_SIDE_OF_WORD = {normalized(word): side for side, words in SIDES.items() for word in words}
_SIDE = "|".join(sorted(map(re.escape, _SIDE_OF_WORD), key=len, reverse=True))
_SIDE_HEADER = re.compile(
    rf"(?:product)?(?:(?:{_PICTURE})(?P<last>{_SIDE})|(?P<first>{_SIDE})(?:side)?(?:{_PICTURE}))(?:url|file|src|link)?"
)
_NUMBERED_HEADER = re.compile(
    rf"(?:product)?(?:{_PICTURE})(?:file|url|src|link)?(?P<number>\d{{1,2}})(?:url|src|file|link)?"
)
_OPTION_HEADER = re.compile(
    r"(?P<family>(?:variant)?option|attribute)(?P<number>\d{1,2})(?P<part>name|values?(?:\(s\))?)"
)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Where each field stands.

    Attributes:
        index: Field -> column. Further pictures are `image 2`, `image 3`, ...; options are `option 1 name`, ...
        unknown: Fields of the mapping whose header the sheet does not have -> that header.
        repeated: Headers of used columns that occur again.
    """

    headers: tuple[str, ...]
    index: dict[str, int]
    unknown: dict[str, str]
    repeated: tuple[str, ...]

    def header(self, *fields: str) -> str:
        """The team's header of the first of these fields that has a column, or ""."""
        return next((self.headers[self.index[name]] for name in fields if name in self.index), "")

    def mapping(self) -> dict[str, str]:
        """Field -> the team's header."""
        return {name: self.headers[column] for name, column in self.index.items()}

    def options(self) -> list[tuple[str, str]]:
        """Pairs of fields: an option's name and its value."""
        names = (name for name in self.index if name.startswith("option ") and name.endswith(" name"))
        pairs = [(name, name.removesuffix("name") + "value") for name in names]
        return [(name, value) for name, value in pairs if value in self.index]

    def pictures(self, *, extra: bool) -> list[str]:
        """The numbered picture fields (`extra`), or the named ones, that have a column."""
        named = ("image", "front", "left", "back", "right", "detail")
        if extra:
            return [name for name in self.index if re.fullmatch(r"image \d+", name)]
        return [name for name in named if name in self.index]


class _Mapper:
    def __init__(self, headers: Sequence[str], filled: Sequence[bool]) -> None:
        self.headers = tuple(headers)
        self.forms = [variants_of(header) for header in headers]
        self.filled = filled
        self.taken: set[int] = set()
        self.index: dict[str, int] = {}

    def take(self, field: str, column: int) -> None:
        self.index[field] = column
        self.taken.add(column)

    def free(self, field: str, column: int) -> bool:
        if column in self.taken:
            return False
        full = normalized(self.headers[column])
        return full not in _OURS or _OURS_READ.get(field) == full

    def find(self, field: str, words: Sequence[str]) -> int | None:
        """The first free column that carries one of the words; a column with contents is preferred.

        Not for the status, which is blank before the first run.
        """
        hits = [
            column
            for word in map(normalized, words)
            for column, forms in enumerate(self.forms)
            if word in forms and self.free(field, column)
        ]
        first = hits[0] if hits else None
        return first if field == "status" else next((column for column in hits if self.filled[column]), first)


def map_columns(
    headers: Sequence[str], dialect: Dialect, mapping: Mapping[str, str], filled: Sequence[bool] = ()
) -> Columns:
    """Find the column of every field.

    Args:
        mapping: The rules' field -> header; wins over everything.
        filled: Whether a column has any contents: decides between two that fit.
    """
    mapper = _Mapper(headers, filled or [True] * len(headers))
    unknown = _take_mapped(mapper, mapping)
    for field, words in dialect.fields.items():
        _take_words(mapper, field, words)
    ignored = {normalized(word) for word in dialect.ignored}
    mapper.taken.update(column for column, header in enumerate(headers) if normalized(header) in ignored)
    _take_sides(mapper)
    _take_options(mapper)
    for field, words in SYNONYMS.items():
        _take_words(mapper, field, words)
    _take_sized(mapper)
    _take_extra_pictures(mapper)
    return Columns(headers=mapper.headers, index=mapper.index, unknown=unknown, repeated=_repeated(mapper))


def known_headers(headers: Sequence[str]) -> int:
    """How many headers are known words: tells a header row from data, and the right separator from a wrong one."""
    known = {normalized(word) for words in SYNONYMS.values() for word in words} | _OURS
    return sum(any(form in known for form in variants_of(header)) for header in headers)


def looks_like_headers(cells: Sequence[str]) -> bool:
    """Whether a row holds words for both a SKU and a name: no title and no product does."""
    forms = {form for cell in cells for form in variants_of(cell)}
    return bool(forms & _IDENTITY_WORDS) and bool(forms & _NAME_WORDS)


def _take_mapped(mapper: _Mapper, mapping: Mapping[str, str]) -> dict[str, str]:
    unknown = {}
    for field, header in mapping.items():
        wanted = normalized(header)
        column = next((i for i, own in enumerate(mapper.headers) if normalized(own) == wanted), None)
        if column is None:
            unknown[field] = header
        else:
            mapper.take(field, column)
    return unknown


def _take_words(mapper: _Mapper, field: str, words: Sequence[str]) -> None:
    if field not in mapper.index:
        column = mapper.find(field, words)
        if column is not None:
            mapper.take(field, column)


def _take_sides(mapper: _Mapper) -> None:
    for column, header in enumerate(mapper.headers):
        form = normalized(header)
        match = _SIDE_HEADER.fullmatch(form)
        word = (match["first"] or match["last"]) if match else (form if form in _SIDES_ALONE else "")
        # "main image" is the product's picture in every export, not one side of several.
        if word and word not in ("main", "hero") and mapper.free("", column):
            side = _SIDE_OF_WORD[word]
            if side not in mapper.index:
                mapper.take(side, column)


def _take_options(mapper: _Mapper) -> None:
    for column, header in enumerate(mapper.headers):
        match = _OPTION_HEADER.fullmatch(normalized(header))
        if match and mapper.free("", column):
            part = "name" if match["part"] == "name" else "value"
            mapper.take(f"option {int(match['number'])} {part}", column)


def _take_sized(mapper: _Mapper) -> None:
    """`Size` means dimensions only where the header says so: `Size (L x W x H)`, `Size (cm)`."""
    if "dimensions" in mapper.index:
        return
    for column, header in enumerate(mapper.headers):
        forms = variants_of(header)
        if len(forms) > 1 and forms[-1] in ("size", "größe", "taille") and mapper.free("dimensions", column):
            mapper.take("dimensions", column)
            return


def _take_extra_pictures(mapper: _Mapper) -> None:
    """Numbered picture columns and repeated ones: the first is the image where there is no other."""
    numbered = []
    repeats = {normalized(word) for word in (*SYNONYMS["image"], *SYNONYMS["extra images"])}
    extra = mapper.index.pop("extra images", None)
    for column, header in enumerate(mapper.headers):
        form = normalized(header)
        match = _NUMBERED_HEADER.fullmatch(form)
        if match and mapper.free("", column):
            numbered.append((int(match["number"]), column))
        elif column == extra or (form in repeats and _again(mapper, column)):
            numbered.append((100 + column, column))
    columns = [column for _, column in sorted(numbered)]
    if columns and "image" not in mapper.index and "front" not in mapper.index:
        mapper.take("image", columns.pop(0))
    for number, column in enumerate(columns, start=2):
        mapper.take(f"image {number}", column)


def _again(mapper: _Mapper, column: int) -> bool:
    """Whether the header stood further left already: `additional_image_link` comes once per picture."""
    form = normalized(mapper.headers[column])
    return column not in mapper.taken and any(normalized(own) == form for own in mapper.headers[:column])


def _repeated(mapper: _Mapper) -> tuple[str, ...]:
    used = {normalized(mapper.headers[column]): column for column in mapper.index.values()}
    return tuple(
        header
        for column, header in enumerate(mapper.headers)
        if column not in mapper.taken and used.get(normalized(header), column) < column
    )
