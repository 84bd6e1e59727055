"""The same job with the library in a bucket: a real S3 server ends with what a folder ends with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.pipeline.team import BRIEFS, WITH_MODEL, Provider, Said, make_team, with_tripo
from tests.s3_server import ACCESS_KEY, REGION, SECRET_KEY, S3Server

pytestmark = pytest.mark.server

OF_THE_DAY = {
    *("created_at", "updated_at", "ordered_at", "settled_at", "at"),
    *("task_id", "model_seed", "realm", "raw_key", "places"),
}
"""What two paid runs of the same sheet cannot have in common."""


@dataclass(frozen=True, kw_only=True)
class Libraries:
    """What the two runs left, by key without the server's name."""

    in_folder: dict[str, bytes]
    in_bucket: dict[str, bytes]
    said: Said
    approved: Said
    paid: dict[str, Any]


@pytest.fixture(scope="module")
def libraries(
    tmp_path_factory: pytest.TempPathFactory, new_provider: Callable[..., Provider], s3_server: S3Server
) -> Libraries:
    tripo, bucket = new_provider(), s3_server.new_bucket()
    tripo.fault("reject:2008", times=0, prompt="refuses")
    local = make_team(tmp_path_factory.mktemp("local") / "catalog", **with_tripo(tripo.url))
    local("run", "sheet.csv", "--json")
    local("approve", "CD033")
    remote = make_team(
        tmp_path_factory.mktemp("remote") / "catalog",
        **with_tripo(tripo.url),
        CATALOG3D_STORE__KIND="minio",
        CATALOG3D_STORE__ENDPOINT=s3_server.endpoint,
        CATALOG3D_STORE__ACCESS_KEY=ACCESS_KEY,
        CATALOG3D_STORE__SECRET_KEY=SECRET_KEY,
        CATALOG3D_STORE__BUCKET=bucket,
        CATALOG3D_STORE__REGION=REGION,
        CATALOG3D_STORE__SECURE="false",
    )
    said = remote("run", "sheet.csv", "--json")
    approved = remote("approve", "CD033")
    models = local.folder / "models"
    client = s3_server.client()
    names = [item.object_name or "" for item in client.list_objects(bucket, recursive=True)]
    return Libraries(
        in_folder={
            path.relative_to(models).as_posix(): path.read_bytes()
            for path in models.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        },
        in_bucket={name: client.get_object(bucket, name).read() for name in names},
        said=said,
        approved=approved,
        paid=tripo.stats(),
    )


def test_the_run_into_a_bucket_makes_every_model(libraries: Libraries) -> None:
    assert {line["sku"] for line in libraries.said.json["skus"] if line["version"] == 1} == WITH_MODEL
    assert all(line["key"].startswith("assets/") for line in libraries.said.json["skus"] if line["version"])


def test_folder_and_bucket_hold_the_same_keys(libraries: Libraries) -> None:
    assert sorted(libraries.in_folder) == sorted(libraries.in_bucket)


def test_models_pictures_and_raw_files_are_the_same_byte_for_byte(libraries: Libraries) -> None:
    models = {key: data for key, data in libraries.in_folder.items() if key.endswith((".glb", ".png"))}
    assert len(models) == 2 * len(WITH_MODEL) + BRIEFS + 1  # model and picture, raw file, the approved one
    assert models == {key: libraries.in_bucket[key] for key in models}


def test_records_differ_in_nothing_but_the_day_and_the_task(libraries: Libraries) -> None:
    for key in (key for key in libraries.in_folder if key.endswith(".json")):
        assert _lasting(libraries.in_folder[key]) == _lasting(libraries.in_bucket[key])


def test_an_approved_file_lies_in_approved_of_the_bucket(libraries: Libraries) -> None:
    assert libraries.approved.code == 0, libraries.approved.stderr
    assert [key for key in libraries.in_bucket if key.startswith("approved/")] == ["approved/CD033_Candle_V1_GLB.glb"]


def _lasting(content: bytes) -> Any:
    def keep(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: keep(inner) for name, inner in value.items() if name not in OF_THE_DAY}
        return [keep(inner) for inner in value] if isinstance(value, list) else value

    return keep(json.loads(content))
