"""What stands for one document: source, then rules in order, then the document's own front matter; a customer's binding above all."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from context_service.declarations.governance import govern
from context_service.errors import TerminalSourceError
from context_service.model.access import Access, Classification
from context_service.model.applicability import Applicability, Status, Window
from context_service.model.document import Content, Governance, Parsed
from context_service.model.source import Company, Source

COMPANY = Company(name="Brightwater", authority={"policy": 80, "article": 40, "community": 10}, audiences=("agents", "staff"))
DAY = datetime(2026, 3, 1, 8, tzinfo=UTC)
SOURCE: dict[str, Any] = {
    "id": "handbook",
    "kind": "docs",
    "title": "Handbook",
    "owner": "policy-team",
    "authority": "policy",
    "access": {"classification": "public", "audiences": ["agents"]},
}


def governed(
    rules: list[dict[str, Any]] | None = None,
    front_matter: dict[str, Any] | None = None,
    key: str = "eu/returns.md",
    customer: str | None = None,
    parsed_at: datetime | None = None,
    fetched_at: datetime | None = DAY,
) -> tuple[str, Governance]:
    source = Source.model_validate({**SOURCE, "rules": rules or []})
    content = Content(key=key, raw=b"", media_type="text/plain", url=key, fingerprint="1", modified=fetched_at, customer=customer)
    parsed = Parsed(title="Returns", elements=(), parser="p", parser_version="1", front_matter=front_matter or {}, modified=parsed_at)
    return govern(COMPANY, source, content, parsed)


LAYERS = {
    "title": ("Returns", "By rule", "By front matter"),
    "owner": ("policy-team", "rule-team", "page-team"),
    "authority": ("policy", "article", "community"),
    "access": (
        {"classification": "public", "audiences": ["agents"]},
        {"classification": "internal", "audiences": ["staff"]},
        {"classification": "restricted"},
    ),
    "applicability": ({}, {"regions": ["DE"]}, {"plans": ["plus"]}),
    "effective": ({}, {"from": "2026-01-01"}, {"to": "2026-12-31"}),
    "status": ("current", "draft", "withdrawn"),
    "supersedes": ([], ["old.md"], ["older.md"]),
    "language": ("en", "de", "fr"),
    "reviewed": (None, "2026-01-01", "2026-02-02"),
    "modified": (DAY.isoformat(), "2026-04-01", "2026-05-01"),
}
READ: dict[str, Any] = {
    "access": Access.model_validate,
    "applicability": Applicability.model_validate,
    "effective": Window.model_validate,
    "status": Status,
    "supersedes": lambda refs: tuple(f"handbook:{ref}" for ref in refs),
    "reviewed": lambda day: day and date.fromisoformat(day),
    "modified": lambda day: datetime.fromisoformat(day).replace(tzinfo=UTC),
}


@pytest.mark.parametrize("name", LAYERS)
def test_front_matter_beats_the_later_rule_which_beats_the_earlier_which_beats_the_source(name: str) -> None:
    by_source, by_rule, by_page = LAYERS[name]
    earlier, later = {"match": "*", name: by_page}, {"match": "eu/*", name: by_rule}
    told = [
        governed(),
        governed([later]),
        governed([earlier, later]),
        governed([later, earlier], {name: by_rule}),
        governed([later], {name: by_page}),
    ]
    found = [title if name == "title" else getattr(governance, name) for title, governance in told]
    read = READ.get(name, lambda value: value)
    assert found == [read(by_source), read(by_rule), read(by_rule), read(by_rule), read(by_page)]


def test_every_field_that_can_be_overridden_is_tested_above() -> None:
    assert LAYERS.keys() == set(Governance.model_fields) - {"rank"} | {"title"}


def test_a_rule_sets_only_what_it_names() -> None:
    _, governance = governed([{"match": "*", "status": "draft"}, {"match": "*", "language": "de"}])
    assert (governance.status, governance.language, governance.owner) == (Status.DRAFT, "de", "policy-team")


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [("*", True), ("eu/*", True), ("eu/returns.md", True), ("*.md", True), ("eu/return?.md", True), ("EU/*", False), ("returns.md", False)],
)
def test_a_rule_counts_where_its_pattern_matches_the_whole_key(pattern: str, matches: bool) -> None:
    assert (governed([{"match": pattern, "status": "draft"}])[1].status is Status.DRAFT) is matches


def test_the_rank_is_that_of_the_authority_that_stands() -> None:
    assert governed()[1].rank == 80
    assert governed([{"match": "*", "authority": "article"}])[1].rank == 40
    assert governed([], {"authority": "community"})[1].rank == 10


def test_a_customers_record_is_bound_to_its_customer_whatever_rules_and_front_matter_say() -> None:
    others = {"classification": "public", "audiences": ["agents"], "customer": "C-2"}
    _, governance = governed([{"match": "*", "access": others}], {"access": others}, customer="C-1")
    assert governance.access == Access(classification=Classification.PUBLIC, audiences=frozenset({"agents"}), customer="C-1")


def test_without_an_access_rule_there_is_none_to_bind() -> None:
    source = Source.model_validate({**SOURCE, "access": None})
    content = Content(key="a", raw=b"", media_type="text/plain", url="a", fingerprint="1", customer="C-1")
    assert govern(COMPANY, source, content, Parsed(title="A", elements=(), parser="p", parser_version="1"))[1].access is None


@pytest.mark.parametrize(
    ("fetched", "parsed", "expected"),
    [
        (DAY, None, DAY),
        (None, DAY, DAY),
        (DAY, datetime(2020, 1, 1, tzinfo=UTC), DAY),
        (None, None, None),
        (datetime(2026, 3, 1, 8), None, DAY),  # noqa: DTZ001 - a source that names no zone is taken to mean UTC
    ],
)
def test_the_source_knows_its_last_change_better_than_the_file(
    fetched: datetime | None, parsed: datetime | None, expected: datetime | None
) -> None:
    assert governed(fetched_at=fetched, parsed_at=parsed)[1].modified == expected


def test_a_superseded_key_is_of_the_same_source_unless_it_names_one() -> None:
    _, governance = governed([{"match": "*", "supersedes": ["old.md", "legal:terms.pdf"]}])
    assert governance.supersedes == ("handbook:old.md", "legal:terms.pdf")


def test_front_matter_of_other_tools_is_passed_over() -> None:
    title, governance = governed([], {"layout": "post", "tags": ["a"], "draft": True, "match": "*", "rank": 1_000, "title": "Ours"})
    assert (title, governance.status, governance.rank) == ("Ours", Status.CURRENT, 80)


@pytest.mark.parametrize(
    ("front_matter", "field"),
    [
        ({"status": "published"}, "status"),
        ({"access": {"classification": "secret"}}, "access.classification"),
        ({"access": {"classification": "public", "audience": []}}, "access.audience"),
        ({"applicability": {"regions": "DE"}}, "applicability.regions"),
        ({"effective": {"from": "2026-02-01", "to": "2026-01-01"}}, "effective"),
        ({"effective": {"from": "soon"}}, "effective.from"),
        ({"supersedes": "old.md"}, "supersedes"),
        ({"reviewed": "yesterday"}, "reviewed"),
        ({"title": 5}, "title"),
    ],
)
def test_a_wrong_value_in_front_matter_is_an_error_that_names_its_field(front_matter: dict[str, Any], field: str) -> None:
    with pytest.raises(TerminalSourceError) as caught:
        governed([], front_matter)
    assert f"Front matter field `{field}" in caught.value.message


def test_an_unknown_authority_in_front_matter_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(TerminalSourceError, match=r"Authority tier `king` is not declared\. Use one of policy, article, community"):
        governed([], {"authority": "king"})
