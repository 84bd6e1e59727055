"""Logging in with a real Chromium: what its cookies, its Origin and its own rules make of our gate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from catalog3d.adapters.registry.engine import open_engine, sqlite_url
from catalog3d.adapters.registry.users import UserRecord
from catalog3d.people import Role
from tests.access.site import GOOD, OTHER, Site, cheap, served
from tests.clock import HandClock

pytestmark = pytest.mark.server


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    clock = HandClock()
    users = UserRecord(open_engine(sqlite_url(tmp_path / "registry.db")), clock, cheap())
    for name, role in (("vera", Role.VIEWER), ("maria", Role.REVIEWER), ("olga", Role.OPERATOR)):
        users.add(name, role, GOOD)
    with served(users, clock) as running:
        yield running
    users.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def log_in(page: Page, name: str, password: str) -> None:
    page.fill("#name", name)
    page.fill("#password", password)
    page.keyboard.press("Enter")


def send_form(page: Page, address: str, token: str) -> None:
    """What a page's script would do to decide."""
    page.evaluate(
        """([address, token]) => {
            const form = Object.assign(document.createElement("form"), {method: "post", action: address});
            for (const [name, value] of [["csrf", token], ["what", "approve"]])
                form.append(Object.assign(document.createElement("input"), {name, value}));
            document.body.append(form);
            form.submit();
        }""",
        [address, token],
    )


def test_a_person_logs_in_by_keyboard_and_decides(site: Site, page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{site.url}/queue?status=flagged")
    assert page.evaluate("document.activeElement.id") == "name"
    log_in(page, "Maria", GOOD)
    page.wait_for_url("**/queue?status=flagged")
    assert not [text for text in said if "Security Policy" in text]
    assert page.evaluate("document.cookie") == ""
    send_form(page, "/decide", str(page.get_attribute("input[name=csrf]", "value")))
    page.wait_for_selector("text=Decided.")
    assert site.decided == [("maria", "approve")]


def test_a_wrong_password_is_said_and_another_try_is_possible(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/queue")
    log_in(page, "maria", OTHER)
    page.wait_for_selector("[role=alert]")
    assert page.inner_text("[role=alert]") == "Name and password do not fit."
    assert page.input_value("#password") == ""
    log_in(page, "maria", GOOD)
    page.wait_for_url("**/queue")


def test_a_viewer_is_told_why_not(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/queue")
    log_in(page, "vera", GOOD)
    page.wait_for_url("**/queue")
    send_form(page, "/decide", str(page.get_attribute("input[name=csrf]", "value")))
    page.wait_for_selector("h1")
    assert page.inner_text("h1") == "vera is a viewer and may not decide about models."
    assert site.decided == []


def test_another_site_cannot_send_a_form_even_with_the_right_token(site: Site, page: Page) -> None:
    """It is another port of this machine, so that the browser sends our cookies along: only its Origin tells."""
    page.goto(f"{site.url}/queue")
    log_in(page, "maria", GOOD)
    page.wait_for_url("**/queue")
    token = str(page.get_attribute("input[name=csrf]", "value"))
    page.route("http://127.0.0.1:9/**", lambda route: route.fulfill(content_type="text/html", body="<body>"))
    page.goto("http://127.0.0.1:9/")
    send_form(page, f"{site.url}/decide", token)
    page.wait_for_selector("text=This was not sent by a page of the review site.")
    assert site.decided == []


def test_logging_out_in_one_window_ends_the_other(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/queue")
    log_in(page, "maria", GOOD)
    page.wait_for_url("**/queue")
    other = page.context.new_page()
    other.goto(f"{site.url}/queue")
    send_form(page, "/logout", str(page.get_attribute("input[name=csrf]", "value")))
    page.wait_for_url("**/login")
    other.reload()
    assert other.url.startswith(f"{site.url}/login?next=")
