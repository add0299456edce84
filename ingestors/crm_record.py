"""One CRM record: the facts taken over from it, the bytes that stand for it, and the small document they read as.

Only mapped columns enter the service; everything else of a record stays in the CRM.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import Field, JsonValue

from context_service.ingest.connector import Event, Failed, Found, Pull, Same
from context_service.model.base import Value, canonical_json, digest
from context_service.model.document import Content, Element, ElementKind, Parsed
from ingestors.text import clean, row_text, squeeze

Columns = Mapping[str, JsonValue]
"""A record as its source gives it: values by column name."""

MEDIA_TYPE = "application/json"
PARSER = "crm"
VERSION = "1"
LOWERED = frozenset({"plan", "products", "segment", "language"})
"""Facts that are compared with declared names, which are in lower case."""
DECIDING = LOWERED | {"region"}
"""Facts that decide which texts hold for a customer: one that is really absent has to look absent, so that it is asked for."""
LISTS = frozenset({"products"})
REGION = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)*")
SHORT_CODE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,3})?")
PLACEHOLDERS = frozenset({"-", "?", "n/a", "none", "null", "unknown"})
WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,14}")
MODIFIED = ("LastModifiedDate", "SystemModstamp", "hs_lastmodifieddate", "lastmodifieddate")
HAPPENED = ("ClosedDate", "CreatedDate", "closedate", "createdate")
LONG_TEXT = 160
"""Characters from which a value reads as prose and not as a cell of a table."""


class RecordShape(Value):
    """How the records of one kind are read: the columns of key and customer, and the column of each fact."""

    object: str = Field(description="Kind of record, such as Account; the first part of every key.")
    key: str = Field(description="Column of the record's id.")
    customer: str | None = Field(None, description="Column of the customer's id; left out, the record is the customer.")
    facts: dict[str, str] = Field(description="Fact: column. Other columns are not taken over.", min_length=1)


@dataclass(frozen=True)
class Record:
    """A record that has a key and a customer. `notes` tell its owner what was odd."""

    shape: RecordShape
    id: str
    customer: str
    columns: Columns
    url: str
    notes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """`Object/Id`."""
        return f"{self.shape.object}/{self.id}"


def column(columns: Columns, path: str) -> JsonValue:
    """The value of a column; dots lead into nested records. None when it is absent."""
    value: JsonValue = dict(columns)
    for part in [path] if path in columns else path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def identity(value: JsonValue) -> str:
    """An id as text; empty when the value is none."""
    return squeeze(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def record_event(pull: Pull, record: Record) -> Event:
    """The event of one record: Same when nothing that is taken over has changed."""
    content = to_content(record)
    if len(content.raw) > pull.limits.item_bytes:
        return Failed(record.key, f"The record is larger than {pull.limits.item_bytes} bytes.", transient=False)
    known = pull.known.get(record.key)
    return Same(record.key) if known is not None and known.fingerprint == content.fingerprint else Found(content)


def to_content(record: Record) -> Content:
    """The bytes of a record: its facts in the order they are declared, and whose they are."""
    facts, notes = _facts(record)
    taken = {"object": record.shape.object, "id": record.id, "customer": record.customer, "facts": facts, "notes": [*record.notes, *notes]}
    raw = json.dumps(taken, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    return Content(
        key=record.key,
        raw=raw,
        media_type=MEDIA_TYPE,
        url=record.url,
        fingerprint=digest(raw),
        modified=_modified(record.columns),
        customer=record.customer,
    )


def _facts(record: Record) -> tuple[dict[str, JsonValue], list[str]]:
    facts: dict[str, JsonValue] = {}
    notes: list[str] = []
    for fact, name in record.shape.facts.items():
        written = column(record.columns, name)
        value = _typed(fact, written)
        if value in (None, []):
            notes += [f"The {fact} {written!r} counts as not given."] if isinstance(written, str) and written.strip() else []
            continue
        facts[fact] = value
        if fact == "region" and not (isinstance(value, str) and REGION.fullmatch(value)):
            notes.append(f"The region {value!r} is no region code such as DE or US-CA.")
    return facts, notes


def _typed(fact: str, value: JsonValue) -> JsonValue:
    if fact in LISTS:
        parts = value if isinstance(value, list) else re.split(r"[;,|]", value) if isinstance(value, str) else []
        return [text for text in (_word(part) for part in parts) if text]
    if not isinstance(value, str):
        return value
    text = clean(value).strip()
    if not text or (fact in DECIDING and text.casefold() in PLACEHOLDERS):
        return None
    if fact in LOWERED:
        return text.lower()
    if fact == "region":
        return text.upper() if SHORT_CODE.fullmatch(text) else text
    if text in ("true", "false"):
        return text == "true"
    return int(text) if WHOLE_NUMBER.fullmatch(text) else text


def _word(value: JsonValue) -> str:
    text = squeeze(str(value)).lower()
    return "" if text in PLACEHOLDERS else text


def _modified(columns: Columns) -> datetime | None:
    changed = [moment for name in MODIFIED if (moment := _moment(columns.get(name)))]
    happened = [moment for name in HAPPENED if (moment := _moment(columns.get(name)))]
    return next(iter(changed), None) or max(happened, default=None)


def _moment(value: JsonValue) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def parse_record(content: Content) -> Parsed:
    """The document of a record: a table of its short facts, then its texts under headings."""
    record = json.loads(content.raw)
    facts: dict[str, JsonValue] = record["facts"]
    name = squeeze(_name(facts) or record["id"])
    return Parsed(
        title=f"{record['object']}: {name}",
        elements=tuple(_elements(facts)),
        parser=PARSER,
        parser_version=VERSION,
        facts=facts,
        notes=tuple(record["notes"]),
    )


def _name(facts: Mapping[str, JsonValue]) -> str:
    person = " ".join(str(facts[part]) for part in ("first_name", "last_name") if part in facts)
    return next((str(text) for text in (facts.get("name"), person, facts.get("subject"), facts.get("number")) if text), "")


def _elements(facts: Mapping[str, JsonValue]) -> list[Element]:
    texts = {_label(fact): _readable(value) for fact, value in facts.items()}
    rows = [Element(kind=ElementKind.TABLE_ROW, text=row_text([label, text])) for label, text in texts.items() if not _is_prose(text)]
    head = [Element(kind=ElementKind.TABLE_HEAD, text=row_text(["Field", "Value"]))] if rows else []
    return [*head, *rows, *(element for label, text in texts.items() if _is_prose(text) for element in _prose(label, text))]


def _prose(label: str, text: str) -> list[Element]:
    paragraphs = [squeeze(part) for part in re.split(r"\n\s*\n", text)]
    heading = Element(kind=ElementKind.HEADING, text=label, level=2)
    return [heading, *(Element(kind=ElementKind.PARAGRAPH, text=part) for part in paragraphs if part)]


def _is_prose(text: str) -> bool:
    return len(text) > LONG_TEXT or "\n" in text


def _label(fact: str) -> str:
    return fact.replace("_", " ").strip().capitalize()


def _readable(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_readable(part) for part in value)
    return canonical_json(value) if isinstance(value, dict) else clean(str(value))
