"""Reading conflicts and ruling on them. Every read is decided like any other; what one may not read does not exist.

Faces reach these through `App`: `conflicts`, `conflict`, `rule`, `revoke`, `preview`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from context_service.conflicts.lifecycle import in_force, overlap
from context_service.declarations.company import Declarations
from context_service.errors import AlreadyRuled, ConflictChanged, ConflictClosed, InvalidRequest, NotAnOwner, NotFound
from context_service.model.access import Principal
from context_service.model.audit import Action, AuditEntry
from context_service.model.conflict import (
    Conflict,
    ConflictEvent,
    ConflictState,
    Happening,
    RuledSide,
    Ruling,
    RulingRequest,
)
from context_service.model.context import NOW, Standpoint
from context_service.policy.applies import Regions, conditions
from context_service.records.protocol import RecordStore, RecordWriter
from context_service.retrieval.release_pin import check_reader, named_number, notices_at, ruled_at
from context_service.retrieval.service import ContextService
from context_service.rulings.past import conflicts_in
from context_service.rulings.preview import preview
from context_service.rulings.reading import SERVED_WITHIN, Reading, Stand
from context_service.rulings.views import ConflictList, ConflictView, Filters, Preview
from context_service.rulings.words import check_words


class Rulings:
    """The conflicts of the current release, and the rulings on them. Safe to share between threads."""

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

    def conflicts(self, principal: Principal, filters: Filters, at: Standpoint = NOW) -> ConflictList:
        """Those between texts that this principal may read, the ones that wait for an owner first, then by severity.

        `at` names another release, a draft, or another day, by whose dates the rules decide. Raises Forbidden for an agent that asks for a
        draft, and what `named_number` raises.
        """
        reading, found = self._seen(principal, at)
        concerned = [conflict for conflict in found if _concerned(conflict, filters)]
        views = [view for view in reading.views(concerned) if _wanted(view, filters)]
        counts = Counter(view.state for view in views)
        chosen = [view for view in views if filters.state in (None, view.state)]
        chosen.sort(key=place)
        notices = notices_at(at, reading.stand.number or self._records.head())
        return ConflictList(items=tuple(chosen), counts={one: counts[one] for one in ConflictState}, notices=notices)

    def conflict(self, principal: Principal, conflict: str, at: Standpoint = NOW) -> ConflictView:
        """One of them. Raises NotFound when there is none of that id between texts this principal may read, and what `conflicts` raises."""
        reading, found = self._seen(principal, at, conflict)
        for view in reading.views(found):
            return view.model_copy(update={"notices": notices_at(at, view.release)})
        raise NotFound("No conflict of that id that you may see.", remedy="List them with GET /conflicts.", field="conflict")

    def rule(self, principal: Principal, conflict: str, request: RulingRequest) -> Ruling:
        """Store a ruling, audited; it decides from the next answer on.

        Raises NotFound (no such conflict), NotAnOwner (403), ConflictClosed (409), ConflictChanged (409: `seen` are not the sides' ids),
        AlreadyRuled (409: a ruling in force covers a part of the scope), UnknownWorkflow (422, in the scope), InvalidRequest (422: an
        expiry that is not ahead).
        """
        self._check_owner(principal, self.conflict(principal, conflict))
        with self._records.writing() as tx:
            tx.hold_conflicts()
            now = self._now()  # after waiting: whoever was before has ruled at an earlier moment
            self._check_request(request, now)
            held = tx.held_conflicts([conflict])[conflict]
            self._check_free(held, tx.held_rulings([conflict]), request, now)
            ruling = self._made(principal, held, request, now)
            tx.put_ruling(ruling)
            self._note(tx, held, ruling, Happening.RULED, principal, now)
            tx.audit(_entry(Action.CONFLICT_RULED, ruling, principal, now))
        return ruling

    def revoke(self, principal: Principal, ruling: str) -> Ruling:
        """Undo a ruling, audited; one that is revoked already stays as it is. Raises NotFound or NotAnOwner."""
        found = self._records.ruling(ruling)
        views = self._reading(principal).views(self._records.conflicts([found.conflict])) if found else []
        if found is None or not views:
            raise NotFound("No ruling of that id that you may see.", remedy="A conflict lists its rulings.", field="ruling")
        self._check_owner(principal, views[0])
        with self._records.writing() as tx:
            tx.hold_conflicts()
            now = self._now()
            held = next(one for one in tx.held_rulings([found.conflict]) if one.id == ruling)
            if held.revoked_at:
                return held
            revoked = held.model_copy(update={"revoked_at": now, "revoked_by": principal.id})
            tx.put_ruling(revoked)
            self._note(tx, tx.held_conflicts([found.conflict])[found.conflict], revoked, Happening.REVOKED, principal, now)
            tx.audit(_entry(Action.RULING_REVOKED, revoked, principal, now))
        return revoked

    def check(self, principal: Principal, conflict: str, request: RulingRequest) -> None:
        """Raise what `rule` would raise now, without ruling."""
        self._ruleable(principal, conflict, request, self._now())

    def preview(self, principal: Principal, conflict: str, request: RulingRequest) -> Preview:
        """What the ruling would change, without making it. Raises what `rule` raises. Audited: it shows what customers asked."""
        now = self._now()
        stored = self._ruleable(principal, conflict, request, now)
        texts = [(side.document, text) for side in stored.sides for text in side.texts]
        contexts = self._records.served_contexts(texts, now - SERVED_WITHIN)
        ruling = self._made(principal, stored, request, now)
        found = preview(self._records, self._context, self._reading(principal), contexts, ruling)
        with self._records.writing() as tx:
            tx.audit(_entry(Action.RULING_PREVIEWED, ruling, principal, now))
        return found

    def _ruleable(self, principal: Principal, conflict: str, request: RulingRequest, now: datetime) -> Conflict:
        """The conflict, once nothing stands against the ruling; somebody else may still be quicker."""
        self._check_owner(principal, self.conflict(principal, conflict))
        self._check_request(request, now)
        (stored,) = self._records.conflicts([conflict])
        self._check_free(stored, self._records.rulings_of([conflict]), request, now)
        return stored

    def _seen(self, principal: Principal, at: Standpoint, conflict: str | None = None) -> tuple[Reading, list[Conflict]]:
        """Every conflict, or one, of what is looked at, and how it is read."""
        now = self._now()
        check_reader(principal, at)
        number = named_number(self._records, at, now) if at.elsewhere else None
        moment = now if number is None else ruled_at(self._records, at, number, now)
        reading = Reading(self._records, self._declarations, principal, now, Stand(at.effective_on or now.date(), moment, number))
        if number is None:
            return reading, self._records.conflicts(None if conflict is None else [conflict])
        return reading, [one for one in conflicts_in(self._records, number, moment) if conflict in (None, one.id)]

    def _reading(self, principal: Principal) -> Reading:
        return Reading(self._records, self._declarations, principal, self._now())

    def _check_owner(self, principal: Principal, view: ConflictView) -> None:
        if not view.mine and not principal.operator:
            raise NotAnOwner(
                "You answer for none of the documents that disagree here.", remedy=f"Ask {' or '.join(view.owners)}, or an operator."
            )

    def _check_request(self, request: RulingRequest, now: datetime) -> None:
        if request.expires_at and request.expires_at <= now:
            raise InvalidRequest("The ruling would have expired already.", remedy="Send a moment that lies ahead.", field="expires_at")
        check_words(request, self._declarations)

    def _check_free(self, conflict: Conflict, rulings: Sequence[Ruling], request: RulingRequest, now: datetime) -> None:
        """That the conflict is as it was seen and that nobody has ruled meanwhile."""
        if conflict.closed:
            raise ConflictClosed("Nothing disagrees here any more.", remedy="There is nothing to rule on.", field="conflict")
        if {side.id for side in conflict.sides} != set(request.seen):
            raise ConflictChanged("A side has changed since you saw it.", remedy="Read the conflict again, then rule.", field="seen")
        regions = Regions(self._declarations.company.regions)
        for ruling in rulings:
            spelled = lambda applicability: conditions(applicability, regions)  # noqa: E731
            # Another process's clock may be ahead of this one's.
            if in_force(ruling, conflict.sides, max(now, ruling.made_at)) and overlap(ruling.scope, request.scope, spelled):
                raise AlreadyRuled(
                    f"{ruling.author} has ruled on this already (ruling {ruling.id}), for some of the same requests.",
                    remedy="Read that ruling; revoke it first, or choose a scope that it does not cover.",
                    field="scope",
                )

    def _made(self, principal: Principal, conflict: Conflict, request: RulingRequest, now: datetime) -> Ruling:
        return Ruling(
            id=self._new_id(),
            conflict=conflict.id,
            outcome=request.outcome,
            side=request.side,
            conditions=request.conditions,
            scope=request.scope,
            reason=request.reason.strip(),
            author=principal.id,
            made_at=now,
            expires_at=request.expires_at,
            sides=tuple(RuledSide(id=side.id, document=side.document, ref=side.ref, texts=side.texts) for side in conflict.sides),
        )

    def _note(
        self, tx: RecordWriter, conflict: Conflict, ruling: Ruling, happening: Happening, principal: Principal, now: datetime
    ) -> None:
        event = ConflictEvent(at=now, happening=happening, actor=principal.id, release=self._records.head(), ruling=ruling.id)
        tx.put_conflicts([conflict.model_copy(update={"events": (*conflict.events, event)})])


def place(view: ConflictView) -> tuple[bool, float, str]:
    """Where a conflict stands in a list: those that wait for an owner first, then by severity."""
    return not view.state.waits, -view.severity.score, view.id


def _concerned(conflict: Conflict, filters: Filters) -> bool:
    """What can be told of a conflict before it is read, which is dear."""
    return filters.kind in (None, conflict.kind) and (filters.source is None or filters.source in {side.source for side in conflict.sides})


def _wanted(view: ConflictView, filters: Filters) -> bool:
    return (view.mine or not filters.mine) and view.severity.score >= filters.min_severity


def _entry(action: Action, ruling: Ruling, principal: Principal, now: datetime) -> AuditEntry:
    return AuditEntry(
        at=now, actor=principal.id, action=action, subject=f"conflict:{ruling.conflict}", detail={"ruling": ruling.model_dump(mode="json")}
    )
