"""People: who may do what, what names and passwords may look like, and whose a product's review is."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from catalog3d.errors import ProductError

MAX_NAME_CHARS = 64
"""The longest local part of a mail address (RFC 5321, 4.5.3.1.1): names of any directory fit."""

MIN_PASSWORD_CHARS = 15
"""For a password that nothing else backs up: NIST SP 800-63B-4 (2025), 3.1.1.2."""
MAX_PASSWORD_CHARS = 256
"""The same page wants at least 64 to be possible; more than this is no password."""
_MIN_OWN_CHARS = 6
"""Different characters that must be left once the words that everybody guesses are taken away (our choice)."""
_GUESSED = ("catalog3d", "password", "passwort", "1234567890", "qwertyuiop", "qwertzuiop", "abcdefghij")

MAX_DELEGATES = 5
"""How often a review may be handed on: a longer chain is a mistake."""

_NAME_SIGNS = "._-@+"
_LOOKALIKE_SCRIPTS = {"LATIN", "GREEK", "CYRILLIC"}


class Act(StrEnum):
    """Something that takes a role."""

    LOOK = "look"
    DECIDE = "decide"
    ORDER = "order"
    PUBLISH = "publish"
    RUN = "run"

    @property
    def words(self) -> str:
        """The act in a sentence."""
        return _WORDS[self]


class Role(StrEnum):
    """What a person may do; each role may all that the one before it may."""

    VIEWER = "viewer"
    REVIEWER = "reviewer"
    OPERATOR = "operator"

    def may(self, act: Act) -> bool:
        roles = list(Role)
        return roles.index(self) >= roles.index(least_role(act))


_LEAST = {
    Act.LOOK: Role.VIEWER,
    Act.DECIDE: Role.REVIEWER,
    Act.ORDER: Role.OPERATOR,
    Act.PUBLISH: Role.OPERATOR,
    Act.RUN: Role.OPERATOR,
}
_WORDS = {
    Act.LOOK: "look at the catalog",
    Act.DECIDE: "decide about models",
    Act.ORDER: "order what costs credits",
    Act.PUBLISH: "publish",
    Act.RUN: "run sheets",
}


def least_role(act: Act) -> Role:
    """The first role that may do this."""
    return _LEAST[act]


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody whose name stands in the record."""

    name: str
    role: Role

    def require(self, act: Act) -> None:
        """Raise ProductError ROLE_REFUSED if the role does not allow this."""
        if not self.role.may(act):
            raise ProductError(
                f"{self.name} is a {self.role.value} and may not {act.words}.",
                code="ROLE_REFUSED",
                fix=f"It takes the role {least_role(act).value}: "
                f"an operator gives it with `catalog3d user role {shlex.quote(self.name)} {least_role(act).value}`.",
            )


def clean_name(text: str) -> str:
    """A user's name as it is kept: lower case and without look-alikes, so that nobody can pass for somebody else.

    Raises:
        ProductError: NAME_INVALID.
    """
    name = _folded(text)
    letters = {unicodedata.name(sign, "").partition(" ")[0] for sign in name if sign.isalpha()}
    if not name or len(name) > MAX_NAME_CHARS:
        problem = f"must have 1 to {MAX_NAME_CHARS} characters"
    elif not name[0].isalnum() or not all(_is_of_words(sign) or sign in _NAME_SIGNS or sign == " " for sign in name):
        problem = f"starts with a letter or digit and has only letters, digits, spaces and {' '.join(_NAME_SIGNS)}"
    elif len(letters & _LOOKALIKE_SCRIPTS) > 1:
        problem = "must not mix letters of scripts that look alike"
    else:
        return name
    raise ProductError(f"A user's name {problem}.", code="NAME_INVALID", fix="For example: maria, or j.doe.")


def same_name(one: str, other: str) -> bool:
    """Whether a sheet, the rules or a login mean the same person."""
    return bool(one.strip()) and _folded(one) == _folded(other)


def clean_password(password: str, name: str) -> str:
    """A new password as it is hashed; what is typed at a login goes through `typed_password`.

    Raises:
        ProductError: PASSWORD_INVALID; the password is never shown.
    """
    password = typed_password(password)
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        problem = f"A password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters."
    elif any(unicodedata.category(sign) == "Cc" for sign in password):
        problem = "A password has no control characters."
    elif len(set(_without_guessed(password, name))) < _MIN_OWN_CHARS:
        problem = "That password is among the first that somebody would guess."
    else:
        return password
    raise ProductError(problem, code="PASSWORD_INVALID", fix="Four or five words that do not belong together are good.")


def typed_password(password: str) -> str:
    """The same characters however a keyboard composes them (NFC, as RFC 8265 has it)."""
    return unicodedata.normalize("NFC", password)


def delegate_of(delegates: Mapping[str, str], name: str) -> str:
    """Who decides in this person's stead: the end of the chain, or the person."""
    named = {_folded(absent): stand_in for absent, stand_in in delegates.items()}
    for _ in range(MAX_DELEGATES):
        if _folded(name) not in named:
            break
        name = named[_folded(name)]
    return name


def problem_of_delegates(delegates: Mapping[str, str]) -> str:
    """What is wrong with the delegates of the rules, or ""."""
    named: dict[str, str] = {}
    for absent, stand_in in delegates.items():
        if not _folded(absent) or not _folded(stand_in):
            return "a name is missing"
        if _folded(absent) in named:
            return f"{absent} has two delegates"
        named[_folded(absent)] = stand_in
    for absent in delegates:
        chain = [absent]
        while _folded(chain[-1]) in named:
            chain.append(named[_folded(chain[-1])])
            if any(same_name(chain[-1], earlier) for earlier in chain[:-1]):
                return f"{' -> '.join(chain)} goes in a circle"
            if len(chain) > MAX_DELEGATES + 1:
                return f"from {absent} on it is handed over more than {MAX_DELEGATES} times"
    return ""


def _is_of_words(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "LMN"


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(plain.split())


def _without_guessed(password: str, name: str) -> str:
    left = password.casefold()
    for word in (*_GUESSED, *(part for part in name.casefold().split() if len(part) > 2)):
        left = left.replace(word, "")
    return left
