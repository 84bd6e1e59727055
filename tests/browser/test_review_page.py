"""What a reviewer sees and presses, with a real Chromium, a real server and models that are really drawn."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from catalog3d.asset import Asset
from catalog3d.errors import RunError
from catalog3d.review import viewer_setup
from catalog3d.status import Status
from tests.catalogs import with_key
from tests.postgres_server import lacking
from tests.processes.processes import eventually
from tests.review.gallery import BLOCK, DOUBT, WARNING, Gallery, open_gallery, served

pytestmark = pytest.mark.server

DRAWS = (
    "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
)  # fmt: skip
"""WebGL without a graphics card; Chromium alone would only warn, and one day refuse."""
LOOK_MS = 90_000
DESKTOP, PHONE = (1440, 900), (390, 844)
DRAWN = "() => { const model = document.querySelector('model-viewer'); return model.loaded && model.modelIsVisible }"


@pytest.fixture(scope="module")
def viewer() -> None:
    """The interactive viewer, fetched from npm if it is not there yet."""
    if viewer_setup.has_viewer():
        return
    try:
        viewer_setup.install_viewer()
    except RunError as error:
        lacking(str(error))


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The accessibility rules of axe-core as a script, fetched from npm in the pinned version."""
    npm = shutil.which("npm")
    if npm is None:
        lacking("npm is not installed")
    folder = tmp_path_factory.mktemp("axe")
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(Path(__file__).parent / "axe" / name, folder / name)
    command = [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        lacking(f"axe-core could not be fetched: {done.stderr[-300:]}")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="module")
def drawing_browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        lacking("no Chromium is installed")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=list(DRAWS))
        yield running
        running.close()


@pytest.fixture
def gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gallery]:
    with_key(monkeypatch)
    with open_gallery(tmp_path) as opened:
        yield opened


@pytest.fixture
def without_viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog3d.review.site.has_viewer", lambda: False)


@pytest.fixture
def url(gallery: Gallery) -> Iterator[str]:
    with served(gallery) as address:
        yield address


@pytest.fixture
def page(drawing_browser: Browser) -> Iterator[Page]:
    context = drawing_browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
    context.set_default_timeout(LOOK_MS)
    yield context.new_page()
    context.close()


def chairs(gallery: Gallery, count: int) -> list[Asset]:
    skus = [f"CH{number:03}" for number in range(count)]
    gallery.write(*({"SKU": sku, "Name": "Modern Dining Chair", "Dimensions": "45 x 50 x 90 cm"} for sku in skus))
    return [gallery.make(sku) for sku in skus]


def press(page: Page, key: str) -> None:
    """One key, and whatever page it leads to."""
    with page.expect_navigation():
        page.keyboard.press(key)


