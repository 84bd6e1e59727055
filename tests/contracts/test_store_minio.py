"""What only a store behind a network can get wrong: each trouble is one sentence, within seconds, without secrets."""

from __future__ import annotations

import hashlib
import logging
import pickle
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from catalog3d.adapters.s3_connection import S3Account
from catalog3d.adapters.store_minio import MinioStore
from catalog3d.errors import Catalog3DError, ProductError, RunError, TransientError
from tests.s3_server import ACCESS_KEY, SECRET_KEY, S3Server
from tests.scripted_s3 import Answer, Request, scripted_s3

SHA = hashlib.sha256(b"model").hexdigest()


def account(endpoint: str, *, secure: bool = False) -> S3Account:
    return S3Account(
        endpoint=endpoint,
        access_key=SecretStr(ACCESS_KEY),
        secret_key=SecretStr(SECRET_KEY),
        bucket="catalog",
        secure=secure,
    )


def put(store: MinioStore) -> None:
    store.put_new("a.glb", b"model", sha256=SHA, content_type="model/gltf-binary")


def refusal(use: Callable[[], object]) -> Catalog3DError:
    started = time.monotonic()
    with pytest.raises(Catalog3DError) as raised:
        use()
    assert time.monotonic() - started < 10
    error = raised.value
    assert error.message.count(". ") == 0
    assert error.message.endswith(".")
    for secret in (SECRET_KEY, ACCESS_KEY, "Signature=", "AWS4", "X-Amz"):
        assert secret not in f"{error} {error.details}"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own bytes
    return error


@pytest.mark.server
@pytest.mark.parametrize("wrong", [{"access_key": "nobody"}, {"secret_key": "wrong"}])
def test_a_wrong_key_is_said_at_once(s3_server: S3Server, wrong: dict[str, str]) -> None:
    store = MinioStore(s3_server.account(s3_server.new_bucket(), **wrong))
    uses: tuple[Callable[[], object], ...] = (store.check, lambda: put(store), lambda: list(store.keys()))
    for use in uses:
        error = refusal(use)
        assert isinstance(error, RunError)
        assert error.code == "STORE_KEY_REFUSED"
        assert s3_server.endpoint in error.message


@pytest.mark.server
def test_a_missing_bucket_is_named_and_not_created(s3_server: S3Server) -> None:
    store = MinioStore(s3_server.account("not-there"))
    uses: tuple[Callable[[], object], ...] = (store.check, lambda: put(store), lambda: list(store.keys()))
    for use in uses:
        error = refusal(use)
        assert isinstance(error, RunError)
        assert error.code == "STORE_BUCKET_MISSING"
        assert "not-there" in error.message
    assert not s3_server.client().bucket_exists("not-there")


@pytest.mark.server
def test_a_plain_store_that_is_asked_for_tls_says_so(s3_server: S3Server) -> None:
    error = refusal(MinioStore(account(s3_server.endpoint, secure=True)).check)
    assert error.code == "STORE_UNREACHABLE"
    assert "CATALOG3D_STORE__SECURE=false" in error.fix


@pytest.mark.server
def test_a_prefix_keeps_rehearsal_and_live_work_apart(s3_server: S3Server) -> None:
    bucket = s3_server.new_bucket()
    live = MinioStore(s3_server.account(bucket))
    rehearsal = MinioStore(s3_server.account(bucket), prefix="rehearsal/")
    put(rehearsal)
    rehearsal.check()
    assert live.stat("a.glb") is None
    assert list(live.keys()) == []
    assert list(rehearsal.keys()) == ["a.glb"]
    assert rehearsal.location("a.glb") == f"s3://{bucket}/rehearsal/a.glb"
    live.delete("a.glb")
    assert rehearsal.get("a.glb", max_bytes=10) == b"model"


@pytest.mark.server
def test_an_object_of_another_tool_is_compared_by_its_content(s3_server: S3Server, tmp_path: Path) -> None:
    bucket = s3_server.new_bucket()
    for name, content in (("a.glb", b"model"), ("b.glb", b"other")):
        (tmp_path / name).write_bytes(content)
        s3_server.client().fput_object(bucket, name, str(tmp_path / name))
    store = MinioStore(s3_server.account(bucket))
    found = store.stat("a.glb")
    assert found is not None
    assert found.sha256 == ""
    put(store)
    with pytest.raises(ProductError) as taken:
        store.put_new("b.glb", b"model", sha256=SHA, content_type="")
    assert taken.value.code == "KEY_TAKEN"


@pytest.mark.server
def test_more_keys_than_one_listing_holds_are_all_listed(s3_server: S3Server) -> None:
    bucket = s3_server.new_bucket()
    store = MinioStore(s3_server.account(bucket))
    wanted = [f"assets/{number // 100}/{number:04}.json" for number in range(1001)]
    for key in wanted:
        store.replace(key, b"{}", content_type="application/json")
    assert list(store.keys("assets/")) == sorted(wanted)


