"""The words in which a ruling says for whom it holds: those that the company has declared, and no others."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from context_service.declarations.company import Declarations
from context_service.errors import InvalidRequest, UnknownWorkflow
from context_service.model.applicability import Applicability
from context_service.model.conflict import RulingRequest, RulingScope


def check_words(request: RulingRequest, declarations: Declarations) -> None:
    """Raises UnknownWorkflow or InvalidRequest when scope or conditions name what is not declared, or a scope that no request falls under.

    A word that nobody has declared would hold for no customer: the ruling would never decide, and nobody would know.
    """
    _check_scope(request.scope, declarations)
    parts = {"scope.applicability": request.scope.applicability}
    parts |= {f"conditions.{side}": applicability for side, applicability in request.conditions.items()}
    declared = _declared(declarations)
    for place, applicability in parts.items():
        for name, known, strangers in _strangers(applicability, declared):
            raise InvalidRequest(
                f"`{strangers[0][:64]}` is no {name.removesuffix('s')} that the company has declared.",
                remedy=f"Use some of {', '.join(sorted(known))}." if known else "Leave it out.",
                field=f"{place}.{name}",
            )


def _check_scope(scope: RulingScope, declarations: Declarations) -> None:
    if scope.workflows == "*":
        return
    if unknown := scope.workflows - declarations.workflows.keys():
        raise UnknownWorkflow(
            f"`{min(unknown)[:64]}` is no workflow that is declared.",
            remedy=f"Use `*`, or some of {', '.join(sorted(declarations.workflows))}.",
            field="scope.workflows",
        )
    narrowed = scope.applicability.workflows
    if not scope.workflows or (narrowed and not narrowed & scope.workflows):
        raise InvalidRequest("The scope covers no workflow.", remedy="Name some, or `*` for all.", field="scope.workflows")


def _strangers(applicability: Applicability, declared: dict[str, Collection[str]]) -> Iterator[tuple[str, Collection[str], list[str]]]:
    for name, known in declared.items():
        values: frozenset[str] = getattr(applicability, name)
        if strangers := sorted(values - set(known)):
            yield name, known, strangers


def _declared(declarations: Declarations) -> dict[str, Collection[str]]:
    """Field of an applicability -> its words, for those of which the company has declared any."""
    company, workflows = declarations.company, declarations.workflows
    channels = [one.channels for one in workflows.values()]
    words: dict[str, Collection[str]] = {
        "regions": {*company.regions, *(member for members in company.regions.values() for member in members)},
        "plans": company.plans,
        "products": company.products,
        "workflows": workflows.keys(),
        "channels": () if "*" in channels else {name for names in channels for name in names},
    }
    return {name: known for name, known in words.items() if known}
