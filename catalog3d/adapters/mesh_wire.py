"""What travels between a run and its mesh child: JSON with its length in front. No pickles."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pydantic import TypeAdapter

from catalog3d.mesh.profiles import ProfileLimits
from catalog3d.product import Product
from catalog3d.quality import Check

LENGTH = struct.Struct(">I")
# A report has at most some hundred findings; what is longer is not one of ours.
MAX_MESSAGE_BYTES = 4 * 1024**2
READY = b'{"ready":true}'


@dataclass(frozen=True, kw_only=True)
class Order:
    """One file to look at.

    Attributes:
        path, picture: Absolute paths; picture None = draw none.
        limit_s: After about this long the child ends itself, should nobody else do it.
    """

    path: str
    profile: ProfileLimits
    product: Product | None
    picture: str | None
    size_px: int
    yaw_deg: float
    limit_s: float


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What became of the picture: the finding if it could not be drawn."""

    check: Check | None


ORDER: TypeAdapter[Order] = TypeAdapter(Order)
DRAWN: TypeAdapter[Drawn] = TypeAdapter(Drawn)


def framed(message: bytes) -> bytes:
    """A message as it is sent."""
    return LENGTH.pack(len(message)) + message
