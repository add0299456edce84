"""Operations on releases and drafts: what is read, what differs, and publishing, trying, taking back, rolling back."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, BackgroundTasks, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from context_service.api.openapi import may_answer
from context_service.api.paging import DEFAULT_LIMIT, Limit, Offset, Page, page_of
from context_service.api.route import Caller
from context_service.app import App
from context_service.errors import ContextServiceError
from context_service.model.gate import Check
from context_service.model.release import HIGHEST, Draft, HeadMove, Release, Traffic
from context_service.releases.diff import MOST_PER_PAGE, PAGE
from context_service.releases.impact import MOST_REPLAYS
from context_service.releases.trial import Comparison
from context_service.releases.views import Diff, Impact

MOST_WORDS = 2_000
READ_ANSWERS = may_answer(401, 403, 404, 422, 500, 503)
COMPARE_ANSWERS = may_answer(401, 403, 404, 409, 422, 500, 503)
CHANGE_ANSWERS = may_answer(400, 401, 403, 404, 409, 413, 415, 422, 500, 503)

Number = Annotated[int, Path(ge=1, le=HIGHEST, description="Number of the release.", examples=[1])]
DraftId = Annotated[str, Path(description="Id of the draft.")]
After = Annotated[str | None, Query(max_length=2_100, description="Where the page begins: `next` of the one before.")]
Documents = Annotated[int, Query(ge=1, le=MOST_PER_PAGE, description="Most documents in the reply.")]

log = structlog.get_logger()


class Reasoned(BaseModel):
    """Why it is done."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=MOST_WORDS, description="Kept with it and shown to whoever looks at it.")


class ShareRequest(Reasoned):
    """How many of the conversations are to read a release on trial."""

    share: float = Field(gt=0, le=1, description="Share of the conversations; 1 is everybody, where a release is widened.", examples=[0.1])


class ApprovalRequest(Reasoned):
    """Yes to exactly the changes that were seen."""

    digest: str = Field(max_length=64, description="`digest` of the check that you looked at.")


class ReleasePage(Page[Release]):
    """A part of the releases."""

    traffic: Traffic = Field(description="What is read now.")


class ReleaseView(BaseModel):
    """A release, and when it was read."""

    release: Release
    moves: list[HeadMove] = Field(description="The changes of what is read that name it, newest first.")


def add_releases(router: APIRouter, app: App) -> None:
    """Add the operations to `router`."""
    _add_release_reads(router, app)
    _add_trial_reads(router, app)
    _add_release_changes(router, app)
    _add_draft_reads(router, app)
    _add_decisions(router, app)
    _add_publishing(router, app)


