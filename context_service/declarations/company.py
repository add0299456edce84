"""The whole of a company's declarations, read and checked against each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from context_service.declarations.promise import promise_faults
from context_service.declarations.yaml_file import Declared, read_declaration
from context_service.errors import InvalidDeclaration
from context_service.model.access import Access
from context_service.model.applicability import Applicability
from context_service.model.base import Value
from context_service.model.golden import GoldenFile, GoldenQuestion
from context_service.model.source import Company, Rule, Source
from context_service.model.workflow import Workflow

SCHEMAS: dict[str, type[Value]] = {"context": Company, "source": Source, "workflow": Workflow, "golden": GoldenFile}
"""Name of the JSON Schema -> what it describes."""


@dataclass(frozen=True)
class Declarations:
    """A company's declarations, consistent with each other."""

    company: Company
    sources: Mapping[str, Source]
    folders: Mapping[str, Path]
    """Folder of each source's files."""
    workflows: Mapping[str, Workflow]
    golden: tuple[GoldenQuestion, ...] = ()


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of a declaration file: `context`, `source`, `workflow` or `golden`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **SCHEMAS[name].model_json_schema()}


def load(path: Path) -> Declarations:
    """Read the declarations under `path` (a `context.yaml`). Raises InvalidDeclaration with the first fault."""
    declarations, faults = inspect(path)
    if faults or declarations is None:
        raise faults[0]
    return declarations


def inspect(path: Path) -> tuple[Declarations | None, list[InvalidDeclaration]]:
    """Read the declarations under `path` and collect every fault; the declarations are None when there are any."""
    faults: list[InvalidDeclaration] = []
    company = read_declaration(path, Company, path.name, faults)
    if company is None:
        return None, faults
    sources = list(_read_all(company, "sources", Source, faults))
    workflows = list(_read_all(company, "workflows", Workflow, faults))
    golden = list(_read_all(company, "golden", GoldenFile, faults))
    # Only files that can all be read are held against each other: a missing one would be complained of twice.
    faults += [] if faults else _check(company, sources, workflows, golden)
    if faults:
        return None, faults
    return _assemble(company.value, sources, workflows, golden), []


def _read_all(
    company: Declared[Company], field: Literal["sources", "workflows", "golden"], model: type[Any], faults: list[InvalidDeclaration]
) -> Iterator[Declared[Any]]:
    found: set[Path] = set()
    for number, pattern in enumerate(getattr(company.value, field)):
        try:
            found.update(company.folder.glob(pattern))
        except (NotImplementedError, ValueError) as error:
            faults.append(company.located.fault(f"`{pattern}`: {error}.", "Write a pattern such as `*/source.yaml`.", field, number))
    for path in sorted(found):
        declared = read_declaration(path, model, path.relative_to(company.folder).as_posix(), faults)
        if declared:
            yield declared


def _assemble(
    company: Company, sources: list[Declared[Source]], workflows: list[Declared[Workflow]], golden: list[Declared[GoldenFile]]
) -> Declarations:
    return Declarations(
        company=company,
        sources={declared.value.id: declared.value for declared in sources},
        folders={declared.value.id: (declared.folder / declared.value.location).resolve() for declared in sources},
        workflows={declared.value.id: declared.value for declared in workflows},
        golden=tuple(question for declared in golden for question in declared.value.golden()),
    )


def _check(
    company: Declared[Company], sources: list[Declared[Source]], workflows: list[Declared[Workflow]], golden: list[Declared[GoldenFile]]
) -> Iterator[InvalidDeclaration]:
    if not sources:
        yield company.located.fault("No source is declared.", "Add a `source.yaml`, or mend the globs in `sources`.", "sources")
    if not workflows:
        yield company.located.fault("No workflow is declared.", "Add a file in `workflows/`, or mend the globs.", "workflows")
    yield from _unique(sources)
    yield from _unique(workflows)
    words = _Words(company.value, [declared.value.id for declared in workflows])
    told = _hearers(company.value, [declared.value for declared in sources])
    for source in sources:
        yield from _check_source(source, words)
        yield from _check_hearers(source, told)
    known = {declared.value.id for declared in sources}
    for workflow in workflows:
        yield from _check_workflow(workflow, known)
    yield from _check_golden(golden, {declared.value.id for declared in workflows}, set(company.value.audiences), known)


