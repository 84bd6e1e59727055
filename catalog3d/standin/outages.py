"""What a client gets instead of a proper answer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable

from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from catalog3d.standin.answers import Refusal
from catalog3d.standin.wire import Dropped, Hanging

_PAGE = "<html><body><h1>Bad gateway</h1></body></html>"
_PORTAL = "<html><body>Please log in to the network</body></html>"
_HANG_S = 3600
_STORM_S = 1
"""A second: `Retry-After` has no shorter wait."""
_SLOW_PIECES, _SLOW_PAUSE_S = 20, 0.1
_PIECE = bytes(1_000_000)
_OVERSIZED_PIECES = 1000
_OVERSIZED_BYTES = 10_000_000_000


class Instead(Exception):  # noqa: N818 - an answer, not a failure of the server
    """A request that is answered with a fault; raised by the routes, answered by the app."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def answer_instead(fault: str, shown_now: float) -> Response:
    """The answer of a fault, or the refusal it stands for.

    Args:
        fault: As `faults.KINDS` names it, without `_after_create`.
        shown_now: Seconds since the epoch on the server's clock.

    Raises:
        Refusal: For `reject` and the storms.
    """
    kind, _, argument = fault.partition(":")
    if kind == "reject":
        raise Refusal(int(argument), "rejected by a fault", retry_after_s=1)
    if kind in {"storm", "storm_2000"}:
        raise Refusal(1007 if kind == "storm" else 2000, "a storm", retry_after_s=_STORM_S)
    if kind == "storm_reset":
        refusal = Refusal(1007, "a storm")
        refusal.headers |= {
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(math.ceil(shown_now) + _STORM_S),
        }
        raise refusal
    answers: dict[str, Callable[[], Response]] = {
        "drop": Dropped,
        "hang": lambda: Hanging(float(argument or _HANG_S)),
        "html": lambda: HTMLResponse(_PORTAL),
        "bad_json": lambda: Response('{"code":0,"status":"success","data":{"task_', media_type="application/json"),
        "no_id": lambda: JSONResponse({"code": 0, "status": "success", "data": {}}),
    }
    if kind in answers:
        return answers[kind]()
    return HTMLResponse(_PAGE, int(kind.removeprefix("http_")))


def download_with(fault: str, content: bytes, media_type: str) -> Response:
    """A result as a fault of its download sends it; "" = whole."""
    half = content[: len(content) // 2]
    answers: dict[str, Callable[[], Response]] = {
        "": lambda: Response(content, media_type=media_type),
        "truncate_download": lambda: Dropped(half, len(content)),
        "short_download": lambda: Response(half, media_type=media_type),
        "long_download": lambda: Response(content + half, media_type=media_type),
        "slow_download": lambda: StreamingResponse(_slowly(content), media_type=media_type),
        "stalled_download": lambda: StreamingResponse(_stalled(half), media_type=media_type),
        "oversized_download": lambda: StreamingResponse(_endless(content), media_type=media_type),
        "oversized_length": lambda: Dropped(content, _OVERSIZED_BYTES),
        "wrong_file": lambda: Response(b"Kaydara FBX Binary  \x00" + content, media_type=media_type),
        "wrong_type": lambda: HTMLResponse(_PORTAL),
        "url_403": lambda: Response("denied", status_code=403),
        "url_404": lambda: Response("not found", status_code=404),
        "url_503": lambda: HTMLResponse(_PAGE, 503),
    }
    return answers[fault]()


async def _slowly(content: bytes) -> AsyncIterator[bytes]:
    size = len(content) // _SLOW_PIECES + 1
    for start in range(0, len(content), size):
        yield content[start : start + size]
        await asyncio.sleep(_SLOW_PAUSE_S)


async def _stalled(content: bytes) -> AsyncIterator[bytes]:
    yield content
    await asyncio.sleep(3600)


async def _endless(content: bytes) -> AsyncIterator[bytes]:
    """No length is told, and a gigabyte comes after the file."""
    yield content
    for _ in range(_OVERSIZED_PIECES):
        yield _PIECE
        await asyncio.sleep(0)
