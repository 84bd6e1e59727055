"""The store in memory refuses what Shopify would refuse: otherwise its tests would prove nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from catalog3d.adapters.shopify import operations
from catalog3d.adapters.shopify.operations import Operation
from tests.shopify_standin.language import GraphqlSyntaxError, parse
from tests.shopify_standin.schema import InvalidRequestError, validate

OURS = [value for value in vars(operations).values() if isinstance(value, Operation)]


@pytest.mark.parametrize("operation", OURS, ids=lambda operation: operation.name)
def test_our_operations_have_the_names_they_are_sent_with(operation: Operation) -> None:
    assert parse(operation.text).name == operation.name


@pytest.mark.parametrize(
    "text", ["", "query", "query q {", "query q { }", "query q { a } query r { b }", "query q { a(%) }"]
)
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(GraphqlSyntaxError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "variables", "code"),
    [
        ("mutation m { productCreateMedia { media { id } } }", {}, "undefinedField"),
        ('query q { product(id: "gid://shopify/Product/1") { nosuch } }', {}, "undefinedField"),
        ('query q { product(id: "gid://shopify/Product/1") }', {}, "selectionMismatch"),
        ("query q { product { id } }", {}, "missingRequiredArguments"),
        ('query q { product(handle: "x") { id } }', {}, "argumentNotAccepted"),
        ('query q { product(id: "7") { id } }', {}, "INVALID_VARIABLE"),
        ("query q($id: String!) { product(id: $id) { id } }", {"id": "x"}, "variableMismatch"),
        ("query q($id: ID!) { product(id: $id) { id } }", {}, "INVALID_VARIABLE"),
        (
            "query q($id: ID!) { product(id: $id) { id } }",
            {"id": "gid://shopify/Product/1", "x": 1},
            "undeclaredVariable",
        ),
        ('query q { node(id: "gid://shopify/Product/1") { filename } }', {}, "undefinedField"),
        ('query q { node(id: "gid://shopify/Product/1") { ... on Vector3 { x } } }', {}, "cannotSpreadFragment"),
    ],
)
def test_what_the_schema_does_not_have_is_refused(text: str, variables: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        validate(parse(text), variables)
    assert caught.value.code == code


@pytest.mark.parametrize("change", [{"fileSize": 12}, {"resource": "MODEL3D"}, {"filename": None}, {"size": "1"}])
def test_a_staged_upload_has_the_documented_shape(change: dict[str, Any]) -> None:
    wanted = {"filename": "a.glb", "mimeType": "model/gltf-binary", "resource": "MODEL_3D", "fileSize": "12"}
    operation = parse(operations.STAGE.text)
    validate(operation, {"input": [wanted]})
    with pytest.raises(InvalidRequestError):
        validate(operation, {"input": [wanted | change]})


def test_only_attaching_is_not_repeatable() -> None:
    assert [operation.name for operation in OURS if not operation.repeatable] == ["attach"]
    assert dataclasses.is_dataclass(Operation)
