"""The review page over HTTP, with a real server and real models: what it shows, decides and refuses."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from PIL import Image

from catalog3d.asset import Approval
from catalog3d.people import Person, Role
from catalog3d.review.decisions import ask_for_another
from catalog3d.review.policy import CONTENT_SECURITY_POLICY
from catalog3d.status import Status
from tests.catalogs import with_key
from tests.review.gallery import BLOCK, DOUBT, WARNING, Gallery, Visitor, open_gallery, served

PASSWORD = "vase umbrella ninety kilo"


def chairs(gallery: Gallery, *skus: str) -> None:
    gallery.write(*({"SKU": sku, "Dimensions": "45 x 50 x 90 cm"} for sku in skus))


def order(page: str) -> list[str]:
    return re.findall(r'<span class="name"><strong><bdi>([^<]+)</bdi>', page)


def test_the_queue_shows_blocked_doubted_and_warned_models_before_the_green(gallery: Gallery, visitor: Visitor) -> None:
    chairs(gallery, "GREEN", "WARNED", "DOUBTED", "BLOCKED")
    gallery.make("GREEN")
    gallery.make("WARNED", WARNING)
    gallery.make("DOUBTED", DOUBT)
    gallery.make("BLOCKED", BLOCK)
    page = visitor.open("/")
    assert order(page) == ["BLOCKED", "DOUBTED", "WARNED", "GREEN"]
    assert "4 models wait for a decision" in page
    assert len(re.findall('name="pick"', page)) == 1


def test_an_empty_catalog_says_what_to_do(visitor: Visitor) -> None:
    page = visitor.open("/queue")
    assert "There is nothing to review yet" in page
    assert "<code>catalog3d run SHEET</code>" in page


def test_the_queue_opens_on_mine_if_anything_is_mine_and_on_all_otherwise(gallery: Gallery, visitor: Visitor) -> None:
    gallery.write({"SKU": "A1", "Owner": "Maria"}, {"SKU": "B2", "Owner": "Tom"})
    gallery.make("A1")
    gallery.make("B2")
    assert order(visitor.open("/queue")) == ["A1"]
    assert order(visitor.open("/queue?owner=tom")) == ["B2"]
    assert order(visitor.open("/queue?owner=anybody")) == ["A1", "B2"]
    visitor.decide(gallery.catalog.registry.catalog.assets("A1")[0], "approved")
    assert order(visitor.open("/queue")) == ["B2"]


def test_the_queue_is_filtered(gallery: Gallery, visitor: Visitor) -> None:
    gallery.write({"SKU": "A1"}, {"SKU": "B2", "Category": "Tables", "Name": "Oak Table"})
    gallery.make("A1")
    gallery.make("B2", DOUBT)
    expected = {
        "category=Tables": ["B2"],
        "reason=MESH_DOUBT": ["B2"],
        "status=flagged": ["B2"],
        "run=run-0": ["B2", "A1"],
        "run=run-9": [],
        "text=a1": ["A1"],
        "text=oak%20t": ["B2"],
        "text=%25": [],
        "status=nonsense&page=-4": ["B2", "A1"],
        "page=99999999999999999999": ["B2", "A1"],
    }
    assert {query: order(visitor.open(f"/queue?owner=anybody&{query}")) for query in expected} == expected


def test_an_approval_goes_into_library_and_sheet_and_leads_to_the_next(gallery: Gallery, visitor: Visitor) -> None:
    chairs(gallery, "A1", "B2")
    first, second = gallery.make("A1"), gallery.make("B2")
    answer = visitor.decide(first, "approved", matches_photo="yes", note="Lovely")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"/assets/{second.id}?")
    assert gallery.approved_files() == [first.file]
    assert gallery.status("A1") is Status.APPROVED
    (said,) = gallery.said("A1")
    assert said[:3] == ("approved", "maria", "")
    assert "Lovely" in said[3]
    assert "Approved" in gallery.sheet.read_text()
    page = visitor.open(answer.headers["location"])
    assert "A1</bdi> V1</a>" in page
    assert "by <bdi>maria</bdi>" in page


def test_the_last_decision_leads_to_the_queue_that_says_so(gallery: Gallery, visitor: Visitor) -> None:
    answer = visitor.decide(gallery.make("A1"), "approved")
    assert answer.headers["location"].startswith("/queue?")
    assert "Everything is decided" in visitor.open(answer.headers["location"])


def test_a_rejection_needs_a_reason_and_keeps_the_note_of_who_forgot_it(gallery: Gallery, visitor: Visitor) -> None:
    asset = gallery.make("A1")
    answer = visitor.decide(asset, "rejected", note="The left leg <is> too short")
    assert answer.status_code == 422
    assert "Say what is wrong with it." in answer.text
    assert "The left leg &lt;is&gt; too short</textarea>" in answer.text
    again = visitor.send(f"/assets/{asset.id}/decide", answer.text, decision="rejected", reason="OTHER", note="Leg")
    assert again.status_code == 303
    assert gallery.said("A1") == [("rejected", "maria", "OTHER", "Leg")]


def test_a_blocked_model_cannot_be_approved_even_by_a_form_that_says_so(gallery: Gallery, visitor: Visitor) -> None:
    asset = gallery.make("A1", BLOCK)
    assert "disabled" in visitor.open(f"/assets/{asset.id}")
    answer = visitor.decide(asset, "approved")
    assert answer.status_code == 422
    assert "cannot be approved" in answer.text
    assert gallery.said("A1") == []


def test_the_second_of_two_reviewers_is_told_who_decided_what_and_keeps_the_note(
    gallery: Gallery, visitor: Visitor
) -> None:
    asset = gallery.make("A1")
    page = visitor.open(f"/assets/{asset.id}")
    assert visitor.decide(asset, "approved", page, note="Fine").status_code == 303
    late = visitor.decide(asset, "rejected", page, reason="WRONG_COLOR", note="Too blue", proportions="no")
    assert late.status_code == 409
    assert "Approved</strong>\nby <bdi>maria</bdi>" in late.text
    assert "<bdi>Fine</bdi>" in late.text
    assert "Too blue</textarea>" in late.text
    assert len(gallery.said("A1")) == 1
    anyway = visitor.send(
        f"/assets/{asset.id}/decide", late.text, decision="rejected", reason="WRONG_COLOR", note="Too blue"
    )
    assert anyway.status_code == 303
    assert gallery.said("A1")[1] == ("rejected", "maria", "WRONG_COLOR", "Too blue")
    assert gallery.catalog.registry.catalog.decisions("A1")[1].checklist["proportions"] is False


def test_a_decision_is_taken_back_where_it_is_told(gallery: Gallery, visitor: Visitor) -> None:
    asset = gallery.make("A1")
    told = visitor.open(visitor.decide(asset, "approved").headers["location"])
    assert gallery.status("A1") is Status.APPROVED
    assert visitor.send(f"/assets/{asset.id}/undo", told).headers["location"].startswith(f"/assets/{asset.id}?")
    assert gallery.status("A1") is Status.GENERATED
    assert gallery.approved_files() == []
    assert visitor.send(f"/assets/{asset.id}/undo", told).status_code == 303, "the same again is fine"
    visitor.decide(asset, "rejected", reason="WRONG_COLOR")
    late = visitor.send(f"/assets/{asset.id}/undo", told)
    assert late.status_code == 409
    assert "Taken back</strong>" in late.text
    assert [said[0] for said in gallery.said("A1")] == ["approved", "undone", "rejected"]


def test_a_viewer_looks_and_cannot_decide(gallery: Gallery, visitor: Visitor) -> None:
    asset = gallery.make("A1")
    page = visitor.open(f"/assets/{asset.id}")
    gallery.catalog.registry.users.add("olga", Role.OPERATOR, PASSWORD)
    gallery.catalog.registry.users.add("vera", Role.VIEWER, PASSWORD)
    assert visitor.get("/queue").headers["location"].startswith("/login?")
    login = visitor.open("/login")
    assert visitor.send("/login", login, name="vera", password=PASSWORD).status_code == 303
    looked = visitor.open(f"/assets/{asset.id}")
    assert "Your role is viewer" in looked
    assert 'name="decision"' not in looked
    token = re.search(r'name="csrf" value="([^"]+)"', looked)
    assert token is not None
    assert visitor.decide(asset, "approved", page, csrf=unescape(token[1])).status_code == 403
    assert gallery.said("A1") == []


def test_skipping_decides_nothing_and_goes_on(gallery: Gallery, visitor: Visitor) -> None:
    chairs(gallery, "A1", "B2")
    first, second = gallery.make("A1"), gallery.make("B2")
    assert f"/assets/{second.id}" in visitor.decide(first, "skip").headers["location"]
    assert f"/assets/{first.id}" in visitor.decide(second, "skip").headers["location"]
    assert gallery.said("A1") == []


def test_another_model_shows_its_change_and_price_before_it_is_asked_for(gallery: Gallery, visitor: Visitor) -> None:
    asset = gallery.make("A1")
    answer = visitor.decide(asset, "retake", reason="BACK_OR_SIDES", note="The back is flat; 'open' it")
    assert answer.status_code == 200
    assert re.search(r'class="figure">30 <span>credits', answer.text)
    assert "Its surface is aligned to the shape instead. Attempt 1 of 3." in answer.text
    assert (gallery.catalog.registry.retakes.newest(), gallery.ordered) == ({}, [])
    asked = visitor.send(f"/assets/{asset.id}/decide", answer.text)
    assert "It is being made now: look for V2" in asked.text
    assert gallery.ordered == ["A1"]
    retake = gallery.catalog.registry.retakes.newest()["A1"]
    assert (retake.person, retake.reasons, retake.note) == ("maria", ("BACK_OR_SIDES",), "The back is flat; 'open' it")


def test_a_price_that_is_not_todays_orders_nothing(gallery: Gallery, visitor: Visitor) -> None:
    page = visitor.decide(gallery.make("A1"), "retake", reason="BACK_OR_SIDES").text
    asset = gallery.catalog.registry.catalog.newest_assets()["A1"]
    assert "Make it for 30 credits" in visitor.send(f"/assets/{asset.id}/decide", page, price="3").text
    assert (gallery.catalog.registry.retakes.newest(), gallery.ordered) == ({}, [])


def test_a_reviewers_wish_beyond_the_budget_waits_until_an_operator_asks_for_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_key(monkeypatch)
    monkeypatch.setenv("CATALOG3D_BUDGET__RETAKES", "29")
    with open_gallery(tmp_path) as gallery:
        asset = gallery.make("A1")

        def ask(name: str, role: Role) -> bool:
            person = Person(name=name, role=role)
            asked = ask_for_another(
                gallery.catalog,
                asset,
                reason="BACK_OR_SIDES",
                note="",
                person=person,
                order=gallery.ordered.append,
            )
            return asked.waits

        assert (ask("rita", Role.REVIEWER), gallery.ordered) == (True, [])
        assert (ask("olga", Role.OPERATOR), gallery.ordered) == (False, ["A1"])
    assert [said[:2] for said in gallery.said("A1")] == [("retake", "rita")]


def test_several_green_models_are_approved_together_after_their_count_was_confirmed(
    gallery: Gallery, visitor: Visitor
) -> None:
    chairs(gallery, "A1", "B2", "C3", "D4")
    assets = [gallery.make(sku) for sku in ("A1", "B2", "C3")]
    warned = gallery.make("D4", WARNING)
    page = visitor.open("/queue")
    picks = [f"{asset.id}:0" for asset in (*assets, warned)]
    asked = visitor.send("/queue/approve", page, pick=picks)
    assert "Approve 3 models?" in asked.text
    assert "D4" in asked.text.split("left out")[1].split("</p>")[0]
    assert gallery.approved_files() == []
    assert "Approve 3 models?" in visitor.send("/queue/approve", page, pick=picks[:3], count="2").text
    done = visitor.send("/queue/approve", asked.text, pick=picks[:3])
    assert "3 models approved" in done.text
    assert len(gallery.approved_files()) == 3
    assert gallery.status("D4") is Status.GENERATED


def test_together_leaves_out_what_somebody_decided_meanwhile(gallery: Gallery, visitor: Visitor) -> None:
    chairs(gallery, "A1", "B2")
    first, second = gallery.make("A1"), gallery.make("B2")
    page = visitor.open("/queue")
    visitor.decide(first, "rejected", reason="WRONG_COLOR")
    picks = [f"{first.id}:0", f"{second.id}:0"]
    answer = visitor.send("/queue/approve", page, pick=picks, count="2")
    assert "Approve 1 model?" in answer.text
    assert gallery.status("B2") is Status.GENERATED


def test_the_page_of_a_model_says_all_that_a_decision_needs(gallery: Gallery, visitor: Visitor) -> None:
    chairs(gallery, "A1")
    first = gallery.make("A1", WARNING)
    visitor.decide(first, "approved", note="Good enough")
    second = gallery.again("A1")
    page = visitor.open(f"/assets/{second.id}?measure=1")
    for words in (
        "45 x 50 x 90 cm",
        "45.0 cm",
        "90.0 cm",
        "Versions side by side",
        "Good enough",
        "30 credits, attempt 1",
    ):
        assert words in page
    old = visitor.open(f"/assets/{first.id}")
    assert "This is an older version." in old
    assert '120,000</bdi> <span class="limit">limit <bdi>100,000' in old


def test_a_form_from_elsewhere_is_refused(gallery: Gallery, visitor: Visitor) -> None:
    asset = gallery.make("A1")
    page = visitor.open(f"/assets/{asset.id}")
    path = f"/assets/{asset.id}/decide"
    assert visitor.send(path, page, decision="approved", csrf="guessed").status_code == 403
    assert visitor.http.post(path, data={"decision": "approved"}).status_code == 403
    foreign = {"origin": "https://evil.example"}
    assert visitor.http.post(path, data={"decision": "approved"}, headers=foreign).status_code == 403
    assert visitor.get("/queue", headers={"host": "evil.example"}).status_code == 421
    assert visitor.http.post(path, content=b"x" * 300_000).status_code == 413
    assert gallery.said("A1") == []


def test_every_page_has_the_security_policy(visitor: Visitor) -> None:
    for path in ("/queue", "/static/review.css", "/nowhere", "/assets/1"):
        assert visitor.get(path).headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert visitor.get(path).headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/999",
        "/assets/0",
        "/assets/x",
        "/assets/99999999999999999999",
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/viewer/../../app.py",
        "/assets/1/turned/7",
        "/assets/1/photos/101",
        "/nowhere",
    ],
)
def test_what_is_not_there_is_said_in_a_page(gallery: Gallery, visitor: Visitor, path: str) -> None:
    gallery.make("A1")
    answer = visitor.get(path)
    assert answer.status_code == 404
    assert path.startswith("/static") or "Not found" in answer.text


def test_models_and_pictures_are_typed_bounded_and_kept(gallery: Gallery, visitor: Visitor, tmp_path: Path) -> None:
    Image.effect_noise((4000, 3000), 60).save(tmp_path / "A1.png")
    asset = gallery.make("A1")
    model = visitor.get(f"/assets/{asset.id}/model/{asset.sha256}.glb")
    assert model.headers["content-type"] == "model/gltf-binary"
    assert "immutable" in model.headers["cache-control"]
    assert model.content == gallery.catalog.store.get(asset.key, max_bytes=10**8)
    again = {"if-none-match": model.headers["etag"]}
    assert visitor.get(f"/assets/{asset.id}/model/{asset.sha256}.glb", headers=again).status_code == 304
    assert visitor.get(f"/assets/{asset.id}/model/{'0' * 64}.glb").status_code == 404
    for path, side in (("photos/0", 1600), ("photos/0?small=1", 320), ("picture", 512), ("turned/90", 512)):
        shown = visitor.get(f"/assets/{asset.id}/{path}")
        assert shown.headers["content-type"] == "image/jpeg"
        (tmp_path / "shown.jpg").write_bytes(shown.content)
        with Image.open(tmp_path / "shown.jpg") as picture:
            assert max(picture.size) == side


def test_a_model_that_was_changed_in_the_library_is_not_shown(gallery: Gallery, visitor: Visitor) -> None:
    asset = gallery.make("A1")
    place = Path(gallery.catalog.store.location(asset.key))
    place.chmod(0o644)
    place.write_bytes(b"glTF something else")
    answer = visitor.get(f"/assets/{asset.id}/model/{asset.sha256}.glb")
    assert answer.status_code == 422
    assert gallery.catalog.registry.catalog.assets("A1")[0].approval is Approval.PENDING


def test_what_a_sheet_says_cannot_become_markup(gallery: Gallery, visitor: Visitor) -> None:
    gallery.write({"SKU": "A1", "Name": "<script>alert(1)</script>", "Category": '"><img src=x onerror=alert(1)>'})
    asset = gallery.make("A1")
    for page in (visitor.open("/queue"), visitor.open(f"/assets/{asset.id}")):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;alert" in page


def test_two_pages_of_one_catalog_agree(gallery: Gallery) -> None:
    asset = gallery.make("A1")
    with served(gallery) as one, served(gallery) as two, Visitor(one) as here, Visitor(two) as there:
        pages = [visitor.open(f"/assets/{asset.id}") for visitor in (here, there)]
        codes = [
            visitor.decide(asset, choice, page, reason="OTHER", note="No").status_code
            for visitor, page, choice in zip((here, there), pages, ("approved", "rejected"), strict=True)
        ]
    assert codes == [303, 409]
    assert len(gallery.said("A1")) == 1
