"""File names: the team's rule, safe everywhere, and no two SKUs ever share one."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog3d.errors import RunError
from catalog3d.keys import is_key
from catalog3d.naming import ParsedName, asset_folder, check_rule, file_name, name_part, parse_file_name
from catalog3d.sku_part import MAX_LENGTH, RESERVED, read_sku_part, sku_part

RULE = "{sku}_{name}_V{version}_{format}"
SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", re.ASCII)

any_text = st.text(st.characters(exclude_categories=()), min_size=1, max_size=80)
near = st.text(st.sampled_from("aAbB1_- .-/Éé椅xXlum0"), min_size=1, max_size=12)
skus = st.one_of(
    any_text, near, st.sampled_from(sorted(RESERVED)), st.from_regex(r"[A-Za-z0-9_./ -]{1,70}", fullmatch=True)
)


def named(sku: str, name: str = "Chair", version: int = 1, rule: str = RULE) -> str:
    return file_name(rule, sku=sku, name=name, version=version, format="GLB", extension="glb")


def test_the_default_rule_names_a_file_as_the_team_does() -> None:
    assert named("CH123", "Modern Dining Chair") == "CH123_ModernDiningChair_V1_GLB.glb"


@pytest.mark.parametrize(
    ("sku", "part"),
    [
        ("CH123", "CH123"),
        ("00042", "00042"),
        ("404.038.96", "404.038.96"),
        ("AR4561-42", "AR4561-42"),
        ("ch123-oak", "ch123-oak--l"),
        ("CH_123", "CH-123--u.2b"),
        ("A23334x30", "A23334x30--m1"),
        ("4058NB/09", "4058NB-09--u.6x2f"),
        ("Oak Chair 2", "Oak-Chair-2--m6f.3s.9s"),
        ("Ärmel", "Armel--l.0xc4"),
        ("A--B", "A--B--u"),
        ("CON", "xON--u.0x43"),
        ("nul.a", "xul.a--l.0x6e"),
    ],
)
def test_a_sku_stays_readable_and_can_be_read_back(sku: str, part: str) -> None:
    assert sku_part(sku) == part
    assert read_sku_part(part) == sku
    assert asset_folder(sku) == part


@given(skus, skus)
@example("abc", "ABC")
@example("A_B", "A-B")
@example("A B", "A_B")
@example("CH-123--u.2b", "CH_123")
@example("\u00e9", "e\u0301")
@example("x" * 80, "X" * 80)
def test_two_skus_never_share_a_name_without_regard_to_case(one: str, other: str) -> None:
    if one != other:
        assert sku_part(one).casefold() != sku_part(other).casefold()
        assert named(one).casefold() != named(other).casefold()


def test_no_two_of_all_short_skus_share_a_part() -> None:
    every = ["".join(chars) for length in range(1, 5) for chars in itertools.product("aA1-_. é", repeat=length)]
    assert len({sku_part(sku).casefold() for sku in every}) == len(every)


@given(st.from_regex(r"[A-Za-z]{1,10}", fullmatch=True), st.data())
def test_skus_that_differ_only_in_case_have_parts_that_differ_in_more(sku: str, data: st.DataObject) -> None:
    flips = data.draw(st.lists(st.booleans(), min_size=len(sku), max_size=len(sku)))
    other = "".join(char.swapcase() if flip else char for char, flip in zip(sku, flips, strict=True))
    assert (sku_part(sku).lower() == sku_part(other).lower()) == (sku == other)


@given(skus)
def test_a_part_is_safe_everywhere_and_gives_back_its_sku_or_nothing(sku: str) -> None:
    part = sku_part(sku)
    assert PART.fullmatch(part)
    assert len(part) <= MAX_LENGTH
    assert part.split(".")[0].upper() not in RESERVED
    assert is_key(part)
    assert read_sku_part(part) in {sku, None}
    if len(sku) <= 8:
        assert read_sku_part(part) == sku


@given(skus, st.text(max_size=200), st.integers(1, 999_999))
def test_every_name_is_safe_short_and_parses_back(sku: str, name: str, version: int) -> None:
    made = named(sku, name, version)
    assert SAFE.fullmatch(made)
    assert len(made) <= 120
    parsed = parse_file_name(RULE, made)
    assert parsed is not None
    assert parsed.sku in {sku, None}
    assert (parsed.sku_part, parsed.version, parsed.format) == (sku_part(sku), version, "GLB")


@given(skus, st.integers(1, 10))
def test_a_longer_rule_still_fits_and_parses_back(sku: str, version: int) -> None:
    rule = "Catalog-3D-2026_V{version}_{name}_{sku}_{format}"
    made = named(sku, "Sofa " * 60, version, rule)
    assert len(made) <= 120
    parsed = parse_file_name(rule, made)
    assert parsed is not None
    assert (parsed.sku_part, parsed.version) == (sku_part(sku), version)


@given(st.text(max_size=130))
@example("CH123_Chair_V01_GLB.glb")
@example("ch123_Chair_V1_GLB.glb")
@example("A--l_Chair_V1_GLB.glb")
@example("A--m" + "f" * 56 + "_Chair_V1_GLB.glb")
@example("A--u.99999999999999999999x41_Chair_V1_GLB.glb")
@example("A--u.0x110000_Chair_V1_GLB.glb")
@example("CH123_Chair_V1_GLB.glb\n")
def test_foreign_names_are_not_taken_for_ours(text: str) -> None:
    parsed = parse_file_name(RULE, text)
    assert parsed is None or parsed.sku is None or sku_part(parsed.sku) == parsed.sku_part


def test_a_name_taken_apart_has_all_its_parts() -> None:
    assert parse_file_name(RULE, "ch123-oak--l_OakChair_V12_GLB.glb") == ParsedName(
        sku="ch123-oak", sku_part="ch123-oak--l", name="OakChair", version=12, format="GLB", extension="glb"
    )
    assert parse_file_name("{sku}_{format}_{version}", "A_GLB_2.glb") == ParsedName(
        sku="A", sku_part="A", name="", version=2, format="GLB", extension="glb"
    )


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("Modern Dining Chair", "ModernDiningChair"),
        ("modern dining-chair_2", "ModernDiningChair2"),
        ("MODERN DINING CHAIR", "ModernDiningChair"),
        ("LED Floor Lamp", "LEDFloorLamp"),
        ("Children\u2019s Chair", "ChildrensChair"),
        ("Tischläufer für Gäste", "TischlauferFurGaste"),
        ("Table 120 x 60", "Table120X60"),
        ("Table 120 60", "Table120-60"),
        ("椅子", "YiZi"),
        ("!!!", "Unnamed"),
        ("", "Unnamed"),
        ("../../etc/passwd", "EtcPasswd"),
    ],
)
def test_a_product_name_becomes_words_without_spaces(name: str, part: str) -> None:
    assert name_part(name, 60) == part


def test_a_long_name_ends_with_a_whole_word() -> None:
    assert name_part("Solid Oak Dining Table Extendable", 20) == "SolidOakDiningTable"
    assert name_part("Donaudampfschifffahrt", 5) == "Donau"


def test_a_longer_version_number_does_not_change_the_name() -> None:
    names = {named("A" * 60, "Word " * 40, version).split("_")[1] for version in (1, 99, 999_999)}
    assert len(names) == 1


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("{sku}{version}_{format}", "underscore"),
        ("{sku}-{name}_V{version}_{format}", "underscore"),
        ("X{sku}_V{version}_{format}", "alone"),
        ("{sku}_V{version}", "each stand"),
        ("{sku}_{sku}_V{version}_{format}", "each stand"),
        ("{sku}_{colour}_V{version}_{format}", "no placeholder"),
        ("{sku}_{version:03d}_{format}", "each stand"),
        ("../{sku}_V{version}_{format}", "at most"),
        ("{sku}_V{version}_{format}.v2", "at most"),
        ("_{sku}_V{version}_{format}", "begin"),
        ("-{version}_{sku}_{format}", "begin"),
        ("{sku}_V{version}_{format}_" + "x" * 25, "at most"),
    ],
)
def test_a_rule_whose_names_could_not_be_read_back_is_refused(rule: str, why: str) -> None:
    with pytest.raises(RunError, match=why) as refused:
        check_rule(rule)
    assert refused.value.code == "RULES_INVALID"
    assert "{sku}_{name}" in refused.value.fix


@pytest.mark.parametrize(
    "wrong", [{"version": 0}, {"version": 1_000_000}, {"format": "gl"}, {"extension": "../x"}, {"sku": ""}]
)
def test_parts_of_another_form_are_refused(wrong: dict[str, object]) -> None:
    given_parts: dict[str, object] = {
        "sku": "A",
        "name": "n",
        "version": 1,
        "format": "GLB",
        "extension": "glb",
        **wrong,
    }
    with pytest.raises(ValueError):
        file_name(RULE, **given_parts)  # type: ignore[arg-type]
