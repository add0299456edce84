"""What an owner fills in to rule, kept as it was typed so that the form can show it again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from pydantic import BaseModel, ValidationError

from context_service.console.forms import Fault
from context_service.model.applicability import ATTRIBUTE, Applicability
from context_service.model.conflict import MAX_REASON, RulingOutcome, RulingRequest, RulingScope
from context_service.rulings.views import ConflictView

SEPARATOR = "|"
NAMES_A_SIDE = {RulingOutcome.SIDE_WINS, RulingOutcome.FIX_AT_SOURCE}
FORM_FIELDS = {"expires_at": "until", "scope.workflows": "workflows", "scope.applicability": "customers", "conditions": "holds"}
"""Field of a request that the service refuses, or how it begins -> field of the form."""


class Step(StrEnum):
    """What the sender wants: to see the ruling before it is made, to see which past answers it would change, to rule, or to go back."""

    PREVIEW = "preview"
    CHANGES = "changes"
    RULE = "rule"
    EDIT = "edit"


class RulingForm(BaseModel):
    """The fields. `holds` are conditions of a side as `side|attribute|value`, `customers` those of the scope as `attribute|value`; `typed`
    are more values, set apart by commas, for what `typed_for` names at the same place: `side|attribute` or `attribute`.
    """

    step: Step = Step.PREVIEW
    outcome: str = ""
    side: str = ""
    seen: list[str] = []
    holds: list[str] = []
    workflows: list[str] = []
    customers: list[str] = []
    typed_for: list[str] = []
    typed: list[str] = []
    reason: str = ""
    until: str = ""

    def request(self) -> RulingRequest | Fault:
        """What it asks for, or what is wrong with it. Fields that belong to another outcome are left aside."""
        fault = self._fault()
        if fault:
            return fault
        outcome = RulingOutcome(self.outcome)
        try:
            return RulingRequest(
                outcome=outcome,
                seen=tuple(self.seen),
                side=self.side if outcome in NAMES_A_SIDE else None,
                conditions=self._conditions() if outcome is RulingOutcome.BOTH_HOLD else {},
                scope=RulingScope(workflows=frozenset(self.workflows) or "*", applicability=_applicability(self._values(""))),
                reason=self.reason.strip(),
                expires_at=_end_of(self.until) if self.until else None,
            )
        except ValidationError as error:
            return Fault(field="", message=f"{error.errors()[0]['msg'].removeprefix('Value error, ')}.")

    def against(self, view: ConflictView) -> RulingForm:
        """The same choices for the sides as they stand now; those for sides that are no longer there are gone."""
        present = [side.id for side in view.sides]
        typed = [(key, value) for key, value in self.more.items() if _side_of(key) in {"", *present}]
        return self.model_copy(
            update={
                "seen": present,
                "side": self.side if self.side in present else "",
                "holds": [value for value in self.holds if _side_of(value) in present],
                "typed_for": [key for key, _ in typed],
                "typed": [value for _, value in typed],
            }
        )

    @property
    def more(self) -> dict[str, str]:
        """What was typed, by what it is for."""
        return dict(zip(self.typed_for, self.typed, strict=False))

    @property
    def scoped(self) -> bool:
        """Whether it is meant for some requests only."""
        return bool(self.workflows or list(self._values("")))

    def _values(self, side: str) -> Iterator[str]:
        """What was ticked and typed for a side, or for the scope where `side` is empty, as `attribute|value`."""
        ticked = self.holds if side else self.customers
        prefix = side + SEPARATOR if side else ""
        yield from (value.removeprefix(prefix) for value in ticked if value.startswith(prefix))
        for key, names in self.more.items():
            if key in {prefix + field for field in ATTRIBUTE}:
                yield from (f"{key.removeprefix(prefix)}{SEPARATOR}{name.strip()}" for name in names.split(",") if name.strip())

    def _conditions(self) -> dict[str, Applicability]:
        held = {side: _applicability(self._values(side)) for side in self.seen}
        return {side: applicability for side, applicability in held.items() if applicability.conditions()}

    def _fault(self) -> Fault | None:
        if self.outcome not in set(RulingOutcome):
            return Fault(field="outcome", message="Choose what you decide.")
        if self.outcome in NAMES_A_SIDE and self.side not in self.seen:
            return Fault(field="side", message="Choose which side you mean.")
        if self.outcome == RulingOutcome.BOTH_HOLD and not self._conditions():
            return Fault(field="holds", message="Say for whom at least one of the sides holds.")
        if not self.reason.strip():
            return Fault(field="reason", message="Say why; it is shown with every answer that the ruling decides.")
        if len(self.reason.strip()) > MAX_REASON:
            return Fault(field="reason", message=f"Shorten this to at most {MAX_REASON:,} characters.")
        return Fault(field="until", message="Choose a day, such as 2026-11-20.") if self.until and not _day(self.until) else None


def form_field(field: str | None) -> str | None:
    """The form's field for a field of the request; None for one that the form does not have."""
    return next((own for sent, own in FORM_FIELDS.items() if field and field.startswith(sent)), None)


def _side_of(value: str) -> str:
    """The side that a ticked value or a typed one's key belongs to; empty for the scope, whose keys begin with an attribute."""
    first = value.partition(SEPARATOR)[0]
    return "" if first in ATTRIBUTE else first


def _applicability(values: Iterable[str]) -> Applicability:
    chosen: dict[str, set[str]] = {}
    for value in values:
        field, _, name = value.partition(SEPARATOR)
        if field in ATTRIBUTE and name:
            chosen.setdefault(field, set()).add(name)
    return Applicability.model_validate(chosen)


def _day(value: str) -> date | None:
    """The day; None for what is none, and for the last one there is, which no day follows."""
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return None
    return day if day < date.max else None


def _end_of(value: str) -> datetime:
    """The moment at which the last day of a ruling is over."""
    return datetime.combine(date.fromisoformat(value) + timedelta(days=1), time(), UTC)
