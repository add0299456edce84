"""A small company for tests: a handbook, a help center, a customer database, two workflows, and what goes wrong in real ones.

It holds a conflict that authority decides, one that depends on the customer's region, one that nobody can decide, a duplicate, a text for
staff only, a file that cannot be read, and a document whose words try to be markup.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from textwrap import dedent

from context_service.app import App, assemble, utc_now
from context_service.declarations.company import load
from context_service.model.access import Classification, Grant, Principal, PrincipalKind
from context_service.settings import Settings
from tests.fakes import FakeEmbedder, FakeReranker

MARKUP = "<script>alert('heard')</script>"
"""Stands in a title and in a text; wherever it is shown, it has to be shown as words."""

SESSION_SECRET = "a secret that only the tests know"

FILES = {
    "context.yaml": """
        name: Brightwater
        authority: {policy: 80, procedure: 60, article: 40}
        regions: {EU: [DE, FR], US: []}
        aliases: {EU: [European Union]}
        plans: [basic, plus]
        products: [kettle, lamp]
        audiences: [customer-agents, staff]
        sources: ["*/source.yaml"]
    """,
    "workflows/refund.yaml": """
        id: refund
        title: Returns and refunds
    """,
    "workflows/delivery.yaml": """
        id: delivery
        title: Delivery
        channels: [chat, email]
    """,
    "handbook/source.yaml": """
        id: handbook
        kind: docs
        title: Customer handbook
        owner: policy-team
        authority: policy
        access: {classification: public, audiences: [customer-agents]}
        freshness: {every: 6h, due: 2d, stale: 14d, expired: 60d, review_within: 400d}
        options: {exclude: [source.yaml]}
        rules:
          - match: "staff/*"
            access: {classification: internal, audiences: [staff]}
          - match: "*"
            modified: 2026-03-01
    """,
    "handbook/returns.md": """
        ---
        title: Returns
        reviewed: 2026-09-01
        ---
        # Returns

        ## How long you have

        You can return a Brightwater product within 30 days of delivery for a full refund. Keep the box until the parcel has arrived.

        ## How to send it back

        Print the label from your account and hand the parcel to any post office.
    """,
    "handbook/regions/eu-returns.md": """
        ---
        title: Returns in the European Union
        applicability: {regions: [EU]}
        ---
        # Returns in the European Union

        Customers in the European Union can return a Brightwater product within 45 days of delivery for a full refund.
    """,
    "handbook/pricing.md": """
        # Prices

        The Plus plan costs EUR 9.99 per month. Prices include tax.
    """,
    "handbook/staff/goodwill.md": """
        # Goodwill

        Staff may give a voucher of EUR 15 without asking the team lead.
    """,
    "handbook/markup.md": f"""
        ---
        title: "Labels with {MARKUP}"
        ---
        # Labels with odd signs

        A label may hold signs such as {MARKUP} & <b>others</b>, and they are printed as they are.
    """,
    "handbook/colours.csv": """
        Colour
        midnight blue
        moss green
    """,
    "handbook/plans.csv": """
        Plan,Lamps
        basic,one
        plus,seven
    """,
    "helpcenter/source.yaml": """
        id: helpcenter
        kind: docs
        title: Help center
        owner: support-team
        authority: article
        access: {classification: public, audiences: [customer-agents]}
        options: {exclude: [source.yaml]}
        rules:
          - match: "*"
            modified: 2026-02-01
    """,
    "helpcenter/faq.md": """
        # Questions we hear often

        ## Returns

        Gift cards cannot be returned. For everything else see the handbook.

        ## Prices

        The Plus plan costs EUR 7.99 per month. You can pay by card.
    """,
    "helpcenter/delivery.md": """
        # Delivery

        Standard delivery to Germany takes 2 working days.
    """,
    "helpcenter/delivery-estimates.md": """
        # Delivery estimates

        Standard delivery to Germany takes 4 working days.
    """,
    "helpcenter/broken.docx": "This is no Word file.",
    "handbook/cracked.docx": "Nor is this.",
    "crm/source.yaml": """
        id: crm
        kind: crm
        title: Customer database
        owner: crm-team
        authority: procedure
        access: {classification: confidential, audiences: [customer-agents]}
        options:
          files: [{path: customers.csv, object: Account, key: id}]
          fields: {Account: {name: name, region: region, plan: plan}}
        rules:
          - match: "Account/*"
            modified: 2026-11-01
    """,
    "crm/customers.csv": """
        id,name,region,plan
        C-1,Lena Vogt,DE,plus
        C-2,Marcus Hale,US,basic
    """,
}

AGENT = Principal(
    id="refund-agent",
    kind=PrincipalKind.AGENT,
    version="1",
    commissioned_by="support-team",
    grant=Grant(
        workflows=frozenset({"refund"}),
        sources="*",
        audiences=frozenset({"customer-agents"}),
        ceiling=Classification.CONFIDENTIAL,
        customers="*",
    ),
)
OWNER = Principal(
    id="ada",
    kind=PrincipalKind.PERSON,
    teams=frozenset({"policy-team"}),
    grant=Grant(
        workflows="*",
        sources="*",
        audiences=frozenset({"customer-agents"}),
        ceiling=Classification.CONFIDENTIAL,
        customers=frozenset({"C-1"}),
    ),
)
OPERATOR = Principal(
    id="omar",
    kind=PrincipalKind.PERSON,
    operator=True,
    grant=Grant(workflows="*", sources="*", audiences=frozenset({"customer-agents"})),
)
STRANGER = Principal(id="stranger", kind=PrincipalKind.PERSON)
"""A registered person whose grant admits nothing."""


def small_company(folder: Path) -> Path:
    """Write the company's files into `folder`; returns the path of its `context.yaml`."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), "utf-8")
    return folder / "context.yaml"


def open_test_app(folder: Path, *, dimension: int = 64, now: Callable[[], datetime] = utc_now) -> App:
    """The company of `folder` over a SQLite file and the embedded index in `folder/data`, with models that need no weights."""
    settings = Settings(config=folder / "context.yaml", data=folder / "data", session_secret=SESSION_SECRET, schedule=False)
    return assemble(settings, load(settings.config), FakeEmbedder(dimension), FakeReranker(), now=now)
