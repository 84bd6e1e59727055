"""The six questions that a reviewer answers about a model, and how a form sends the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from catalog3d.asset import CHECKLIST


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question of the checklist.

    Attributes:
        code: Its name in forms and records.
        good: The answer that speaks for the model.
    """

    code: str
    text: str
    good: bool = True


QUESTIONS = tuple(Question(code=code, text=text, good=code != "another_version") for code, text in CHECKLIST.items())
_ANSWERS = {"yes": True, "no": False}


def answers_of(form: Mapping[str, object]) -> dict[str, bool]:
    """The questions that were answered in a form; anything else in it is left out."""
    found = {question.code: _ANSWERS.get(str(form.get(question.code, ""))) for question in QUESTIONS}
    return {code: answer for code, answer in found.items() if answer is not None}
