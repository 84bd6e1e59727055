"""What changed between the brief of a model and the brief of today, in words for the team."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from catalog3d.brief import Brief
from catalog3d.product import Product
from catalog3d.wording import plain

_TEXT_SHOWN = 60


def what_changed(made_from: Brief, now: Brief, product: Product | None) -> tuple[str, str]:
    """(reason code, what changed) of two briefs that differ.

    Args:
        product: As the sheet has it now: names the files.
    """
    pictures = _pictures(made_from, now, product)
    prompt = _prompt(made_from, now)
    parameters = _parameters(made_from, now)
    code = "PHOTO_CHANGED" if pictures else "PROMPT_CHANGED" if prompt else "PARAMETERS_CHANGED"
    return code, " and ".join([*pictures, *prompt, *parameters]) or "the kind of request changed"


def _pictures(made_from: Brief, now: Brief, product: Product | None) -> list[str]:
    before = {picture.slot: picture.pixels_sha256 for picture in made_from.pictures}
    after = {picture.slot: picture.pixels_sha256 for picture in now.pictures}
    files = {view.slot.value: _file_name(view.location) for view in product.views} if product else {}
    said = []
    for slot in dict.fromkeys([*after, *before]):
        if before.get(slot) == after.get(slot):
            continue
        how = "changed" if slot in before and slot in after else "was added" if slot in after else "was taken away"
        file = f" ({files[slot]})" if slot in after and files.get(slot) else ""
        said.append(f"the {slot} photo{file} {how}")
    return said


def _prompt(made_from: Brief, now: Brief) -> list[str]:
    if made_from.prompt == now.prompt:
        return []
    if not (made_from.prompt and now.prompt):  # from words to photos or back: the pictures say so
        return ["the prompt was taken away" if made_from.prompt else "a prompt took the photo's place"]
    return [f'the prompt changed to "{plain(now.prompt, _TEXT_SHOWN)}"']


def _parameters(made_from: Brief, now: Brief) -> list[str]:
    before: dict[str, Any] = {"model": made_from.model, **dict(made_from.params)}
    after: dict[str, Any] = {"model": now.model, **dict(now.params)}
    if made_from.endpoint != now.endpoint:  # parameters that only one of them knows come and go with it
        shared = before.keys() & after.keys()
        before, after = ({name: values[name] for name in shared} for values in (before, after))
    names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    changes = ", ".join(f"{name} {_shown(before.get(name))} -> {_shown(after.get(name))}" for name in names)
    return [f"the rules changed ({changes})"] if changes else []


def _shown(value: Any) -> str:
    if value is None:
        return "unset"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _file_name(location: str) -> str:
    """The last part of a path or link, without the query: that may hold a signature."""
    path = unquote(urlsplit(location).path) if "://" in location else location
    return plain(PurePosixPath(path.replace("\\", "/")).name, _TEXT_SHOWN)
