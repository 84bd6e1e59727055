"""The error class is the policy, and every error survives a trip through pickle."""

from __future__ import annotations

import pickle

import pytest

from catalog3d import errors
from catalog3d.errors import Catalog3DError, TransientError

ALL = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Catalog3DError)]


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_an_error_survives_pickle_with_everything_it_knows(cls: type[Catalog3DError]) -> None:
    error = cls("It broke.", code="BROKEN", fix="Mend it.", sku="CH123", details={"http_status": "500"})
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(back) is cls
    assert (str(back), back.code, back.fix, back.sku, back.details) == (
        str(error),
        "BROKEN",
        "Mend it.",
        "CH123",
        {"http_status": "500"},
    )


def test_a_transient_error_keeps_how_long_to_wait() -> None:
    error = pickle.loads(pickle.dumps(TransientError("Slow down.", retry_after_s=7.5)))  # noqa: S301
    assert error.retry_after_s == 7.5


def test_the_sentence_names_sku_what_and_fix() -> None:
    assert str(Catalog3DError("It broke.", fix="Mend it.", sku="CH123")) == "CH123: It broke. Mend it."


def test_naming_the_sku_keeps_one_that_is_already_named() -> None:
    assert Catalog3DError("x", sku="A").for_sku("B").sku == "A"
