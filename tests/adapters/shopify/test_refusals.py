"""Every way in which Shopify says no, and what an operator reads then."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from catalog3d.adapters.shopify.media_errors import MEDIA_ERRORS
from catalog3d.errors import ProductError, RunError, TransientError
from tests.adapters.shopify.shopfront import Clock, item, publish
from tests.shopify_standin.app import ShopifyStandin

DOCUMENTED = [
    "DUPLICATE_FILENAME_ERROR",
    "EXTERNAL_VIDEO_EMBED_DISABLED",
    "EXTERNAL_VIDEO_EMBED_NOT_FOUND_OR_TRANSCODING",
    "EXTERNAL_VIDEO_INVALID_ASPECT_RATIO",
    "EXTERNAL_VIDEO_NOT_FOUND",
    "EXTERNAL_VIDEO_UNLISTED",
    "FILE_STORAGE_LIMIT_EXCEEDED",
    "GENERIC_FILE_DOWNLOAD_FAILURE",
    "GENERIC_FILE_INVALID_SIZE",
    "IMAGE_DOWNLOAD_FAILURE",
    "IMAGE_PROCESSING_FAILURE",
    "INVALID_IMAGE_ASPECT_RATIO",
    "INVALID_IMAGE_FILE_SIZE",
    "INVALID_IMAGE_RESOLUTION",
    "INVALID_SIGNED_URL",
    "MEDIA_TIMEOUT_ERROR",
    "MODEL3D_GLB_OUTPUT_CREATION_ERROR",
    "MODEL3D_GLB_TO_USDZ_CONVERSION_ERROR",
    "MODEL3D_PROCESSING_FAILURE",
    "MODEL3D_THUMBNAIL_GENERATION_ERROR",
    "MODEL3D_THUMBNAIL_REGENERATION_ERROR",
    "MODEL3D_VALIDATION_ERROR",
    "UNKNOWN",
    "UNSUPPORTED_IMAGE_FILE_TYPE",
    "VIDEO_INVALID_FILETYPE_ERROR",
    "VIDEO_MAX_DURATION_ERROR",
    "VIDEO_MAX_HEIGHT_ERROR",
    "VIDEO_MAX_WIDTH_ERROR",
    "VIDEO_METADATA_READ_ERROR",
    "VIDEO_MIN_DURATION_ERROR",
    "VIDEO_MIN_HEIGHT_ERROR",
    "VIDEO_MIN_WIDTH_ERROR",
    "VIDEO_VALIDATION_ERROR",
]
"""`MediaErrorCode`, shopify.dev, 2026-10."""


def test_every_documented_media_error_is_known() -> None:
    assert sorted(MEDIA_ERRORS) == sorted(DOCUMENTED)


@pytest.mark.parametrize("code", [*DOCUMENTED, "ONE_OF_NEXT_YEAR"])
def test_a_media_error_is_a_sentence_with_a_fix_and_leaves_what_was_there(
    shop: ShopifyStandin, tmp_path: Path, code: str
) -> None:
    first = publish(shop, item(tmp_path))
    shop.store.fails_next = code
    with pytest.raises(ProductError) as caught:
        publish(shop, item(tmp_path, version=2, previous=first))
    error = caught.value
    assert error.code == f"SHOPIFY_{code if code in DOCUMENTED else 'UNKNOWN'}"
    assert error.message.startswith("Shopify could not make the model ready, because ")
    assert f"said by Shopify: {code} ({code})" in error.message
    assert error.fix
    assert list(shop.store.files) == [first.remote["media_id"]]
    publish(shop, item(tmp_path, version=2, previous=first))


def test_a_failed_model_that_cannot_be_deleted_is_deleted_the_next_time(
    shop: ShopifyStandin, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop.store.fails_next = "MODEL3D_PROCESSING_FAILURE"
    shop.fault("fileDelete", "denied")
    with pytest.raises(ProductError, match="could not process the model"):
        publish(shop, item(tmp_path))
    assert "stays in the store until the next try" in caplog.text
    placed = publish(shop, item(tmp_path))
    assert list(shop.store.files) == [placed.remote["media_id"]]


def test_the_models_of_the_plan_being_used_up_stops_the_channel(shop: ShopifyStandin, tmp_path: Path) -> None:
    shop.store.model_cap = 0
    with pytest.raises(RunError, match="as many 3D models and videos as its plan allows") as caught:
        publish(shop, item(tmp_path))
    assert caught.value.code == "SHOPIFY_PLAN_FULL"


def test_a_full_gallery_is_refused_in_the_words_of_shopify(shop: ShopifyStandin, tmp_path: Path) -> None:
    product = next(iter(shop.store.products.values()))
    for number in range(250):
        shop.store.add_file(product, kind="IMAGE", alt=str(number))
    with pytest.raises(ProductError, match="Exceeded the limit of media per product"):
        publish(shop, item(tmp_path))


def test_throttled_waits_until_the_bucket_holds_enough_and_goes_on(shop: ShopifyStandin, tmp_path: Path) -> None:
    clock = Clock()
    shop.fault("productUpdate", "throttled", times=2)
    publish(shop, item(tmp_path), clock=clock)
    assert clock.waits[:2] == [2.0, 2.0]  # 250 points are asked, 50 there, 100 come back a second
    assert shop.store.count("productUpdate") == 1


def test_429_waits_as_long_as_it_says(shop: ShopifyStandin, tmp_path: Path) -> None:
    clock = Clock()
    shop.fault("stagedUploadsCreate", "429", headers={"Retry-After": "7"})
    publish(shop, item(tmp_path), clock=clock)
    assert clock.waits[0] == 7.0


@pytest.mark.parametrize(("told_s", "times"), [("600", 1), ("2", 99)])
def test_who_is_throttled_for_long_is_told_to_try_again(
    shop: ShopifyStandin, tmp_path: Path, told_s: str, times: int
) -> None:
    shop.fault("productVariants", "429", times=times, headers={"Retry-After": told_s})
    with pytest.raises(TransientError) as caught:
        publish(shop, item(tmp_path))
    assert (caught.value.code, caught.value.retry_after_s) == ("SHOPIFY_THROTTLED", float(told_s))


@pytest.mark.parametrize("at", ["productVariants", "stagedUploadsCreate", "productUpdate"])
def test_a_missing_scope_is_named_and_stops_the_channel(shop: ShopifyStandin, tmp_path: Path, at: str) -> None:
    shop.fault(at, "denied")
    with pytest.raises(RunError, match="The app lacks the access scope write_products") as caught:
        publish(shop, item(tmp_path))
    assert caught.value.code == "SHOPIFY_SCOPE_MISSING"


def test_a_scope_that_the_token_lacks_is_named_before_anything_is_asked(shop: ShopifyStandin, tmp_path: Path) -> None:
    shop.scopes = "write_products,read_orders"
    with pytest.raises(RunError, match="lacks the access scope write_files"):
        publish(shop, item(tmp_path))
    assert shop.asked == ["token"]


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("402", '{"errors": "Unavailable Shop"}', "SHOPIFY_STORE_FROZEN"),
        ("403", "{}", "SHOPIFY_ACCESS_DENIED"),
        ("403", '{"errors": "requires merchant approval for write_products scope."}', "SHOPIFY_SCOPE_MISSING"),
        ("404", '{"errors": "Not Found"}', "SHOPIFY_NO_STORE"),
        ("423", "", "SHOPIFY_STORE_LOCKED"),
        ("430", "<html>", "SHOPIFY_REJECTED"),
        ("302", "", "SHOPIFY_REFUSED"),
        ("400", '{"errors": {"query": "Required"}}', "SHOPIFY_REFUSED"),
        ("inactive", "", "SHOPIFY_STORE_FROZEN"),
    ],
)
def test_what_concerns_the_whole_store_stops_the_channel(
    shop: ShopifyStandin, tmp_path: Path, kind: str, body: str, code: str
) -> None:
    shop.fault("productVariants", kind, body=body)
    with pytest.raises(RunError) as caught:
        publish(shop, item(tmp_path))
    assert caught.value.code == code
    assert caught.value.fix


@pytest.mark.parametrize("kind", ["500", "503", "408", "internal", "cut"])
@pytest.mark.parametrize("at", ["productVariants", "product", "stagedUploadsCreate", "node"])
def test_a_passing_failure_of_a_request_that_may_be_repeated_is_not_noticed(
    shop: ShopifyStandin, tmp_path: Path, at: str, kind: str
) -> None:
    shop.fault(at, kind, times=2)
    publish(shop, item(tmp_path))
    assert shop.store.count("productUpdate") == 1


@pytest.mark.parametrize("kind", ["500", "internal", "cut", "lost"])
def test_attaching_is_never_repeated_by_itself(shop: ShopifyStandin, tmp_path: Path, kind: str) -> None:
    shop.fault("productUpdate", kind)
    with pytest.raises(TransientError):
        publish(shop, item(tmp_path))
    assert shop.asked.count("productUpdate") == 1
    publish(shop, item(tmp_path))
    assert shop.store.count("productUpdate") == 1


@pytest.mark.parametrize(
    ("kind", "error", "code"),
    [
        ("503", TransientError, "SHOPIFY_STORAGE"),
        ("429", TransientError, "SHOPIFY_STORAGE"),
        ("cut", TransientError, "SHOPIFY_UNREACHABLE"),
        ("lost", TransientError, "SHOPIFY_UNREACHABLE"),
        ("403", ProductError, "SHOPIFY_UPLOAD_REFUSED"),
    ],
)
def test_an_upload_that_does_not_arrive_attaches_nothing(
    shop: ShopifyStandin, tmp_path: Path, kind: str, error: type[Exception], code: str
) -> None:
    shop.fault("storage", kind)
    with pytest.raises(error) as caught:
        publish(shop, item(tmp_path))
    assert getattr(caught.value, "code", "") == code
    assert shop.store.count("productUpdate") == 0
    publish(shop, item(tmp_path))


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/upload",
        "http://storage.googleapis.com/threed-models-production",
        "https://storage.googleapis.com.evil.example/x",
        "https://user:pass@storage.googleapis.com/x",
        "ftp://127.0.0.1/x",
        "",
    ],
)
def test_a_file_is_sent_to_shopifys_own_storage_only(shop: ShopifyStandin, tmp_path: Path, address: str) -> None:
    def elsewhere(field: str, answer: object) -> bytes | None:
        if field != "stagedUploadsCreate":
            return None
        target = {"url": address, "resourceUrl": "https://storage.googleapis.com/x", "parameters": []}
        staged = {"stagedTargets": [target], "userErrors": []}
        return re.sub(rb"'", b'"', repr({"data": {"stagedUploadsCreate": staged}}).encode())

    shop.instead = elsewhere
    with pytest.raises(ProductError) as caught:
        publish(shop, item(tmp_path))
    assert caught.value.code == "SHOPIFY_UPLOAD_HOST"
    assert "storage" not in shop.asked


def test_a_receiver_that_is_too_slow_is_given_up(shop: ShopifyStandin, tmp_path: Path) -> None:
    class Racing(Clock):
        def tick(self) -> float:
            self.now_s += 1.0
            return self.now_s

    clock = Racing()
    world = clock.world()
    object.__setattr__(world, "now", clock.tick)
    clock.world = lambda: world  # type: ignore[method-assign]
    with pytest.raises(TransientError, match="too slowly"):
        publish(shop, item(tmp_path), clock=clock, upload_s=0.5)


def test_an_older_version_than_asked_for_is_told_once(
    shop: ShopifyStandin, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop.answers_version = "2027-01"
    publish(shop, item(tmp_path))
    assert caplog.text.count("Shopify answers with API version 2027-01") == 1
