"""Who lets a draft through: the gates, and the people who say yes in their place.

A sync's draft publishes itself when its gates pass and its sources are trusted. Everything else waits for the approval of a person who
answers for all of it and did not edit it. An approval is for exactly what was seen: the digest of the changes, and what the gates found.
When the draft changes afterwards, or a gate finds more, the approval says nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic import JsonValue

from context_service.declarations.company import Declarations
from context_service.errors import DraftChanged, Forbidden, NotAnApprover, StaleDraft
from context_service.ingest.drafts import Drafts
from context_service.ingest.gatekeeper import Gatekeeper, Verdict
from context_service.ingest.progress import Silent
from context_service.model.access import Principal
from context_service.model.audit import Action, AuditEntry
from context_service.model.base import canonical_json, digest
from context_service.model.document import Revision, SyncRun
from context_service.model.gate import Approval, Check
from context_service.model.release import Draft, ReleaseKind
from context_service.model.workspace import RulingEdit
from context_service.policy import owns
from context_service.policy.sources import answers_for
from context_service.records.protocol import RecordStore
from context_service.releases.diff import Differ
from context_service.releases.evidence import Gatherer
from context_service.releases.gates import holds, judge
from context_service.releases.reader import require_person
from context_service.releases.workspace import DRAFT, Workspaces

APPROVAL = "approval"
WORKSPACE = "workspace"
MOST_WORDS = 2_000


class Gates(Gatekeeper):
    """Judges drafts, keeps what was judged with them, and takes approvals. Safe to share between threads."""

    def __init__(
        self,
        records: RecordStore,
        declarations: Declarations,
        drafts: Drafts,
        gatherer: Gatherer,
        differ: Differ,
        workspaces: Workspaces,
        now: Callable[[], datetime],
    ) -> None:
        self._records = records
        self._declarations = declarations
        self._drafts = drafts
        self._gatherer = gatherer
        self._differ = differ
        self._workspaces = workspaces
        self._now = now

    def judge(self, draft: int, sources: Sequence[str], runs: Sequence[SyncRun]) -> Verdict:
        """See `Gatekeeper.judge`: a source is held by its gates, or because it is not trusted; a valid approval lets everything go."""
        found = next(one for one in self._records.drafts() if one.number == draft)
        check = self._check(found, runs)
        waiting = {} if check.approval else {source: self._reasons(check, source) for source in sources}
        return Verdict(
            holds={source: reasons for source, reasons in waiting.items() if reasons},
            gates=check.model_dump(mode="json"),
        )

    def check(self, principal: Principal, draft: str) -> Check:
        """Judge a draft as it stands, and keep that with it.

        Raises Forbidden for who answers for nothing of it, NotFound, DraftConflict while drafts are in use or when it does not stand,
        StaleDraft when it no longer holds what its workspace says.
        """
        self._check_concerned(principal, self._drafts.found(draft))
        with self._records.exclusive(DRAFT):
            found = self._whole(self._drafts.found(draft))
            check = self._check(found, ())
            self._keep(found, check)
            with self._records.writing() as tx:
                tx.audit(self._entry(Action.DRAFT_CHECKED, found, principal.id, {"passed": check.passed, "digest": check.digest}))
        return check

    def approve(self, principal: Principal, draft: str, seen: str, reason: str = "") -> Check:
        """Say yes to exactly the changes that `seen` (the digest of a check) names, whatever the gates said in that check.

        Raises NotAnApprover for who edited it and for who does not answer for all of it, DraftChanged when the draft is no longer what
        was seen or a gate finds more, and what `check` raises.
        """
        self._check_approver(principal, self._drafts.found(draft))
        with self._records.exclusive(DRAFT):
            found = self._whole(self._drafts.found(draft))
            self._check_approver(principal, found)
            check = self._check(found, ())
            _require_seen(check, _kept(found), seen)
            approval = Approval(by=principal.id, at=self._now(), digest=seen, found=check.found, reason=reason.strip()[:MOST_WORDS])
            approved = check.model_copy(update={"approval": approval})
            self._keep(found, approved)
            with self._records.writing() as tx:
                tx.audit(self._entry(Action.DRAFT_APPROVED, found, principal.id, {"digest": seen, "reason": approval.reason}))
        return approved

    def allow(self, draft: Draft) -> None:
        """Raise unless the draft may be published by a person now: its gates passed on what it holds and nothing else is asked for, or
        somebody has approved what it holds. Raises NotAnApprover, DraftChanged or StaleDraft.
        """
        if draft.kind is ReleaseKind.ROLLBACK:
            return
        kept = _kept(draft)
        if kept is None or kept.base != self._records.traffic().newest:
            raise StaleDraft(f"The gates were not asked about draft {draft.id} as it stands.", remedy="Check it, then publish it.")
        if draft.kind is ReleaseKind.WORKSPACE:
            self._workspaces.require_staged(draft)
        if kept.digest != self.digest(draft):
            raise DraftChanged("The draft has changed since its gates were asked.", remedy="Check it again, then approve it.")
        if not kept.approval and (not kept.passed or kept.waits_for_approval):
            raise NotAnApprover("The draft waits for an approval.", remedy="Let somebody who did not edit it approve it.")

    def digest(self, draft: Draft) -> str:
        """Names exactly what a draft would do: to documents, settings, and by its rulings."""
        return self._named(draft, self._differ.digest(self._records.traffic().newest, draft.number))

    def _named(self, draft: Draft, changes: str) -> str:
        workspace = self._workspaces.of(draft)
        rulings = [canonical_json(one.edit) for one in workspace.edits if isinstance(one.edit, RulingEdit)] if workspace else []
        return digest(changes, *sorted(rulings))

    def editors(self, draft: Draft) -> frozenset[str]:
        """Who had a hand in a draft: for a workspace's the authors of its edits and its last editor, else who had the sync made."""
        workspace = self._workspaces.of(draft)
        return frozenset((workspace.last_editor, *(one.by for one in workspace.edits))) if workspace else frozenset((draft.opened_by,))

    def _whole(self, draft: Draft) -> Draft:
        """The draft indexed and compared with the newest release."""
        if draft.kind is ReleaseKind.WORKSPACE:
            self._workspaces.require_staged(draft)
        fresh = draft.checked and not draft.stale and draft.base == self._records.traffic().newest
        return draft if fresh else self._drafts.check(draft.id, Silent())

    def _check(self, draft: Draft, runs: Sequence[SyncRun]) -> Check:
        base = self._records.traffic().newest
        survey = self._gatherer.survey(draft.number, base)
        evidence = self._gatherer.evidence(draft.number, base, survey, runs)
        named = self._named(draft, survey.digest)
        check = Check(
            at=self._now(),
            base=base,
            digest=named,
            results=judge(evidence, self._declarations.company.gates),
            waits_for_approval=self._waiting(draft, evidence.sources),
        )
        return check.model_copy(update={"approval": self._approval(draft, check)})

    def _waiting(self, draft: Draft, sources: frozenset[str]) -> frozenset[str]:
        if draft.kind is ReleaseKind.WORKSPACE:
            return frozenset({WORKSPACE})
        declared = self._declarations.sources
        return frozenset(source for source in sources if source in declared and not declared[source].trusted)

    def _approval(self, draft: Draft, check: Check) -> Approval | None:
        """The approval that was given to exactly these changes, and to all that the gates find in them."""
        kept = draft.notes.get(APPROVAL)
        approval = Approval.model_validate(kept) if kept else None
        return approval if approval and approval.digest == check.digest and check.found <= approval.found else None

    def _reasons(self, check: Check, source: str) -> tuple[str, ...]:
        untrusted = (f"`{source}` is not trusted to publish itself.",) if source in check.waits_for_approval else ()
        return (*holds(check.results, source), *untrusted)

    def _keep(self, draft: Draft, check: Check) -> None:
        with self._records.writing() as tx:
            held = tx.held_draft(draft.id)
            notes = {**held.notes, APPROVAL: check.approval.model_dump(mode="json")} if check.approval else held.notes
            tx.put_draft(held.model_copy(update={"gates": check.model_dump(mode="json"), "notes": notes}))

    def _check_approver(self, principal: Principal, draft: Draft) -> None:
        require_person(principal)
        if principal.id in self.editors(draft):
            raise NotAnApprover("You have edited this draft.", remedy="Let somebody else approve it.")
        states = self._differ.states(self._records.traffic().newest, draft.number)
        if not all(self._answers_for(principal, one.shown) for one in states):
            raise NotAnApprover("You do not answer for everything that this changes.", remedy="Ask an operator.")

    def _check_concerned(self, principal: Principal, draft: Draft) -> None:
        require_person(principal)
        states = self._differ.states(self._records.traffic().newest, draft.number)
        if not principal.operator and not any(self._answers_for(principal, one.shown) for one in states):
            raise Forbidden("You answer for nothing that this changes.", remedy="Ask an owner, or an operator.")

    def _answers_for(self, principal: Principal, state: Revision) -> bool:
        """Whether a person answers for a document, or for its whole source."""
        source = self._declarations.sources.get(state.source)
        return owns(principal, state.resource) or principal.operator or (source is not None and answers_for(principal, source))

    def _entry(self, action: Action, draft: Draft, by: str, detail: dict[str, JsonValue]) -> AuditEntry:
        return AuditEntry(at=self._now(), actor=by, action=action, subject=f"draft:{draft.id}", detail=detail)


def _kept(draft: Draft) -> Check | None:
    """What the gates last said of the draft."""
    return Check.model_validate(draft.gates) if draft.gates else None


def _require_seen(check: Check, kept: Check | None, seen: str) -> None:
    if check.digest != seen:
        raise DraftChanged("The draft is not what you saw.", remedy="Look at what it changes now, then approve that.", field="digest")
    if not check.found <= (kept.found if kept and kept.digest == seen else frozenset()):
        raise DraftChanged("The gates find more than you saw.", remedy="Check it again and look, then approve that.", field="digest")
