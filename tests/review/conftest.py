"""A small catalog with real models, and its review page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.catalogs import with_key
from tests.review.gallery import Gallery, Visitor, open_gallery, served


@pytest.fixture
def gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gallery]:
    with_key(monkeypatch)
    with open_gallery(tmp_path) as opened:
        yield opened


@pytest.fixture
def visitor(gallery: Gallery) -> Iterator[Visitor]:
    with served(gallery) as url, Visitor(url) as visiting:
        yield visiting