def pixels(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def red_share(page: Page) -> float:
    """How much of the model's pane shows the texture's red half."""
    shown = pixels(page.locator("model-viewer").screenshot())
    red, green, blue = (shown[..., channel] for channel in range(3))
    return float(((red > 80) & (red > 3 * green) & (red > 3 * blue)).mean())


def test_ten_green_models_are_decided_with_the_keyboard_alone_one_key_each(
    gallery: Gallery, url: str, page: Page, without_viewer: None
) -> None:
    chairs(gallery, 10)
    page.goto(f"{url}/queue")
    press(page, "Enter")
    for _ in range(8):
        press(page, "a")
    page.keyboard.press("r")
    press(page, "4")
    press(page, "a")
    page.get_by_text("Everything is decided").wait_for()
    said = [gallery.said(f"CH{number:03}") for number in range(10)]
    assert all(len(decisions) == 1 for decisions in said)
    assert sorted(decisions[0][0] for decisions in said) == ["approved"] * 9 + ["rejected"]
    assert [decisions[0][2] for decisions in said if decisions[0][2]] == ["WRONG_COLOR"]
    assert len(gallery.approved_files()) == 9


def test_the_model_is_really_drawn_with_its_texture_under_the_policy(
    gallery: Gallery, url: str, page: Page, viewer: None
) -> None:
    asset = chairs(gallery, 1)[0]
    said: list[ConsoleMessage] = []
    foreign: list[str] = []
    page.on("console", lambda message: said.append(message))  # noqa: PLW0108 - playwright marks what it is given
    page.on(
        "request",
        lambda request: None if request.url.startswith((url, "blob:", "data:")) else foreign.append(request.url),
    )
    page.goto(f"{url}/assets/{asset.id}")
    page.wait_for_function(DRAWN)
    page.keyboard.press("l")  # the side on which the texture's two colours meet
    assert eventually(lambda: red_share(page) > 0.01, within_s=60), "the texture is missing"
    shown = pixels(page.locator("model-viewer").screenshot())
    assert (np.abs(shown - 255).sum(axis=2) > 60).mean() > 0.05, "nothing but background"
    assert foreign == []
    assert [message.text for message in said if message.type == "error"] == []


def test_camera_overlay_and_size_answer_their_keys(gallery: Gallery, url: str, page: Page, viewer: None) -> None:
    asset = chairs(gallery, 1)[0]
    page.goto(f"{url}/assets/{asset.id}")
    page.wait_for_function(DRAWN)
    for key, orbit in (("l", "180deg"), ("b", "270deg"), ("t", "5deg"), ("f", "80deg")):
        page.keyboard.press(key)
        assert orbit in str(page.evaluate("document.querySelector('model-viewer').cameraOrbit"))
    page.get_by_text("Raw models have no scale").wait_for()
    page.keyboard.press("d")
    assert sorted(page.locator(".dim").all_text_contents()) == ["45.0 cm", "50.0 cm", "90.0 cm"]
    page.keyboard.press("o")
    assert page.locator("[data-overlay]").is_visible()
    page.keyboard.press("o")
    assert not page.locator("[data-overlay]").is_visible()


def test_without_the_viewer_the_page_draws_turns_and_says_so(
    gallery: Gallery, url: str, page: Page, without_viewer: None
) -> None:
    asset = chairs(gallery, 1)[0]
    page.goto(f"{url}/assets/{asset.id}")
    page.get_by_text("The interactive viewer is not installed").wait_for()
    page.keyboard.press("l")
    page.wait_for_function(
        "() => { const turn = document.querySelector('[data-turn]'); return turn.src.endsWith('/turned/90') && turn.complete && turn.naturalWidth }"
    )
    shown = pixels(page.locator("[data-turn]").screenshot())
    assert (np.abs(shown - 255).sum(axis=2) > 90).mean() > 0.05


def test_keys_wait_while_somebody_types_or_holds_ctrl_and_can_be_switched_off(
    gallery: Gallery, url: str, page: Page, without_viewer: None
) -> None:
    first, second = chairs(gallery, 2)
    page.goto(f"{url}/assets/{first.id}")
    page.keyboard.press("n")
    page.keyboard.type("a sad armrest")
    assert page.locator("textarea").input_value() == "a sad armrest"
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    page.keyboard.press("1")
    page.keyboard.press("2")
    page.keyboard.press("2")
    assert page.locator("[name=matches_photo][value=yes]").is_checked()
    assert page.locator("[name=proportions][value=no]").is_checked()
    page.keyboard.press("?")
    page.locator("[data-keys-switch]").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.wait_for_timeout(500)
    assert gallery.said("CH000") == []
    page.reload()
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url(f"**/assets/{second.id}?**")
    assert gallery.status("CH000") is Status.APPROVED


def test_a_decision_is_undone_with_one_key(gallery: Gallery, url: str, page: Page, without_viewer: None) -> None:
    first, second = chairs(gallery, 2)
    page.goto(f"{url}/assets/{first.id}")
    press(page, "a")
    page.wait_for_url(f"**/assets/{second.id}?**")
    press(page, "z")
    page.wait_for_url(f"**/assets/{first.id}?**")
    assert gallery.status("CH000") is Status.GENERATED
    assert gallery.approved_files() == []


def test_a_warning_takes_a_second_press_and_a_blocked_model_none(
    gallery: Gallery, url: str, page: Page, without_viewer: None
) -> None:
    gallery.write({"SKU": "W1"}, {"SKU": "X1"})
    warned, blocked = gallery.make("W1", WARNING), gallery.make("X1", BLOCK)
    page.goto(f"{url}/assets/{warned.id}")
    page.keyboard.press("a")
    page.get_by_text("Really approve with 1 warning?").wait_for()
    assert gallery.said("W1") == []
    press(page, "a")
    assert gallery.status("W1") is Status.APPROVED
    page.goto(f"{url}/assets/{blocked.id}")
    assert page.get_by_role("button", name="Approve").is_disabled()


def test_two_browsers_race_and_the_second_is_told_with_the_note_kept(
    gallery: Gallery, url: str, page: Page, drawing_browser: Browser, without_viewer: None
) -> None:
    asset = chairs(gallery, 1)[0]
    other = drawing_browser.new_page()
    for one in (page, other):
        one.goto(f"{url}/assets/{asset.id}")
    press(page, "a")
    other.keyboard.press("n")
    other.keyboard.type("Back leg missing")
    other.keyboard.press("Escape")
    other.keyboard.press("r")
    press(other, "1")
    other.get_by_role("heading", name="Somebody was faster").wait_for()
    assert "Approved by maria" in other.locator(".said").inner_text()
    assert other.locator("textarea").input_value() == "Back leg missing"
    assert len(gallery.said("CH000")) == 1
    other.get_by_role("button", name="Decide anyway").click()
    other.get_by_text("Everything is decided").wait_for()
    assert gallery.said("CH000")[1] == ("rejected", "maria", "WRONG_SHAPE", "Back leg missing")
    other.close()


def test_all_green_models_of_a_page_are_approved_together(
    gallery: Gallery, url: str, page: Page, without_viewer: None
) -> None:
    chairs(gallery, 3)
    gallery.write(*({"SKU": f"CH{number:03}"} for number in range(3)), {"SKU": "D9"})
    gallery.make("D9", DOUBT)
    page.goto(f"{url}/queue")
    page.get_by_label("All green on this page (3)").check()
    page.get_by_role("button", name="Approve 3 together…").click()
    page.get_by_role("button", name="Approve these 3 models").click()
    page.get_by_role("heading", name="3 models approved").wait_for()
    assert len(gallery.approved_files()) == 3
    assert gallery.said("D9") == []


def test_the_page_decides_without_javascript(gallery: Gallery, url: str, drawing_browser: Browser) -> None:
    first, second = chairs(gallery, 2)
    context = drawing_browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{url}/queue")
    page.get_by_role("link", name="CH000").click()
    page.get_by_role("button", name="Reject").click()
    assert gallery.said("CH000") == []
    page.get_by_label("The color looks wrong.").check()
    page.get_by_role("button", name="Reject").click()
    page.wait_for_url(f"**/assets/{second.id}?**done={first.id}")
    assert gallery.said("CH000")[0][2] == "WRONG_COLOR"
    context.close()


def test_pages_fit_the_width_of_a_desktop_and_of_a_phone(gallery: Gallery, url: str, page: Page, viewer: None) -> None:
    gallery.write({"SKU": "D9", "Name": "Lounge Armchair", "Owner": "Maria", "Dimensions": "45 x 50 x 90 cm"})
    gallery.make("D9", DOUBT, WARNING)
    asset = gallery.again("D9", DOUBT)
    for name, (width, height) in {"desktop": DESKTOP, "phone": PHONE}.items():
        page.set_viewport_size({"width": width, "height": height})
        for path in ("/queue", f"/assets/{asset.id}", "/nowhere"):
            page.goto(url + path)
            if path.startswith("/assets"):
                page.wait_for_function(DRAWN)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, name)
            if folder := os.environ.get("CATALOG3D_TEST_PICTURES"):
                page.screenshot(path=Path(folder) / f"review{path.replace('/', '-')}-{name}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_have_no_serious_accessibility_findings(
    gallery: Gallery, url: str, drawing_browser: Browser, axe: str, scheme: str, without_viewer: None
) -> None:
    gallery.write({"SKU": "D9", "Owner": "Maria", "Dimensions": "45 x 50 x 90 cm"}, {"SKU": "E1"})
    gallery.make("E1")
    gallery.make("D9", BLOCK, WARNING)
    asset = gallery.again("D9", DOUBT)
    context = drawing_browser.new_context(bypass_csp=True, color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()
    found: list[str] = []
    for path in ("/queue?owner=anybody", "/queue?text=zzz", f"/assets/{asset.id}", "/nowhere"):
        page.goto(url + path)
        page.evaluate(axe)
        broken = page.evaluate(
            "axe.run().then((said) => said.violations.map((rule) => [rule.impact, rule.id, rule.nodes[0].html]))"
        )
        found.extend(f"{path}: {rule}" for rule in broken if rule[0] in {"serious", "critical"})
    context.close()
    assert found == []
