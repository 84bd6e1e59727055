"""What travels between a run and its mesh child: JSON with its length in front. No pickles."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pydantic import Base64Bytes, TypeAdapter

from catalog3d.mesh.profiles import ProfileLimits
from catalog3d.product import Dimensions
from catalog3d.quality import Check

LENGTH = struct.Struct(">I")
# A report has at most some hundred findings; what is longer is not one of ours.
MAX_MESSAGE_BYTES = 4 * 1024**2
READY = b'{"ready":true}'


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture to draw.

    Attributes:
        path: Absolute, of a file that does not exist yet; the parent puts it in place, or away.
        kind: "PNG" or "JPEG".
        yaw_deg: Turn of the camera from the model's front.
    """

    path: Base64Bytes
    kind: str
    size_px: int
    yaw_deg: float


@dataclass(frozen=True, kw_only=True)
class Order:
    """One file to look at. Paths are bytes: a file name need not be text.

    Attributes:
        path: Absolute.
        picture: None = draw none.
        limit_s: After about this long the child ends itself, should nobody else do it.
    """

    path: Base64Bytes
    profile: ProfileLimits
    dimensions: Dimensions | None
    picture: Picture | None
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
