"""Who is let in to the review page: over HTTP, on a real server."""

from __future__ import annotations

import logging
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from catalog3d.adapters.registry.users import UserRecord
from catalog3d.errors import RunError, TransientError
from catalog3d.people import Role
from catalog3d.review.attempts import NAME_MOST, WINDOW_S
from catalog3d.review.links import LINK_S
from catalog3d.review.policy import CONTENT_SECURITY_POLICY, MAX_FORM_BYTES, SESSION_S, AccessPolicy
from tests.access.site import GOOD, OTHER, Browser, Site, served
from tests.clock import HandClock


def test_a_person_logs_in_decides_and_logs_out(any_site: Site) -> None:
    browser = any_site.browser()
    to_login = browser.get("/queue?status=flagged")
    assert (to_login.status_code, to_login.headers["location"]) == (303, "/login?next=%2Fqueue%3Fstatus%3Dflagged")
    done = browser.log_in("Maria", target="/queue?status=flagged")
    assert (done.status_code, done.headers["location"]) == (303, "/queue?status=flagged")
    assert "<p>maria reviewer True</p>" in browser.get("/queue").text
    assert browser.decide().text == "Decided."
    assert any_site.decided == [("maria", "approve")]
    token = browser.token()
    kept = dict(browser.http.cookies)
    assert browser.post("/logout", {"csrf": token}).headers["location"] == "/login"
    assert browser.get("/queue").status_code == 303
    browser.http.cookies.update(kept)  # somebody who copied the cookie is out too
    assert browser.get("/queue").status_code == 303


@pytest.mark.parametrize(("name", "password"), [("maria", OTHER), ("mario", GOOD), ("", ""), ("maria", GOOD * 40)])
def test_a_wrong_name_or_password_is_told_the_same(site: Site, name: str, password: str) -> None:
    browser = site.browser()
    said = browser.log_in(name, password)
    assert said.status_code == HTTPStatus.UNAUTHORIZED
    assert "Name and password do not fit." in said.text
    assert password not in said.text or not password
    assert browser.get("/queue").status_code == 303


def test_a_login_makes_a_new_session_and_ends_the_one_before(site: Site) -> None:
    browser = site.browser()
    browser.log_in()
    first = session_of(browser)
    browser.post("/login", {"csrf": browser.token(), "name": "olga", "password": GOOD, "next": "/queue"})
    assert session_of(browser) != first
    assert site.users.person_of(first) is None
    assert "olga operator" in browser.get("/queue").text


def session_of(browser: Browser) -> str:
    return next(value for name, value in browser.http.cookies.items() if name.endswith("-session"))


def test_a_session_ends_after_a_day_of_work(site: Site) -> None:
    browser = site.browser()
    browser.log_in()
    site.clock.advance(SESSION_S - 1)
    assert browser.get("/queue").status_code == 200
    site.clock.advance(1)
    assert browser.get("/queue").status_code == 303


def test_removal_another_role_and_another_password_hold_from_the_next_click(any_site: Site) -> None:
    browser = any_site.browser()
    browser.log_in()
    token = browser.token()
    any_site.users.set_role("maria", Role.VIEWER)
    assert browser.post("/decide", {"csrf": token, "what": "approve"}).status_code == 403
    any_site.users.set_role("maria", Role.REVIEWER)
    any_site.users.set_password("maria", OTHER)
    assert browser.get("/queue").status_code == 303
    browser.log_in(password=OTHER)
    token = browser.token()
    any_site.users.remove("maria")
    page = {"referer": f"{any_site.url}/queue?x=1"}
    over = browser.post("/decide", {"csrf": token, "what": "approve"}, headers=page)
    assert (over.status_code, over.headers["location"]) == (303, "/login?next=%2Fqueue%3Fx%3D1")
    script = browser.post("/decide", {"csrf": token, "what": "approve"}, headers={"accept": "application/json"})
    assert (script.status_code, script.json()["error"]["code"]) == (401, "NOT_LOGGED_IN")
    assert any_site.decided == []
    assert browser.get("/queue").status_code == 303


def test_a_viewer_may_look_and_is_told_why_nothing_else(site: Site) -> None:
    browser = site.browser()
    browser.log_in("vera")
    assert browser.get("/queue").status_code == 200
    refused = browser.decide()
    assert refused.status_code == 403
    assert "vera is a viewer and may not decide about models." in refused.text
    assert site.decided == []
    told = browser.post("/decide", {"csrf": browser.token(), "what": "x"}, headers={"accept": "application/json"})
    assert told.json()["error"]["code"] == "ROLE_REFUSED"


