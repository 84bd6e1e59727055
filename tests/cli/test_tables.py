from __future__ import annotations

import io
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, RenderableType

from catalog3d.cli.tables import mapping_table, problems_table, report_table, summary
from catalog3d.product import RowProblem, Severity
from catalog3d.status import Status
from tests.sample_report import NAMES, full_report, run_report, sku_line


def shown(renderable: RenderableType, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), record=True, force_terminal=True)
    console.print(renderable)
    return console.export_text()


def words(renderable: RenderableType, width: int = 80) -> str:
    return " ".join(shown(renderable, width).split())


def problem(row: int = 2, severity: Severity = Severity.ERROR, **fields: str) -> RowProblem:
    given = {"sku": "CH123", "column": "Image", "code": "C", "message": "The photo is missing.", "value": "a.jpg"}
    return RowProblem(row=row, severity=severity, **given | fields)


@pytest.mark.parametrize("width", [60, 80, 100, 130, 200])
def test_everything_fits_the_width(tmp_path, width):
    report = full_report(tmp_path)
    mapping = {"sku": "Variant SKU", "image": "Image Src"}
    for part in (report_table(report), summary(report), problems_table(report.problems), mapping_table(mapping, "x")):
        assert max(cell_len(line) for line in shown(part, width).splitlines()) <= width


def test_report_names_sku_status_version_file_and_what_to_do_at_any_width(tmp_path):
    report = full_report(tmp_path)
    for width in (80, 160):
        text = words(report_table(report), width)
        assert "CH123" in text
        assert "✓ Generated V1" in text
        assert "CH123_ModernDiningChair_V1_GLB.glb" in text
        assert "✕ Failed" in text
    assert "catalog3d rerun --sku VS415 tries the same one again." in words(report_table(report))
    assert "look, then approve or reject" in words(report_table(report), 160)


def test_those_who_need_a_person_lead_the_table_then_those_not_done(tmp_path):
    text = shown(report_table(full_report(tmp_path)), 160)
    known = {sku for sku, _ in NAMES}
    skus = [
        first for line in text.splitlines() if (first := line.split(maxsplit=1)[0] if line.strip() else "") in known
    ]
    assert skus[:9] == ["VS415", "DK900", "MG101", "OT205", "TB201", "ST612", "CL118", "BX077", "CH123"]


def test_long_table_ends_with_how_many_more_and_drops_nobody_who_needs_a_person():
    lines = [sku_line(sku=f"S{number:03}") for number in range(60)]
    lines.append(sku_line(sku="LAST", status=Status.FAILED, reason="TASK_FAILED"))
    text = shown(report_table(run_report(*lines, html="/shop/report.html")))
    assert "LAST" in text
    assert "and 21 more in report.html" in text
    assert "S038" in text
    assert "S039" not in text
    assert "catalog3d status" in shown(report_table(run_report(*lines)))


def test_summary_says_result_credits_place_and_next_steps(tmp_path):
    text = words(summary(full_report(tmp_path)))
    assert "8 generated, 6 need a person, 2 not done yet in 6 min 12 s." in text
    assert "390 stand-in credits spent, 420 estimated (30 less), 9,610 left; no approved model yet." in text
    assert "/shop/reports/20261122-120000-7f3a/report.html" in text
    assert "/shop/furniture.rehearsal.csv" in text
    assert "catalog3d sync merges them" in text
    assert "Open report.html, look at each model beside its photo, then catalog3d approve CH123." in text
    assert "Use your own sheet: catalog3d check my-sheet.csv" in text
    assert "6 SKUs need a person" in text


def test_rehearsal_is_named_as_such_and_a_tripo_run_is_not(tmp_path):
    assert "these are not Tripo models and cost nothing" in words(summary(full_report(tmp_path)))
    real = words(summary(full_report(tmp_path, "tripo")))
    assert "stand-in" not in real
    assert "390 credits spent" in real


def test_unknown_balance_is_said_and_not_shown_as_zero():
    text = words(summary(run_report(sku_line(), balance=None, credits_spent=Decimal("0.5"), generator="tripo")))
    assert "0.50 credits spent, 420 estimated (419.50 less), balance unknown;" in text


