"""The part of Shopify's schema that the server knows, and the rules of GraphQL that a request must keep.

Types, fields, arguments and nullability as shopify.dev documents them for 2026-10 (read 2026-11-24).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.shopify_standin.language import Field, Operation, Variable

# type -> field -> (type of the field, arguments)
TYPES: dict[str, dict[str, tuple[str, dict[str, str]]]] = {
    "QueryRoot": {
        "product": ("Product", {"id": "ID!"}),
        "productByIdentifier": ("Product", {"identifier": "ProductIdentifierInput!"}),
        "productVariants": (
            "ProductVariantConnection!",
            {"first": "Int", "after": "String", "query": "String", "reverse": "Boolean"},
        ),
        "node": ("Node", {"id": "ID!"}),
    },
    "Mutation": {
        "stagedUploadsCreate": ("StagedUploadsCreatePayload", {"input": "[StagedUploadInput!]!"}),
        "productUpdate": ("ProductUpdatePayload", {"product": "ProductUpdateInput", "media": "[CreateMediaInput!]"}),
        "fileDelete": ("FileDeletePayload", {"fileIds": "[ID!]!"}),
    },
    "Product": {
        "id": ("ID!", {}),
        "handle": ("String!", {}),
        "title": ("String!", {}),
        "onlineStoreUrl": ("URL", {}),
        "media": ("MediaConnection!", {"first": "Int", "after": "String"}),
    },
    "ProductVariantConnection": {"nodes": ("[ProductVariant!]!", {}), "pageInfo": ("PageInfo!", {})},
    "ProductVariant": {"id": ("ID!", {}), "sku": ("String", {}), "product": ("Product!", {})},
    "MediaConnection": {"nodes": ("[Media!]!", {}), "pageInfo": ("PageInfo!", {})},
    "PageInfo": {"hasNextPage": ("Boolean!", {}), "endCursor": ("String", {})},
    "Node": {"id": ("ID!", {})},
    "Media": {
        "id": ("ID!", {}),
        "alt": ("String", {}),
        "status": ("MediaStatus!", {}),
        "mediaContentType": ("MediaContentType!", {}),
        "mediaErrors": ("[MediaError!]!", {}),
    },
    "MediaError": {"code": ("MediaErrorCode!", {}), "details": ("String", {}), "message": ("String!", {})},
    "Model3dBoundingBox": {"size": ("Vector3!", {})},
    "Vector3": {"x": ("Float!", {}), "y": ("Float!", {}), "z": ("Float!", {})},
    "StagedUploadsCreatePayload": {
        "stagedTargets": ("[StagedMediaUploadTarget!]", {}),
        "userErrors": ("[UserError!]!", {}),
    },
    "StagedMediaUploadTarget": {
        "url": ("URL", {}),
        "resourceUrl": ("URL", {}),
        "parameters": ("[StagedUploadParameter!]!", {}),
    },
    "StagedUploadParameter": {"name": ("String!", {}), "value": ("String!", {})},
    "ProductUpdatePayload": {"product": ("Product", {}), "userErrors": ("[UserError!]!", {})},
    "FileDeletePayload": {"deletedFileIds": ("[ID!]", {}), "userErrors": ("[FilesUserError!]!", {})},
    "UserError": {"field": ("[String!]", {}), "message": ("String!", {})},
    "FilesUserError": {"field": ("[String!]", {}), "message": ("String!", {}), "code": ("FilesErrorCode", {})},
}
TYPES["Model3d"] = {
    **TYPES["Media"],
    "filename": ("String!", {}),
    "boundingBox": ("Model3dBoundingBox", {}),
}
TYPES["MediaImage"] = {**TYPES["Media"]}
POSSIBLE = {"Media": {"Model3d", "MediaImage"}, "Node": {"Model3d", "MediaImage", "Product"}}
INPUTS: dict[str, dict[str, str]] = {
    "ProductIdentifierInput": {"id": "ID", "handle": "String"},
    "StagedUploadInput": {
        "filename": "String!",
        "mimeType": "String!",
        "resource": "StagedUploadTargetGenerateUploadResource!",
        "fileSize": "UnsignedInt64",
        "httpMethod": "StagedUploadHttpMethodType",
    },
    "ProductUpdateInput": {"id": "ID", "title": "String"},
    "CreateMediaInput": {"originalSource": "String!", "alt": "String", "mediaContentType": "MediaContentType!"},
}
ENUMS = {
    "StagedUploadTargetGenerateUploadResource": {"MODEL_3D", "IMAGE", "VIDEO", "FILE", "PRODUCT_IMAGE"},
    "StagedUploadHttpMethodType": {"POST", "PUT"},
    "MediaContentType": {"MODEL_3D", "IMAGE", "VIDEO", "EXTERNAL_VIDEO"},
}
_GID = re.compile(r"gid://shopify/\w+/\d+")


class InvalidRequestError(Exception):
    """A request that Shopify would answer with a top-level error.

    Args:
        code: What stands in `extensions`.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def validate(operation: Operation, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Check fields, arguments and variables against the schema; the variables, completed with nulls.

    Raises:
        InvalidRequestError: As Shopify would refuse it.
    """
    values: dict[str, Any] = {}
    for name, written in operation.variables.items():
        values[name] = variables.get(name)
        check_value(values[name], written, f"${name}")
    unknown = variables.keys() - operation.variables.keys()
    if unknown:
        raise InvalidRequestError(f"Variables that are not declared: {sorted(unknown)}", "undeclaredVariable")
    used: set[str] = set()
    root = "QueryRoot" if operation.kind == "query" else "Mutation"
    _check_fields(operation, operation.fields, root, used)
    if operation.variables.keys() - used:
        raise InvalidRequestError(
            f"Variables that are not used: {sorted(operation.variables.keys() - used)}", "variableNotUsed"
        )
    return values


def _check_fields(operation: Operation, fields: tuple[Field, ...], type_name: str, used: set[str]) -> None:
    for asked in fields:
        holder = asked.on or type_name
        if asked.on and asked.on != type_name and asked.on not in POSSIBLE.get(type_name, set()):
            raise InvalidRequestError(
                f"Fragment on {asked.on} can't be spread inside {type_name}", "cannotSpreadFragment"
            )
        if asked.name not in TYPES.get(holder, {}):
            raise InvalidRequestError(f"Field '{asked.name}' doesn't exist on type '{holder}'", "undefinedField")
        kind, arguments = TYPES[holder][asked.name]
        _check_arguments(operation, asked, arguments, used)
        inner = bare(kind)
        if bool(asked.fields) != (inner in TYPES):
            raise InvalidRequestError(f"Field '{asked.name}' has the wrong kind of selection", "selectionMismatch")
        _check_fields(operation, asked.fields, inner, used)


def _check_arguments(operation: Operation, asked: Field, known: Mapping[str, str], used: set[str]) -> None:
    for name, value in asked.arguments.items():
        if name not in known:
            raise InvalidRequestError(f"Field '{asked.name}' doesn't accept argument '{name}'", "argumentNotAccepted")
        if isinstance(value, Variable):
            used.add(value.name)
            written = operation.variables.get(value.name)
            if written is None:
                raise InvalidRequestError(f"Variable ${value.name} is not declared", "variableNotDefined")
            if written not in {known[name], f"{known[name]}!"}:
                raise InvalidRequestError(
                    f"Type mismatch on ${value.name}: {written} / {known[name]}", "variableMismatch"
                )
        else:
            check_value(value, known[name], name)
    missing = [name for name, kind in known.items() if kind.endswith("!") and name not in asked.arguments]
    if missing:
        raise InvalidRequestError(
            f"Field '{asked.name}' is missing required arguments: {missing}", "missingRequiredArguments"
        )


def check_value(value: Any, written: str, where: str) -> None:
    """Whether a JSON value is of a type as written in GraphQL.

    Raises:
        InvalidRequestError: It is not.
    """
    if written.endswith("!"):
        if value is None:
            raise InvalidRequestError(f"Expected {where} to be a non-null value", "INVALID_VARIABLE")
        written = written[:-1]
    if value is None:
        return
    if written.startswith("["):
        for index, inner in enumerate(value if isinstance(value, list) else [value]):
            check_value(inner, written[1:-1], f"{where}[{index}]")
        return
    if written in INPUTS:
        known = INPUTS[written]
        if not isinstance(value, Mapping) or value.keys() - known.keys():
            raise InvalidRequestError(f"{where} is not a {written}: {value}", "INVALID_VARIABLE")
        for name, kind in known.items():
            check_value(value.get(name), kind, f"{where}.{name}")
        return
    fits = {
        "ID": lambda: isinstance(value, str) and bool(_GID.fullmatch(value)),
        "String": lambda: isinstance(value, str),
        "Int": lambda: isinstance(value, int) and not isinstance(value, bool),
        "UnsignedInt64": lambda: isinstance(value, str) and value.isdecimal(),
    }.get(written, lambda: value in ENUMS.get(written, set()))
    if not fits():
        raise InvalidRequestError(f"{where}: {value!r} is not a {written}", "INVALID_VARIABLE")


def bare(kind: str) -> str:
    """The type's name without list and null marks."""
    return kind.strip("[]!")


def shaped(fields: tuple[Field, ...], value: Any, values: Mapping[str, Any]) -> Any:
    """What was asked for of a value, and no more; `value` gives fields by name, or a function of the arguments."""
    if value is None or not fields:
        return value
    if isinstance(value, list):
        return [shaped(fields, inner, values) for inner in value]
    found = {}
    for asked in fields:
        if asked.on and value["__typename"] != asked.on:
            continue
        inner = value[asked.name]
        if callable(inner):
            given = {
                name: values[text.name] if isinstance(text, Variable) else text
                for name, text in asked.arguments.items()
            }
            inner = inner(**given)
        found[asked.alias] = shaped(asked.fields, inner, values)
    return found
