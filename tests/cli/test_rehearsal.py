"""Rehearsing with faults: who may, and what is said of it afterwards."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from catalog3d.cli.app import app
from catalog3d.cli.rehearsal import Seen, what_happened
from catalog3d.standin.faults import KINDS, ROUTES
from catalog3d.standin.profiles import PROFILES
from tests.catalogs import open_shop, with_key


def seen(faults: dict[str, int] | None = None, **bought: int) -> Seen:
    return Seen(faults=Counter(faults or {}), bought=Counter(bought))


@pytest.mark.parametrize(
    ("options", "code", "named"),
    [
        (("--faults", "bad-day"), "FAULTS_NEED_STANDIN", "--rehearse"),
        (("--faults", "bad-day,nobody", "--rehearse"), "PROFILE_UNKNOWN", "rough-network"),
        (("--faults", "", "--rehearse"), "PROFILE_UNKNOWN", "rough-network"),
    ],
)
def test_faults_that_make_no_sense_are_refused_with_a_sentence(options, code, named, tmp_path: Path, monkeypatch):
    with_key(monkeypatch)
    monkeypatch.chdir(tmp_path)
    with open_shop(tmp_path):
        said = CliRunner().invoke(app, ["run", "sheet.csv", "--json", *options])
    error = json.loads(said.stdout)["error"]
    assert (said.exit_code, error["code"]) == (2, code)
    assert named in error["fix"]


def test_what_happened_counts_this_run_alone():
    before = seen({"drop_after_create": 4}, chair=1)
    after = seen({"drop_after_create": 5, "http_503 on tasks_list": 2, "drop on tasks_list": 1}, chair=1, lamp=1)
    did, paid = what_happened(before, after)
    assert did == (
        "What the stand-in did: 2 queries answered with a server error, 1 answer lost although the task was made,"
        " 1 query cut off."
    )
    assert paid == "Every model was paid once."


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        (seen(chair=1), "Nothing was paid."),
        (seen(chair=2), "1 model was paid more than once."),
        (seen(chair=2, lamp=3), "2 models were paid more than once."),
    ],
)
def test_what_happened_says_what_was_paid_and_paid_twice(after, sentence):
    assert what_happened(seen(chair=1), after)[-1] == sentence


def test_quiet_rehearsal_says_so_only_where_faults_were_to_strike():
    assert what_happened(seen(), seen(), expected=False) == ["Nothing was paid."]
    assert what_happened(seen(), seen())[0].startswith("No fault struck")


def test_every_fault_has_words():
    for kind in KINDS:
        for route in ("", *(f" on {route}" for route in ROUTES[1:])):
            (did, _) = what_happened(seen(), seen({kind + route: 2}))
            assert did.startswith("What the stand-in did: 2 ")


def test_profiles_are_listed_on_stdout():
    said = CliRunner().invoke(app, ["standin", "--profiles"])
    assert said.exit_code == 0
    assert all(name in said.stdout for name in PROFILES)