def test_a_reviewer_decides_and_does_not_run_sheets(site: Site) -> None:
    reviewer, operator = site.browser(), site.browser()
    reviewer.log_in("maria")
    operator.log_in("olga")
    assert reviewer.post("/run", {"csrf": reviewer.token()}).status_code == 403
    assert operator.post("/run", {"csrf": operator.token()}).text == "Started."


def test_a_form_without_its_token_or_with_that_of_another_browser_does_nothing(site: Site) -> None:
    browser, other = site.browser(), site.browser()
    browser.log_in()
    other.log_in("olga")
    for sent in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": other.token()}, {"csrf": "ä"}):
        refused = browser.post("/decide", {**sent, "what": "approve"})
        assert (refused.status_code, "FORM_EXPIRED" in refused.text) == (403, True)
    assert site.decided == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1", "http://127.0.0.1:1"])
def test_a_form_of_another_origin_does_nothing(site: Site, origin: str) -> None:
    browser = site.browser()
    browser.log_in()
    refused = browser.post("/decide", {"csrf": browser.token(), "what": "approve"}, headers={"origin": origin})
    assert (refused.status_code, "ORIGIN_REFUSED" in refused.text) == (403, True)
    assert site.decided == []


def test_nobody_can_log_another_browser_in(site: Site) -> None:
    """A login form has a token too, so that no page can log a victim in as the attacker."""
    attacker, victim = site.browser(), site.browser()
    victim.get("/login")
    sent = {"csrf": attacker.token("/login"), "name": "olga", "password": GOOD, "next": "/"}
    assert victim.post("/login", sent).status_code == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_whatever_is_no_reading_needs_a_token(site: Site, method: str) -> None:
    browser = site.browser()
    browser.log_in()
    assert browser.http.request(method, "/queue", headers={"origin": site.url}).status_code in {403, 411}


def test_a_script_sends_its_token_in_a_header(site: Site) -> None:
    browser = site.browser()
    browser.log_in()
    headers = {"x-csrf-token": browser.token()}
    assert browser.post("/decide", {"what": "reject"}, headers=headers).text == "Decided."
    assert site.decided == [("maria", "reject")]


def test_an_upload_passes_with_its_token_first_and_arrives_whole(site: Site) -> None:
    browser = site.browser()
    browser.log_in()
    sheet = bytes(range(256)) * 5000
    fields = {"csrf": browser.token(), "note": "first"}
    arrived = browser.post("/sheets", fields, files={"file": ("sheet.xlsx", sheet)})
    assert arrived.json() == {"size_bytes": len(sheet), "note": "first", "who": "maria"}


def test_a_token_behind_a_large_file_is_not_waited_for(site: Site) -> None:
    browser = site.browser()
    browser.log_in()
    token = browser.token()
    late: dict[str, Any] = {"file": ("sheet.xlsx", b"x" * 200_000), "csrf": (None, token), "note": (None, "late")}
    refused = browser.http.post("/sheets", files=late, headers={"origin": site.url})
    assert (refused.status_code, "FORM_EXPIRED" in refused.text) == (403, True)


def test_what_is_too_large_is_refused_before_it_is_read(site: Site) -> None:
    browser = site.browser()
    browser.log_in()
    refused = browser.post("/decide", {"csrf": browser.token(), "what": "x" * MAX_FORM_BYTES})
    assert (refused.status_code, "larger than 0.2 MB" in refused.text) == (413, True)


def test_a_broken_form_is_refused_and_no_accident(site: Site) -> None:
    browser = site.browser()
    browser.log_in()
    for kind in (
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
        "multipart/form-data; boundary=" + "x" * 900,
    ):
        headers = {"origin": site.url, "content-type": kind}
        assert browser.http.post("/decide", content=b"--y\r\n\xff\x00", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8770", "127.0.0.1.evil.example", "x@127.0.0.1", "0.0.0.0", "192.168.1.5", "", "a b"],
)
def test_a_name_that_somebody_else_lets_point_here_gets_nothing(site: Site, host: str) -> None:
    refused = httpx.get(f"{site.url}/login", headers={"host": host})
    assert refused.status_code in {400, 421}
    assert "csrf" not in refused.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8770", "LOCALHOST", "[::1]:9", "127.8.9.1"])
def test_every_name_of_this_machine_is_answered(site: Site, host: str) -> None:
    assert httpx.get(f"{site.url}/login", headers={"host": host}).status_code == 200


def test_every_answer_carries_the_security_headers(site: Site) -> None:
    browser = site.browser()
    answers = [
        browser.get("/login"),
        browser.get("/queue"),
        browser.get("/nowhere"),
        browser.log_in(),
        browser.get("/queue"),
    ]
    answers += [httpx.get(f"{site.url}/login", headers={"host": "evil.example"}), browser.get("/static/review.css")]
    for answer in answers:
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert [answer.headers.get("cache-control") for answer in answers] == ["no-store"] * 6 + [None]


