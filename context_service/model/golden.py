"""Golden questions: what an answer has to hold, whatever is published; and what agent runtimes say of the answers they got."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from context_service.model.access import Classification, Grant
from context_service.model.base import NameSet, Value
from context_service.model.context import MAX_QUERY, CustomerRef, Decision
from context_service.model.source import Identifier

MAX_NOTE = 2_000
"""Characters of what a runtime says of an answer."""

Said = Annotated[str, Field(min_length=1, max_length=500)]
"""Words that an answer holds or does not hold, whatever their case and white space."""


class Expectations(Value):
    """What an answer has to be; what is left out is not looked at."""

    must_contain: tuple[Said, ...] = Field((), max_length=20, description="Words that some text of the answer says.")
    must_not_contain: tuple[Said, ...] = Field((), max_length=20, description="Words that no text of the answer says.")
    winner: str | None = Field(None, max_length=500, description="`source:key` of a document that is told and beaten by no other.")
    decision: Decision | None = Field(None, description="What the agent is told to do.")

    @property
    def empty(self) -> bool:
        """Whether nothing is expected."""
        return self == Expectations()


class GoldenEntry(Expectations):
    """One question in a file of them."""

    id: Identifier = Field(description="Name of the question, unique in the company.")
    query: str = Field(min_length=1, max_length=MAX_QUERY, description="The question, in a customer's words.")
    customer: CustomerRef = Field(CustomerRef(), description="Who asks.")
    channel: str = Field("chat", min_length=1, max_length=32, description="Channel it is asked on.")
    effective_on: date | None = Field(None, description="Day whose rules hold; left out, the day it is run.")

    @model_validator(mode="after")
    def _expects(self) -> GoldenEntry:
        if not (self.must_contain or self.must_not_contain or self.winner or self.decision):
            raise ValueError("it expects nothing: add must_contain, must_not_contain, winner or decision")
        return self


class GoldenFile(Value):
    """`golden/*.yaml`: questions of one workflow, asked as an agent with this grant would ask them."""

    workflow: Identifier = Field(description="Workflow they are asked in.")
    audiences: NameSet = Field(min_length=1, description="Groups that the asking agent belongs to.")
    ceiling: Classification = Field(Classification.CONFIDENTIAL, description="Highest classification it may read.")
    questions: tuple[GoldenEntry, ...] = Field(description="The questions.")

    def golden(self) -> tuple[GoldenQuestion, ...]:
        """The questions, each with its grant."""
        return tuple(self._golden(entry) for entry in self.questions)

    def _golden(self, entry: GoldenEntry) -> GoldenQuestion:
        expect = Expectations.model_validate(entry.model_dump(include=set(Expectations.model_fields)))
        customers = frozenset({entry.customer.id} if entry.customer.id else ())
        return GoldenQuestion(
            id=entry.id,
            workflow=self.workflow,
            query=entry.query,
            customer=entry.customer,
            channel=entry.channel,
            effective_on=entry.effective_on,
            expect=expect,
            grant=Grant(
                workflows=frozenset({self.workflow}), sources="*", audiences=self.audiences, ceiling=self.ceiling, customers=customers
            ),
        )


class GoldenQuestion(Value):
    """A question whose answer has to hold. `feedback` is the report it was made from, which is deleted before the question is; `documents`
    are the ids of those that the reported answer told. Declared ones have neither.
    """

    id: str
    workflow: str
    query: str
    customer: CustomerRef = CustomerRef()
    channel: str = "chat"
    effective_on: date | None = None
    expect: Expectations
    grant: Grant
    feedback: str | None = None
    documents: tuple[str, ...] = ()
    added_by: str | None = None
    added_at: datetime | None = None


class Miss(Value):
    """Where an answer is not what was expected."""

    what: str = Field(description="The expectation: must_contain, must_not_contain, winner, decision, or `answer` where there is none.")
    expected: str
    got: str


class GoldenOutcome(Value):
    """How a golden question fared in one release or draft."""

    question: str
    workflow: str
    query: str
    misses: tuple[Miss, ...] = ()
    failed_before: bool = Field(False, description="Whether it fails in the release before as well.")
    documents: tuple[str, ...] = Field((), description="Documents that the answer told, `source:key`.")
    sources: NameSet = Field(frozenset(), description="Sources whose changes in the draft the answer leans on.")

    @property
    def passed(self) -> bool:
        """Whether the answer was all that was expected."""
        return not self.misses


class Verdict(StrEnum):
    """What a runtime says of an answer."""

    GOOD = "good"
    WRONG = "wrong"
    OUTDATED = "outdated"
    INCOMPLETE = "incomplete"
    NOT_ALLOWED = "not_allowed"


class FeedbackRequest(Value):
    """What a runtime reports of an answer it got."""

    verdict: Verdict = Field(description="What is the matter with the answer.")
    note: str = Field("", max_length=MAX_NOTE, description="What happened, in words for the owners.")
    expected: Expectations = Field(Expectations(), description="What the answer should have been, where the runtime knows.")


class Feedback(Value):
    """A report about one answer."""

    id: str
    context: str
    at: datetime
    by: str
    workflow: str
    query: str
    verdict: Verdict
    note: str = ""
    expected: Expectations = Expectations()
    documents: tuple[str, ...] = Field((), description="Ids of the documents that the answer told.")
    golden: str | None = Field(None, description="Id of the golden question that was made of it.")
