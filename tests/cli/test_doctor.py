"""`catalog3d doctor`: says what is wrong and how to mend it, shows no secret, changes nothing, and survives itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from minio.commonconfig import ENABLED
from minio.versioningconfig import VersioningConfig
from pydantic import SecretStr
from sqlalchemy import text
from typer.testing import CliRunner

from catalog3d.adapters.prefect_look import Deployment, Pool, PrefectLook
from catalog3d.adapters.registry.lookups import Orphan
from catalog3d.adapters.registry.registry import open_registry
from catalog3d.adapters.tripo.failures import Answer
from catalog3d.adapters.tripo.probe import Look
from catalog3d.adapters.wiring import SystemClock
from catalog3d.cli.app import app
from catalog3d.diagnosis.findings import Finding, Level, fine
from catalog3d.errors import RunError
from catalog3d.home import Home
from catalog3d.ledger import Generation, LedgerState
from catalog3d.ports import Balance, StoredObject
from catalog3d.settings import Settings, TripoSettings
from catalog3d.stages.doctor.checkup import examine_site, findings_of
from catalog3d.stages.doctor.clocks import clock_finding
from catalog3d.stages.doctor.orchestrator import DEPLOYMENTS, deployment_findings
from catalog3d.stages.doctor.provider import check_download_hosts, region_finding, wallet_finding
from catalog3d.stages.doctor.record import open_findings, orphan_findings
from catalog3d.stages.doctor.site import Check, Site, site_of
from catalog3d.stages.doctor.storage import probe_finding
from tests.catalogs import AMPLE, open_shop, with_key
from tests.fakes import MemoryStore
from tests.pipeline.team import KEY, ROOT, Provider
from tests.postgres_server import fresh_database
from tests.s3_server import ACCESS_KEY, SECRET_KEY, S3Server

CRYPTIC = "tsk_never_to_be_shown"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog of a team, whose folder is the working folder."""
    folder = tmp_path / "catalog"
    folder.mkdir()
    (folder / "catalog.yaml").write_text("")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def provider(new_provider: Callable[..., Provider]) -> Provider:
    return new_provider()


def asked(*arguments: str) -> tuple[int, dict[str, list[dict[str, str]]], str]:
    """Exit code, findings by check, and everything that was printed."""
    result = CliRunner().invoke(app, ["doctor", "--json", *arguments])
    found: dict[str, list[dict[str, str]]] = {}
    for one in json.loads(result.stdout)["checks"]:
        found.setdefault(one["check"], []).append(one)
    return result.exit_code, found, result.output


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_fresh_catalog_is_well_and_nothing_is_made_in_it(home: Path) -> None:
    code, found, _ = asked()
    assert code == 0
    assert {one["level"] for findings in found.values() for one in findings} == {"ok"}
    assert files_in(home) == {"catalog.yaml"}


def test_everything_that_is_not_well_has_a_fix(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOG3D_RULES", str(home / "gone.yaml"))
    monkeypatch.setenv("CATALOG3D_STORE__KIND", "minio")
    monkeypatch.setenv("CATALOG3D_REGISTRY_URL", "nonsense")
    monkeypatch.setenv("CATALOG3D_TRIPO__APIKEY", "x")
    code, found, _ = asked()
    assert code == 1
    unwell = [one for findings in found.values() for one in findings if one["level"] != "ok"]
    assert {one["check"] for one in unwell} == {"Rules", "Store", "Registry", "Settings"}
    assert all(one["fix"] for one in unwell)
    assert "CATALOG3D_TRIPO__API_KEY" in found["Settings"][0]["fix"]


def test_a_folder_without_a_catalog_is_named_before_it_becomes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, found, _ = asked()
    assert (code, found["Home"][0]["level"]) == (0, "warning")
    assert files_in(tmp_path) == set()


def test_settings_that_cannot_be_read_end_the_checks_that_need_them_only(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".env").write_text("CATALOG3D_STOR__KIND=local\n")
    monkeypatch.setenv("CATALOG3D_TRIPO__POLL_S", "soon")
    code, found, _ = asked()
    assert code == 1
    assert {"Python", "Packages", "Home"} <= set(found)
    assert "Store" not in found
    assert [one["level"] for one in found["Settings"]] == ["warning", "problem"]
    assert ".env" in found["Settings"][0]["found"]


def test_a_check_that_raises_is_reported_and_loses_nothing(home: Path) -> None:
    def odd(_site: Site) -> Iterator[Finding]:
        yield fine("Odd", "This was seen.")
        raise ZeroDivisionError(CRYPTIC)

    def refused(_site: Site) -> Iterator[Finding]:
        raise RunError("It is closed.", code="CLOSED", fix="Open it.")
        yield

    site = site_of(home, environment={}, clock=SystemClock())
    checks = [
        Check(name="Odd", look=odd),
        Check(name="Shop", look=refused),
        Check(name="Last", look=lambda _: iter(())),
    ]
    diagnosis = examine_site(site, checks)
    assert [one.level for one in diagnosis.findings] == [Level.OK, Level.PROBLEM, Level.PROBLEM]
    assert "ZeroDivisionError" in diagnosis.findings[1].found
    assert diagnosis.findings[2] == Finding(check="Shop", level=Level.PROBLEM, found="It is closed.", fix="Open it.")
    assert CRYPTIC not in str(diagnosis)
    assert findings_of(checks[2], site) == []


def test_the_terminal_shows_a_sign_and_a_fix_for_each_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOG3D_STOR__KIND", "local")
    shown = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "100"})
    assert shown.stdout == ""
    assert "! " in shown.stderr
    assert "→ Did you mean CATALOG3D_STORE__KIND?" in " ".join(shown.stderr.split())
    assert "No problem, 1 warning." in shown.stderr


