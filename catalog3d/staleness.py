"""What changed between the brief of a model and the brief of today: as data, and in words for the team."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from catalog3d.brief import Brief
from catalog3d.product import Product
from catalog3d.wording import plain

_TEXT_SHOWN = 60


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing in which a model's brief and that of today differ: old beside new, for a page.

    Attributes:
        name: The photo's slot, the rule's name; "" for the prompt.
        before, after: Digests of a photo's pixels, the value of a rule, the words of a prompt; None where there was none.
        file: The photo's file as the sheet has it now.
    """

    kind: Literal["photo", "prompt", "rule"]
    name: str
    before: str | None
    after: str | None
    file: str = ""


def differences(made_from: Brief, now: Brief, product: Product | None) -> tuple[Difference, ...]:
    """Everything in which two briefs differ: photos first, in the order of the sheet's, then prompt and rules.

    Args:
        product: As the sheet has it now: names the files.
    """
    return (*_pictures(made_from, now, product), *_prompts(made_from, now), *_rules(made_from, now))


def what_changed(made_from: Brief, now: Brief, product: Product | None) -> tuple[str, str]:
    """(reason code, what changed) of two briefs that differ.

    Args:
        product: As the sheet has it now: names the files.
    """
    pictures = [_photo_said(one) for one in _pictures(made_from, now, product)]
    prompt = _prompt(made_from, now)
    parameters = _parameters(made_from, now)
    code = "PHOTO_CHANGED" if pictures else "PROMPT_CHANGED" if prompt else "PARAMETERS_CHANGED"
    return code, " and ".join([*pictures, *prompt, *parameters]) or "the kind of request changed"


def _pictures(made_from: Brief, now: Brief, product: Product | None) -> list[Difference]:
    before = {picture.slot: picture.pixels_sha256 for picture in made_from.pictures}
    after = {picture.slot: picture.pixels_sha256 for picture in now.pictures}
    files = {view.slot.value: _file_name(view.location) for view in product.views} if product else {}
    return [
        Difference(
            kind="photo",
            name=slot,
            before=before.get(slot),
            after=after.get(slot),
            file=files.get(slot, "") if slot in after else "",
        )
        for slot in dict.fromkeys([*after, *before])
        if before.get(slot) != after.get(slot)
    ]


def _photo_said(photo: Difference) -> str:
    how = "changed" if photo.before and photo.after else "was added" if photo.after else "was taken away"
    return f"the {photo.name} photo{f' ({photo.file})' if photo.file else ''} {how}"


def _prompts(made_from: Brief, now: Brief) -> list[Difference]:
    if made_from.prompt == now.prompt:
        return []
    return [Difference(kind="prompt", name="", before=made_from.prompt or None, after=now.prompt or None)]


def _prompt(made_from: Brief, now: Brief) -> list[str]:
    if made_from.prompt == now.prompt:
        return []
    if not (made_from.prompt and now.prompt):  # from words to photos or back: the pictures say so
        return ["the prompt was taken away" if made_from.prompt else "a prompt took the photo's place"]
    return [f'the prompt changed to "{plain(now.prompt, _TEXT_SHOWN)}"']


def _rules(made_from: Brief, now: Brief) -> list[Difference]:
    before: dict[str, Any] = {"model": made_from.model, **dict(made_from.params)}
    after: dict[str, Any] = {"model": now.model, **dict(now.params)}
    if made_from.endpoint != now.endpoint:  # parameters that only one of them knows come and go with it
        shared = before.keys() & after.keys()
        before, after = ({name: values[name] for name in shared} for values in (before, after))
    return [
        Difference(kind="rule", name=name, before=_value(before.get(name)), after=_value(after.get(name)))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _parameters(made_from: Brief, now: Brief) -> list[str]:
    changes = ", ".join(
        f"{rule.name} {rule.before or 'unset'} -> {rule.after or 'unset'}" for rule in _rules(made_from, now)
    )
    return [f"the rules changed ({changes})"] if changes else []


def _value(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _file_name(location: str) -> str:
    """The last part of a path or link, without the query: that may hold a signature."""
    path = unquote(urlsplit(location).path) if "://" in location else location
    return plain(PurePosixPath(path.replace("\\", "/")).name, _TEXT_SHOWN)
