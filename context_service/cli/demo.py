"""`context-service demo`: the demo company from its four kinds of source to governed answers."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
from rich.console import Console

from context_service.app import open_app
from context_service.cli.progress import Bars
from context_service.cli.serving import Background
from context_service.cli.show import show_reply
from context_service.cli.site import serve_site
from context_service.declarations.company import Declarations, load
from context_service.errors import InvalidRequest
from context_service.model.access import Classification, Grant, Principal, PrincipalKind
from context_service.model.context import ContextReply
from context_service.settings import Settings

COMPANY = Path(__file__).resolve().parents[2] / "fixtures" / "company"
SITE_BASE = "https://www.tidewell.example"
SITE_PORT = 8322
"""The demo site's own port, kept from start to start so that its pages keep their addresses."""

QUESTION = "Can I still return my doorbell and get my money back?"
CUSTOMERS = (("C-1001", "Lena, Germany, Plus"), ("C-1005", "Grace, New York, Premium"), ("C-1010", "Alex, region unknown, Plus"))
WORKFLOW = "refund"

AGENT = Principal(
    id="demo-agent",
    kind=PrincipalKind.AGENT,
    version="1",
    commissioned_by="demo",
    grant=Grant(workflows="*", sources="*", audiences=frozenset({"customer-agents"}), ceiling=Classification.CONFIDENTIAL, customers="*"),
)
PERSON = Principal(
    id="demo-owner",
    kind=PrincipalKind.PERSON,
    teams=frozenset({"policy-team", "support-team", "operations-team", "legal-team", "crm-team", "marketing-team"}),
    operator=True,
    grant=AGENT.grant.model_copy(update={"audiences": frozenset({"customer-agents", "staff"}), "ceiling": Classification.RESTRICTED}),
)


def run_demo(settings: Settings, console: Console, *, stay: bool) -> None:
    """Ingest, serve, ask for three customers, and stay until interrupted when `stay`."""
    if not (COMPANY / "context.yaml").is_file():
        raise InvalidRequest("The demo company is not here.", remedy="Run the demo from a checkout of the repository.", field="fixtures")
    with ExitStack() as stack:
        site = stack.enter_context(serve_site(COMPANY / "website" / "site", SITE_BASE, _free(SITE_PORT)))
        declarations = pointed_at(load(COMPANY / "context.yaml"), site.url)
        console.print(
            f"\n[bold]Ingesting {declarations.company.name}[/]  docs, PDFs, CRM, and its website at {site.url}\n", highlight=False
        )
        app = stack.enter_context(open_app(settings, declarations))
        with Bars(console) as bars:
            report = app.ingest([], "demo", bars)
        console.print(f"\nRelease {app.records.head()} " + ("was published." if report.release else "stands: nothing has changed."))
        keys = {principal.id: app.register(principal, "demo") for principal in (AGENT, PERSON)}
        service = stack.enter_context(Background(app, settings.host, _free(settings.port)))
        _ask_all(console, service.url, keys[AGENT.id])
        _tell_addresses(console, service.url, keys)
        if stay:
            stack.enter_context(app.scheduled())
            _stay(console, service)


def pointed_at(declarations: Declarations, site: str) -> Declarations:
    """The declarations with the website at the address `site`, on this machine, which has to be allowed explicitly."""
    website = declarations.sources["website"]
    options = {**website.options, "start": f"{site}/", "allow_private": True}
    sources = {**declarations.sources, "website": website.model_copy(update={"options": options})}
    return replace(declarations, sources=sources)


def _free(port: int) -> int:
    """`port` if nobody listens there, else one that is free."""
    for wanted in (port, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", wanted))
                return int(probe.getsockname()[1])
            except OSError:
                continue
    raise InvalidRequest("No port is free.", remedy="End another service.", field="port")


def _ask_all(console: Console, url: str, key: str) -> None:
    console.print(f"\n[bold]One question, three customers[/]  workflow {WORKFLOW}, asked over HTTP\n")
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        for customer, who in CUSTOMERS:
            response = client.post("/context", json={"query": QUESTION, "customer": {"id": customer}, "workflow": WORKFLOW})
            response.raise_for_status()
            show_reply(console, QUESTION, who, ContextReply.model_validate_json(response.content))


def _tell_addresses(console: Console, url: str, keys: dict[str, str]) -> None:
    body = json.dumps({"query": QUESTION, "customer": {"id": CUSTOMERS[0][0]}, "workflow": WORKFLOW})
    console.print(f"\n[bold]API docs[/]     {url}/docs", highlight=False)
    console.print(f"[bold]Console[/]      {url}/console   sign in with the owner's key", highlight=False)
    console.print(f"[bold]Owner's key[/]  {keys[PERSON.id]}", highlight=False)
    console.print(f"[bold]Agent's key[/]  {keys[AGENT.id]}\n", highlight=False)
    curl = f"curl -s {url}/context -H 'Authorization: Bearer {keys[AGENT.id]}' -H 'Content-Type: application/json' -d '{body}'"
    console.print(curl, highlight=False, soft_wrap=True, markup=False)


def _stay(console: Console, service: Background) -> None:
    console.print("\nThe service is running. Press Ctrl-C to end it.", highlight=False)
    try:
        service.wait()
    except KeyboardInterrupt:
        console.print("Ending.")


def demo_settings(settings: Settings) -> Settings:
    """The demo's own company, and a data folder beside any other."""
    return settings.model_copy(update={"config": COMPANY / "context.yaml", "data": settings.data / "demo"})
