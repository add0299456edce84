"""What the ruling form offers as conditions: every attribute that applicability has, with the values that somebody has named."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from context_service.console.ask import CHANNELS
from context_service.console.forms import Options, plain
from context_service.declarations.company import Declarations
from context_service.model.applicability import ATTRIBUTE, Applicability
from context_service.model.source import Company, Source

TYPED = {
    "segments": "as the customers’ records write them",
    "channels": "as agents’ requests name them",
    "languages": "such as en or pt-BR",
}
"""Attributes whose values may be declared nowhere, so that more can be typed -> how to write them."""


@dataclass(frozen=True)
class Offer:
    """An attribute that a condition can test: the values to tick, and how to type others where they can be typed."""

    field: str
    options: Options
    typed: str | None


def offers(declarations: Declarations, sources: Collection[str], sides: Iterable[Applicability]) -> list[Offer]:
    """One for each attribute, in the order of Applicability. The values are those that the company declares, and those that `sources`
    (the ids of those that the reader may see) and the `sides` of the conflict name.
    """
    seen = [declarations.sources[name] for name in sorted(sources)]
    named = [*sides, *(one for source in seen for one in _applicabilities(source))]
    values = _declared(declarations, seen)
    for applicability in named:
        for field in ATTRIBUTE:
            values[field] |= getattr(applicability, field)
    typed = TYPED if _open_channels(declarations) else {name: how for name, how in TYPED.items() if name != "channels"}
    return [Offer(field, _options(declarations, field, values[field]), typed.get(field)) for field in ATTRIBUTE]


def _open_channels(declarations: Declarations) -> bool:
    """Whether some workflow is held on whatever channel a request names."""
    return any(workflow.channels == "*" for workflow in declarations.workflows.values())


def _options(declarations: Declarations, field: str, values: set[str]) -> Options:
    if field != "workflows":
        return plain(values)
    titles = {name: workflow.title for name, workflow in declarations.workflows.items()}
    return sorted(((value, titles.get(value, value)) for value in values), key=lambda option: option[1])


def _declared(declarations: Declarations, sources: Iterable[Source]) -> dict[str, set[str]]:
    company, workflows = declarations.company, declarations.workflows
    return {
        "regions": _regions(company),
        "plans": set(company.plans),
        "products": set(company.products),
        "segments": set(),
        "workflows": set(workflows),
        "channels": {channel for one in workflows.values() for channel in (CHANNELS if one.channels == "*" else one.channels)},
        "languages": {language for source in sources for language in _languages(source)},
    }


def _regions(company: Company) -> set[str]:
    return set(company.regions) | {member for members in company.regions.values() for member in members}


def _applicabilities(source: Source) -> Iterator[Applicability]:
    yield source.applicability
    yield from (rule.applicability for rule in source.rules if rule.applicability)


def _languages(source: Source) -> Iterator[str]:
    yield source.language
    yield from (rule.language for rule in source.rules if rule.language)
