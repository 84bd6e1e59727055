from __future__ import annotations

import base64
import hashlib
import os
import re
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from catalog3d.adapters import report_html
from catalog3d.adapters.report_html import render_page, write_report
from catalog3d.adapters.thumbnails import SIDE_PX, Thumbnails
from catalog3d.errors import RunError
from catalog3d.product import RowProblem, Severity
from catalog3d.quality import Check
from catalog3d.report import RunReport, SkuLine
from catalog3d.status import Status
from tests.sample_report import draw, full_report, run_report, sku_line

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
VOID = {"meta", "img", "input", "wbr"}
INLINE = {"bdi", "code", "wbr", "span", "a", "strong"}


class Page(HTMLParser):
    """The page as a browser reads it: every tag with its attributes, and the text outside script and style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, str] = {}
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in INLINE:
            self.text += " "
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "the page's tags are not well nested"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.raw[self.open[-1]] = self.raw.get(self.open[-1], "") + data
        else:
            self.text += data

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def page_of(report: RunReport, folder: Path) -> Page:
    return Page(write_report(report, folder).read_text(encoding="utf-8"))


def hostile_line(text: str) -> SkuLine:
    check = Check(code=text, severity=Severity.WARNING, message=text, value=text, limit=text)
    return sku_line(
        sku=text,
        name=text,
        status=Status.FLAGGED,
        stage=text,
        reason=text,
        message=text,
        version=1,
        file=text,
        key=text,
        location=text,
        sha256=text,
        task_id=text,
        attempts=1,
        concept=True,
        prompt=text,
        checks=(check,),
    )


def hostile_report(text: str) -> RunReport:
    problem = RowProblem(row=1, sku=text, column=text, code=text, severity=Severity.ERROR, message=text, value=text)
    fields = dict.fromkeys(("run_id", "generator", "home", "sheet", "html", "written_to"), text)
    return run_report(hostile_line(text), problems=(problem,), notes=(text,), **fields)


def render(report: RunReport) -> Page:
    cards = [
        report_html._card(number, line, Path("/shop/reports/1"), Thumbnails(Path("/nowhere")))
        for number, line in enumerate(report.lines, start=1)
    ]
    return Page(render_page(report, cards))


def test_every_sku_is_shown_with_photo_model_status_and_what_to_do(tmp_path):
    report = full_report(tmp_path / "home")
    page = page_of(report, tmp_path / "home" / "reports" / "1")
    assert [card["data-status"] for card in page.all("article")] == [line.status.value for line in report.lines]
    for line in report.lines:
        assert line.sku in page.words
        assert line.name in page.words
        assert line.message in page.words
        assert line.status.value.capitalize() in page.words
    assert "8 generated, 6 need a person, 2 not done yet." in page.words
    assert "PROPORTIONS 2.414 limit 1.25" in page.words
    assert "catalog3d rerun --sku VS415" in page.words
    assert "catalog3d approve CH123" in page.words
    assert "Concept" in page.words
    assert "No photo" in page.words
    assert "No model" in page.words
    assert "A slim brass pendant light" in page.words


def test_those_who_need_a_person_come_first_and_lead_to_their_card(tmp_path):
    report = full_report(tmp_path)
    html = write_report(report, tmp_path / "report").read_text(encoding="utf-8")
    person = html[html.index('id="person"') : html.index('id="all"')]
    assert re.findall(r'href="#sku-(\d+)"', person) == ["4", "14", "6", "13", "2", "10"]
    assert html.index('id="person"') < html.index("<article")
    ids = {attributes["id"] for attributes in Page(html).all("article")}
    assert ids == {f"sku-{number}" for number in range(1, 17)}


def test_rehearsal_says_that_these_are_no_tripo_models_and_a_tripo_run_does_not(tmp_path):
    sentence = "Rehearsal with the local stand-in: these are not Tripo models and cost nothing."
    rehearsal, real = (
        page_of(full_report(tmp_path), tmp_path / "1"),
        page_of(full_report(tmp_path, "tripo"), tmp_path / "2"),
    )
    assert sentence in rehearsal.words
    assert "Model (stand-in)" in rehearsal.words
    assert "stand-in credits" in rehearsal.words
    assert "stand-in" not in real.words.replace("standin-", "")
    assert "Rehearsal" not in real.words


def test_totals_are_those_of_the_run(tmp_path):
    report = run_report(sku_line(), credits_spent=Decimal("32.5"), balance=None, generator="tripo")
    words = page_of(report, tmp_path).words
    assert "Credits spent 32.50 estimated 420" in words
    assert "Credits left unknown" in words
    assert "Duration 6 min 12 s" in words
    assert "2026-11-22 12:00 UTC" in words


def test_what_was_estimated_and_spent_is_told_by_category_and_for_an_approved_model(tmp_path):
    lines = [
        sku_line(category="Chairs <b>", estimated=Decimal(30), credits=Decimal("45.50")),
        sku_line(category="Lamps", estimated=Decimal(30)),
    ]
    report = run_report(
        *lines, credits_estimated=Decimal(60), credits_spent=Decimal("45.50"), spent_so_far=Decimal(120), approved=2,
        generator="tripo",
    )  # fmt: skip
    words = page_of(report, tmp_path).words
    assert "Credits spent 45.50 estimated 60, 14.50 less spent" in words
    assert "Credits per approved model 60 120 so far, 2 approved models" in words
    assert (
        "Credits by category Category SKUs Models paid Estimated Spent Chairs <b> 1 1 30 45.50 Lamps 1 0 30 0" in words
    )


def test_without_an_approved_model_or_a_second_category_nothing_is_invented(tmp_path):
    words = page_of(run_report(sku_line(estimated=Decimal(30)), generator="tripo"), tmp_path).words
    assert "no approved model yet" in words
    assert "by category" not in words


def test_pictures_are_small_local_and_shared_ones_are_kept_once(tmp_path):
    photo = tmp_path / "photo.jpg"
    Image.effect_noise((1800, 1200), 60).convert("RGB").save(photo)
    lines = [
        sku_line(sku=f"S{number}", photo=photo, picture=draw(tmp_path / "m.png", 3, plain=True)) for number in range(4)
    ]
    page = page_of(run_report(*lines), tmp_path / "report")
    sources = [image["src"] or "" for image in page.all("img")]
    assert len(sources) == 8
    kept = sorted(path.name for path in (tmp_path / "report" / "pictures").iterdir())
    assert sorted(set(sources)) == [f"pictures/{name}" for name in kept]
    assert len(kept) == 2
    for name in kept:
        with Image.open(tmp_path / "report" / "pictures" / name) as small:
            assert small.format == "JPEG"
            assert max(small.size) == SIDE_PX
    assert all(image["loading"] == "lazy" for image in page.all("img"))


def test_missing_damaged_and_oversized_pictures_become_labelled_placeholders(tmp_path, monkeypatch):
    damaged = tmp_path / "damaged.png"
    draw(damaged, 1, plain=True)
    damaged.write_bytes(damaged.read_bytes()[:200])
    disguised = tmp_path / "page.jpg"
    disguised.write_text("<svg onload=alert(1)>")
    huge = tmp_path / "huge.png"
    Image.new("1", (9000, 9000)).save(huge)
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    lines = [
        sku_line(photo=tmp_path / "gone.jpg", picture=damaged),
        sku_line(photo=huge, picture=disguised),
        sku_line(photo=pipe, picture=tmp_path),
    ]
    page = page_of(run_report(*lines), tmp_path / "report")
    assert page.all("img") == []
    assert page.words.count("The picture file is missing.") == 1
    assert page.words.count("The picture is too large to show.") == 1
    assert page.words.count("The picture cannot be opened.") == 4


def test_decompression_bomb_is_refused_from_its_header(tmp_path):
    bomb = tmp_path / "bomb.png"
    Image.new("1", (8, 8)).save(bomb)
    data = bytearray(bomb.read_bytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    bomb.write_bytes(data)
    made = Thumbnails(tmp_path / "small").of(bomb)
    assert made.file == ""
    assert made.problem


@pytest.mark.parametrize(
    ("mode", "value", "grey"),
    [("1", 1, 255), ("L", 150, 150), ("LA", (150, 255), 150), ("RGB", (150,) * 3, 150), ("I;16", 40_000, 156)],
)
def test_every_pixel_format_gives_a_plain_picture(tmp_path, mode, value, grey):
    source = tmp_path / "source.png"
    Image.new(mode, (40, 20), value).save(source)
    made = Thumbnails(tmp_path / "small").of(source)
    with Image.open(tmp_path / "small" / made.file) as small:
        assert small.mode == "RGB"
        assert small.size == (40, 20)
        assert all(abs(channel - grey) <= 3 for channel in small.tobytes())


def test_palette_picture_keeps_its_colours(tmp_path):
    source = tmp_path / "source.gif"
    Image.new("RGB", (40, 20), (200, 30, 30)).convert("P", palette=Image.Palette.ADAPTIVE).save(source)
    made = Thumbnails(tmp_path / "small").of(source)
    with Image.open(tmp_path / "small" / made.file) as small:
        red, green, blue = small.tobytes()[:3]
    assert red > 190
    assert max(green, blue) < 40


def test_transparent_ground_is_white_and_the_camera_rotation_is_applied(tmp_path):
    clear = tmp_path / "clear.png"
    Image.new("RGBA", (30, 30), (255, 0, 0, 0)).save(clear)
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "camera of a person"
    Image.new("RGB", (60, 30), "teal").save(turned, exif=exif)
    thumbnails = Thumbnails(tmp_path / "small")
    with Image.open(tmp_path / "small" / thumbnails.of(clear).file) as small:
        assert small.getpixel((15, 15)) == (255, 255, 255)
    upright = thumbnails.of(turned)
    assert (upright.width_px, upright.height_px) == (30, 60)
    with Image.open(tmp_path / "small" / upright.file) as small:
        assert not small.getexif()


def test_model_link_is_relative_and_leads_to_the_file(tmp_path):
    model = tmp_path / "models" / "CH 123" / "100% oak #2_V1_GLB.glb"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"glTF")
    folder = tmp_path / "reports" / "1"
    page = page_of(run_report(sku_line(version=1, file=model.name, location=str(model))), folder)
    (link,) = [a["href"] for a in page.all("a")]
    assert link is not None
    assert link.startswith("../../models/")
    assert (folder / unquote(link)).resolve() == model


@pytest.mark.parametrize(
    "location",
    [
        "s3://bucket/a.glb",
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example/a",
        "\0",
        "x" * 9000,
        "\ud800",
        "/no/a.glb",
    ],
)
def test_what_is_no_file_of_this_disk_is_never_a_link(tmp_path, location):
    page = page_of(run_report(sku_line(version=1, file="a.glb", location=location)), tmp_path)
    assert page.all("a") == []


def test_html_in_any_text_stays_text(tmp_path):
    page = page_of(hostile_report(HOSTILE), tmp_path)
    assert len(page.all("script")) == 1
    assert page.all("img") == []
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert "alert(1)" in page.words
    assert page.open == []


@given(text=st.text(max_size=120))
@settings(max_examples=60, deadline=None)
def test_no_text_changes_the_tags_of_the_page(text):
    tags = [tag for tag, _ in render(hostile_report(text)).tags if tag not in ("wbr", "code")]
    plain_tags = [tag for tag, _ in render(hostile_report("harmless")).tags if tag not in ("wbr", "code")]
    assert set(tags) <= set(plain_tags) | {"p", "div"}
    assert tags.count("script") == tags.count("style") == tags.count("article") == 1


def test_direction_marks_control_characters_and_half_surrogates_are_disarmed(tmp_path):
    path = write_report(hostile_report("safe\u202egnp.exe\x00\x1b[31m\ud800 \u05d0\u05d1"), tmp_path)
    html = path.read_text(encoding="utf-8")
    assert not set("\u202e\x00\x1b") & set(html)
    assert "safegnp.exe" in html
    assert "<bdi>" in html
    assert "\u05d0\u05d1" in html


def test_endless_words_are_cut_and_the_page_stays_small(tmp_path):
    path = write_report(hostile_report("W" * 300_000), tmp_path)
    assert path.stat().st_size < 100_000


def test_page_asks_nothing_of_any_network(tmp_path):
    page = page_of(full_report(tmp_path), tmp_path / "report")
    addresses = [a[name] or "" for _, a in page.tags for name in ("src", "href", "action", "srcset") if name in a]
    assert addresses
    assert not [address for address in addresses if re.match(r"[a-zA-Z][\w+.-]*:|//", address)]
    assert "@import" not in page.raw["style"]
    assert "url(" not in page.raw["style"]
    assert page.all("link") == []
    assert not re.search(r"fetch|XMLHttp|WebSocket|import\(|innerHTML|eval", page.raw["script"])


def test_policy_allows_our_script_and_style_alone(tmp_path):
    page = page_of(full_report(tmp_path), tmp_path / "report")
    (policy,) = [a["content"] or "" for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    for kind in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(page.raw[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert not [a for _, a in page.tags if "style" in a], "the policy would block style attributes"


def test_row_problems_are_folded_with_errors_first_and_their_number_is_bounded(tmp_path):
    problems = [
        RowProblem(row=row, sku="S", column="Image", code="C", severity=severity, message="Says why.", value="v")
        for row, severity in [(2, Severity.WARNING), (3, Severity.ERROR)] + [(9, Severity.INFO)] * 1500
    ]
    html = write_report(run_report(sku_line(), problems=tuple(problems)), tmp_path).read_text(encoding="utf-8")
    rows = re.findall(r'<tr class="(\w+)"><td>(\w+)', html)
    assert rows[:3] == [("error", "3"), ("warning", "2"), ("info", "9")]
    assert len(rows) == report_html.PROBLEMS_SHOWN
    assert "1 error and 1,501 warnings and hints" in html
    assert "502 more" in html
    assert '<details class="rows">' in html


def test_run_without_skus_or_worries_says_so(tmp_path):
    words = page_of(run_report(), tmp_path).words
    assert "Nothing waits for a person." in words
    assert "No SKU was selected." in words


def test_thousand_skus_make_a_page_of_a_few_megabytes(tmp_path):
    photo, picture = draw(tmp_path / "p.jpg", 1, plain=False), draw(tmp_path / "m.png", 1, plain=True)
    lines = [sku_line(sku=f"S{n}", version=1, file=f"S{n}_V1.glb", photo=photo, picture=picture) for n in range(1000)]
    path = write_report(run_report(*lines), tmp_path / "report")
    assert path.stat().st_size < 4_000_000


def test_report_comes_last_leaves_no_parts_and_is_replaced_as_a_whole(tmp_path):
    folder = tmp_path / "deep" / "report"
    first = write_report(full_report(tmp_path), folder)
    assert first == folder / "report.html"
    write_report(run_report(sku_line(name="Another Chair")), folder)
    assert "Another Chair" in first.read_text(encoding="utf-8")
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
    assert first.stat().st_mode & 0o777 == 0o644


def test_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError) as caught:
        write_report(run_report(sku_line()), tmp_path / "file" / "report")
    assert caught.value.code == "REPORT_UNWRITABLE"
    assert "catalog3d status" in caught.value.fix
