"""CRM exports: CSV tables and Salesforce JSON (sObject trees or plain lists), read from files beside the declaration."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from context_service.errors import TerminalSourceError
from context_service.ingest.connector import Done, Event, Failed, Pull
from context_service.model.base import Value
from ingestors.crm_record import Columns, Record, RecordShape, column, identity, record_event, to_content
from ingestors.text import decode

DELIMITERS = ",;\t|"
REFERENCE = "attributes.referenceId"
TYPE = "attributes.type"
COLUMN_NAMES_SHOWN = 12


class ExportFile(Value):
    """One file of an export."""

    path: str = Field(description="Path from the source's folder; .json is read as Salesforce JSON, anything else as CSV.")
    object: str = Field(description="Kind of the records in it.", pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    key: str = Field(description="Column of the record's id.", min_length=1)
    customer: str | None = Field(None, description="Column of the customer's id; left out, the record is the customer.", min_length=1)


class ExportOptions(Value):
    """`options` of a crm source with provider `export`."""

    provider: Literal["export"] = "export"
    files: tuple[ExportFile, ...] = Field(description="Files of the export.", min_length=1)
    fields: dict[str, dict[str, str]] = Field(description="For each kind of record, fact: column. Other columns are not taken over.")


@dataclass(frozen=True)
class Row:
    """A row of a file by its number (a table's header is row 1), or what is wrong with it."""

    number: int
    columns: Columns
    problem: str | None = None


def export_events(pull: Pull, options: ExportOptions) -> Iterator[Event]:
    """One event per record and one per row that is none. Raises TerminalSourceError for a file that is missing or unreadable."""
    shapes = [shape_of(file, options) for file in options.files]
    tables = [read_rows(pull, file) for file in options.files]
    identities = _references(zip(options.files, tables, strict=True))
    records: dict[str, Record] = {}
    readable = True
    for file, shape, rows in zip(options.files, shapes, tables, strict=True):
        for row in rows:
            found = row.problem or _record(file, shape, row, identities)
            # A row that cannot even be split may be any record, so nothing may be taken for deleted on its account.
            readable = readable and row.problem is None
            if isinstance(found, str):
                yield Failed(f"{file.object}/row-{row.number}", f"{file.path}, row {row.number}: {found}", transient=False)
            else:
                records[found.key] = _merged(records.get(found.key), found)
    for record in records.values():
        yield record_event(pull, record)
    yield Done(cursor=None, complete=readable)


def shape_of(file: ExportFile, options: ExportOptions) -> RecordShape:
    """How the records of a file are read. Raises TerminalSourceError when no facts are named for their kind."""
    facts = options.fields.get(file.object)
    if not facts:
        raise TerminalSourceError(
            f"`options.fields` names no columns for {file.object}.", remedy=f"Add `{file.object}: {{fact: column}}` to `options.fields`."
        )
    return RecordShape(object=file.object, key=file.key, customer=file.customer, facts=facts)


def read_rows(pull: Pull, file: ExportFile) -> list[Row]:
    """The rows of a file that are of its kind."""
    text = decode(_bytes(pull, file))[0]
    rows = _json_rows(text, file) if file.path.lower().endswith(".json") else list(_csv_rows(text, file, pull.limits.item_bytes))
    return [row for row in rows if column(row.columns, TYPE) in (None, file.object)]


def _bytes(pull: Pull, file: ExportFile) -> bytes:
    folder = (pull.folder / pull.source.location).resolve()
    path = (folder / file.path).resolve()
    if not path.is_relative_to(folder):
        raise _wrong(file, "lies outside the source's folder", "Move it into the folder.")
    if not path.is_file():
        raise _wrong(file, "is not there", "Export it again, or correct `options.files`.")
    if path.stat().st_size > pull.limits.unpacked_bytes:
        raise _wrong(file, f"is larger than {pull.limits.unpacked_bytes} bytes", "Split the export into several files.")
    return path.read_bytes()


def _csv_rows(text: str, file: ExportFile, longest: int) -> Iterator[Row]:
    # The module's own limit would cut off at 128 KiB what is a long, but honest, description.
    csv.field_size_limit(longest)
    delimiter = _delimiter(text, file)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header = _header(reader, file)
    number = 1
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, {}, f"the row is broken ({error}); nothing is deleted until it is mended.")
            continue
        if len(cells) == len(header):
            yield Row(number, dict(zip(header, cells, strict=True)))
        elif any(cells):
            yield Row(number, {}, f"it has {len(cells)} cells, the header {len(header)}; nothing is deleted until it is mended.")


def _delimiter(text: str, file: ExportFile) -> str:
    first = text.partition("\n")[0]
    headers = {mark: next(csv.reader([first], delimiter=mark), []) for mark in DELIMITERS}
    return max(DELIMITERS, key=lambda mark: (file.key in (name.strip() for name in headers[mark]), len(headers[mark])))


def _header(reader: Iterator[list[str]], file: ExportFile) -> list[str]:
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise _wrong(file, f"has a broken header ({error})", "Export it again with a header row.") from error
    missing = [name for name in (file.key, file.customer) if name and name not in header]
    if missing:
        names = ", ".join(header[:COLUMN_NAMES_SHOWN]) or "none"
        raise _wrong(file, f"has no column {missing[0]} (its columns: {names})", "Correct `options.files`, or export it with a header row.")
    if len(set(header)) < len(header):
        raise _wrong(file, "has two columns of one name", "Rename one of them.")
    return header


def _json_rows(text: str, file: ExportFile) -> list[Row]:
    try:
        found = json.loads(text, parse_constant=lambda _name: None)
    except (ValueError, RecursionError) as error:
        raise _wrong(file, f"is no valid JSON ({error})", "Export it again.") from error
    records = found.get("records") if isinstance(found, dict) else found
    if not isinstance(records, list):
        raise _wrong(file, "holds no list of records", "Export it as an sObject tree or as a list of records.")
    return [
        Row(number, record) if isinstance(record, dict) else Row(number, {}, "it is no record.")
        for number, record in enumerate(records, start=1)
    ]


def _references(tables: Iterator[tuple[ExportFile, list[Row]]]) -> dict[str, str]:
    """In sObject trees records point to each other by reference; here is the id that each reference stands for."""
    found: dict[str, str] = {}
    for file, rows in tables:
        for row in rows:
            reference, own = identity(column(row.columns, REFERENCE)), identity(column(row.columns, file.key))
            # A reference that two records share names neither: a guess would show one customer's record to another.
            found[reference] = own if found.get(reference, own) == own else ""
    return found


def _record(file: ExportFile, shape: RecordShape, row: Row, identities: Mapping[str, str]) -> Record | str:
    own = identity(column(row.columns, shape.key))
    if not own:
        return f"the record has no id in {shape.key}."
    customer = identity(column(row.columns, shape.customer)) if shape.customer else own
    customer = identities.get(customer[1:], "") if customer.startswith("@") else customer
    if not customer:
        # Without a customer the record would be readable on behalf of every customer.
        return f"{shape.object}/{own} has no customer in {shape.customer}, so nobody may read it."
    return Record(shape, own, customer, row.columns, f"{file.path}#{own}")


def _merged(before: Record | None, now: Record) -> Record:
    if before is None or to_content(before).raw == to_content(now).raw:
        return now
    return replace(now, notes=("Several different records of the export have this id; the last one is kept.",))


def _wrong(file: ExportFile, message: str, remedy: str) -> TerminalSourceError:
    return TerminalSourceError(f"{Path(file.path).as_posix()} {message}.", remedy=remedy)
