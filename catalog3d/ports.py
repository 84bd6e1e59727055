"""What the stages need from the world, as protocols. `catalog3d.adapters` implements them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from catalog3d.brief import Brief
from catalog3d.product import ViewSource


@dataclass(frozen=True, kw_only=True)
class PreparedView:
    """A picture ready to be sent: fetched, bounded, upright, PNG or JPEG.

    Attributes:
        path: The file to upload.
        file_sha256: Of the source file as it came.
        pixels_sha256: Of the decoded pixels: what the brief's digest covers.
        mime: image/png or image/jpeg, of `path`.
    """

    slot: str
    path: Path
    file_sha256: str
    pixels_sha256: str
    mime: str
    width_px: int
    height_px: int
    size_bytes: int


class Pictures(Protocol):
    """Finds, fetches, checks and prepares views."""

    def pixels_sha256(self, view: ViewSource) -> str | None:
        """The pixel digest if it is known without network: a readable file, or a URL fetched before.

        Raises:
            ProductError: The file is missing or is not a usable picture.
        """

    def prepare(self, view: ViewSource) -> PreparedView:
        """Fetch and prepare one view (blocking; call it in a thread).

        Raises:
            ProductError: PHOTO_MISSING, PHOTO_UNREADABLE, PHOTO_TOO_LARGE, PHOTO_TOO_SMALL, URL_REFUSED.
            TransientError: The picture's server did not answer.
        """


class TaskState(StrEnum):
    """A generation task's state at the provider."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    BANNED = "banned"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        return self not in (TaskState.QUEUED, TaskState.RUNNING, TaskState.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class TaskDetail:
    """What the provider says about one task.

    Attributes:
        progress: 0 to 100.
        model_url: Signed and short-lived; "" until success. Never stored.
        credits_consumed: None if the answer does not say.
        echo: The request as the provider echoes it, flat values as text: evidence, never instructions.
    """

    task_id: str
    type: str
    state: TaskState
    progress: int = 0
    model_url: str = ""
    preview_url: str = ""
    credits_consumed: Decimal | None = None
    error_code: str = ""
    error_message: str = ""
    created_at: datetime | None = None
    echo: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class UsageRow:
    """One task of the account, as its usage lists it."""

    task_id: str
    type: str
    state: TaskState
    created_at: datetime | None
    credits_consumed: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Balance:
    """Credits available, and held by running tasks."""

    available: Decimal
    frozen: Decimal


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """The provider's answer to a paid POST.

    Attributes:
        server_date: The `Date` header, or None.
    """

    task_id: str
    request_id: str = ""
    trace_id: str = ""
    server_date: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Downloaded:
    """A result file on disk, checked and complete."""

    path: Path
    sha256: str
    size_bytes: int


MOST_LISTED_TASKS = 100
"""Most ids in one `tasks/list` call (Tripo v3 documentation)."""
MOST_USAGE_ROWS = 200
"""Most rows of one page of the account's usage (Tripo v3 documentation)."""


class Generator(Protocol):
    """A server that speaks Tripo's v3 API. All methods may raise RunError for a bad key."""

    async def balance(self) -> Balance: ...

    async def usage(self, limit: int = 50, offset: int = 0) -> Sequence[UsageRow]:
        """One page of the account's tasks (1 to 200 rows); no order is promised."""

    def server_now(self) -> datetime:
        """The provider's clock, as its last answer told it; ours before there was one."""

    async def upload(self, view: PreparedView) -> str:
        """Upload one picture; returns its file token. Waits as told on 429."""

    async def submit(self, brief: Brief, tokens: Mapping[str, str], model_seed: int) -> Submitted:
        """Send the paid POST, exactly once, on a fresh connection.

        Args:
            tokens: Slot -> file token.

        Raises:
            SubmissionUnknown: The request may have arrived, and no answer says what became of it.
            NotSentError: Surely nothing was created (connect error, 429): may be sent again.
            ProductError: The provider refused this input.
            RunError: Bad key; NO_CREDITS when the wallet is empty.
        """

    async def task(self, task_id: str) -> TaskDetail: ...

    async def tasks(self, task_ids: Sequence[str]) -> Mapping[str, TaskDetail]:
        """Up to 100 tasks in one call; ids that the provider missed are left out."""

    async def download(self, url: str, target: Path, max_bytes: int) -> Downloaded:
        """Fetch a result to `target` atomically: size and declared length are checked, GLB magic too for .glb.

        Raises:
            UrlExpiredError: Ask the task again for a fresh URL.
            TransientError: Truncated, slow or refused for now.
            ProductError: WRONG_FILE, FILE_TOO_LARGE.
        """

    async def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One object of the library.

    Attributes:
        sha256: Of the content; "" where the store does not know it.
    """

    key: str
    size_bytes: int
    sha256: str


class ObjectStore(Protocol):
    """A library's files: a local folder or an S3 bucket. Keys are ASCII, `/`-separated, never absolute.

    All methods block: call them in a thread. Every method may raise TransientError or RunError (STORE_*).
    """

    def check(self) -> None:
        """Fail within seconds, with one sentence, if the store cannot be written."""

    def put_new(self, key: str, content: bytes | Path, *, sha256: str, content_type: str) -> StoredObject:
        """Write once. The same content again is fine and changes nothing.

        Raises:
            ProductError: KEY_TAKEN if the key holds other content; CONTENT_CHANGED if `content` is not `sha256`.
        """

    def replace(self, key: str, content: bytes, *, content_type: str) -> StoredObject:
        """Write or overwrite, atomically: readers see the old or the new, never half."""

    def get(self, key: str, *, max_bytes: int) -> bytes | None:
        """The content, or None if there is no such key."""

    def fetch(self, key: str, target: Path, *, sha256: str) -> None:
        """Copy an object to a local file, atomically and verified."""

    def stat(self, key: str) -> StoredObject | None: ...

    def keys(self, prefix: str = "") -> Iterator[str]:
        """All keys below a prefix, sorted."""

    def delete(self, key: str) -> None:
        """Remove a key; a missing one is fine."""

    def location(self, key: str) -> str:
        """Where a person finds it: a file path or `s3://bucket/key`."""


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC time."""
