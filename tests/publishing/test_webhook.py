"""The webhook against a real receiver: signed, tried again, taken once, and never led inside a network."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from catalog3d.adapters.channels.webhook import MAX_ANSWER_BYTES, TRIES, Webhook, secret_bytes, signature
from catalog3d.channel_rules import WebhookRules
from catalog3d.channels import Item, Placed
from catalog3d.errors import Catalog3DError, ProductError, RunError, TransientError
from tests.clock import HandClock
from tests.publishing.receiver import SECRET, Receiver, receiving

CHAIR = Item(
    sku="CH123",
    name="Modern Dining Chair",
    version=2,
    format="GLB",
    file="CH123_ModernDiningChair_V2_GLB.glb",
    sha256="d" * 64,
    size_bytes=10,
    model=Path("unread.glb"),
    extents_m=(0.5, 1.0, 0.5),
    publication="7-1",
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def webhook_to(url: str, secret: str = SECRET, **how: Any) -> Webhook:
    waits: list[float] = how.pop("waits", [])
    rules = WebhookRules(kind="webhook", url=url)
    key = secret_bytes(SecretStr(secret), "CATALOG3D_CHANNELS__ERP__SECRET")
    return Webhook("erp", rules, key, clock=HandClock(), sleep=waits.append, **how)


def test_the_signature_is_that_of_the_specifications_own_example() -> None:
    key = secret_bytes(SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "SECRET")
    said = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_publication_arrives_signed_with_all_that_the_receiver_needs(receiver: Receiver) -> None:
    placed = webhook_to(receiver.url).publish(CHAIR)
    (event,) = receiver.taken.values()
    assert (event["type"], event["data"]["sku"], event["data"]["version"]) == ("model.published", "CH123", 2)
    assert event["data"]["dimensions_m"] == [0.5, 1.0, 0.5]
    assert (receiver.forged, "hidden" in placed.destination) == (0, False)


def test_a_wrong_secret_closes_the_channel(receiver: Receiver) -> None:
    other = "whsec_" + "A" * 44
    with pytest.raises(RunError, match="does not take our events") as refused:
        webhook_to(receiver.url, secret=other).publish(CHAIR)
    assert (refused.value.code, receiver.forged, len(receiver.requests)) == ("WEBHOOK_REFUSED", 1, 1)


def test_a_busy_receiver_is_asked_again_with_ever_longer_waits_for_the_same_event(receiver: Receiver) -> None:
    receiver.answers = [(503, b""), (429, b""), (500, b"")]
    waits: list[float] = []
    webhook_to(receiver.url, waits=waits).publish(CHAIR)
    assert waits == [1, 2, 4]
    assert len({(event, body) for event, _, body in receiver.requests}) == 1
    assert len(receiver.taken) == 1


def test_a_receiver_that_says_how_long_to_wait_is_heard_within_bounds(receiver: Receiver) -> None:
    receiver.answers, receiver.headers = [(429, b""), (429, b"")], {"Retry-After": "5000"}
    waits: list[float] = []
    webhook_to(receiver.url, waits=waits).publish(CHAIR)
    assert waits == [60, 60]


def test_a_receiver_that_stays_away_ends_as_worth_trying_again(receiver: Receiver) -> None:
    receiver.answers = [(500, b"")] * TRIES
    with pytest.raises(TransientError):
        webhook_to(receiver.url).publish(CHAIR)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(TransientError, match="did not answer"):
        webhook_to(f"http://127.0.0.1:{port}/").publish(CHAIR)


def test_the_same_publication_is_taken_once_and_a_later_one_again(receiver: Receiver) -> None:
    webhook = webhook_to(receiver.url)
    for publication in ("7-1", "7-1", "7-2"):
        webhook.publish(replace(CHAIR, publication=publication))
    assert (len(receiver.requests), len(receiver.taken)) == (3, 2)


def test_taking_away_is_an_event_of_its_own(receiver: Receiver) -> None:
    webhook = webhook_to(receiver.url)
    placed = webhook.publish(CHAIR)
    webhook.unpublish(placed)
    webhook.unpublish(placed)
    assert [event["type"] for event in receiver.taken.values()] == ["model.published", "model.unpublished"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ProductError),
        (422, ProductError),
        (401, RunError),
        (404, RunError),
        (302, RunError),
        (503, TransientError),
    ],
)
def test_what_a_status_means(receiver: Receiver, status: int, error: type[Catalog3DError]) -> None:
    receiver.answers = [(status, b"")] * TRIES
    receiver.headers = {"Location": "http://169.254.169.254/"}
    with pytest.raises(error) as refused:
        webhook_to(receiver.url).publish(CHAIR)
    assert refused.type is error
    assert len(receiver.requests) == (TRIES if error is TransientError else 1)


@pytest.mark.parametrize(
    ("answer", "link"),
    [
        (b'{"link": "https://erp.example/CH123"}', "https://erp.example/CH123"),
        (b'{"link": "javascript:alert(1)"}', ""),
        (b'{"link": "https://erp.example/a b"}', ""),
        (b'["https://erp.example"]', ""),
        (b"\xff\xfe not JSON", ""),
        (b'{"link": "https://x/", "more": "' + b"x" * (2 * MAX_ANSWER_BYTES) + b'"}', ""),
    ],
)
def test_only_a_sound_link_of_the_answer_is_believed(receiver: Receiver, answer: bytes, link: str) -> None:
    receiver.answers = [(200, answer)]
    assert webhook_to(receiver.url).publish(CHAIR).link == link


def test_the_storefronts_link_is_told_only_if_it_is_of_these_bytes(receiver: Receiver) -> None:
    def front(sha256: str) -> Callable[[str], Placed]:
        return lambda sku: Placed(
            channel="storefront", sku=sku, version=2, sha256=sha256, destination="", link="https://cdn.example/a.glb"
        )

    assert webhook_to(receiver.url, link_of=front("d" * 64)).publish(CHAIR).link == "https://cdn.example/a.glb"
    assert webhook_to(receiver.url, link_of=front("e" * 64)).publish(CHAIR).link == ""


@pytest.mark.parametrize("url", ["http://erp.example/hook", "https://user:word@erp.example/", "ftp://erp.example/"])
def test_an_address_that_would_show_our_events_to_others_is_refused(url: str) -> None:
    with pytest.raises((RunError, ValueError)):
        webhook_to(url)


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "fd00::1"])
def test_a_name_that_leads_inside_a_network_is_not_asked(inside: str) -> None:
    webhook = webhook_to("https://erp.example/hook", resolver=lambda _host, _port: ("93.184.215.14", inside))
    with pytest.raises(RunError, match="private network"):
        webhook.publish(CHAIR)


@pytest.mark.parametrize("secret", ["", "short", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64!", "whsec_" + "A" * 400])
def test_a_secret_that_cannot_protect_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(RunError) as refused:
        secret_bytes(SecretStr(secret), "CATALOG3D_CHANNELS__ERP__SECRET")
    assert "CATALOG3D_CHANNELS__ERP__SECRET" in refused.value.fix
    assert not secret or secret == "whsec_" or secret not in str(refused.value)
