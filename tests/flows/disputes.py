"""A company whose two sources disagree: quick to ingest, so that each test can have its own and change it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

from context_service.app import App
from tests.companies import open_test_app

FILES = {
    "context.yaml": """
        name: Brightwater
        authority: {policy: 80, article: 40}
        regions: {EU: [DE, FR], US: []}
        aliases: {EU: [European Union]}
        plans: [basic, plus, gold]
        audiences: [customer-agents]
        sources: ["*/source.yaml"]
    """,
    "workflows/refund.yaml": "{id: refund, title: Returns, minimum_confidence: 0.01}",
    "workflows/delivery.yaml": "{id: delivery, title: Delivery}",
    "handbook/source.yaml": """
        id: handbook
        kind: notes
        title: Customer handbook
        owner: policy-team
        authority: policy
        access: {classification: public, audiences: [customer-agents]}
        location: texts
        rules:
          - match: "eu-*"
            applicability: {regions: [EU]}
          - match: "*"
            modified: 2026-03-01
    """,
    "handbook/texts/returns.txt": """
        # How long you have
        You can return a Brightwater product within 30 days of delivery for a full refund. Keep the box until the parcel has arrived.
        # How to send it back
        Print the label from your account and hand the parcel to any post office.
    """,
    "handbook/texts/eu-returns.txt": """
        # Returns in the European Union
        Customers in the European Union can return a Brightwater product within 45 days of delivery for a full refund.
    """,
    "handbook/texts/pricing.txt": """
        # Prices
        The Plus plan costs EUR 9.99 per month. Prices include tax.
    """,
    "helpcenter/source.yaml": """
        id: helpcenter
        kind: notes
        title: Help center
        owner: support-team
        authority: article
        access: {classification: public, audiences: [customer-agents]}
        location: texts
        rules:
          - match: "*"
            modified: 2026-02-01
    """,
    "helpcenter/texts/faq.txt": """
        # Returns
        Gift cards cannot be returned. For everything else see the handbook.
        # Prices
        The Plus plan costs EUR 7.99 per month. You can pay by card.
    """,
    "helpcenter/texts/delivery.txt": """
        # Delivery
        Standard delivery to Germany takes 2 working days.
    """,
    "helpcenter/texts/delivery-estimates.txt": """
        # Delivery estimates
        Standard delivery to Germany takes 4 working days.
    """,
}


class Clock:
    """A time that moves when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def pass_time(self, **units: float) -> None:
        """Move on by `timedelta(**units)`."""
        self.now += timedelta(**units)


def write_company(folder: Path) -> None:
    """Write the files."""
    for name, text in FILES.items():
        write(folder / name, text)


def write(path: Path, text: str) -> None:
    """Write one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text).lstrip("\n"))


def open_company(folder: Path, now: Callable[[], datetime]) -> App:
    """The service over it."""
    return open_test_app(folder, now=now)
