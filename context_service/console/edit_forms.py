"""What is filled in to add an edit to a workspace, kept as it was typed so that the form can show it again."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ValidationError

from context_service.console.forms import Fault, Options, plain
from context_service.declarations.company import Declarations
from context_service.model.applicability import ATTRIBUTE, Applicability
from context_service.model.document import Revision
from context_service.model.golden import Expectations
from context_service.model.workflow import MustInclude
from context_service.model.workspace import (
    DocumentEdit,
    SetApplicability,
    SetAuthority,
    SetEffective,
    SetStatus,
    Settings,
    TextOverride,
    WorkflowSettings,
)

SEPARATOR = "|"
NUMBERS = ("token_budget", "items", "rerank", "minimum_confidence")
DocumentEditType = type[SetAuthority] | type[SetApplicability] | type[SetEffective] | type[SetStatus] | type[TextOverride]
KINDS: dict[str, DocumentEditType] = {
    "set_authority": SetAuthority,
    "set_status": SetStatus,
    "set_effective": SetEffective,
    "set_applicability": SetApplicability,
    "text_override": TextOverride,
}
"""What a form is for -> the edit it makes."""


class DocumentForm(BaseModel):
    """An edit of one document. `back` takes an earlier one back; `holds` are conditions as `attribute|value`."""

    kind: str = ""
    edition: int = 0
    back: bool = False
    authority: str = ""
    status: str = ""
    since: str = ""
    until: str = ""
    holds: list[str] = []
    passage: str = ""
    replacement: str = ""

    @classmethod
    def of(cls, revision: Revision) -> DocumentForm:
        """The form with what stands for the document."""
        rules = revision.governance
        since, until = rules.effective.since, rules.effective.until
        return cls(
            authority=rules.authority,
            status=rules.status.value,
            since=since.isoformat() if since else "",
            until=until.isoformat() if until else "",
            holds=[SEPARATOR.join((field, name)) for field in ATTRIBUTE for name in sorted(getattr(rules.applicability, field))],
        )

    def over(self, standing: DocumentForm) -> DocumentForm:
        """What was typed for one edit, beside what stands for the others."""
        typed = {
            "set_authority": {"authority"},
            "set_status": {"status"},
            "set_effective": {"since", "until"},
            "set_applicability": {"holds"},
            "text_override": {"passage", "replacement"},
        }
        kept = {name: getattr(self, name) for name in typed.get(self.kind, set())}
        return standing.model_copy(update={"kind": self.kind, **kept})

    def edit(self, document: str) -> DocumentEdit | Fault:
        """The edit that it means, or what is wrong with it."""
        kind = KINDS.get(self.kind)
        if kind is None:
            return Fault(field="", message="Choose what you want to change.")
        try:
            return kind.model_validate({"document": document, **self._values()})
        except ValidationError as error:
            return _fault(error)

    def _values(self) -> dict[str, object]:
        match self.kind:
            case "set_authority":
                return {"authority": None if self.back else self.authority}
            case "set_status":
                return {"status": None if self.back else self.status}
            case "set_effective":
                return {"effective": None if self.back else {"from": self.since or None, "to": self.until or None}}
            case "set_applicability":
                return {"applicability": None if self.back else _applicability(self.holds)}
        return {"passage": self.passage, "replacement": None if self.back else self.replacement}


class SettingsForm(BaseModel):
    """Other settings of a workflow; what is empty stays as it is. `must_include` has one document per line, `source:key # section`."""

    edition: int = 0
    workflow: str = ""
    back: bool = False
    token_budget: str = ""
    items: str = ""
    rerank: str = ""
    minimum_confidence: str = ""
    risk: str = ""
    resolution: list[str] = []
    must_include: str = ""

    def edit(self) -> WorkflowSettings | Fault:
        """The edit that it means, or what is wrong with it."""
        if not self.workflow:
            return Fault(field="workflow", message="Choose a workflow.")
        values = self._values()
        if not self.back and not values:
            return Fault(field="", message="Fill in what you want to change.")
        try:
            settings = None if self.back else Settings.model_validate(values)
        except ValidationError as error:
            return _fault(error)
        return WorkflowSettings(workflow=self.workflow, settings=settings)

    def _values(self) -> dict[str, object]:
        values: dict[str, object] = {name: value for name in (*NUMBERS, "risk") if (value := getattr(self, name).strip())}
        rules = [rule for rule in self.resolution if rule]
        texts = [_included(line) for line in self.must_include.splitlines() if line.strip()]
        return {**values, **({"resolution": rules} if rules else {}), **({"must_include": texts} if texts else {})}


class ExpectedForm(BaseModel):
    """What an answer has to be. Words stand one per line."""

    must_contain: str = ""
    must_not_contain: str = ""
    winner: str = ""
    decision: str = ""

    def expectations(self) -> Expectations | Fault:
        """What it means, or what is wrong with it."""
        try:
            return Expectations.model_validate(
                {
                    "must_contain": _lines(self.must_contain),
                    "must_not_contain": _lines(self.must_not_contain),
                    "winner": self.winner.strip() or None,
                    "decision": self.decision or None,
                }
            )
        except ValidationError as error:
            return _fault(error)


def offered_conditions(declarations: Declarations, standing: Applicability) -> dict[str, Options]:
    """What a document's applicability can be made of, by attribute: the company's words, and those that stand for it already."""
    company = declarations.company
    regions = {*company.regions, *(member for members in company.regions.values() for member in members)}
    declared: dict[str, set[str]] = {
        "regions": regions,
        "plans": {*company.plans},
        "products": {*company.products},
        "workflows": {*declarations.workflows},
        "channels": {name for one in declarations.workflows.values() if one.channels != "*" for name in one.channels},
    }
    every = {field: declared.get(field, set()) | getattr(standing, field) for field in ATTRIBUTE}
    return {field: plain(values) for field, values in every.items() if values}


def _applicability(values: Iterable[str]) -> dict[str, list[str]]:
    chosen: dict[str, list[str]] = {}
    for value in values:
        field, _, name = value.partition(SEPARATOR)
        if field in ATTRIBUTE and name:
            chosen.setdefault(field, []).append(name)
    return chosen


def _included(line: str) -> MustInclude:
    document, _, section = line.partition(" # ")
    return MustInclude(document=document.strip(), section=section.strip() or None)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _fault(error: ValidationError) -> Fault:
    first = error.errors()[0]
    names = [str(part) for part in first["loc"] if isinstance(part, str)]
    named = names[-1] if names else ""
    field = {"from": "since", "to": "until", "effective": "until", "applicability": "holds"}.get(named, named)
    match first["type"]:
        case "string_too_short" | "missing":
            message = "Fill this in."
        case "string_too_long":
            message = f"Shorten this to at most {first['ctx']['max_length']:,} characters."
        case "date_from_datetime_parsing" | "date_parsing":
            message = "Choose a day, such as 2026-11-20."
        case _:
            message = first["msg"].removeprefix("Value error, ").rstrip(".") + "."
    return Fault(field=field or "passage", message=_SAID.get(message, message))


_SAID = {
    "`replacement` is the passage itself.": "This says what is there already.",
    "`passage` is blank.": "Choose or copy the words that are to be replaced.",
    "`to` lies before `from`.": "The last day lies before the first.",
}
"""How the model says it -> how the form does."""
