"""Column types that keep the same text and the same moment on every backend, and values as JSON."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

from pydantic import JsonValue
from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

from context_service.errors import StoreError
from context_service.model.base import Value, digest

LONGEST_NAME = 2_000
"""Bytes of a name in a column; PostgreSQL indexes at most some 2,700."""

VALUES_KEPT = 5_000
"""Values that are kept beside their stored texts, the last used ones; some 5 KB each."""

_UNSTORABLE = re.compile("[\x00\x1a\ud800-\udfff]")
_ESCAPED = re.compile("\x1a([0-9a-f]{4})")

V = TypeVar("V", bound=Value)


class PlainText(TypeDecorator[str]):
    """Any text, also with the NUL and the lone surrogates that databases refuse; compared and sorted by code point everywhere."""

    impl = Text().with_variant(Text(collation="C"), "postgresql")  # which would sort by the locale of its server
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Escape what databases refuse."""
        return None if value is None else _escape(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Undo the escaping."""
        # Hardly any text holds an escape, and looking for the mark alone costs far less than looking for the pattern.
        return value if value is None or "\x1a" not in value else _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)


class Name(PlainText):
    """Text that is looked up by index. One that is longer than `LONGEST_NAME` can be compared but not read back; its value holds it."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Escape what databases refuse, and cut what indexes refuse."""
        if value is None:
            return None
        escaped = _escape(value)
        return escaped if len(escaped.encode()) <= LONGEST_NAME else f"{escaped[:100]}\x1a#{digest(value, length=64)}"


class Moment(TypeDecorator[datetime]):
    """A moment with its time zone, kept in UTC to the microsecond."""

    impl = DateTime().with_variant(DateTime(timezone=True), "postgresql")  # SQLite knows no zones, and compares texts
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Turn into UTC."""
        return None if value is None else in_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Read as UTC, whatever zone the session is in."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC. Raises StoreError when it has no time zone."""
    if moment.tzinfo is None:
        raise StoreError(f"The moment {moment} has no time zone.", remedy="Pass a time with its zone, such as 2026-01-31T09:00:00Z.")
    return moment.astimezone(UTC)


def dump(value: Value) -> str:
    """A value as JSON that `load` turns back into an equal value."""
    return json.dumps(value.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))


def load(kind: type[V], payload: str, **columns: JsonValue) -> V:
    """The value behind `payload`; `columns` override its fields. Raises StoreError when the stored text is no such value."""
    try:
        return kind.model_validate(json.loads(payload) | columns)
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"A stored {kind.__name__} cannot be read.",
            remedy="Somebody changed it by hand or a newer version wrote it: restore the records from a backup or run that version.",
        ) from error


@lru_cache(maxsize=VALUES_KEPT)
def load_shared(kind: type[V], payload: str, **columns: JsonValue) -> V:
    """As `load`, for what is read again and again. Equal stored texts give the same frozen value, so none can be out of date."""
    return load(kind, payload, **columns)


def _escape(text: str) -> str:
    return _UNSTORABLE.sub(lambda found: f"\x1a{ord(found[0]):04x}", text)