def _unique(declared: list[Declared[Any]]) -> Iterator[InvalidDeclaration]:
    seen: dict[str, str] = {}
    for one in declared:
        if one.value.id in seen:
            yield one.located.fault(f"`{one.value.id}` is declared in {seen[one.value.id]} already.", "Give it another id.", "id")
        seen.setdefault(one.value.id, one.located.path)


class _Words:
    """The words a company has declared, to check the others' use of them."""

    def __init__(self, company: Company, workflows: Iterable[str]) -> None:
        groups = company.regions
        self._tiers = set(company.authority)
        self._known = {
            "regions": set(groups) | {region for members in groups.values() for region in members},
            "plans": set(company.plans),
            "products": set(company.products),
            "audiences": set(company.audiences),
            "workflows": set(workflows),
        }

    def strangers(
        self, applicability: Applicability | None, access: Access | None, authority: str | None
    ) -> Iterator[tuple[tuple[str, ...], str, str]]:
        """Words that were not declared, as (place, word, kind of word)."""
        if authority and authority not in self._tiers:
            yield ("authority",), authority, "authority tier"
        for field, part in (("applicability", applicability), ("access", access)):
            for name, words in self._known.items():
                for word in sorted(getattr(part, name, frozenset()) - words):
                    yield (field, name), word, name.removesuffix("s")


def _check_source(source: Declared[Source], words: _Words) -> Iterator[InvalidDeclaration]:
    value = source.value
    layers: list[tuple[tuple[str | int, ...], Source | Rule]] = [((), value), *((("rules", n), rule) for n, rule in enumerate(value.rules))]
    for place, layer in layers:
        for within, word, kind in words.strangers(layer.applicability, layer.access, layer.authority):
            yield source.located.fault(f"`{word}` is not a declared {kind}.", "Declare it, or mend the word.", *place, *within)
    for message, remedy, where in promise_faults(value.freshness):
        yield source.located.fault(message, remedy, "freshness", *where)


def _hearers(company: Company, sources: Iterable[Source]) -> set[str]:
    """Everybody who can be told of a breach: webhooks, those who hear through one, and owners."""
    through = {name for webhook in company.webhooks.values() for name in webhook.teams}
    owners = {owner for source in sources for owner in (source.owner, *(rule.owner for rule in source.rules)) if owner}
    return set(company.webhooks) | through | owners


def _check_hearers(source: Declared[Source], told: set[str]) -> Iterator[InvalidDeclaration]:
    for number, name in enumerate(source.value.freshness.notify):
        if name not in told:
            remedy = "Name a webhook of context.yaml, a team that hears through one, or an owner."
            yield source.located.fault(f"`{name}` is nobody who can be told.", remedy, "freshness", "notify", number)


def _check_workflow(workflow: Declared[Workflow], sources: set[str]) -> Iterator[InvalidDeclaration]:
    value = workflow.value
    named = sorted(value.sources - sources) if isinstance(value.sources, frozenset) else []
    for name in named:
        yield workflow.located.fault(f"No source `{name}` is declared.", "Declare it, or take it out.", "sources")
    for number, include in enumerate(value.must_include):
        if include.document.partition(":")[0] not in sources:
            remedy = "Write `source:key` with a declared source."
            yield workflow.located.fault(f"`{include.document}` names no declared source.", remedy, "must_include", number, "document")


def _check_golden(
    golden: list[Declared[GoldenFile]], workflows: set[str], audiences: set[str], sources: set[str]
) -> Iterator[InvalidDeclaration]:
    seen: dict[str, str] = {}
    for declared in golden:
        value, located = declared.value, declared.located
        if value.workflow not in workflows:
            yield located.fault(f"No workflow `{value.workflow}` is declared.", "Declare it, or mend the word.", "workflow")
        for name in sorted(value.audiences - audiences):
            yield located.fault(f"`{name}` is not a declared audience.", "Declare it, or mend the word.", "audiences")
        for number, entry in enumerate(value.questions):
            place = ("questions", number)
            if entry.id in seen:
                yield located.fault(f"`{entry.id}` is asked in {seen[entry.id]} already.", "Give it another id.", *place, "id")
            seen.setdefault(entry.id, located.path)
            if entry.winner and entry.winner.partition(":")[0] not in sources:
                yield located.fault(f"`{entry.winner}` names no declared source.", "Write `source:key`.", *place, "winner")
