"""What the report of a run says about credits: by category, and for each approved model."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from catalog3d.asset import Approval
from catalog3d.report import RunReport
from catalog3d.stages.decide import decide
from catalog3d.stages.planning import start_run
from catalog3d.stages.reporting import artifact_markdown, close_run
from tests.catalogs import Shop

RUN = "20261124-120000-abcdef"


def closed(shop: Shop) -> RunReport:
    """The report of a run that planned and came to nothing else."""
    planned = start_run(shop.catalog, shop.request(), RUN)
    return close_run(shop.catalog, RUN, planned, balance=None, notes=planned.notes)


def test_each_category_has_its_estimate_and_shared_models_are_counted_for_the_one_who_is_billed(shop: Shop) -> None:
    shop.write(
        {"SKU": "A1", "Category": "Chairs"},
        {"SKU": "A2", "Category": "Lamps", "Image": "A1.png"},
        {"SKU": "A3", "Category": "Lamps"},
    )
    report = closed(shop)
    assert {cost.category: (cost.skus, cost.estimated) for cost in report.categories} == {
        "Chairs": (1, Decimal(30)),
        "Lamps": (2, Decimal(30)),
    }
    assert report.credits_estimated == Decimal(60)
    assert "| Lamps | 2 | 0 | 30 | 0 |" in artifact_markdown(report)
    assert "0 credits spent, 60 estimated (60 less), balance unknown; no approved model yet" in artifact_markdown(
        report
    )


def test_an_approved_model_has_cost_what_was_spent_in_all_runs(shop: Shop) -> None:
    shop.write({"SKU": "A1"}, {"SKU": "A2"})
    shop.make("A1")
    shop.make("A2")
    decide(shop.catalog, "A1", Approval.APPROVED, person="Ada")
    report = closed(shop)
    assert (report.spent_so_far, report.approved, report.credits_per_approved) == (Decimal(60), 1, Decimal(60))
    assert "60 per approved model so far" in artifact_markdown(report)
    assert "| Category |" not in artifact_markdown(report)


def test_a_category_cannot_break_out_of_the_table_of_the_artifact(shop: Shop) -> None:
    line = replace(closed(shop).lines[0], category="Lamps | <b>`x`", estimated=Decimal(30))
    markdown = artifact_markdown(replace(closed(shop), lines=(line,)))
    assert "| Lamps \\| &lt;b&gt;'x' | 1 | 0 | 30 | 0 |" in markdown
