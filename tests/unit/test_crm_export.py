"""CRM exports: what of a row becomes a record, whose it is, and what becomes of rows that are none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import JsonValue
from ruamel.yaml import YAML

from context_service.errors import TerminalSourceError
from context_service.ingest.connector import Event, Failed, Found, Limits, Pull, Same
from context_service.model.document import ElementKind, Parsed
from context_service.model.source import Source
from ingestors.crm import CrmConnector
from tests.servers.syncs import TODAY, Memory, done, failures, keys, pull_of

DEMO = Path(__file__).resolve().parents[2] / "fixtures" / "company" / "crm"
REAL = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "crm"
FIELDS: dict[str, JsonValue] = {"name": "name", "plan": "plan", "region": "region", "products": "products", "tickets": "tickets"}


def options(path: str = "customers.csv", key: str = "id", **more: JsonValue) -> dict[str, JsonValue]:
    return {"files": [{"path": path, "object": "Account", "key": key, **more}], "fields": {"Account": FIELDS}}


def sync(
    folder: Path, memory: Memory | None = None, given: dict[str, JsonValue] | None = None, limits: Limits | None = None
) -> list[Event]:
    memory = memory or Memory()
    return memory.take(CrmConnector(pull_of("crm", given or options(), folder=folder, known=memory.known, limits=limits)).events())


def table(folder: Path, *rows: str, encoding: str = "utf-8", name: str = "customers.csv") -> None:
    (folder / name).write_bytes("\n".join(["id,name,plan,region,products,tickets", *rows, ""]).encode(encoding))


def parsed(events: list[Event], key: str) -> Parsed:
    found = next(event for event in events if isinstance(event, Found) and event.content.key == key)
    return CrmConnector.parse(found.content, Limits())


def test_a_row_becomes_a_record_of_its_customer(tmp_path: Path) -> None:
    table(tmp_path, "C-1,Lena Vogt, Plus ,de,Doorbell; Hub,2")
    events = sync(tmp_path)
    found = events[0]
    assert isinstance(found, Found)
    assert (found.content.key, found.content.customer) == ("Account/C-1", "C-1")
    document = parsed(events, "Account/C-1")
    assert document.title == "Account: Lena Vogt"
    assert document.facts == {"name": "Lena Vogt", "plan": "plus", "region": "DE", "products": ["doorbell", "hub"], "tickets": 2}
    assert [element.text for element in document.elements][:3] == ["Field | Value", "Name | Lena Vogt", "Plan | plus"]
    assert document.elements[0].kind == ElementKind.TABLE_HEAD


def test_what_is_empty_is_absent_and_what_is_odd_is_kept_with_a_note(tmp_path: Path) -> None:
    table(tmp_path, "C-1,Null,unknown,,,", "C-2,Mo,gold,Germany,-,")
    events = sync(tmp_path)
    first, second = parsed(events, "Account/C-1"), parsed(events, "Account/C-2")
    assert first.facts == {"name": "Null"}
    assert first.notes == ("The plan 'unknown' counts as not given.",)
    assert second.facts == {"name": "Mo", "plan": "gold", "region": "Germany"}
    assert "'Germany' is no region code" in second.notes[0]


def test_a_column_that_is_not_listed_never_enters(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("id,name,plan,region,products,tickets,iban\nC-1,Lena,plus,DE,hub,0,DE89370400440532013000\n")
    found = sync(tmp_path)[0]
    assert isinstance(found, Found)
    assert b"DE8937" not in found.content.raw


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiter_and_encoding_are_found_out(tmp_path: Path, delimiter: str, encoding: str) -> None:
    header = delimiter.join(["id", "name", "plan", "region", "products", "tickets"])
    row = delimiter.join(["C-1", '"Müller, Jörg; senior"', "plus", "DE", "hub", "0"])
    (tmp_path / "customers.csv").write_bytes(f"{header}\r\n{row}\r\n".encode(encoding))
    assert parsed(sync(tmp_path), "Account/C-1").facts["name"] == "Müller, Jörg; senior"


def test_a_second_sync_finds_all_the_same_and_a_changed_record_only(tmp_path: Path) -> None:
    memory = Memory()
    table(tmp_path, "C-1,Lena,plus,DE,hub,0", "C-2,Mo,free,UK,hub,0")
    sync(tmp_path, memory)
    assert sorted(keys(sync(tmp_path, memory), Same)) == ["Account/C-1", "Account/C-2"]
    table(tmp_path, "C-1,Lena,family,DE,hub,0")
    events = sync(tmp_path, memory)
    assert keys(events, Found) == ["Account/C-1"]
    assert sorted(memory.known) == ["Account/C-1"]


def test_a_record_that_moves_to_another_customer_has_changed(tmp_path: Path) -> None:
    memory = Memory()
    given: dict[str, JsonValue] = {**options(customer="name"), "fields": {"Account": {"plan": "plan"}}}
    table(tmp_path, "R-1,C-1,plus,DE,hub,0")
    sync(tmp_path, memory, given)
    table(tmp_path, "R-1,C-2,plus,DE,hub,0")
    sync(tmp_path, memory, given)
    assert memory.found["Account/R-1"].content.customer == "C-2"


def test_a_record_without_a_customer_is_a_failure_and_not_everybodys(tmp_path: Path) -> None:
    table(tmp_path, "R-1,,plus,DE,hub,0")
    events = sync(tmp_path, given=options(customer="name"))
    assert not keys(events, Found)
    assert failures(events)["Account/row-2"] == ("customers.csv, row 2: Account/R-1 has no customer in name, so nobody may read it.", False)


def test_a_record_without_an_id_is_a_failure_with_its_row(tmp_path: Path) -> None:
    table(tmp_path, "C-1,Lena,plus,DE,hub,0", " ,Mo,free,UK,hub,0")
    events = sync(tmp_path)
    assert "no id" in failures(events)["Account/row-3"][0]
    assert done(events).complete


@pytest.mark.parametrize(
    "broken", ["C-2,too,short", "C-2,a,b,c,d,e,f,g", 'C-2,"quoted" badly,free,UK,hub,0', 'C-2,"never closed,free,UK,hub,0']
)
def test_a_broken_row_is_a_failure_and_nothing_is_taken_for_deleted(tmp_path: Path, broken: str) -> None:
    memory = Memory()
    table(tmp_path, "C-1,Lena,plus,DE,hub,0", "C-2,Mo,free,UK,hub,0")
    sync(tmp_path, memory)
    table(tmp_path, "C-1,Lena,plus,DE,hub,0", broken)
    events = sync(tmp_path, memory)
    assert keys(events, Failed) == ["Account/row-3"]
    assert keys(events, Same) == ["Account/C-1"]
    assert not done(events).complete
    assert "Account/C-2" in memory.known


def test_identical_duplicates_collapse_and_of_others_the_last_is_kept_with_a_note(tmp_path: Path) -> None:
    table(tmp_path, "C-1,Lena,plus,DE,hub,0", "C-1,Lena,plus,DE,hub,0", "C-2,Mo,free,UK,hub,0", "C-2,Mo,plus,UK,hub,0")
    events = sync(tmp_path)
    assert sorted(keys(events)) == ["Account/C-1", "Account/C-2"]
    assert parsed(events, "Account/C-1").notes == ()
    assert parsed(events, "Account/C-2").facts["plan"] == "plus"
    assert "last one is kept" in parsed(events, "Account/C-2").notes[0]


def test_a_very_long_field_is_read_and_one_above_the_item_bound_is_a_failure(tmp_path: Path) -> None:
    table(tmp_path, f"C-1,{'x' * 200_000},plus,DE,hub,0", f"C-2,{'y' * 290_000},plus,DE,hub,0")
    events = sync(tmp_path, limits=Limits(item_bytes=250_000))
    assert keys(events, Found) == ["Account/C-1"]
    assert len(failures(events)) == 1


def test_a_long_text_reads_as_prose_under_its_heading(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text('id,name,plan,region,products,tickets\nC-1,"First part.\n\nSecond part.",,,,\n')
    elements = parsed(sync(tmp_path), "Account/C-1").elements
    assert [(e.kind, e.text) for e in elements] == [
        (ElementKind.HEADING, "Name"),
        (ElementKind.PARAGRAPH, "First part."),
        (ElementKind.PARAGRAPH, "Second part."),
    ]


def test_references_of_an_object_tree_lead_to_the_customer(tmp_path: Path) -> None:
    tree = {
        "records": [{"attributes": {"type": "Contact", "referenceId": "ContactRef1"}, "Ext": "77", "FirstName": "Ada", "LastName": "L"}]
    }
    cases = [
        {"attributes": {"type": "Case", "referenceId": "CaseRef1"}, "ContactId": "@ContactRef1", "Subject": "Lost"},
        {"attributes": {"type": "Case", "referenceId": "CaseRef2"}, "ContactId": "@Nobody", "Subject": "Odd"},
        {"attributes": {"type": "Task", "referenceId": "TaskRef1"}, "ContactId": "@ContactRef1", "Subject": "Other kind"},
    ]
    (tmp_path / "c.json").write_text(json.dumps(tree))
    (tmp_path / "k.json").write_text(json.dumps(cases))
    given: dict[str, JsonValue] = {
        "files": [
            {"path": "c.json", "object": "Contact", "key": "Ext"},
            {"path": "k.json", "object": "Case", "key": "attributes.referenceId", "customer": "ContactId"},
        ],
        "fields": {"Contact": {"first_name": "FirstName", "last_name": "LastName"}, "Case": {"subject": "Subject"}},
    }
    memory = Memory()
    events = sync(tmp_path, memory, given)
    assert {key: event.content.customer for key, event in memory.found.items()} == {"Contact/77": "77", "Case/CaseRef1": "77"}
    assert keys(events, Failed) == ["Case/row-2"]
    assert parsed(events, "Contact/77").title == "Contact: Ada L"


def test_a_reference_that_two_records_share_names_neither(tmp_path: Path) -> None:
    people = [{"attributes": {"referenceId": "Ref1"}, "Id": name, "Name": name} for name in ("ada", "bob")]
    (tmp_path / "p.json").write_text(json.dumps(people))
    (tmp_path / "k.json").write_text(json.dumps([{"Id": "K", "Who": "@Ref1", "Name": "x"}]))
    given: dict[str, JsonValue] = {
        "files": [
            {"path": "p.json", "object": "Person", "key": "Id"},
            {"path": "k.json", "object": "Case", "key": "Id", "customer": "Who"},
        ],
        "fields": {"Person": {"name": "Name"}, "Case": {"name": "Name"}},
    }
    assert keys(sync(tmp_path, given=given), Failed) == ["Case/row-1"]


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("missing.csv", None, "is not there"),
        ("../outside.csv", None, "lies outside"),
        ("empty.csv", "", "no column id"),
        ("other.csv", "code,name\n1,x\n", "no column id (its columns: code, name)"),
        ("header.csv", 'id,"name" x\n1,x\n', "broken header"),
        ("twice.csv", "id,name,name\n1,x,y\n", "two columns of one name"),
        ("bad.json", "{", "no valid JSON"),
        ("deep.json", "[" * 100_000, "no valid JSON"),
        ("odd.json", '{"rows": []}', "no list of records"),
    ],
)
def test_a_file_that_cannot_be_read_is_terminal_and_named(tmp_path: Path, name: str, body: str | None, said: str) -> None:
    if body is not None:
        (tmp_path / name).write_text(body)
    with pytest.raises(TerminalSourceError) as wrong:
        sync(tmp_path, given=options(name))
    assert said in wrong.value.message
    assert name in wrong.value.message


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "options.files"),
        ({"files": [], "fields": {}}, "options.files"),
        ({"provider": "siebel"}, "options.provider"),
        ({**options(), "fields": {}}, "names no columns for Account"),
        ({**options(), "field": {}}, "options.field"),
    ],
)
def test_a_wrong_option_is_named(given: dict[str, JsonValue], said: str) -> None:
    with pytest.raises(TerminalSourceError, match=said):
        CrmConnector(pull_of("crm", given))


def test_the_demo_company_has_all_its_customers_and_their_cases() -> None:
    source = Source.model_validate(YAML(typ="safe").load(DEMO / "source.yaml"))
    memory = Memory()
    events = memory.take(CrmConnector(Pull(source, DEMO, None, {}, TODAY)).events())
    assert not failures(events)
    assert done(events).complete
    lena = parsed(events, "Account/C-1001").facts
    assert (lena["name"], lena["region"], lena["plan"], lena["products"]) == ("Lena Vogt", "DE", "plus", ["doorbell", "hub"])
    assert "region" not in parsed(events, "Account/C-1010").facts
    customers = {key.removeprefix("Account/") for key in memory.known if key.startswith("Account/")}
    assert all(event.content.customer in customers for event in memory.found.values())
    assert memory.found["Case/CASE-0001"].content.modified == datetime(2025, 1, 8, 16, 30, tzinfo=UTC)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real CRM export is not beside this checkout")
def test_a_real_export_is_read_whole_and_every_record_has_its_customer() -> None:
    given: dict[str, JsonValue] = {
        "files": [
            {"path": "data-Contact.json", "object": "Contact", "key": "External_Id__c"},
            {"path": "data-Case.json", "object": "Case", "key": "attributes.referenceId", "customer": "ContactId"},
            {"path": "data-Guest_Review__c.json", "object": "Guest_Review__c", "key": "attributes.referenceId", "customer": "Contact__c"},
        ],
        "fields": {
            "Contact": {"first_name": "FirstName", "last_name": "LastName", "segment": "Guest_Type__c"},
            "Case": {"subject": "Subject", "description": "Description"},
            "Guest_Review__c": {"rating": "Rating__c", "comments": "Comments__c"},
        },
    }
    memory = Memory()
    events = sync(REAL.resolve(), memory, given)
    # 156 contacts, two of whom were given one id, with 2 cases and 10 reviews.
    assert len(memory.known) == 155 + 2 + 10
    assert sum("last one is kept" in note for key in memory.known for note in parsed(events, key).notes) == 1
    assert not failures(events)
    contacts = {event.content.customer for key, event in memory.found.items() if key.startswith("Contact/")}
    assert all(event.content.customer in contacts for event in memory.found.values())
    assert parsed(events, "Case/CaseRef1").elements[-1].kind == ElementKind.PARAGRAPH
