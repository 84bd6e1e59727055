"""Limits as data, and the team's own numbers in them."""

from __future__ import annotations

import pytest

from catalog3d.errors import RunError
from catalog3d.mesh.profiles import PROFILES, WEB_AR, limits_for
from tests.mesh.glbs import cube, grid, png
from tests.mesh.judging import codes, found, judged


def test_every_profile_knows_every_limit():
    for name, limits in PROFILES.items():
        assert set(limits) == set(WEB_AR), name


def test_every_limit_names_its_source():
    assert all(limit.source for limits in PROFILES.values() for limit in limits.values())


def test_unknown_profile_and_limit_name_the_known_ones():
    with pytest.raises(RunError, match="no quality profile") as profile:
        limits_for("web")
    assert (profile.value.code, "web-ar" in profile.value.fix) == ("PROFILE_UNKNOWN", True)
    with pytest.raises(RunError, match="no quality limit") as limit:
        limits_for("web-ar", {"TRIANGLE": 1})
    assert (limit.value.code, "TRIANGLES" in limit.value.fix) == ("LIMIT_UNKNOWN", True)


def test_team_number_replaces_the_limit_that_blocks():
    assert found(judged(cube().packed(), limits={"TRIANGLES": 11}), "TRIANGLES").severity == "error"
    assert "TRIANGLES" not in codes(judged(grid(280).packed(), limits={"TRIANGLES": 200_000})) - {"TRIANGLES"}
    assert found(judged(grid(280).packed(), limits={"TRIANGLES": 200_000}), "TRIANGLES").limit == 100_000


def test_warning_beyond_the_new_blocking_limit_is_dropped():
    limit = limits_for("web-ar", {"TRIANGLES": 50_000}).limits["TRIANGLES"]
    assert (limit.error, limit.warning) == (50_000, None)


def test_team_number_replaces_the_warning_where_nothing_blocks():
    limit = limits_for("web-ar", {"MATERIALS": 3}).limits["MATERIALS"]
    assert (limit.error, limit.warning) == (None, 3)


def test_least_limits_fall_below():
    limit = limits_for("web-ar", {"SCALE_MIN_M": 2}).limits["SCALE_MIN_M"]
    assert limit.exceeded(1.9) == ("error", 2)
    assert limit.exceeded(2.0) is None


def test_platforms_have_their_own_limits():
    assert limits_for("shopify").limits["TRIANGLES"].exceeded(1e7) is None
    header = bytearray(png(16, 16))
    header[16:24] = (4096).to_bytes(4, "big") * 2
    large = cube().textured(bytes(header)).packed()
    assert found(judged(large, "web-ar"), "TEXTURE_MAX").severity == "warning"
    assert found(judged(large, "google-merchant"), "TEXTURE_MAX").severity == "error"
