"""One request that was let in, and what decides who is."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastapi import Request

from catalog3d.adapters.registry.users import UserRecord
from catalog3d.people import Person
from catalog3d.review.attempts import LoginLimits
from catalog3d.review.links import Signer
from catalog3d.review.policy import AccessPolicy


@dataclass(frozen=True, kw_only=True)
class Access:
    """What decides who is let in."""

    users: UserRecord
    policy: AccessPolicy
    signer: Signer
    limits: LoginLimits

    def cookie(self, request: Request, what: str) -> str:
        """The name of a cookie; over https one that no other host of the domain can set."""
        prefix = "__Host-" if self.policy.is_https(request.url.scheme) else ""
        return f"{prefix}catalog3d-{self.signer.cookie_tag()}-{what}"


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One request that was let in.

    Attributes:
        person: Whose it is; None on the login page and for what is open to all.
        token: Of their session; "" where nobody had to log in.
        browser: What the token of a form is bound to.
        is_new: Whether the browser has yet to be told that.
        is_open: Whether it needs nobody to be logged in.
    """

    person: Person | None = None
    token: str = field(default="", repr=False)
    browser: str = field(default="", repr=False)
    is_new: bool = False
    is_open: bool = False


def visit_of(request: Request) -> Visit:
    """What the gate found out about this request; nothing if it failed itself."""
    visit: Visit = getattr(request.state, "visit", Visit())
    return visit
