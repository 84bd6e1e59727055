"""Roles, names, passwords, and whose a review is."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from catalog3d.errors import ProductError, RunError
from catalog3d.people import (
    MAX_DELEGATES,
    MAX_NAME_CHARS,
    MAX_PASSWORD_CHARS,
    MIN_PASSWORD_CHARS,
    Act,
    Person,
    Role,
    clean_name,
    clean_password,
    same_name,
)
from catalog3d.rules import Rules, parse_rules

GOOD = "lamp river cloud seven"


def test_each_role_may_all_that_the_one_before_it_may_and_more() -> None:
    allowed = [{act for act in Act if role.may(act)} for role in Role]
    assert allowed[0] == {Act.LOOK}
    assert allowed[1] == {Act.LOOK, Act.DECIDE}
    assert allowed[2] == set(Act)


def test_who_may_not_is_told_so_with_the_way_out() -> None:
    with pytest.raises(ProductError) as refused:
        Person(name="maria", role=Role.VIEWER).require(Act.DECIDE)
    assert refused.value.code == "ROLE_REFUSED"
    assert str(refused.value).startswith("maria is a viewer and may not decide about models.")
    assert "`catalog3d user role maria reviewer`" in refused.value.fix


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Maria", "maria"),
        ("  J.Doe ", "j.doe"),
        ("maria@shop.example", "maria@shop.example"),
        ("Mar\u0131a", "mar\u0131a"),  # a dotless i is a letter of its own
        ("Ma\u0308rz", "märz"),
        ("\uff2daria", "maria"),
        ("Anna   Maria", "anna maria"),
        ("Мария", "мария"),
        ("सीता", "सीता"),
    ],
)
def test_a_name_is_kept_in_one_spelling(typed: str, kept: str) -> None:
    assert clean_name(typed) == kept
    assert same_name(typed, kept)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        ".maria",
        "-rf",
        "m" * (MAX_NAME_CHARS + 1),
        "a/b",
        "<b>",
        "a\x00b",
        "a;b",
        "a\u202eb",
        "m\u0430ria",
        'a"b',
    ],
)
def test_what_could_pass_for_another_name_or_break_a_page_is_no_name(typed: str) -> None:
    with pytest.raises(ProductError) as refused:
        clean_name(typed)
    assert refused.value.code == "NAME_INVALID"


SIGNS = st.characters(categories=["L", "M", "N"]) | st.sampled_from("._-@+ \u00a0")


@given(st.text(SIGNS, max_size=70))
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_a_kept_name_is_its_own_spelling(typed: str) -> None:
    try:
        kept = clean_name(typed)
    except ProductError:
        assume(False)
    assert clean_name(kept) == kept
    assert same_name(kept, typed)
    assert 0 < len(kept) <= MAX_NAME_CHARS


def test_nobody_is_not_the_same_person_as_nobody() -> None:
    assert not same_name("", " ")


@pytest.mark.parametrize(
    "password",
    [
        "a" * (MIN_PASSWORD_CHARS - 1),
        "x" * 40,
        "passwordpassword1234567890",
        "catalog3dcatalog3d",
        "maria lopez maria lopez",
        "lamp river\x00cloud seven",
        "lamp river\ncloud seven",
        "ab" * MAX_PASSWORD_CHARS,
    ],
)
def test_a_password_that_is_short_or_guessed_first_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(ProductError) as refused:
        clean_password(password, "maria lopez")
    assert refused.value.code == "PASSWORD_INVALID"
    assert password not in str(refused.value)


def test_a_password_may_be_a_sentence_in_any_script() -> None:
    for password in (GOOD, "Vier Wörter für Möbel", "四つの言葉でできた長いパスワード", "m" + GOOD):
        assert clean_password(password, "maria") == password


def test_a_password_is_the_same_from_any_keyboard() -> None:
    assert clean_password("Wo\u0308rter fu\u0308r Stu\u0308hle", "maria") == "Wörter für Stühle"


def test_the_sheet_names_the_reviewer_before_the_rules_do() -> None:
    rules = parse_rules("review_owner: {Chairs: Mia, Lamps: Jonas}")
    assert rules.reviewer_of("", "chairs") == "Mia"
    assert rules.reviewer_of(" Ada ", "Chairs") == "Ada"
    assert rules.reviewer_of("", "Sofas") == ""
    assert parse_rules("review_owner: Mia").reviewer_of("", "Sofas") == "Mia"


def test_a_delegate_gets_the_queue_from_wherever_the_name_came() -> None:
    rules = parse_rules("review_owner: Mia\ndelegates: {MIA: Jonas, jonas: Ada}")
    assert rules.reviewer_of("", "Sofas") == "Ada"
    assert rules.reviewer_of("mia", "Sofas") == "Ada"
    assert rules.reviewer_of("Tom", "Sofas") == "Tom"


LONG = ", ".join(f"p{number}: p{number + 1}" for number in range(MAX_DELEGATES + 1))


@pytest.mark.parametrize(
    ("delegates", "said"),
    [
        ("Mia: Jonas, jonas: MIA", "Mia -> Jonas -> MIA goes in a circle"),
        ("Mia: mia", "goes in a circle"),
        ("Tom: Mia, Mia: Jonas, Jonas: Mia", "goes in a circle"),
        ("Mia: ''", "a name is missing"),
        ("Mia: Jonas, mia: Ada", "two delegates"),
        (LONG, "handed over more than 5 times"),
    ],
)
def test_delegates_that_lead_nowhere_are_a_sentence(delegates: str, said: str) -> None:
    with pytest.raises(RunError) as refused:
        parse_rules(f"delegates: {{{delegates}}}")
    assert refused.value.code == "RULES_INVALID"
    assert "delegates: " in refused.value.message
    assert said in refused.value.message


NAMES = st.sampled_from(["mia", "Mia", "jonas", "ada", "tom", "eva", "ben", "kim", "lea", "max"])


@given(st.dictionaries(NAMES, NAMES), NAMES)
def test_whatever_delegates_the_rules_accept_end_with_somebody_who_is_there(
    delegates: dict[str, str], name: str
) -> None:
    try:
        rules = Rules(delegates=delegates)
    except ValueError:
        assume(False)
    last = rules.reviewer_of(name, "")
    assert last
    assert not any(same_name(last, absent) for absent in delegates)
