"""What the tests of the stages share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.catalogs import Shop, open_shop, with_key


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A team that pays Tripo, with one chair in its sheet."""
    with_key(monkeypatch)
    with open_shop(tmp_path) as opened:
        yield opened
