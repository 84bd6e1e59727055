"""Variables that nothing reads are named, with the one that was probably meant."""

from __future__ import annotations

import pytest

from catalog3d.diagnosis.setting_names import known_settings, unknown_settings
from catalog3d.settings import load_settings


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("CATALOG3D_TRIPO__APIKEY", "CATALOG3D_TRIPO__API_KEY"),
        ("CATALOG3D_TRIPO_API_KEY", "CATALOG3D_TRIPO__API_KEY"),
        ("CATALOG3D_STOR__KIND", "CATALOG3D_STORE__KIND"),
        ("CATALOG3D_BUDGET__DAILY", "CATALOG3D_BUDGET__DAY"),
        ("CATALOG3D_HOMES", "CATALOG3D_HOME"),
        ("catalog3d_registry_ulr", "CATALOG3D_REGISTRY_URL"),
        ("CATALOG3D_ZZZ", ""),
    ],
)
def test_a_typo_leads_to_the_nearest_setting(typed: str, meant: str) -> None:
    assert unknown_settings([typed, "PATH", "CATALOG3D_TRIPO__API_KEY"]) == {typed: meant}


def test_what_the_settings_read_is_known_in_any_case_and_as_a_json_section() -> None:
    names = ["CATALOG3D_HOME", "catalog3d_tripo__poll_s", "CATALOG3D_STORE", "CATALOG3D_BUDGET__RUN", "TRIPO_API_KEY"]
    assert unknown_settings([*names, "CATALOG3D_TEST_REQUIRE_ALL"]) == {}


def test_every_name_that_is_called_known_is_really_read(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"CATALOG3D_TRIPO__POLL_S": "7", "CATALOG3D_STORE__BUCKET": "b", "CATALOG3D_REVIEW__PORT": "1"}
    assert set(values) <= known_settings()
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.tripo.poll_s, settings.store.bucket, settings.review.port) == (7, "b", 1)