@pytest.mark.server
def test_no_request_is_logged_with_a_signature(s3_server: S3Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store = MinioStore(s3_server.account(s3_server.new_bucket()))
    put(store)
    store.check()
    assert SECRET_KEY not in caplog.text
    assert "X-Amz-Signature" not in caplog.text


def test_a_closed_port_is_said_at_once() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{probe.getsockname()[1]}"
    store = MinioStore(account(endpoint))
    assert isinstance(refusal(store.check), RunError)
    for use in (store.check, lambda: put(store), lambda: list(store.keys())):
        error = refusal(use)
        assert error.code == "STORE_UNREACHABLE"
        assert error.message == f"The store at {endpoint} could not be reached."


def test_a_server_that_accepts_and_never_answers_is_given_up() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        endpoint = f"127.0.0.1:{server.getsockname()[1]}"
        store = MinioStore(account(endpoint), check_timeout_s=0.2, timeout_s=0.2)
        assert isinstance(refusal(store.check), RunError)
        for use in (store.check, lambda: put(store), lambda: store.replace("a", b"", content_type="")):
            error = refusal(use)
            assert error.code == "STORE_UNREACHABLE"
            assert error.message == f"The store at {endpoint} did not answer in time."


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (Answer(status=503, code="SlowDown"), TransientError, "STORE_BUSY"),
        (Answer(status=500, code="InternalError"), TransientError, "STORE_BUSY"),
        (Answer(status=502, body="<html>Bad gateway</html>", content_type="text/html"), TransientError, "STORE_BUSY"),
        (Answer(status=200, body="<html>", content_type="text/html"), TransientError, "STORE_UNREACHABLE"),
        (Answer(status=404, body="<html>", content_type="text/html"), TransientError, "STORE_UNREACHABLE"),
        (Answer(status=400, body="not xml"), TransientError, "STORE_UNREACHABLE"),
        (Answer(status=403, code="RequestTimeTooSkewed"), RunError, "STORE_CLOCK"),
        (Answer(status=400, code="AuthorizationHeaderMalformed"), RunError, "STORE_SETTINGS"),
        (Answer(status=507, code="XMinioStorageFull"), RunError, "STORE_FULL"),
        (Answer(hang_up=True), TransientError, "STORE_UNREACHABLE"),
    ],
)
def test_each_answer_of_a_store_has_its_error(answer: Answer, kind: type[Catalog3DError], code: str) -> None:
    with scripted_s3(lambda request: answer) as endpoint:
        error = refusal(lambda: list(MinioStore(account(endpoint)).keys()))
    assert type(error) is kind
    assert error.code == code


def test_a_store_that_ignores_write_once_is_refused_before_anything_is_stored() -> None:
    with scripted_s3(lambda request: Answer(status=204 if request.method == "DELETE" else 200)) as endpoint:
        error = refusal(MinioStore(account(endpoint)).check)
    assert isinstance(error, RunError)
    assert error.code == "STORE_NOT_WRITE_ONCE"


@pytest.mark.parametrize("trouble", [Answer(hang_up=True), Answer(status=409, code="ConditionalRequestConflict")])
def test_a_write_whose_answer_is_lost_counts_when_the_content_is_there(trouble: Answer) -> None:
    stored: dict[str, str] = {}

    def script(request: Request) -> Answer:
        if request.method == "PUT":
            stored["x-amz-meta-sha256"] = request.headers["x-amz-meta-sha256"]
            return trouble
        return Answer(headers=stored) if stored else Answer(status=404)

    with scripted_s3(script) as endpoint:
        put(MinioStore(account(endpoint)))
    assert stored == {"x-amz-meta-sha256": SHA}


@pytest.mark.parametrize(("kept", "is_refused"), [("model", False), ("mudel", True)])
def test_without_a_confirmed_checksum_the_content_is_read_back(kept: str, is_refused: bool) -> None:
    written: list[Request] = []

    def script(request: Request) -> Answer:
        if request.method == "PUT":
            written.append(request)
            return Answer()
        return Answer(body=kept) if written else Answer(status=404)

    with scripted_s3(script) as endpoint:
        store = MinioStore(account(endpoint))
        if is_refused:
            assert refusal(lambda: put(store)).code == "CONTENT_CHANGED"
        else:
            put(store)
    assert written[0].headers["if-none-match"] == "*"
    assert written[0].body == b"model"


@pytest.mark.parametrize("endpoint", ["", "a b:9000", "host/with/path", "host:notaport"])
def test_an_endpoint_that_cannot_be_one_is_said_without_asking_anybody(endpoint: str) -> None:
    assert refusal(lambda: MinioStore(account(endpoint))).code == "STORE_SETTINGS"


def test_an_endpoint_may_carry_its_scheme() -> None:
    plain, tls = account("http://store.example:9000/", secure=True), account("https://store.example")
    assert (plain.host, plain.uses_tls) == ("store.example:9000", False)
    assert (tls.host, tls.uses_tls) == ("store.example", True)


def test_an_account_does_not_show_its_keys() -> None:
    assert SECRET_KEY not in repr(account("store.example"))
    assert ACCESS_KEY not in repr(account("store.example"))
