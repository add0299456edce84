"""What stands for one document: the source's defaults, then its rules, then the document's own front matter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from fnmatch import fnmatchcase
from typing import Any

from pydantic import JsonValue, ValidationError

from context_service.errors import TerminalSourceError
from context_service.model.access import Access
from context_service.model.document import Content, Governance, Parsed
from context_service.model.source import Company, Overrides, Source


def govern(company: Company, source: Source, content: Content, parsed: Parsed) -> tuple[str, Governance]:
    """The title and the governance of one document.

    A customer's own record is bound to its customer whatever the rules say. Raises TerminalSourceError when the front matter is wrong.
    """
    stands: dict[str, Any] = {
        "title": parsed.title,
        "owner": source.owner,
        "authority": source.authority,
        "access": source.access,
        "applicability": source.applicability,
        "language": source.language,
        "modified": content.modified or parsed.modified,
    }
    for rule in source.rules:
        if fnmatchcase(content.key, rule.match):
            stands |= _set_fields(rule)
    stands |= _set_fields(_front_matter(parsed.front_matter))
    stands["rank"] = _rank(company, stands["authority"])
    stands["access"] = _bound(stands["access"], content.customer)
    stands["supersedes"] = tuple(_absolute(ref, source.id) for ref in stands.get("supersedes", ()))
    stands["modified"] = moment(stands["modified"])
    return stands.pop("title"), Governance(**stands)


def _front_matter(raw: Mapping[str, JsonValue]) -> Overrides:
    """Front matter as a value. Fields we do not know are the site's own business, but a wrong value of a known one is an error."""
    known = {name: value for name, value in raw.items() if name in Overrides.model_fields}
    try:
        return Overrides.model_validate(known)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise TerminalSourceError(f"Front matter field `{name}` is wrong: {first['msg']}.", remedy="Mend it in the document.") from None


def _set_fields(layer: Overrides) -> dict[str, Any]:
    return {name: value for name in Overrides.model_fields if (value := getattr(layer, name)) is not None}


def _rank(company: Company, authority: str) -> int:
    if authority not in company.authority:
        raise TerminalSourceError(
            f"Authority tier `{authority}` is not declared.",
            remedy=f"Use one of {', '.join(company.authority)}, or declare it in context.yaml.",
        )
    return company.authority[authority]


def _bound(access: Access | None, customer: str | None) -> Access | None:
    if access is None or customer is None:
        return access
    return access.model_copy(update={"customer": customer})


def _absolute(ref: str, source: str) -> str:
    return ref if ":" in ref else f"{source}:{ref}"


def moment(value: date | datetime | None) -> datetime | None:
    """A day as its first moment, a time without a zone as UTC."""
    if value is None:
        return None
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    return value if value.tzinfo else value.replace(tzinfo=UTC)