def test_each_category_and_what_an_approved_model_has_cost_are_told():
    lines = [
        sku_line(category="Chairs", estimated=Decimal(30), credits=Decimal(30)),
        sku_line(category="chairs", estimated=Decimal(30), credits=Decimal(45)),
        sku_line(category="Lamps", estimated=Decimal(50)),
        sku_line(category=""),
    ]
    report = run_report(*lines, generator="tripo", spent_so_far=Decimal(200), approved=3, credits_spent=Decimal(450))
    text = words(summary(report))
    assert "450 credits spent, 420 estimated (30 more), 9,610 left; 66.67 per approved model so far." in text
    assert "Category SKUs Models paid Estimated Spent" in text
    assert "Chairs 2 2 60 75" in text
    assert "Lamps 1 0 50 0" in text


def test_one_category_needs_no_table():
    assert "Models paid" not in words(summary(run_report(sku_line(estimated=Decimal(30)), sku_line(category="A"))))


def test_run_without_a_new_model_does_not_send_anyone_to_approve():
    text = words(summary(run_report(sku_line(status=Status.FAILED, reason="TASK_FAILED"), generator="tripo")))
    assert "catalog3d approve" not in text
    assert "1 SKU needs a person" in text


def test_problems_come_errors_first_with_row_and_value():
    text = shown(
        problems_table([problem(9, Severity.WARNING), problem(7), problem(0, Severity.INFO, column="Colour 2")])
    )
    assert [text.index(mark) for mark in ("✕", "!", "i ")] == sorted(text.index(mark) for mark in ("✕", "!", "i "))
    assert text.index(" 7 ") < text.index(" 9 ") < text.index("all")
    assert "a.jpg" in text
    assert "1 error, 1 warning." in text


def test_problems_stop_at_fifty_with_a_count():
    text = shown(problems_table([problem(row) for row in range(2, 102)]), 120)
    assert text.count("The photo is missing.") == 50
    assert "100 errors, 0 warnings; 50 more are not shown" in text
    assert "--json" in text


def test_a_field_that_many_rows_leave_blank_is_one_line_that_names_the_rows():
    blank = {"column": "Material", "value": "", "message": "The material is blank: it is only said."}
    rows = [problem(row, Severity.WARNING, sku=f"S{row}", **blank) for row in (2, 3, 4, 9)]
    text = words(problems_table([*rows, problem(5), problem(6)]), 120)
    assert text.count("The material is blank") == 1
    assert "4 rows Material ! The material is blank: it is only said. Rows 2 to 4, 9." in text
    assert text.count("The photo is missing.") == 2
    assert "2 errors, 4 warnings." in text


def test_warnings_about_different_cells_stay_lines_of_their_own():
    rows = [problem(2, Severity.WARNING, value="a"), problem(3, Severity.WARNING, value="b")]
    assert "rows" not in words(problems_table(rows))


def test_clean_sheet_is_told_so():
    assert "No problem found" in shown(problems_table([]))
    assert "No column was recognised" in shown(mapping_table({}, "team sheet"))


def test_mapping_shows_the_teams_own_headers_beside_our_fields():
    text = words(mapping_table({"target_format": "Format [3D]"}, "Shopify export"))
    assert "Read as Shopify export" in text
    assert "target format Format [3D]" in text


def test_markup_and_terminal_codes_in_names_stay_harmless():
    line = sku_line(sku="[red]", name="[bold]Chair[/bold] \x1b[31m\x07\u202e", file="[link=x].glb", version=1)
    console = Console(width=80, file=(stream := io.StringIO()), force_terminal=True, color_system=None)
    console.print(report_table(run_report(line)), problems_table([problem(sku="[/red]", value="\x1b]0;title\x07")]))
    written = stream.getvalue()
    for text in ("[red]", "[bold]Chair[/bold]", "[link=x].glb", "[/red]"):
        assert text in written
    assert not set("\x1b\x07\u202e") & set(written)


@given(text=st.text(max_size=200))
@settings(max_examples=50, deadline=None)
def test_no_text_breaks_a_table(text):
    line = sku_line(sku=text, name=text, status=Status.FAILED, reason=text, message=text, file=text, version=1)
    report = run_report(line, notes=(text,), written_to=text, html=text, home=text, sheet=text)
    row = problem(sku=text, column=text, value=text, message=text)
    for part in (report_table(report), summary(report), problems_table([row]), mapping_table({text: text}, text)):
        for width in (80, 140):
            assert max(cell_len(line) for line in shown(part, width).splitlines()) <= width


def test_sku_that_a_shell_would_misread_is_quoted_or_left_general():
    assert "catalog3d approve 'A B;rm'" in words(summary(run_report(sku_line(sku="A B;rm"))), 120)
    assert "catalog3d approve SKU" in words(summary(run_report(sku_line(sku="--all"))), 120)