# Tripo


@pytest.mark.server
def test_a_key_that_works_shows_its_fingerprint_and_never_itself(
    home: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CATALOG3D_TRIPO__BASE_URL", provider.url)
    monkeypatch.setenv("CATALOG3D_TRIPO__API_KEY", KEY)
    monkeypatch.setenv("CATALOG3D_TRIPO__PREVIOUS_API_KEYS", json.dumps([CRYPTIC]))
    code, found, output = asked()
    assert code == 0
    assert "fingerprint" in found["Tripo key"][0]["found"]
    assert "10,000 API credits" in found["Wallet"][0]["found"]
    assert found["Tripo clock"][0]["level"] == "ok"
    assert KEY not in output
    assert CRYPTIC not in output
    assert provider.stats()["create_posts"] == 0


@pytest.mark.server
@pytest.mark.parametrize(
    ("key", "check", "words"),
    [("tsk_of_another_region", "Region", "HTTP 401"), (f"sk-{CRYPTIC[4:]}", "Tripo key", "tsk_")],
)
def test_a_key_that_is_refused_or_odd_is_named_without_being_shown(
    home: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch, key: str, check: str, words: str
) -> None:
    monkeypatch.setenv("CATALOG3D_TRIPO__BASE_URL", provider.url)
    monkeypatch.setenv("CATALOG3D_TRIPO__API_KEY", key)
    code, found, output = asked()
    assert code == 1
    assert words in found[check][0]["found"]
    assert key not in output


@pytest.mark.parametrize(
    ("host", "other"),
    [("openapi.tripo3d.ai", "openapi.tripo3d.com"), ("openapi.tripo3d.com", "openapi.tripo3d.ai"), ("a.test", "")],
)
def test_a_key_that_a_region_does_not_know_may_belong_to_the_other(host: str, other: str) -> None:
    now = SystemClock().now()
    refused = Look(answer=Answer(status=401, body={"code": 2}), asked_at=now, answered_at=now)
    finding = region_finding(refused, host)
    assert finding.level is Level.PROBLEM
    assert other in finding.fix
    accepted = Look(answer=Answer(status=200, body={"code": 0}), asked_at=now, answered_at=now)
    assert region_finding(accepted, host).level is Level.OK


@pytest.mark.parametrize(("hosts", "words"), [(["127.0.0.1:1", "127.0.0.1:2"], "2 of 2"), ([], "No host")])
def test_results_that_could_not_be_fetched_are_a_problem_before_they_are_paid(hosts: list[str], words: str) -> None:
    tripo = TripoSettings(api_key=SecretStr(KEY), download_hosts=hosts)
    site = site_of(Path.cwd(), environment={}, clock=SystemClock())
    (finding,) = check_download_hosts(replace(site, settings=Settings(tripo=tripo)))
    assert finding.level is Level.PROBLEM
    assert words in finding.found


@pytest.mark.parametrize(
    ("available", "level"), [("0", Level.PROBLEM), ("29.5", Level.WARNING), ("30", Level.OK), ("-3", Level.PROBLEM)]
)
def test_a_wallet_that_cannot_pay_for_a_model_is_told_apart_from_studio_credits(available: str, level: Level) -> None:
    finding = wallet_finding(Balance(available=Decimal(available), frozen=Decimal(20)))
    assert finding.level is level
    assert "20 more are held" in finding.found
    assert level is Level.OK or "Studio" in finding.fix


@pytest.mark.parametrize(
    ("offset_s", "level"),
    [(0.4, Level.OK), (-12.0, Level.OK), (45.0, Level.WARNING), (-1000.0, Level.PROBLEM), (None, Level.WARNING)],
)
def test_a_clock_is_judged_by_what_it_endangers(offset_s: float | None, level: Level) -> None:
    assert clock_finding("Clock", offset_s).level is level


# Store and registry


def test_a_store_is_left_as_it_was(home: Path) -> None:
    models = home / "rehearsal" / "models"
    models.mkdir(parents=True)
    _, found, _ = asked()
    assert "written once, read back, and removed" in found["Store"][0]["found"]
    assert list(models.iterdir()) == []


class Careless(MemoryStore):
    """A store that overwrites."""

    def put_new(self, key: str, content: bytes | Path, *, sha256: str, content_type: str) -> StoredObject:
        self.objects.pop(key, None)
        return super().put_new(key, content, sha256=sha256, content_type=content_type)


class Forgetful(MemoryStore):
    """A store that gives back something else."""

    def get(self, key: str, *, max_bytes: int) -> bytes | None:
        return b"something else"


@pytest.mark.parametrize("store", [Careless(), Forgetful()], ids=["overwrites", "changes content"])
def test_a_store_that_would_damage_models_is_a_problem(store: MemoryStore) -> None:
    finding = probe_finding(store)
    assert finding.level is Level.PROBLEM
    assert store.objects == {}


@pytest.mark.server
@pytest.mark.parametrize("versioned", [True, False])
def test_a_bucket_is_tried_and_its_versioning_told(
    home: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, versioned: bool
) -> None:
    bucket = s3_server.new_bucket()
    if versioned:
        s3_server.client().set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    s3_settings(monkeypatch, s3_server, bucket)
    code, found, output = asked()
    assert code == 0
    assert "on this machine" in found["Store address"][0]["found"]
    assert found["Store"][0]["level"] == "ok"
    assert found["Store versioning"][0]["level"] == ("ok" if versioned else "warning")
    assert SECRET_KEY not in output
    assert list(s3_server.client().list_objects(bucket, recursive=True)) == []


@pytest.mark.server
@pytest.mark.parametrize(("bucket", "secret"), [("there-is-none", SECRET_KEY), ("", "wrong")])
def test_a_bucket_that_cannot_be_used_is_a_problem_with_its_fix(
    home: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, bucket: str, secret: str
) -> None:
    s3_settings(monkeypatch, s3_server, bucket or s3_server.new_bucket(), secret=secret)
    code, found, output = asked()
    assert code == 1
    assert found["Store"][0]["fix"]
    assert secret not in output


def s3_settings(monkeypatch: pytest.MonkeyPatch, server: S3Server, bucket: str, *, secret: str = SECRET_KEY) -> None:
    values = {"KIND": "minio", "ENDPOINT": server.endpoint, "BUCKET": bucket, "SECURE": "false"}
    for name, value in {**values, "ACCESS_KEY": ACCESS_KEY, "SECRET_KEY": secret}.items():
        monkeypatch.setenv(f"CATALOG3D_STORE__{name}", value)


def test_open_and_parked_models_come_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_key(monkeypatch)
    with open_shop(tmp_path) as shop:
        shop.write({"SKU": "A1"}, {"SKU": "A2"})
        shop.intent("A1")
        ledger = shop.catalog.registry.ledger
        _, lease = shop.intent("A2")
        ledger.start_sending(lease, slots=9, file_tokens={}, run_id="run-0", caps=AMPLE)
        ledger.park(lease, "SUBMISSION_UNKNOWN", "No answer.")
        found = list(open_findings(list(ledger.outcomes(shop.catalog.realm).values())))
    assert [(one.check, one.level) for one in found] == [("Open models", Level.OK), ("Parked models", Level.WARNING)]
    assert LedgerState.INTENT in found[0].found
    assert "about 30 credits" in found[1].found
    assert "status --needs-person" in found[1].fix


def test_paid_tasks_that_no_model_uses_are_counted() -> None:
    now = SystemClock().now()
    paid = [
        Orphan(task_id="t", generation_id=1, credits=credits_, found_by="r", found_at=now)
        for credits_ in (Decimal(30), None)
    ]
    (finding,) = orphan_findings(paid)
    assert finding.level is Level.WARNING
    assert "2 paid tasks that no model uses (30 credits)" in finding.found
    assert list(orphan_findings([])) == []


def test_no_generation_at_all_means_that_nothing_waits() -> None:
    none: list[Generation] = []
    assert [one.level for one in open_findings(none)] == [Level.OK]


def test_a_registry_of_a_newer_catalog3d_is_named_and_not_touched(home: Path) -> None:
    file = Home(root=home, catalog="rehearsal").registry_file
    registry = open_registry(Home(root=home, catalog="rehearsal"), "", SystemClock())
    with registry.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    registry.close()
    before = file.read_bytes()
    code, found, _ = asked()
    assert (code, found["Registry"][0]["level"]) == (1, "problem")
    assert "newer" in found["Registry"][0]["found"]
    assert file.read_bytes() == before


def test_a_damaged_registry_is_a_problem(home: Path) -> None:
    file = Home(root=home, catalog="rehearsal").registry_file
    file.parent.mkdir(parents=True)
    file.write_bytes(b"this is no database, whatever its name says" * 100)
    code, found, _ = asked()
    assert (code, found["Registry"][0]["level"]) == (1, "problem")


@pytest.mark.server
def test_postgres_is_asked_for_its_clock_and_whether_it_keeps_what_it_commits(
    home: Path, postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_database(postgres_server) as url:
        open_registry(Home(root=home, catalog="rehearsal"), url, SystemClock()).close()
        monkeypatch.setenv("CATALOG3D_REGISTRY_URL", url)
        code, found, _ = asked()
    assert found["Registry"][0]["level"] == "ok"
    assert found["Registry clock"][0]["level"] == "ok"
    assert found["Registry durability"][0]["level"] == "problem"  # the tests' own server runs with fsync=off
    assert "fsync=off" in found["Registry durability"][0]["found"]
    assert code == 1


def test_the_sheet_of_the_last_run_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: Provider
) -> None:
    with_key(monkeypatch)
    monkeypatch.setenv("CATALOG3D_TRIPO__API_KEY", KEY)
    monkeypatch.setenv("CATALOG3D_TRIPO__BASE_URL", provider.url)
    monkeypatch.chdir(tmp_path)
    with open_shop(tmp_path) as shop:
        runs = shop.catalog.registry.runs
        request = shop.request()
        free = {"estimated_credits": Decimal(0), "budget_credits": Decimal(0)}
        runs.start("run-1", realm=shop.catalog.realm, sheet=request.sheet, request={}, skus=[], **free)
    assert "1 row" in asked()[1]["Last sheet"][0]["found"]
    (tmp_path / "sheet.csv").write_bytes(b"")
    assert asked()[1]["Last sheet"][0]["level"] == "problem"
    (tmp_path / "sheet.csv").unlink()
    assert asked()[1]["Last sheet"][0]["level"] == "warning"


# Prefect


def prefect(**facts: Any) -> list[Finding]:
    deployments = [Deployment(name=name, work_pool_name="catalog3d") for name in sorted(DEPLOYMENTS)]
    usual = {"version": "3.8.8", "deployments": deployments, "online": {"catalog3d": ("w",)}}
    pools = {"catalog3d": Pool(name="catalog3d")}
    return list(deployment_findings(PrefectLook(**{**usual, "pools": pools, **facts})))


@pytest.mark.parametrize(
    ("facts", "levels"),
    [
        ({}, ["ok", "ok"]),
        ({"online": {}}, ["ok", "problem"]),
        ({"pools": {"catalog3d": None}}, ["ok", "problem"]),
        ({"pools": {"catalog3d": Pool(name="catalog3d", is_paused=True)}}, ["ok", "problem"]),
        ({"deployments": [Deployment(name="catalog-run")]}, ["warning", "ok"]),
        ({"deployments": []}, ["ok"]),
    ],
)
def test_what_is_deployed_needs_a_pool_with_a_live_worker(facts: dict[str, Any], levels: list[str]) -> None:
    assert [one.level.value for one in prefect(**facts)] == levels


def test_the_deployments_that_are_looked_for_are_those_of_prefect_yaml() -> None:
    declared = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert {entry["name"] for entry in declared} == DEPLOYMENTS
    assert all("catalog3d" in entry["tags"] for entry in declared)


def test_a_prefect_server_that_does_not_answer_is_a_problem_without_its_password(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"http://somebody:{CRYPTIC}@127.0.0.1:1/api")
    code, found, output = asked()
    assert code == 1
    assert found["Prefect"][0]["fix"]
    assert CRYPTIC not in output
