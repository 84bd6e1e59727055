"""What a publication run has to say: a sentence, a page for Prefect, a JSON document."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from catalog3d.stages.publish import Publishing
from catalog3d.wording import plain, plural

_ROWS = 200
"""As many as a page shows without becoming slow; the JSON document has them all."""


def publish_sentence(publishing: Publishing) -> str:
    """What became of it in one sentence."""
    counts = Counter(line.outcome for line in publishing.report)
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "nothing to publish"
    if publishing.plan.waiting:
        said += f"; {plural(publishing.plan.waiting, 'SKU waits', 'SKUs wait')} to be approved"
    if publishing.unwritten:
        said += f"; {' and '.join(publishing.unwritten)} could not be written, the next run does"
    return f"{said[:1].upper()}{said[1:]}."


def publish_markdown(publishing: Publishing) -> str:
    """The summary for Prefect's page."""
    lines = [
        "# Publishing",
        "",
        publish_sentence(publishing),
        "",
        "| SKU | Channel | | Version | |",
        "|---|---|---|---|---|",
    ]
    for line in publishing.report[:_ROWS]:
        version = f"V{line.version}" if line.version else ""
        said = f"{line.message} {line.fix}".strip() or line.link
        cells = (line.sku, line.channel, line.outcome, version, said)
        lines.append(
            "| " + " | ".join(plain(cell, 300).replace("|", "\\|").replace("<", "&lt;") for cell in cells) + " |"
        )
    if len(publishing.report) > _ROWS:
        lines += ["", f"And {len(publishing.report) - _ROWS} more."]
    return "\n".join([*lines, "", *(f"- {plain(note, 500)}" for note in _notes(publishing))])


def publish_json(publishing: Publishing, *, dry_run: bool) -> dict[str, Any]:
    """The document of `publish --json`."""
    return {
        "home": str(publishing.catalog.home.root),
        "dry_run": dry_run,
        "counts": dict(Counter(line.outcome for line in publishing.report)),
        "waiting_for_approval": publishing.plan.waiting,
        "publications": [asdict(line) for line in publishing.report],
        "notes": _notes(publishing),
    }


def _notes(publishing: Publishing) -> list[str]:
    lost = [f"Not written: {what}: {error}" for what, error in publishing.unwritten.items()]
    return [*lost, *publishing.notes]
