"""Whatever Shopify, or something in its place, answers: an error of ours, and never a second attach."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog3d.adapters.shopify.answers import Media
from catalog3d.adapters.shopify.marks import sightings
from catalog3d.errors import Catalog3DError, TransientError
from tests.adapters.shopify.shopfront import item, publish
from tests.shopify_standin.app import ShopifyStandin

FIELDS = ["productVariants", "product", "stagedUploadsCreate", "productUpdate", "node"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
slow_ok = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def publish_with(shop: ShopifyStandin, folder: Path, field: str, change: Callable[[Any], bytes]) -> None:
    """A publication may end well or in an error of ours that says something; nothing else may come out."""
    shop.reset(shop.url)
    shop.store.add_product("modern-chair", "CH123")
    shop.instead = lambda asked, answer: change(answer) if asked == field else None
    with suppress(Catalog3DError):
        publish(shop, item(folder), deadline_s=5)
    assert shop.store.count("productUpdate") <= 1


@slow_ok
@given(field=st.sampled_from(FIELDS), answer=json_values)
def test_any_json_in_place_of_an_answer(shop: ShopifyStandin, tmp_path: Path, field: str, answer: Any) -> None:
    content = json.dumps({"data": answer} if isinstance(answer, dict) else answer).encode()
    publish_with(shop, tmp_path, field, lambda _: content)


@slow_ok
@given(field=st.sampled_from(FIELDS), content=st.binary(max_size=60))
def test_any_bytes_in_place_of_an_answer(shop: ShopifyStandin, tmp_path: Path, field: str, content: bytes) -> None:
    publish_with(shop, tmp_path, field, lambda _: content)


@slow_ok
@given(field=st.sampled_from(FIELDS), place=st.integers(0, 500), value=json_values)
def test_an_answer_with_any_one_value_changed(
    shop: ShopifyStandin, tmp_path: Path, field: str, place: int, value: Any
) -> None:
    def changed(answer: Any) -> bytes:
        document = copy.deepcopy(answer)
        places = list(all_places(document["data"]))
        holder, key = places[place % len(places)]
        holder[key] = value
        return json.dumps(document).encode()

    publish_with(shop, tmp_path, field, changed)


@slow_ok
@given(field=st.sampled_from(FIELDS), errors=json_values, extensions=json_values)
def test_any_errors_in_an_answer(
    shop: ShopifyStandin, tmp_path: Path, field: str, errors: Any, extensions: Any
) -> None:
    told = {"errors": [{"message": errors, "extensions": extensions}, errors], "extensions": extensions}
    publish_with(shop, tmp_path, field, lambda _: json.dumps(told).encode())


def all_places(value: Any) -> Any:
    """Every (holder, key) below a JSON value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(inner, dict | list):
            yield from all_places(inner)


def test_an_answer_without_end_is_not_read_to_its_end(shop: ShopifyStandin, tmp_path: Path) -> None:
    shop.instead = lambda _field, _answer: b" " * 6_000_000
    with pytest.raises(TransientError, match="does not end"):
        publish(shop, item(tmp_path))


@pytest.mark.parametrize("text", ["a" * 100_000, "a-" * 50_000, "~7e~" * 20_000, "x_" * 40_000])
def test_names_made_to_be_slow_are_looked_at_quickly(text: str) -> None:
    media = Media(id="gid://shopify/Model3d/1", alt=text, status="READY", media_content_type="MODEL_3D", filename=text)
    assert sightings([media] * 250, "catalog3d") == []
