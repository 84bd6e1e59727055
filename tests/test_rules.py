"""The rules file: what is wrong with it is one sentence that names the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog3d.errors import RunError
from catalog3d.rules import Rules, load_rules, parse_rules


def test_no_file_and_an_empty_file_mean_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "catalog.yaml").write_text("")
    assert load_rules(None) == load_rules(tmp_path / "gone.yaml") == load_rules(tmp_path / "catalog.yaml") == Rules()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour: x", "colour: there is no such rule"),
        ("tripo: {face_limit: many}", "tripo.face_limit"),
        ("naming: 5", "naming"),
        ("a: [", "not valid YAML"),
        ("required_fields: [weight]", "no field called 'weight'"),
        ("categories: {Sofas: {textur: true}}", "textur: there is no such rule"),
    ],
)
def test_a_wrong_rule_is_named(text: str, said: str) -> None:
    with pytest.raises(RunError, match=r"catalog\.yaml") as caught:
        parse_rules(text)
    assert caught.value.code == "RULES_INVALID"
    assert said in caught.value.message


def test_a_category_changes_only_what_it_names() -> None:
    rules = parse_rules("categories: {Sofas: {texture_quality: detailed}}")
    assert rules.tripo_for("sofas").texture_quality == "detailed"
    assert rules.tripo_for("sofas").face_limit == Rules().tripo.face_limit
    assert rules.tripo_for("Chairs") == Rules().tripo