def test_cookies_are_out_of_the_reach_of_scripts_and_other_sites(site: Site) -> None:
    browser = site.browser()
    for answer in (browser.get("/login"), browser.log_in()):
        cookie = answer.headers["set-cookie"]
        assert re.fullmatch(r"catalog3d-[0-9a-f]{8}-(browser|session)=[\w-]+;.*", cookie)
        said = {part.strip().lower() for part in cookie.split(";")}
        assert {"httponly", "samesite=lax", "path=/"} <= said
        assert not any(part.startswith("domain") for part in said)
        assert "secure" not in said


def test_behind_tls_cookies_are_for_https_and_this_host_alone(users: UserRecord, clock: HandClock) -> None:
    with served(users, clock, url="https://review.shop.example") as site:
        through = {"host": "review.shop.example", "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}
        browser = site.browser(origin="https://review.shop.example", **through)
        cookie = browser.get("/login").headers["set-cookie"]
        assert cookie.startswith("__Host-catalog3d-")
        assert "; Secure" in cookie
        token = re.search(
            'name="csrf" value="(.*?)"', browser.get("/login", headers={"cookie": cookie.partition(";")[0]}).text
        )
        assert token is not None
        sent = {"csrf": token[1], "name": "maria", "password": GOOD, "next": "/queue"}
        done = browser.post("/login", sent, headers={"cookie": cookie.partition(";")[0]})
        assert done.status_code == 303
        assert "; Secure" in done.headers["set-cookie"]


def test_without_users_this_machine_needs_no_login_and_is_an_operator(nobody: UserRecord, clock: HandClock) -> None:
    with served(nobody, clock) as site:
        browser = site.browser()
        assert "<p>Ada operator False</p>" in browser.get("/queue").text
        assert browser.get("/login?next=/queue").headers["location"] == "/queue"
        assert browser.decide().text == "Decided."
        assert site.decided == [("Ada", "approve")]
        assert browser.post("/decide", {"what": "reject"}).status_code == 403
        assert site.browser(origin="http://evil.example").decide().status_code == 403


def test_the_first_user_closes_the_door_without_a_restart(nobody: UserRecord, clock: HandClock) -> None:
    with served(nobody, clock) as site:
        browser = site.browser()
        assert browser.get("/queue").status_code == 200
        nobody.add("olga", Role.OPERATOR, GOOD)
        assert browser.get("/queue").status_code == 303
        browser.log_in("olga")
        assert browser.get("/queue").status_code == 200
        nobody.remove("olga")
        assert "Ada operator False" in browser.get("/queue").text


@pytest.mark.parametrize(
    "header", [{"x-forwarded-for": "203.0.113.9"}, {"forwarded": "for=203.0.113.9"}, {"via": "1.1 proxy"}]
)
def test_without_users_nobody_comes_in_through_a_proxy(
    nobody: UserRecord, clock: HandClock, header: dict[str, str]
) -> None:
    with served(nobody, clock) as site:
        refused = site.browser().get("/queue", headers=header)
        assert (refused.status_code, "REVIEW_NEEDS_USERS" in refused.text) == (403, True)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", ""),
        ("::", ""),
        ("192.168.1.5", ""),
        ("review", ""),
        ("", ""),
        ("127.0.0.1", "https://review.shop.example"),
    ],
)
def test_a_page_that_others_can_reach_does_not_start_without_users(
    nobody: UserRecord, clock: HandClock, host: str, url: str
) -> None:
    with pytest.raises(RunError) as refused, served(nobody, clock, host=host, url=url):
        pass
    assert refused.value.code == "REVIEW_NEEDS_USERS"
    assert "catalog3d user add NAME --role operator" in refused.value.fix


def test_a_page_that_others_can_reach_lets_nobody_in_once_all_are_removed(users: UserRecord, clock: HandClock) -> None:
    with served(users, clock, host="0.0.0.0") as site:
        browser = site.browser()
        browser.log_in("olga")
        for name in ("vera", "maria", "olga"):
            users.remove(name)
        assert browser.get("/queue").status_code == 303
        assert browser.log_in("olga").status_code == 401


def test_a_page_on_the_network_is_reached_by_address_or_by_its_own_name() -> None:
    open_to_all = AccessPolicy(host="0.0.0.0", login_name="")
    named = AccessPolicy(host="0.0.0.0", login_name="", url="https://review.shop.example")
    assert [open_to_all.accepts_host(host) for host in ("10.0.0.7:8770", "review.lan", "a b")] == [True, True, False]
    hosts = ("review.shop.example", "10.0.0.7:8770", "localhost", "evil.example")
    assert [named.accepts_host(host) for host in hosts] == [True, True, True, False]
    assert "unencrypted" in open_to_all.advice
    assert named.advice == AccessPolicy(host="::1", login_name="").advice == ""


