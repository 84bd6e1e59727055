"""The six questions that a reviewer answers about a model, and how a form sends the answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question of the checklist.

    Attributes:
        code: Its name in forms and records.
        reason: The reason of a rejection that a bad answer suggests, "" for none.
        good: The answer that speaks for the model.
    """

    code: str
    text: str
    reason: str = ""
    good: bool = True


QUESTIONS = (
    Question(code="matches_photo", text="Does it match the photo?", reason="WRONG_SHAPE"),
    Question(code="proportions", text="Are the proportions right?", reason="WRONG_PROPORTIONS"),
    Question(code="material_color", text="Are material and color right?", reason="WRONG_MATERIAL"),
    Question(code="format", text="Is it the right format?", reason="FILE_PROBLEM"),
    Question(code="file_size", text="Is the file small enough?", reason="FILE_PROBLEM"),
    Question(code="another_version", text="Does it need another version?", good=False),
)
_ANSWERS = {"yes": True, "no": False}


def answers_of(form: Mapping[str, object]) -> dict[str, bool]:
    """The questions that were answered in a form; anything else in it is left out."""
    found = {question.code: _ANSWERS.get(str(form.get(question.code, ""))) for question in QUESTIONS}
    return {code: answer for code, answer in found.items() if answer is not None}
