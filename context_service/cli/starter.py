"""`context-service init`: the smallest company that works, to begin with."""

from __future__ import annotations

from pathlib import Path

from context_service.errors import InvalidRequest

FILES = {
    "context.yaml": """\
# The words that every source and workflow shares. `context-service validate` checks all files.
name: My company
authority:            # the higher rank wins when sources disagree
  policy: 80
  article: 40
regions: {}           # groups of regions, such as EU: [DE, FR]
plans: []
products: []
audiences: [customer-agents]
sources: ["sources/*/source.yaml"]
workflows: ["workflows/*.yaml"]
""",
    "sources/handbook/source.yaml": """\
id: handbook
kind: docs            # docs, pdf, crm or website
title: Handbook
owner: support-team
authority: policy
access: {classification: public, audiences: [customer-agents]}
freshness: {every: 6h, due: 2d, stale: 14d, expired: 60d}
""",
    "sources/handbook/returns.md": """\
---
reviewed: 2026-01-01
---
# Returns

You can return a product within 30 days of delivery.
""",
    "workflows/refund.yaml": """\
id: refund
title: Returns and refunds
sources: "*"
""",
}


def create(folder: Path) -> list[Path]:
    """Write the starter files into `folder`. Raises InvalidRequest rather than overwrite one."""
    taken = [name for name in FILES if (folder / name).exists()]
    if taken:
        raise InvalidRequest(f"{folder / taken[0]} is there already.", remedy="Choose an empty folder.", field="folder")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [folder / name for name in FILES]