def _add_release_reads(router: APIRouter, app: App) -> None:
    @router.get("/releases", summary="List releases", tags=["Releases"], responses=may_answer(401, 403, 422, 500, 503))
    def list_releases(caller: Caller, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> ReleasePage:
        """For people. Newest first, those that are no longer kept too; and what is read now."""
        return ReleasePage(traffic=app.releases.traffic(), **dict(page_of(app.releases.releases(caller), limit, offset)))

    @router.get("/releases/{number}", summary="Read a release", tags=["Releases"], responses=READ_ANSWERS)
    def read_release(number: Number, caller: Caller) -> ReleaseView:
        """Who published it, why, what its gates said (told to those who answer for some of it), and when it was read."""
        moves = [one for one in app.releases.moves(caller) if number in (one.number, one.canary)]
        return ReleaseView(release=app.releases.show(caller, number), moves=moves)

    @router.get("/releases/{base}/diff/{number}", summary="Compare two releases", tags=["Releases"], responses=READ_ANSWERS)
    def compare_releases(base: Number, number: Number, caller: Caller, after: After = None, limit: Documents = PAGE) -> Diff:
        """What `number` changes of `base`, of what you may read in both: documents, a page at a time; with the first page the conflicts
        that open and close, and settings of workflows.
        """
        return app.control.differ.diff(caller, base, number, after=after, limit=limit)


def _add_trial_reads(router: APIRouter, app: App) -> None:
    @router.get("/trial", summary="Compare a trial", tags=["Releases"], responses=may_answer(401, 403, 422, 500, 503))
    def read_trial(caller: Caller) -> Comparison:
        """For people. The answers of the release on trial beside those of the release that the other conversations read meanwhile."""
        return app.releases.compare(caller)


def _add_release_changes(router: APIRouter, app: App) -> None:
    @router.post("/releases/{number}/rollback", summary="Roll back to a release", tags=["Releases"], responses=CHANGE_ANSWERS)
    def roll_back(number: Number, request: Reasoned, caller: Caller, later: BackgroundTasks) -> HeadMove:
        """For operators, and who answers for everything that differs and for a trial that it ends. Everybody reads that release from now
        on. It becomes a release of its own afterwards, from which the next ones start; nothing publishes itself until a person has
        published.
        """
        move = app.releases.rollback(caller, number, request.reason)
        later.add_task(_restore, app)
        return move

    @router.post("/releases/{number}/pin", summary="Pin a release", tags=["Releases"], responses=CHANGE_ANSWERS)
    def pin_release(number: Number, request: Reasoned, caller: Caller) -> Release:
        """For operators. It is kept whatever the retention says."""
        return app.releases.pin(caller, number, request.reason)

    @router.post("/releases/{number}/unpin", summary="Unpin a release", tags=["Releases"], responses=CHANGE_ANSWERS)
    def unpin_release(number: Number, request: Reasoned, caller: Caller) -> Release:
        """For operators. The retention decides about it again."""
        return app.releases.unpin(caller, number, request.reason)


def _add_draft_reads(router: APIRouter, app: App) -> None:
    @router.get("/drafts", summary="List drafts", tags=["Releases"], responses=may_answer(401, 403, 422, 500, 503))
    def list_drafts(caller: Caller, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> Page[Draft]:
        """For people. Those that stand and hold something of a source that you may know of, by number. Why one is held and what its gates
        say is told to those who answer for some of it.
        """
        return page_of(app.releases.drafts(caller), limit, offset)

    @router.get("/drafts/{draft}", summary="Read a draft", tags=["Releases"], responses=READ_ANSWERS)
    def read_draft(draft: DraftId, caller: Caller) -> Draft:
        """Whatever became of it."""
        return app.releases.draft(caller, draft)

    @router.get("/drafts/{draft}/diff", summary="See what a draft changes", tags=["Releases"], responses=COMPARE_ANSWERS)
    def compare_draft(draft: DraftId, caller: Caller, after: After = None, limit: Documents = PAGE) -> Diff:
        """What it changes of the newest release, of what you may read: see `GET /releases/{base}/diff/{number}`."""
        app.releases.draft(caller, draft)
        return app.control.diff_of_draft(caller, draft, after=after, limit=limit)

    @router.get("/drafts/{draft}/impact", summary="See what a draft does to answers", tags=["Releases"], responses=COMPARE_ANSWERS)
    def impact_of_draft(
        draft: DraftId,
        caller: Caller,
        replays: Annotated[int, Query(ge=0, le=MOST_REPLAYS, description="Past answers that are computed anew.")] = MOST_REPLAYS,
    ) -> Impact:
        """For who answers for some of it. The answers of the last 30 days that told what changes, and the golden questions, computed both
        ways: takes as long as two answers for each.
        """
        app.releases.draft(caller, draft)
        return app.control.impact_of_draft(caller, draft, replays=replays)


def _add_decisions(router: APIRouter, app: App) -> None:
    @router.post("/drafts/{draft}/check", summary="Check a draft", tags=["Releases"], responses=COMPARE_ANSWERS)
    def check_draft(draft: DraftId, caller: Caller) -> Check:
        """For who answers for some of it. Compares it with the newest release as it stands and asks the gates. `digest` names what was
        judged: an approval repeats it.
        """
        app.releases.draft(caller, draft)
        return app.control.gates.check(caller, draft)

    @router.post("/drafts/{draft}/approve", summary="Approve a draft", tags=["Releases"], responses=CHANGE_ANSWERS)
    def approve_draft(draft: DraftId, request: ApprovalRequest, caller: Caller) -> Check:
        """For who answers for all of it and did not edit it. Answers 409 when it is no longer what was seen, or a gate finds more."""
        app.releases.draft(caller, draft)
        return app.control.gates.approve(caller, draft, request.digest, request.reason)

    @router.post("/drafts/{draft}/discard", summary="Discard a draft", tags=["Releases"], responses=CHANGE_ANSWERS)
    def discard_draft(draft: DraftId, request: Reasoned, caller: Caller) -> Draft:
        """For operators, and who answers for every source in it. The next syncs bring again what it held."""
        app.releases.draft(caller, draft)
        return app.releases.discard(caller, draft, request.reason)


def _add_publishing(router: APIRouter, app: App) -> None:
    @router.post("/drafts/{draft}/publish", summary="Publish a draft", tags=["Releases"], responses=CHANGE_ANSWERS)
    def publish_draft(draft: DraftId, request: Reasoned, caller: Caller) -> Release:
        """For operators, and who answers for every source in it. It has to be checked against the newest release, and its gates passed or
        somebody approved it. Of two who publish at once one is told so by 409, and nothing is lost.
        """
        app.releases.draft(caller, draft)
        return app.releases.publish(caller, draft, request.reason)

    @router.post("/drafts/{draft}/canary", summary="Try a draft", tags=["Releases"], responses=CHANGE_ANSWERS)
    def try_draft(draft: DraftId, request: ShareRequest, caller: Caller) -> Release:
        """Like publishing, to a share of the conversations below 1: always the same ones while the share stays. Until it is widened to 1 or
        taken back no other draft can be published.
        """
        app.releases.draft(caller, draft)
        return app.releases.canary(caller, draft, request.share, request.reason)

    @router.post("/drafts/{draft}/widen", summary="Widen a trial", tags=["Releases"], responses=CHANGE_ANSWERS)
    def widen_trial(draft: DraftId, request: ShareRequest, caller: Caller) -> HeadMove:
        """Changes the share of the conversations that read the release that the draft became; at 1 everybody does."""
        app.releases.draft(caller, draft)
        return app.releases.widen(caller, request.share, request.reason, draft=draft)

    @router.post("/drafts/{draft}/take-back", summary="Take a trial back", tags=["Releases"], responses=CHANGE_ANSWERS)
    def take_trial_back(draft: DraftId, request: Reasoned, caller: Caller, later: BackgroundTasks) -> HeadMove:
        """Nobody reads the release that the draft became any more. Undone like a rollback: see there."""
        app.releases.draft(caller, draft)
        move = app.releases.take_back(caller, request.reason, draft=draft)
        later.add_task(_restore, app)
        return move


def _restore(app: App) -> None:
    """Finish a rollback after the reply; where that cannot be done now, the next sync does it."""
    try:
        app.releases.restore()
    except ContextServiceError as error:
        log.warning("restoring_waits_for_the_next_sync", cause=str(error))
