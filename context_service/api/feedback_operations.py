"""Operations on feedback and golden questions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from context_service.api.openapi import may_answer
from context_service.api.paging import DEFAULT_LIMIT, Limit, Offset, Page, page_of
from context_service.api.route import Caller
from context_service.app import App
from context_service.model.context import Standpoint
from context_service.model.golden import Expectations, Feedback, FeedbackRequest, GoldenOutcome, GoldenQuestion
from context_service.model.release import HIGHEST

BODY_ANSWERS = may_answer(400, 401, 403, 404, 413, 415, 422, 500, 503)
REPORT_ANSWERS = BODY_ANSWERS | may_answer(429)
Workflow = Annotated[str | None, Query(max_length=64, description="Only those of this workflow.")]


class PromotionRequest(BaseModel):
    """What the golden question expects."""

    model_config = ConfigDict(extra="forbid")

    expect: Expectations | None = Field(None, description="What the answer has to be; left out, what the report expected.")


class GoldenRequest(BaseModel):
    """Which golden questions are asked, and of what."""

    model_config = ConfigDict(extra="forbid")

    workflow: str | None = Field(None, max_length=64, description="Only those of this workflow.")
    release: int | None = Field(None, strict=True, ge=1, le=HIGHEST, description="Ask this release instead of the current one.")
    draft: str | None = Field(None, max_length=64, description="Ask this draft, as it would be published.")


class GoldenRun(BaseModel):
    """How golden questions fared."""

    release: int = Field(description="The release, or the draft's number.")
    failed: int
    outcomes: list[GoldenOutcome] = Field(description="What was got instead is told to operators alone.")


def add_feedback(router: APIRouter, app: App) -> None:
    """Add the operations to `router`."""
    _add_reports(router, app)
    _add_golden(router, app)


def _add_reports(router: APIRouter, app: App) -> None:
    @router.post("/context/{context}/feedback", summary="Report on an answer", tags=["Feedback"], responses=REPORT_ANSWERS)
    def report_on_answer(
        context: Annotated[str, Path(description="`context_id` of an answer that you got.")], request: FeedbackRequest, caller: Caller
    ) -> Feedback:
        """For the agent that got the answer, and for operators. Its owners see it; with one click it becomes a golden question."""
        return app.control.feedback.report(caller, context, request)

    @router.get("/feedback", summary="List feedback", tags=["Feedback"], responses=may_answer(401, 403, 422, 500, 503))
    def list_feedback(caller: Caller, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> Page[Feedback]:
        """For people. The reports of the last 30 days about answers that told a document you answer for, newest first."""
        return page_of(app.control.feedback.recent(caller), limit, offset)

    @router.post("/feedback/{feedback}/promote", summary="Make a golden question of a report", tags=["Feedback"], responses=BODY_ANSWERS)
    def promote_feedback(
        feedback: Annotated[str, Path(description="Id of the report.")], request: PromotionRequest, caller: Caller
    ) -> GoldenQuestion:
        """For who answers for a document of that answer and may read all that it told, for the customer it names; and for operators. The
        same question under the same grant; repeat it to expect another answer.
        """
        return app.control.feedback.promote(caller, feedback, request.expect)


def _add_golden(router: APIRouter, app: App) -> None:
    @router.get("/golden", summary="List golden questions", tags=["Feedback"], responses=may_answer(401, 403, 422, 500, 503))
    def list_golden(caller: Caller, workflow: Workflow = None, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> Page[GoldenQuestion]:
        """For people. Declared ones first, then those made of reports that you may see. `customer` and `grant` are empty in those that you
        may not ask, because the answer tells of a customer or a document that you may not read.
        """
        return page_of(app.control.feedback.golden(caller, workflow), limit, offset)

    @router.delete(
        "/golden/{golden}",
        summary="Drop a golden question",
        tags=["Feedback"],
        responses=may_answer(401, 403, 404, 422, 500, 503),
    )
    def drop_golden(golden: Annotated[str, Path(description="Id of the question.")], caller: Caller) -> GoldenQuestion:
        """One that was made of a report, for who could make it; declared ones are taken out of their file."""
        return app.control.feedback.drop(caller, golden)

    @router.post(
        "/golden/run",
        summary="Ask the golden questions",
        tags=["Feedback"],
        responses=may_answer(400, 401, 403, 409, 413, 415, 422, 500, 503),
    )
    def run_golden(request: GoldenRequest, caller: Caller) -> GoldenRun:
        """For people. Asks those that you may see of the current release, another one, or a draft: takes as long as that many answers. One
        whose answer tells what you may not read does not pass, and nothing else is said of it.
        """
        at = Standpoint(release=request.release, draft=request.draft)
        number, outcomes = app.ask_golden(caller, at, request.workflow)
        return GoldenRun(release=number, failed=sum(not one.passed for one in outcomes), outcomes=outcomes)
