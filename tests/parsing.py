"""Short ways to parse bytes and to write down what came out."""

from __future__ import annotations

from pathlib import Path

from context_service.ingest.connector import Limits
from context_service.model.document import Content, Parsed
from ingestors.docs import DocsConnector
from ingestors.pdf import PdfConnector

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
"""Real data beside the checkout; tests that need it skip where it is missing."""
NO_LIMITS = Limits()


def content(key: str, raw: bytes) -> Content:
    """The bytes as a connector would bring them."""
    return Content(key=key, raw=raw, media_type="application/octet-stream", url=key, fingerprint="1")


def parse(key: str, raw: bytes | str, limits: Limits = NO_LIMITS) -> Parsed:
    """Parse by suffix, as the connector of that suffix does."""
    connector = PdfConnector if key.lower().endswith(".pdf") else DocsConnector
    return connector.parse(content(key, raw.encode() if isinstance(raw, str) else raw), limits)


def outline(parsed: Parsed) -> list[str]:
    """Each element on a line: `h1 Title`, `p text`, `- item`, `th head`, `tr row`, `code text`."""
    short = {"paragraph": "p", "list_item": "-", "table_head": "th", "table_row": "tr", "code": "code"}
    return [f"{short.get(element.kind) or f'h{element.level}'} {element.text}" for element in parsed.elements]
