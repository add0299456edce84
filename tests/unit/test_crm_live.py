"""Live CRMs: full and incremental syncs, deletions, paging, limits, tokens that expire, and what a query may hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from pydantic import JsonValue

from context_service.errors import TerminalSourceError, TransientSourceError
from context_service.ingest.connector import Event, Failed, Found, Gone, Limits, Same
from ingestors.crm import CrmConnector
from ingestors.crm_live import FULL_EVERY
from tests.servers.hubspot import TOKEN, HubspotServer
from tests.servers.network import FakeTime, quick
from tests.servers.salesforce import CLIENT, SalesforceServer
from tests.servers.syncs import Memory, done, failures, keys, pull_of

SECRETS = {"SALESFORCE_CLIENT_ID": CLIENT["client_id"], "SALESFORCE_CLIENT_SECRET": CLIENT["client_secret"], "HUBSPOT_TOKEN": TOKEN}
HOUR = timedelta(hours=1)


@pytest.fixture
def salesforce() -> Iterator[SalesforceServer]:
    with SalesforceServer() as server:
        for number in range(1, 6):
            server.org.put("Account", f"001{number}", Name=f"Customer {number}", Plan__c="Plus")
        server.org.put("Case", "500A", AccountId="0011", Subject="Lost parcel")
        server.org.now += HOUR
        yield server


@pytest.fixture
def hubspot() -> Iterator[HubspotServer]:
    with HubspotServer() as server:
        for number in range(1, 6):
            server.put("contacts", str(number), firstname=f"Customer {number}", plan="plus")
        server.put("tickets", "90", customer_id="1", subject="Lost parcel")
        server.now += HOUR
        yield server


def salesforce_options(server: SalesforceServer, **more: JsonValue) -> dict[str, JsonValue]:
    return {
        "provider": "salesforce",
        "base_url": server.url,
        "allow_private": True,
        "objects": {"Account": {}, "Case": {"customer": "AccountId"}},
        "fields": {"Account": {"name": "Name", "plan": "Plan__c"}, "Case": {"subject": "Subject"}},
        **more,
    }


def hubspot_options(server: HubspotServer, **more: JsonValue) -> dict[str, JsonValue]:
    return {
        "provider": "hubspot",
        "base_url": server.url,
        "allow_private": True,
        "page_size": 2,
        "objects": {"contacts": {}, "tickets": {"customer": "customer_id"}},
        "fields": {"contacts": {"name": "firstname", "plan": "plan"}, "tickets": {"subject": "subject"}},
        **more,
    }


def sync(
    server: SalesforceServer | HubspotServer, memory: Memory, secrets: dict[str, str] | None = None, **more: JsonValue
) -> tuple[list[Event], FakeTime]:
    network, waited = quick()
    if isinstance(server, SalesforceServer):
        given, now = salesforce_options(server, **more), server.org.now
    else:
        given, now = hubspot_options(server, **more), server.now
    pull = pull_of("crm", given, cursor=memory.cursor, known=memory.known, now=now)
    return memory.take(CrmConnector(pull, network, SECRETS if secrets is None else secrets).events()), waited


def test_salesforce_is_listed_whole_page_by_page(salesforce: SalesforceServer) -> None:
    memory = Memory()
    events, _ = sync(salesforce, memory)
    assert sorted(keys(events, Found)) == ["Account/0011", "Account/0012", "Account/0013", "Account/0014", "Account/0015", "Case/500A"]
    assert done(events).complete
    assert memory.found["Case/500A"].content.customer == "0011"
    assert memory.found["Account/0011"].content.url == f"{salesforce.url}/0011"
    assert CrmConnector.parse(memory.found["Account/0011"].content, Limits()).facts == {"name": "Customer 1", "plan": "plus"}


def test_salesforce_then_only_reads_what_changed(salesforce: SalesforceServer) -> None:
    memory = Memory()
    sync(salesforce, memory)
    salesforce.org.now += HOUR
    salesforce.org.put("Account", "0012", Name="Customer 2", Plan__c="Premium")
    salesforce.org.put("Account", "0016", Name="Customer 6", Plan__c="Free")
    salesforce.org.now += HOUR
    events, _ = sync(salesforce, memory)
    assert keys(events) == ["Account/0012", "Account/0016"]
    assert not done(events).complete
    assert len(memory.known) == 7


def test_salesforce_reads_the_last_minutes_again_and_finds_them_the_same(salesforce: SalesforceServer) -> None:
    memory = Memory()
    salesforce.org.put("Account", "0011", Name="Customer 1", Plan__c="Free")
    sync(salesforce, memory)
    events, _ = sync(salesforce, memory)
    assert keys(events) == keys(events, Same) == ["Account/0011"]


def test_salesforce_reports_deletions_of_what_is_known(salesforce: SalesforceServer) -> None:
    memory = Memory()
    sync(salesforce, memory)
    salesforce.org.now += HOUR
    salesforce.org.put("Account", "0017", Name="Never seen", Plan__c="Free")
    salesforce.org.delete("Account", "0017")
    salesforce.org.delete("Account", "0013")
    salesforce.org.now += HOUR
    events, _ = sync(salesforce, memory)
    assert keys(events) == keys(events, Gone) == ["Account/0013"]


def test_salesforce_is_listed_whole_again_when_the_log_of_deletions_does_not_reach_back(salesforce: SalesforceServer) -> None:
    memory = Memory()
    sync(salesforce, memory)
    salesforce.org.delete("Account", "0013")
    salesforce.org.deleted.clear()
    salesforce.log_reaches = salesforce.org.now + HOUR
    events, _ = sync(salesforce, memory)
    assert done(events).complete
    assert "Account/0013" not in memory.known


@pytest.mark.parametrize("provider", ["salesforce", "hubspot"])
def test_everything_is_listed_whole_again_after_a_while(provider: str, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(provider)
    memory = Memory()
    sync(server, memory)
    if isinstance(server, SalesforceServer):
        server.org.now += FULL_EVERY + HOUR
        del server.org.records["Account"]["0013"]  # a record whose sharing was taken away leaves no trace
    else:
        server.now += FULL_EVERY + HOUR
        del server.records["contacts"]["3"]
    events, _ = sync(server, memory)
    assert done(events).complete
    assert len(memory.known) == 5


@pytest.mark.parametrize("provider", ["salesforce", "hubspot"])
def test_a_changed_mapping_reads_every_record_again(provider: str, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(provider)
    memory = Memory()
    sync(server, memory)
    given = salesforce_options(server) if isinstance(server, SalesforceServer) else hubspot_options(server)
    fields = json.loads(json.dumps(given["fields"]))
    del next(iter(fields.values()))["plan"]
    events, _ = sync(server, memory, fields=fields)
    assert done(events).complete
    assert len(keys(events, Found)) == 5


def test_a_salesforce_token_that_expires_in_the_middle_is_renewed_and_the_listing_goes_on(salesforce: SalesforceServer) -> None:
    salesforce.expire_after = 2
    memory = Memory()
    events, _ = sync(salesforce, memory)
    assert len(keys(events, Found)) == 6
    assert sum(request.path == "/services/oauth2/token" for request in salesforce.requests) == 2


def test_a_salesforce_token_that_is_never_good_ends_the_sync(salesforce: SalesforceServer) -> None:
    salesforce.expire_after = 0
    with pytest.raises(TerminalSourceError, match="INVALID_SESSION_ID"):
        sync(salesforce, Memory())


def test_salesforce_limits_are_waited_for_as_told(salesforce: SalesforceServer) -> None:
    salesforce.limited, salesforce.retry_after = 1, "20"
    events, waited = sync(salesforce, Memory())
    assert waited.slept == [20.0]
    assert len(keys(events, Found)) == 6


@pytest.mark.parametrize("retry_after", [None, "7200"])
def test_a_spent_salesforce_allowance_is_transient(salesforce: SalesforceServer, retry_after: str | None) -> None:
    salesforce.limited, salesforce.retry_after = 100, retry_after
    with pytest.raises(TransientSourceError, match="403"):
        sync(salesforce, Memory())


def test_an_interrupted_salesforce_listing_keeps_what_it_gave_and_starts_again(salesforce: SalesforceServer) -> None:
    memory = Memory()
    salesforce.break_at = 4
    with pytest.raises(TransientSourceError):
        sync(salesforce, memory)
    assert (len(memory.known), memory.cursor) == (4, None)
    salesforce.break_at = None
    events, _ = sync(salesforce, memory)
    assert len(keys(events, Same)) == 4
    assert len(keys(events, Found)) == 2
    assert done(events).complete


def test_an_incremental_sync_that_breaks_off_is_made_up_for(salesforce: SalesforceServer) -> None:
    memory = Memory()
    sync(salesforce, memory)
    before = memory.cursor
    salesforce.org.now += HOUR
    for number in range(1, 6):
        salesforce.org.put("Account", f"001{number}", Name=f"New name {number}", Plan__c="Plus")
    salesforce.break_at = 2
    with pytest.raises(TransientSourceError):
        sync(salesforce, memory)
    assert memory.cursor == before
    salesforce.break_at = None
    salesforce.org.now += HOUR
    events, _ = sync(salesforce, memory)
    assert len(keys(events, Same)) == 2
    assert len(keys(events, Found)) == 3


def test_a_record_without_a_customer_is_a_failure_and_not_everybodys(salesforce: SalesforceServer) -> None:
    salesforce.org.put("Case", "500B", AccountId=None, Subject="Whose?")
    events, _ = sync(salesforce, Memory())
    assert failures(events) == {"Case/500B": ("It has no customer in AccountId, so nobody may read it.", False)}


def test_salesforce_credentials_that_are_wrong_are_terminal_and_name_the_variables(salesforce: SalesforceServer) -> None:
    with pytest.raises(TerminalSourceError, match="invalid client credentials") as wrong:
        sync(salesforce, Memory(), {**SECRETS, "SALESFORCE_CLIENT_SECRET": "stale-and-secret"})
    assert "SALESFORCE_CLIENT_SECRET" in wrong.value.remedy
    assert "stale-and-secret" not in str(wrong.value)


@pytest.mark.parametrize(("provider", "variable"), [("salesforce", "SALESFORCE_CLIENT_ID"), ("hubspot", "HUBSPOT_TOKEN")])
def test_a_secret_that_is_not_set_is_terminal_and_named(provider: str, variable: str, request: pytest.FixtureRequest) -> None:
    with pytest.raises(TerminalSourceError, match=variable):
        sync(request.getfixturevalue(provider), Memory(), {})


def test_a_field_that_does_not_exist_is_terminal_with_the_servers_words(salesforce: SalesforceServer) -> None:
    with pytest.raises(TerminalSourceError, match="No such column 'Nope__c'"):
        sync(salesforce, Memory(), fields={"Account": {"name": "Nope__c"}, "Case": {"subject": "Subject"}})


@pytest.mark.parametrize(
    "name",
    ["Id FROM User--", "Name,Password", "Name'", "(SELECT Id FROM Contacts)", "Name\n", "1Name", "Náme", "", "A.B.C.D.E.F", "COUNT()"],
)
def test_a_name_that_is_no_identifier_never_reaches_a_query(salesforce: SalesforceServer, name: str) -> None:
    for more in (
        {"fields": {"Account": {"name": name}, "Case": {"subject": "Subject"}}},
        {"objects": {name: {}}, "fields": {name: {"name": "Name"}}},
        {"objects": {"Account": {"customer": name}}, "fields": {"Account": {"name": "Name"}}},
    ):
        with pytest.raises(TerminalSourceError):
            sync(salesforce, Memory(), **more)
    assert not salesforce.requests


@pytest.mark.parametrize("base", ["http://org.test", "https://org.test/path", "ftp://org.test", "https://user@org.test"])
def test_an_address_that_would_show_the_secrets_is_refused(salesforce: SalesforceServer, base: str) -> None:
    with pytest.raises(TerminalSourceError, match="base_url"):
        sync(salesforce, Memory(), base_url=base, allow_private=False)


def test_hubspot_is_listed_whole_page_by_page(hubspot: HubspotServer) -> None:
    memory = Memory()
    events, _ = sync(hubspot, memory)
    assert sorted(keys(events, Found)) == [*(f"contacts/{number}" for number in range(1, 6)), "tickets/90"]
    assert done(events).complete
    assert memory.found["tickets/90"].content.customer == "1"


def test_hubspot_then_only_searches_for_what_changed_and_sees_what_was_archived(hubspot: HubspotServer) -> None:
    memory = Memory()
    sync(hubspot, memory)
    hubspot.now += HOUR
    hubspot.put("contacts", "2", firstname="Customer 2", plan="premium")
    hubspot.archive("contacts", "4")
    hubspot.now += HOUR
    events, _ = sync(hubspot, memory)
    assert keys(events, Found) == ["contacts/2"]
    assert keys(events, Gone) == ["contacts/4"]
    assert not done(events).complete
    assert {search["filterGroups"][0]["filters"][0]["propertyName"] for search in hubspot.searches} == {
        "lastmodifieddate",
        "hs_lastmodifieddate",
    }


def test_a_hubspot_search_goes_on_behind_its_window(hubspot: HubspotServer) -> None:
    memory = Memory()
    sync(hubspot, memory)
    hubspot.now += HOUR
    for number in range(10_150):
        hubspot.now += timedelta(milliseconds=1)
        hubspot.put("contacts", str(1000 + number), firstname=f"Import {number}", plan="free")
    hubspot.now += HOUR
    events, _ = sync(hubspot, memory)
    assert len(set(keys(events, Found))) == len(keys(events, Found)) == 10_150
    assert not done(events).complete


def test_more_changes_in_one_moment_than_a_hubspot_search_can_give_lead_to_a_full_listing(hubspot: HubspotServer) -> None:
    memory = Memory()
    sync(hubspot, memory)
    hubspot.now += HOUR
    for number in range(10_100):
        hubspot.put("contacts", str(1000 + number), firstname=f"Import {number}", plan="free")
    hubspot.now += HOUR
    events, _ = sync(hubspot, memory, page_size=100)
    assert len(set(keys(events, Found))) == len(keys(events, Found)) == 10_100
    assert done(events).complete
    assert len(memory.known) == 10_106


@pytest.mark.parametrize(("policy", "retry_after", "slept"), [("TEN_SECONDLY_ROLLING", None, [10.0]), ("TEN_SECONDLY_ROLLING", "3", [3.0])])
def test_hubspots_rolling_limit_is_waited_for(hubspot: HubspotServer, policy: str, retry_after: str | None, slept: list[float]) -> None:
    hubspot.limited, hubspot.policy, hubspot.retry_after = 1, policy, retry_after
    events, waited = sync(hubspot, Memory())
    assert waited.slept == slept
    assert len(keys(events, Found)) == 6


def test_hubspots_daily_limit_is_transient_at_once(hubspot: HubspotServer) -> None:
    hubspot.limited, hubspot.policy = 1, "DAILY"
    with pytest.raises(TransientSourceError, match="429"):
        sync(hubspot, Memory())
    assert len(hubspot.requests) == 1


def test_an_expired_hubspot_token_is_terminal_and_names_the_variable(hubspot: HubspotServer) -> None:
    with pytest.raises(TerminalSourceError, match="expired") as wrong:
        sync(hubspot, Memory(), {"HUBSPOT_TOKEN": "pat-old"})
    assert "HUBSPOT_TOKEN" in wrong.value.remedy
    assert "pat-old" not in str(wrong.value)


def test_a_kind_that_hubspot_does_not_have_is_terminal(hubspot: HubspotServer) -> None:
    with pytest.raises(TerminalSourceError, match="Unable to infer object type"):
        sync(hubspot, Memory(), objects={"cars": {}}, fields={"cars": {"name": "name"}})


def test_the_cursor_holds_no_secret_and_no_item_ends_twice(salesforce: SalesforceServer) -> None:
    memory = Memory()
    events, _ = sync(salesforce, memory)
    assert not any(secret in (memory.cursor or "") for secret in [*SECRETS.values(), "token"])
    assert len(keys(events)) == len(set(keys(events)))
    assert not keys(events, Failed)


def test_a_cursor_that_cannot_be_read_leads_to_a_full_listing(salesforce: SalesforceServer) -> None:
    memory = Memory()
    sync(salesforce, memory)
    memory.cursor = "{}"
    events, _ = sync(salesforce, memory)
    assert done(events).complete
