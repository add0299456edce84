"""What agent runtimes report of the answers they got, and the golden questions that owners make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice

import structlog
from pydantic import JsonValue

from context_service.declarations.company import Declarations
from context_service.errors import Forbidden, InvalidRequest, NotAnOwner, NotFound, TooManyReports
from context_service.model.access import Principal
from context_service.model.audit import Action, AuditEntry
from context_service.model.base import digest
from context_service.model.context import ContextRequest
from context_service.model.golden import Expectations, Feedback, FeedbackRequest, GoldenOutcome, GoldenQuestion, Miss
from context_service.records.protocol import RecordStore
from context_service.releases.golden import ask, outcome
from context_service.releases.reader import require_person
from context_service.releases.trust import Trust
from context_service.retrieval.service import ContextService

MOST_PER_ANSWER = 20
"""Reports about one answer; more tell nothing new."""

MOST_PER_DAY = 200
"""Reports of one principal within 24 hours."""

MOST_LISTED = 500
LISTED_WITHIN = timedelta(days=30)

DAY = timedelta(days=1)
PAGE = 500
MOST_LOOKED_AT = 20_000
"""Reports among which those of one reader are looked for, the newest first: what three principals can send in `LISTED_WITHIN`."""

UNREADABLE = Miss(what="answer", expected="an answer that you may read", got="")

log = structlog.get_logger(__name__)


class FeedbackDesk:
    """Takes reports, and keeps the golden questions that were added. Safe to share between threads."""

    def __init__(
        self,
        records: RecordStore,
        declarations: Declarations,
        context: ContextService,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._records = records
        self._declarations = declarations
        self._context = context
        self._now = now
        self._new_id = new_id

    def report(self, principal: Principal, context: str, request: FeedbackRequest) -> Feedback:
        """Store what a runtime says of an answer that it got, audited.

        Raises NotFound for an answer that somebody else got (an operator may report on any), InvalidRequest when it has been reported on
        too often, TooManyReports when the principal has reported too often.
        """
        served = self._served(principal, context)
        asked = ContextRequest.model_validate(served.detail["request"])
        feedback = Feedback(
            id=self._new_id(),
            context=context,
            at=self._now(),
            by=principal.id,
            workflow=asked.workflow,
            query=asked.query,
            verdict=request.verdict,
            note=request.note.strip(),
            expected=request.expected,
            documents=self._documents(served),
        )
        with self._records.writing() as tx:
            if len(tx.held_feedback(context)) >= MOST_PER_ANSWER:
                raise InvalidRequest(
                    f"This answer has been reported on {MOST_PER_ANSWER} times.", remedy="Its owners know of it.", field="context_id"
                )
            if tx.held_reports(principal.id, self._now() - DAY) >= MOST_PER_DAY:
                raise TooManyReports(
                    f"You have sent {MOST_PER_DAY} reports within a day.", remedy="Send this one tomorrow; the owners have the others."
                )
            tx.put_feedback(feedback)
            tx.audit(self._entry(Action.FEEDBACK_GIVEN, principal, context, {"feedback": feedback.model_dump(mode="json")}))
        return feedback

    def recent(self, principal: Principal) -> list[Feedback]:
        """The newest reports of the last 30 days about answers that told a document which this person answers for; newest first.

        An operator sees all. Raises Forbidden for an agent.
        """
        require_person(principal)
        trust = self._trust(principal)
        own = (one for one in self._reports() if trust.answers_for(one.documents))
        return list(islice(own, MOST_LISTED))

    def promote(self, principal: Principal, feedback: str, expect: Expectations | None = None) -> GoldenQuestion:
        """Make a golden question of a report: the same question, asked with the same grant. `expect` stands for what the report expected.

        Repeating it changes what is expected. Raises NotFound, NotAnOwner, Forbidden for an agent and for who may not read all that was
        told or would be told now, or InvalidRequest when nothing is expected.
        """
        require_person(principal)
        found = self._records.feedback(feedback)
        if found is None:
            raise NotFound("No feedback of that id.", remedy="List it.", field="feedback")
        trust = self._trust(principal)
        if not trust.answers_for(found.documents):
            raise _not_an_owner()
        expected = expect or found.expected
        if expected.empty:
            raise InvalidRequest("The question expects nothing.", remedy="Say what the answer has to be.", field="expect")
        question = self._question(principal, found, expected)
        newest = self._records.traffic().newest
        if not (trust.covers(question) and trust.covers(question, ask(self._context, question, newest), newest)):
            raise _not_covered()
        with self._records.writing() as tx:
            tx.put_golden(question)
            tx.put_feedback(found.model_copy(update={"golden": question.id}))
            tx.audit(self._entry(Action.GOLDEN_CHANGED, principal, question.id, {"golden": question.model_dump(mode="json")}))
        return question

    def golden(self, principal: Principal, workflow: str | None = None) -> list[GoldenQuestion]:
        """The declared golden questions, then those made of reports that this person may see; customer and grant are empty in those that
        this person may not ask. Raises Forbidden for an agent.
        """
        trust = self._trust(principal)
        return [trust.shown(question) for question in self._known(principal, trust, workflow)]

    def askable(self, principal: Principal) -> list[GoldenQuestion]:
        """Those of them that this person may ask. Raises Forbidden for an agent."""
        trust = self._trust(principal)
        return [question for question in self._known(principal, trust) if trust.covers(question)]

    def run(self, principal: Principal, number: int, workflow: str | None = None) -> list[GoldenOutcome]:
        """How the golden questions fare in a release or draft; what they got is told to operators alone, who may see everything of it.

        One whose answer this person may not read does not pass, and that is all that is told of it. Raises Forbidden.
        """
        trust = self._trust(principal)
        outcomes = [self._fared(trust, question, number) for question in self._known(principal, trust, workflow)]
        return outcomes if principal.operator else [_without_answers(one) for one in outcomes]

    def drop(self, principal: Principal, golden: str) -> GoldenQuestion:
        """Forget a golden question that was added here; it is returned.

        Raises Forbidden for an agent and for who may not ask it, NotFound, NotAnOwner, or InvalidRequest for a declared one.
        """
        require_person(principal)
        if any(question.id == golden for question in self._declarations.golden):
            raise InvalidRequest("The question is declared in a file.", remedy="Take it out there.", field="golden")
        found = next((one for one in self._records.golden_questions() if one.id == golden), None)
        if found is None:
            raise NotFound("No golden question of that id.", remedy="List them.", field="golden")
        trust = self._trust(principal)
        if not trust.knows(found):
            raise _not_an_owner()
        if not trust.covers(found):
            raise _not_covered()
        with self._records.writing() as tx:
            tx.drop_golden(golden)
            tx.audit(self._entry(Action.GOLDEN_CHANGED, principal, golden, {"dropped": True}))
        return found

    def _served(self, principal: Principal, context: str) -> AuditEntry:
        for record in self._records.audit_of(context, Action.CONTEXT_SERVED):
            if principal.operator or record.entry.actor == principal.id:
                return record.entry
        raise NotFound("No answer of that id that you got.", remedy="Send the `context_id` of an answer.", field="context_id")

    def _documents(self, served: AuditEntry) -> tuple[str, ...]:
        items = served.detail["items"]
        chunks = self._records.chunks([str(item) for item in items] if isinstance(items, list) else [])
        return tuple(sorted({chunk.document for chunk in chunks.values()}))

    def _reports(self) -> Iterator[Feedback]:
        """The reports that are listed, newest first, whoever they are for."""
        since, before = self._now() - LISTED_WITHIN, None
        for _ in range(MOST_LOOKED_AT // PAGE):
            page = self._records.feedback_since(since, PAGE, before)
            yield from page
            if len(page) < PAGE:
                return
            before = page[-1]
        log.warning("older_reports_are_not_looked_at", looked_at=MOST_LOOKED_AT, oldest=before.at.isoformat() if before else None)

    def _trust(self, principal: Principal) -> Trust:
        return Trust(self._records, principal, self._now())

    def _known(self, principal: Principal, trust: Trust, workflow: str | None = None) -> list[GoldenQuestion]:
        require_person(principal)
        every = [*self._declarations.golden, *(question for question in self._records.golden_questions() if trust.knows(question))]
        return [question for question in every if workflow in (None, question.workflow)]

    def _fared(self, trust: Trust, question: GoldenQuestion, number: int) -> GoldenOutcome:
        if not trust.covers(question):
            return outcome(question, UNREADABLE)
        answer = ask(self._context, question, number)
        return outcome(question, answer if trust.covers(question, answer, number) else UNREADABLE)

    def _question(self, principal: Principal, feedback: Feedback, expected: Expectations) -> GoldenQuestion:
        served = self._records.audit_of(feedback.context, Action.CONTEXT_SERVED)[0].entry
        asked = ContextRequest.model_validate(served.detail["request"])
        asker = Principal.model_validate(served.detail["principal"])
        return GoldenQuestion(
            id=f"feedback-{digest(feedback.id, length=12)}",
            workflow=asked.workflow,
            query=asked.query,
            customer=asked.customer,
            channel=asked.channel,
            effective_on=asked.effective_on,
            expect=expected,
            grant=asker.grant.model_copy(update={"expires_at": None}),
            feedback=feedback.id,
            documents=feedback.documents,
            added_by=principal.id,
            added_at=self._now(),
        )

    def _entry(self, action: Action, principal: Principal, subject: str, detail: dict[str, JsonValue]) -> AuditEntry:
        return AuditEntry(at=self._now(), actor=principal.id, action=action, subject=subject, detail=detail)


def _not_an_owner() -> NotAnOwner:
    return NotAnOwner("You answer for none of the documents of that answer.", remedy="Ask an owner, or an operator.")


def _not_covered() -> Forbidden:
    return Forbidden("You may not read everything that the answer tells, for the customer it is for.", remedy="Ask an operator.")


def _without_answers(outcome: GoldenOutcome) -> GoldenOutcome:
    """What was missed without the words that the answer told."""
    misses = tuple(miss if miss.what == "decision" else miss.model_copy(update={"got": ""}) for miss in outcome.misses)
    return outcome.model_copy(update={"misses": misses, "documents": ()})
