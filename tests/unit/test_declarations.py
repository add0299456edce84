"""A company's YAML: what is right loads, what is wrong is named by file, line and column."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor

from context_service.declarations.company import SCHEMAS, inspect, json_schema, load
from context_service.declarations.yaml_file import MAX_BYTES
from context_service.errors import InvalidDeclaration
from context_service.model.source import Promise, Source
from context_service.model.workflow import RANKING_RULES, DecidedBy, Workflow

ROOT = Path(__file__).resolve().parents[2]
TIDEWELL = ROOT / "fixtures/company"

CONTEXT = """\
name: Brightwater
authority: {policy: 80, article: 40}
regions: {EU: [DE, FR]}
plans: [plus]
products: [lamp]
audiences: [agents]
"""
SOURCE = "id: handbook\nkind: docs\ntitle: Handbook\nowner: policy-team\nauthority: policy\n"
WORKFLOW = "id: refund\ntitle: Refunds\n"


def company(folder: Path, context: str | bytes = CONTEXT, source: str | bytes = SOURCE, workflow: str | bytes = WORKFLOW) -> Path:
    files = {"context.yaml": context, "handbook/source.yaml": source, "workflows/refund.yaml": workflow}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / "context.yaml"


def faults(path: Path) -> list[InvalidDeclaration]:
    declarations, found = inspect(path)
    assert (declarations is None) is bool(found)
    return found


def test_the_fixture_company_has_no_fault() -> None:
    declarations, found = inspect(TIDEWELL / "context.yaml")
    assert found == []
    assert declarations is not None
    assert sorted(declarations.sources) == ["crm", "handbook", "helpcenter", "legal", "operations", "website"]
    assert declarations.folders["legal"] == TIDEWELL / "pdf"
    assert "refund" in declarations.workflows


def test_a_small_company_loads_with_the_defaults(tmp_path: Path) -> None:
    declarations = load(company(tmp_path))
    assert declarations.sources["handbook"].freshness == Promise()
    assert declarations.sources["handbook"].access is None
    assert declarations.workflows["refund"].resolution == RANKING_RULES


def test_a_file_with_a_byte_order_mark_loads(tmp_path: Path) -> None:
    assert load(company(tmp_path, source=b"\xef\xbb\xbf" + SOURCE.encode())).sources.keys() == {"handbook"}


def test_a_moment_keeps_its_time_zone(tmp_path: Path) -> None:
    rules = "rules: [{match: a, modified: 2026-02-01T10:00:00+02:00}]\n"
    modified = load(company(tmp_path, source=SOURCE + rules)).sources["handbook"].rules[0].modified
    assert modified is not None
    assert modified.isoformat() == "2026-02-01T10:00:00+02:00"


BROKEN = {
    "syntax": ("source", SOURCE + "rules: [1, 2\n", "handbook/source.yaml:7:1", "expected ',' or ']'"),
    "a tab": ("source", SOURCE + "\toptions: {}\n", "handbook/source.yaml:6:1", "cannot start any token"),
    "two documents": ("source", SOURCE + "---\nid: b\n", "handbook/source.yaml:6:1", "another document"),
    "an alias": ("source", SOURCE + "access: &a {}\nrules: [{match: x, access: *a}]\n", "handbook/source.yaml:7:28", "`*a` is an alias"),
    "a merge": ("source", SOURCE + "<<: {kind: pdf}\n", "handbook/source.yaml:6:1", "`<<` is a merge"),
    "a duplicate key": ("source", SOURCE + "id: other\n", "handbook/source.yaml:6:1", 'duplicate key "id"'),
    "deep nesting": (
        "source",
        SOURCE + "options: {x: " + "[" * 5000 + "]" * 5000 + "}\n",
        "handbook/source.yaml:6:44",
        "deeper than 32 levels",
    ),
    "no such day": (
        "source",
        SOURCE + "rules:\n  - match: x\n    modified: 2026-02-30\n",
        "handbook/source.yaml:8:15",
        "`2026-02-30`: day is out of range",
    ),
    "a control character": ("source", SOURCE + "x: \x07\n", "handbook/source.yaml:6:4", "may not stand in a file"),
    "not UTF-8": ("source", SOURCE.encode() + b"x: \xff\n", "handbook/source.yaml:6:4", "not UTF-8"),
    "too large": ("source", "#" * (MAX_BYTES + 1), "handbook/source.yaml:1:1", "larger than 1 MB"),
    "empty": ("context", "", "context.yaml:1:1", "The file: Input should be a mapping. It is empty now."),
    "a list": ("context", "- name\n", "context.yaml:1:1", "The file: Input should be a mapping"),
    "unknown field": ("source", SOURCE + "colour: red\n", "handbook/source.yaml:6:1", "`colour` is not a known field"),
    "an empty key": ("source", SOURCE + "null: red\n", "handbook/source.yaml:1:1", "`None` is not a known field"),
    "unknown field inside": (
        "source",
        SOURCE + "access:\n  classification: public\n  audience: [agents]\n",
        "handbook/source.yaml:8:3",
        "`access.audience` is not a known field",
    ),
    "missing field": (
        "source",
        "id: handbook\nkind: docs\ntitle: H\nowner: o\n",
        "handbook/source.yaml:1:1",
        "`authority` is missing. Add it.",
    ),
    "missing in a rule": ("source", SOURCE + "rules:\n  - status: draft\n", "handbook/source.yaml:7:5", "`rules.0.match` is missing"),
    "a number for a word": (
        "source",
        SOURCE.replace("Handbook", "2026"),
        "handbook/source.yaml:3:1",
        "`title`: Input should be a valid string. It reads `2026`",
    ),
    "a word for a list": (
        "source",
        SOURCE + "access: {classification: public, audiences: agents}\n",
        "handbook/source.yaml:6:34",
        "`access.audiences`: Input should be a list. It reads `agents` now.",
    ),
    "a number for a list": ("source", SOURCE + "rules: 5\n", "handbook/source.yaml:6:1", "`rules`: Input should be a list"),
    "a number for names": (
        "workflow",
        WORKFLOW + "sources: 5\n",
        "workflows/refund.yaml:3:1",
        "`sources`: Input should be '*' or Input should be a list",
    ),
    "half a rank": ("context", CONTEXT.replace("80", "8.5"), "context.yaml:2:13", "`authority.policy`: Input should be a valid integer"),
    "no classification": (
        "source",
        SOURCE + "access: {classification: secret}\n",
        "handbook/source.yaml:6:10",
        "Input should be 'public', 'internal'",
    ),
    "a bad id": ("source", SOURCE.replace("handbook", "Hand book"), "handbook/source.yaml:1:1", "`id`: String should match pattern"),
    "a bad duration": (
        "source",
        SOURCE + "freshness: {every: 6 hours}\n",
        "handbook/source.yaml:6:13",
        "`freshness.every`: write a duration as",
    ),
    "a bare number of seconds": (
        "source",
        SOURCE + "freshness: {every: 6}\n",
        "handbook/source.yaml:6:13",
        "`freshness.every`: write a duration as",
    ),
    "ages out of order": (
        "source",
        SOURCE + "freshness: {due: 20d, stale: 14d}\n",
        "handbook/source.yaml:6:1",
        "Make due <= stale <= expired",
    ),
    "a window that ends first": (
        "source",
        SOURCE + "rules:\n  - {match: x, effective: {from: 2026-02-01, to: 2026-01-01}}\n",
        "handbook/source.yaml:7:16",
        "`to` lies before `from`",
    ),
    "unknown tier": (
        "source",
        SOURCE.replace("authority: policy", "authority: legal"),
        "handbook/source.yaml:5:1",
        "`legal` is not a declared authority tier",
    ),
    "unknown tier in a rule": (
        "source",
        SOURCE + "rules:\n  - match: x\n    authority: legal\n",
        "handbook/source.yaml:8:5",
        "`legal` is not a declared",
    ),
    "unknown plan": ("source", SOURCE + "applicability: {plans: [gold]}\n", "handbook/source.yaml:6:17", "`gold` is not a declared plan"),
    "unknown product": (
        "source",
        SOURCE + "applicability: {products: [kite]}\n",
        "handbook/source.yaml:6:17",
        "`kite` is not a declared product",
    ),
    "unknown region": (
        "source",
        SOURCE + "applicability: {regions: [DE, UK]}\n",
        "handbook/source.yaml:6:17",
        "`UK` is not a declared region",
    ),
    "unknown workflow": (
        "source",
        SOURCE + "applicability: {workflows: [refunds]}\n",
        "handbook/source.yaml:6:17",
        "`refunds` is not a declared workflow",
    ),
    "unknown audience": (
        "source",
        SOURCE + "access: {classification: public, audiences: [all]}\n",
        "handbook/source.yaml:6:34",
        "`all` is not a declared audience",
    ),
    "access for an unknown workflow": (
        "source",
        SOURCE + "access: {classification: public, workflows: [all]}\n",
        "handbook/source.yaml:6:34",
        "`all` is not a declared workflow",
    ),
    "unknown source of a workflow": (
        "workflow",
        WORKFLOW + "sources: [wiki]\n",
        "workflows/refund.yaml:3:1",
        "No source `wiki` is declared",
    ),
    "unknown source to include": (
        "workflow",
        WORKFLOW + "must_include:\n  - document: wiki:notice.md\n",
        "workflows/refund.yaml:4:5",
        "`wiki:notice.md` names no declared source",
    ),
    "a gate among the rules": (
        "workflow",
        WORKFLOW + "resolution: [authority, status]\n",
        "workflows/refund.yaml:3:25",
        "Input should be 'ruling', 'specificity'",
    ),
    "a pattern from the root": (
        "context",
        CONTEXT + "sources: ['/etc/*.yaml']\n",
        "context.yaml:7:11",
        "`/etc/*.yaml`: Non-relative patterns",
    ),
    "an empty pattern": ("context", CONTEXT + "workflows: ['']\n", "context.yaml:7:13", "Write a pattern such as"),
    "no source": ("context", CONTEXT + "sources: ['*/src.yaml']\n", "context.yaml:7:1", "No source is declared"),
    "no workflow": ("context", CONTEXT + "workflows: []\n", "context.yaml:7:1", "No workflow is declared"),
}


@pytest.mark.parametrize(("file", "text", "place", "says"), BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_is_named_by_file_line_and_column(tmp_path: Path, file: str, text: str | bytes, place: str, says: str) -> None:
    found = faults(company(tmp_path, **{file: text}))
    assert [str(fault).partition(": ")[0] for fault in found] == [place]
    assert says in str(found[0])
    assert found[0].remedy


def test_the_same_id_twice_is_named_with_the_file_that_has_it(tmp_path: Path) -> None:
    path = company(tmp_path)
    (tmp_path / "wiki").mkdir()
    (tmp_path / "wiki/source.yaml").write_text(SOURCE)
    assert [str(fault) for fault in faults(path)] == [
        "wiki/source.yaml:1:1: `handbook` is declared in handbook/source.yaml already. Give it another id."
    ]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "context.yaml:1:1: The file cannot be read: No such file" in str(faults(tmp_path / "context.yaml")[0])


def test_every_fault_of_every_file_is_found_at_once(tmp_path: Path) -> None:
    found = faults(company(tmp_path, source="id: handbook\n", workflow="id: refund\nbudget: 5\n"))
    assert sorted(str(fault).partition(" ")[0] for fault in found) == ["handbook/source.yaml:1:1:"] * 4 + [
        "workflows/refund.yaml:1:1:",
        "workflows/refund.yaml:2:1:",
    ]


def test_a_company_with_a_fault_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(InvalidDeclaration, match="`kind` is missing"):
        load(company(tmp_path, source="id: handbook\n"))


@pytest.mark.parametrize(
    ("written", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("6h", timedelta(hours=6)),
        ("60d", timedelta(days=60)),
        ("2w", timedelta(weeks=2)),
        ("0s", timedelta(0)),
        ("999999w", timedelta(weeks=999_999)),
    ],
)
def test_a_duration_is_read_and_written_so_that_it_can_be_read_again(written: str, length: timedelta) -> None:
    promise = Promise.model_validate({"every": written})
    assert promise.every == length
    assert Promise.model_validate_json(promise.model_dump_json()) == promise


@pytest.mark.parametrize("written", ["", "h", "6", "6 h", "-6h", "1.5h", "6H", "1000000s", "6h30m", 6, 6.5, True, None])
def test_what_is_no_duration_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="write a duration"):
        Promise.model_validate({"every": written})


def test_a_source_survives_its_own_json() -> None:
    for source in load(TIDEWELL / "context.yaml").sources.values():
        assert Source.model_validate_json(source.model_dump_json()) == source


def test_the_order_of_resolution_is_read_as_rules() -> None:
    workflow = Workflow.model_validate({"id": "refund", "title": "Refunds", "resolution": ["recency", "authority"]})
    assert workflow.resolution == (DecidedBy.RECENCY, DecidedBy.AUTHORITY)


class DatesAsStrings(SafeConstructor):
    """Reads YAML as JSON has it: without dates."""


DatesAsStrings.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def as_json(path: Path) -> Any:
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = DatesAsStrings
    return yaml.load(path.read_text("utf-8"))


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_the_generated_one(name: str) -> None:
    published = json.loads((ROOT / f"docs/schemas/{name}.schema.json").read_text("utf-8"))
    assert published == json_schema(name), f"write json_schema({name!r}) to docs/schemas/{name}.schema.json"
    jsonschema.Draft202012Validator.check_schema(published)


FIXTURE_FILES = [
    ("context", TIDEWELL / "context.yaml"),
    *(("source", path) for path in sorted(TIDEWELL.rglob("source.yaml"))),
    *(("workflow", path) for path in sorted((TIDEWELL / "workflows").glob("*.yaml"))),
]


@pytest.mark.parametrize(("name", "path"), FIXTURE_FILES, ids=[str(path.relative_to(TIDEWELL)) for _, path in FIXTURE_FILES])
def test_the_schemas_accept_the_fixture_company(name: str, path: Path) -> None:
    jsonschema.Draft202012Validator(json_schema(name)).validate(as_json(path))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("source", {"id": "a", "kind": "docs", "title": "A", "owner": "o", "authority": "policy", "colour": "red"}),
        ("source", {"id": "a", "kind": "docs", "title": "A", "owner": "o"}),
        ("source", {"id": "A b", "kind": "docs", "title": "A", "owner": "o", "authority": "policy"}),
        ("source", {"id": "a", "kind": "docs", "title": "A", "owner": "o", "authority": "policy", "freshness": {"every": 6}}),
        ("workflow", {"id": "a", "title": "A", "resolution": ["status"]}),
        ("workflow", {"id": "a", "title": "A", "sources": "handbook"}),
        ("context", {"name": "A", "audiences": [], "authority": {}}),
    ],
)
def test_the_schemas_refuse_what_the_service_refuses(name: str, value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        SCHEMAS[name].model_validate(value)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json_schema(name)).validate(value)
