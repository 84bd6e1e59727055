"""Reads a GraphQL document with one operation: the executable part of the language that clients of ours write.

After the grammar of the GraphQL specification (October 2021), section 2, without directives and fragment definitions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r"""(?P<space>[\s,\ufeff]+|\#[^\n]*)|(?P<spread>\.\.\.)|(?P<name>[_A-Za-z][_0-9A-Za-z]*)"""
    r"""|(?P<number>-?\d+(?:\.\d+)?)|(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<sign>[!$(){}\[\]:=@|&])"""
)


class GraphqlSyntaxError(Exception):
    """The document is not GraphQL, or uses what this server does not read."""


@dataclass(frozen=True)
class Variable:
    """`$name` where a value is expected."""

    name: str


@dataclass(frozen=True)
class Field:
    """A field that is asked for; `on` names the type of the inline fragment around it."""

    name: str
    alias: str
    arguments: Mapping[str, Any]
    fields: tuple[Field, ...] = ()
    on: str = ""


@dataclass(frozen=True)
class Operation:
    """A query or a mutation; `variables`: name -> type as written."""

    kind: str
    name: str
    variables: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()


def parse(text: str) -> Operation:
    """The one operation of a document.

    Raises:
        GraphqlSyntaxError: It is not one.
    """
    return _Reader(text).operation()


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise GraphqlSyntaxError(f"Unexpected character {text[at]!r}")
            at = found.end()
            if found.lastgroup != "space":
                self._tokens.append((str(found.lastgroup), found.group()))
        self._at = 0

    def operation(self) -> Operation:
        kind = self._name()
        if kind not in {"query", "mutation"}:
            raise GraphqlSyntaxError(f"Unexpected {kind}")
        name = self._name()
        variables: dict[str, str] = {}
        if self._take("("):
            while not self._take(")"):
                self._expect("$")
                variable = self._name()
                self._expect(":")
                variables[variable] = self._type()
        found = Operation(kind=kind, name=name, variables=variables, fields=self._selection(""))
        if self._at != len(self._tokens):
            raise GraphqlSyntaxError("More than one operation")
        return found

    def _selection(self, on: str) -> tuple[Field, ...]:
        self._expect("{")
        found: list[Field] = []
        while not self._take("}"):
            if self._take("..."):
                if self._name() != "on":
                    raise GraphqlSyntaxError("Only inline fragments are read")
                found += self._selection(self._name())
            else:
                found.append(self._field(on))
        if not found:
            raise GraphqlSyntaxError("Empty selection")
        return tuple(found)

    def _field(self, on: str) -> Field:
        alias = name = self._name()
        if self._take(":"):
            name = self._name()
        arguments: dict[str, Any] = {}
        if self._take("("):
            while not self._take(")"):
                argument = self._name()
                self._expect(":")
                arguments[argument] = self._value()
        fields = self._selection("") if self._next() == "{" else ()
        return Field(name=name, alias=alias, arguments=arguments, fields=fields, on=on)

    def _value(self) -> Any:
        if self._take("$"):
            return Variable(self._name())
        kind, text = self._any()
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "string":
            return text[1:-1]
        if kind == "name" and text in {"true", "false", "null"}:
            return {"true": True, "false": False, "null": None}[text]
        raise GraphqlSyntaxError(f"Unexpected {text}")

    def _type(self) -> str:
        if self._take("["):
            inner = f"[{self._type()}"
            self._expect("]")
            inner += "]"
        else:
            inner = self._name()
        return inner + ("!" if self._take("!") else "")

    def _next(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _any(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise GraphqlSyntaxError("Unexpected end")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, text: str) -> bool:
        taken = self._next() == text
        self._at += taken
        return taken

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise GraphqlSyntaxError(f"Expected {text}, found {self._next() or 'the end'}")

    def _name(self) -> str:
        kind, text = self._any()
        if kind != "name":
            raise GraphqlSyntaxError(f"Expected a name, found {text}")
        return text
