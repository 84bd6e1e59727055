"""The secret of a home: made once, and nobody else's to read."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from catalog3d.adapters.kept_secret import SECRET_BYTES, kept_secret
from catalog3d.errors import RunError


def test_a_secret_is_made_once_however_many_ask(tmp_path: Path) -> None:
    file = tmp_path / ".catalog3d" / "review.secret"
    with ThreadPoolExecutor(8) as pool:
        given = set(pool.map(lambda _: kept_secret(file), range(32)))
    assert len(given) == 1
    assert given == {kept_secret(file)} == {file.read_bytes()}
    assert len(file.read_bytes()) == SECRET_BYTES
    assert [path.name for path in file.parent.iterdir()] == ["review.secret"]


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    kept_secret(tmp_path / "secret")
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_two_homes_have_two_secrets(tmp_path: Path) -> None:
    assert kept_secret(tmp_path / "a") != kept_secret(tmp_path / "b")


@pytest.mark.parametrize(
    ("content", "mode"), [(b"", 0o600), (b"x" * 31, 0o600), (b"x" * 33, 0o600), (b"x" * 32, 0o644)]
)
def test_a_secret_that_is_damaged_or_shown_to_others_is_not_used(tmp_path: Path, content: bytes, mode: int) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    file.chmod(mode)
    with pytest.raises(RunError) as refused:
        kept_secret(file)
    assert refused.value.code == "SECRET_UNUSABLE"
    assert file.read_bytes() == content


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunError) as refused:
        kept_secret(tmp_path / "file" / "secret")
    assert refused.value.code == "SECRET_UNUSABLE"
