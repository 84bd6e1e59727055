"""How the command line ends when something goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from catalog3d.cli.errors import sentence_on_error
from catalog3d.errors import RunError


def test_an_error_of_ours_is_a_sentence_and_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, sentence_on_error(json_=False):
        raise RunError("There is no sheet.", code="SHEET_MISSING", fix="Check the name.")
    assert ended.value.exit_code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "SHEET_MISSING  There is no sheet." in said.err
    assert "Check the name." in said.err


def test_json_callers_get_one_document_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), sentence_on_error(json_=True):
        raise RunError("There is no sheet.", code="SHEET_MISSING", fix="Check the name.")
    said = capsys.readouterr()
    expected = {"error": {"code": "SHEET_MISSING", "message": "There is no sheet.", "fix": "Check the name."}}
    assert json.loads(said.out) == expected
    assert said.err == ""


def test_a_defect_is_a_sentence_too_and_its_traceback_goes_to_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, sentence_on_error(json_=True):
        raise KeyError("gone")
    assert ended.value.exit_code == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "UNEXPECTED"
    assert "Traceback" not in error["message"]
    report = Path(error["fix"].rpartition(": ")[2])
    assert "KeyError: 'gone'" in report.read_text()
    report.unlink()


def test_an_exit_that_was_meant_passes_through() -> None:
    with pytest.raises(typer.Exit) as ended, sentence_on_error(json_=False):
        raise typer.Exit(1)
    assert ended.value.exit_code == 1
