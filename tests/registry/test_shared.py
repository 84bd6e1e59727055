"""Catalogs that share one registry: two never mix, and one stays one on however many machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from catalog3d.adapters.catalog_name import ID_KEY
from catalog3d.errors import RunError
from tests.catalogs import Shop, open_shop, with_key
from tests.postgres_server import fresh_database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)], autouse=True)
def shared_registry(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.MonkeyPatch]:
    with_key(monkeypatch)
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path / 'shared' / 'registry.db'}"
        else:
            url = stack.enter_context(fresh_database(request.getfixturevalue("postgres_server")))
        monkeypatch.setenv("CATALOG3D_REGISTRY_URL", url)
        yield monkeypatch


def models(shop: Shop) -> dict[str, int]:
    return {sku: asset.version for sku, asset in shop.catalog.registry.catalog.newest_assets().items()}


def home(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_two_homes_with_the_same_skus_do_not_mix(tmp_path: Path) -> None:
    with open_shop(home(tmp_path / "one")) as one, open_shop(home(tmp_path / "two")) as two:
        one.make("A1")
        assert (models(one), models(two)) == ({"A1": 1}, {})
        two.photograph("A1", "second")
        two.make("A1")
        assert two.catalog.registry.catalog.assets("A1")[0].version == 1
    with open_shop(tmp_path / "one") as again:
        assert models(again) == {"A1": 1}


def test_machines_that_share_registry_and_library_work_on_one_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATALOG3D_STORE__ROOT", str(tmp_path / "library"))
    with open_shop(home(tmp_path / "here")) as here:
        here.make("A1")
    with open_shop(home(tmp_path / "there")) as there:
        assert models(there) == {"A1": 1}


def test_a_catalog_may_be_named_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOG3D_CATALOG", "chairs")
    with open_shop(home(tmp_path / "here")) as here:
        here.make("A1")
        assert here.catalog.store.stat(ID_KEY) is None
    with open_shop(home(tmp_path / "there")) as there:
        assert models(there) == {"A1": 1}


def test_a_home_asks_its_library_once_and_another_library_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home(tmp_path / "here")
    with open_shop(folder) as shop:
        shop.make("A1")
        kept = shop.catalog.store.get(ID_KEY, max_bytes=100)
        shop.catalog.store.delete(ID_KEY)
    with open_shop(folder) as again:
        assert models(again) == {"A1": 1}
    monkeypatch.setenv("CATALOG3D_STORE__ROOT", str(tmp_path / "other"))
    with open_shop(folder) as moved:
        assert models(moved) == {}
        assert moved.catalog.store.get(ID_KEY, max_bytes=100) != kept


def test_an_id_that_somebody_spoilt_is_said_plainly(tmp_path: Path) -> None:
    folder = home(tmp_path / "here")
    (folder / "models").mkdir()
    (folder / "models" / ID_KEY).write_text("mine!")
    with pytest.raises(RunError) as refused, open_shop(folder):
        pytest.fail("it was opened")
    assert (refused.value.code, "CATALOG3D_CATALOG" in refused.value.fix) == ("LIBRARY_ID_INVALID", True)