def test_a_page_is_never_reached_as_a_websocket(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", int(site.url.rpartition(":")[2])), timeout=5) as line:
        line.sendall(
            b"GET /queue HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert b"101" not in line.recv(100)


def test_what_is_open_to_all_needs_no_login_and_nothing_else_is(site: Site) -> None:
    assert httpx.get(f"{site.url}/static/review.css").status_code == 200
    for path in ("/queue", "/assets/7/model/abc123.glb", "/nowhere", "/static", "/staticx/a"):
        assert httpx.get(f"{site.url}{path}").status_code == 401
        assert httpx.get(f"{site.url}{path}").json()["error"]["code"] == "NOT_LOGGED_IN"


def test_a_phone_fetches_a_model_by_its_signed_link_until_it_expires(site: Site) -> None:
    browser = site.browser()
    browser.log_in()
    found = re.search("href='(.*?)'", browser.get("/queue").text)
    assert found is not None
    link = f"{site.url}{found[1]}"
    assert httpx.get(link).text == "glTF 7 model abc123.glb"
    assert "set-cookie" not in httpx.get(link).headers
    for other in (link.replace("/7/", "/8/"), link.replace("abc123", "abc124")):
        assert httpx.get(other).status_code == 403
    assert httpx.get(f"{link}&more=1").status_code == 403
    assert httpx.get(link.replace("/model/", "/photos/")).status_code == 401
    assert httpx.post(link, headers={"origin": site.url}).status_code == 403
    site.clock.advance(LINK_S + 1)
    expired = httpx.get(link, headers={"accept": "text/html"})
    assert (expired.status_code, "This link is not valid any more." in expired.text) == (403, True)


def test_a_name_can_be_tried_ten_times_and_then_has_to_wait(site: Site) -> None:
    browser = site.browser()
    for _ in range(NAME_MOST):
        assert browser.log_in(password=OTHER).status_code == 401
        site.clock.advance(1)
    refused = browser.log_in()
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == str(int(WINDOW_S) - NAME_MOST)
    assert "Too many tries. Wait 15 minutes" in refused.text
    assert browser.log_in("olga").status_code == 303
    site.clock.advance(WINDOW_S - NAME_MOST)
    assert site.browser().log_in().status_code == 303


def test_logins_that_succeed_are_not_counted(site: Site) -> None:
    for _ in range(NAME_MOST):
        assert site.browser().log_in().status_code == 303
    assert site.browser().log_in(password=OTHER).status_code == 401


def test_many_tries_at_once_are_no_way_around_the_limit(site: Site) -> None:
    def attempt(_: int) -> int:
        return site.browser().log_in(password=OTHER).status_code

    with ThreadPoolExecutor(8) as pool:
        said = sorted(pool.map(attempt, range(2 * NAME_MOST)))
    assert said == [401] * NAME_MOST + [429] * NAME_MOST


def test_a_registry_that_does_not_answer_is_said_and_not_taken_for_a_stranger(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = site.browser()
    browser.log_in()

    def away(_token: str) -> None:
        raise TransientError("The registry did not answer.", code="REGISTRY_BUSY", fix="Trying again.")

    monkeypatch.setattr(site.users, "person_of", away)
    said = browser.get("/queue")
    assert (said.status_code, said.headers["retry-after"], "REGISTRY_BUSY" in said.text) == (503, "2", True)


def test_no_password_token_or_signature_is_in_any_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    browser = site.browser()
    browser.log_in(password=OTHER)
    browser.log_in()
    page, token = browser.get("/queue").text, browser.token()
    browser.decide()
    session = session_of(browser)
    link = re.search("signature=([0-9a-f]+)", page)
    assert link is not None
    httpx.get(f"{site.url}/assets/7/model/a.glb?expires=1&signature={link[1]}")
    logged = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
    )
    assert "maria logged in from 127.0.0.1" in logged
    for secret in (GOOD, OTHER, session, token, link[1]):
        assert secret not in logged
        assert secret not in repr(site.users.all())


def test_the_pages_of_the_gate_hold_no_scripts_and_escape_what_they_are_told(site: Site) -> None:
    hostile = '/queue?"><script>alert(1)</script>'
    page = site.browser().get("/login", params={"next": hostile}).text
    assert "<script" not in page
    assert '">' in page


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "/login", "/\t/evil.example"]
)
def test_a_login_leads_to_this_site_only(site: Site, target: str) -> None:
    assert site.browser().log_in(target=target).headers["location"] == "/"
