"""Which store the settings open."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from catalog3d.adapters.store_local import LocalStore
from catalog3d.adapters.stores import open_store
from catalog3d.errors import RunError
from catalog3d.home import Catalog, Home
from catalog3d.settings import StoreSettings


@pytest.mark.parametrize(
    ("catalog", "root", "folder"),
    [
        ("live", None, "models"),
        ("rehearsal", None, "rehearsal/models"),
        ("live", Path("shared"), "shared"),
        ("rehearsal", Path("shared"), "shared/rehearsal"),
    ],
)
def test_live_and_rehearsal_have_folders_of_their_own(
    tmp_path: Path, catalog: Catalog, root: Path | None, folder: str
) -> None:
    store = open_store(StoreSettings(root=root), Home(root=tmp_path, catalog=catalog))
    assert isinstance(store, LocalStore)
    assert store.location("a.glb") == str(tmp_path / folder / "a.glb")


@pytest.mark.parametrize(("catalog", "location"), [("live", "s3://models/a"), ("rehearsal", "s3://models/rehearsal/a")])
def test_in_a_bucket_rehearsal_has_a_prefix(tmp_path: Path, catalog: Catalog, location: str) -> None:
    settings = StoreSettings(
        kind="minio", endpoint="store.example", access_key=SecretStr("a"), secret_key=SecretStr("b"), bucket="models"
    )
    assert open_store(settings, Home(root=tmp_path, catalog=catalog)).location("a") == location


@pytest.mark.parametrize("missing", ["endpoint", "access_key", "secret_key", "bucket"])
def test_a_missing_setting_is_named(tmp_path: Path, missing: str) -> None:
    given = {"endpoint": "store.example", "access_key": "a", "secret_key": "b", "bucket": "models"}
    settings = StoreSettings.model_validate({"kind": "minio", **given, missing: " "})
    with pytest.raises(RunError) as refused:
        open_store(settings, Home(root=tmp_path, catalog="live"))
    assert refused.value.code == "STORE_SETTINGS"
    assert f"CATALOG3D_STORE__{missing.upper()}" in refused.value.message
