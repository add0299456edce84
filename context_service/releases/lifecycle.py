"""Publishing, trying, taking back, rolling back and keeping releases. Everything is audited in the transaction that does it.

What only moves the pointer (`rollback`, `widen`, `take_back`) waits for nobody and takes the same time whatever the size. What works on
drafts holds the draft: a second one at the same time gets DraftConflict at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from pydantic import JsonValue

from context_service.declarations.company import Declarations
from context_service.embedding.protocol import Embedder
from context_service.errors import DraftConflict, Forbidden, InvalidRequest, NotFound, NotRestored, UnknownRelease
from context_service.index.protocol import IndexStore
from context_service.ingest.drafts import Drafts, Publishing
from context_service.ingest.progress import Progress, Silent
from context_service.ingest.restore import Restorer
from context_service.model.access import Principal, PrincipalKind
from context_service.model.audit import Action, AuditEntry
from context_service.model.release import Draft, HeadMove, Release, ReleaseKind, Traffic
from context_service.policy.sources import answers_for
from context_service.records.protocol import RecordStore, RecordWriter
from context_service.releases.retention import Retention, Sweeper, Swept
from context_service.releases.shown import shown_draft, shown_release
from context_service.releases.trial import Comparison, comparison
from context_service.retrieval.release_pin import kept_release


class Releases:
    """What is done with releases and drafts. Safe to share between threads.

    `allow` raises for a draft that a person may not publish now (see `Gates.allow`); `published` is called when everybody reads a new one.
    """

    def __init__(
        self,
        records: RecordStore,
        index: IndexStore,
        embedder: Embedder,
        declarations: Declarations,
        retention: Retention,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        allow: Callable[[Draft], None] = lambda _: None,
        published: Callable[[], None] = lambda: None,
    ) -> None:
        self._allow = allow
        self._published = published
        self._records = records
        self._declarations = declarations
        self._now = now
        self._drafts = Drafts(records, index, embedder, declarations, now=now, new_id=new_id)
        self._restorer = Restorer(records, self._drafts, now=now, new_id=new_id)
        self._sweeper = Sweeper(records, index, retention, now)

    def releases(self, principal: Principal) -> list[Release]:
        """Every release, retired ones too, newest first, each as this person may see it. Raises Forbidden for an agent."""
        _check_person(principal)
        return [shown_release(principal, self._declarations.sources, one) for one in self._records.releases()[::-1]]

    def show(self, principal: Principal, number: int) -> Release:
        """One of them. Raises Forbidden or UnknownRelease."""
        _check_person(principal)
        return shown_release(principal, self._declarations.sources, self._release(number))

    def drafts(self, principal: Principal) -> list[Draft]:
        """The drafts that stand and that this person may know of, by number. Raises Forbidden for an agent."""
        _check_person(principal)
        shown = (shown_draft(principal, self._declarations.sources, one) for one in self._records.drafts())
        return [one for one in shown if one]

    def draft(self, principal: Principal, draft: str) -> Draft:
        """A draft that this person may know of, whatever became of it. Raises Forbidden or NotFound."""
        _check_person(principal)
        shown = shown_draft(principal, self._declarations.sources, self._drafts.found(draft))
        if shown is None:
            raise NotFound(f"There is no draft {draft}.", remedy="List the drafts.", field="draft")
        return shown

    def traffic(self) -> Traffic:
        """What is read now."""
        return self._records.traffic()

    def moves(self, principal: Principal) -> list[HeadMove]:
        """What was read when, newest first. Raises Forbidden for an agent."""
        _check_person(principal)
        return self._records.head_moves()[::-1]

    def check(self, principal: Principal, draft: str, progress: Progress | None = None) -> Draft:
        """Compare a draft with the newest release again, so that it may be published. Raises Forbidden, NotFound or DraftConflict."""
        self._may(principal, self._sources_of(draft))
        with self._records.exclusive("draft"):
            return self._drafts.check(draft, progress or Silent())

    def publish(self, principal: Principal, draft: str, why: str = "") -> Release:
        """Make a checked draft the release that everybody reads, and let others publish themselves again after a rollback.

        Raises Forbidden, NotFound, DraftConflict (it does not stand any more, or drafts are in use), StaleDraft (check it again),
        CanaryRunning or NotRestored; nothing is lost by any of them.
        """
        self._may(principal, self._sources_of(draft))
        self._require_restored()
        with self._records.exclusive("draft"):
            self._allow(self._drafts.standing(draft))
            release = self._drafts.publish(draft, Publishing(principal.id, why, by_person=True))
        self._published()
        return release

    def canary(self, principal: Principal, draft: str, share: float, why: str = "") -> Release:
        """Make a checked draft a release that a share of the conversations reads, the same ones until the share changes.

        Raises what `publish` raises, and InvalidRequest for a share that is not between 0 and 1 or while there is no release beside it.
        """
        self._may(principal, self._sources_of(draft))
        if not 0 < share < 1:
            raise InvalidRequest("A share lies between 0 and 1.", remedy="Send 0.1 for a tenth of the conversations.", field="share")
        if not self._records.head():
            raise InvalidRequest("The first release has none beside it.", remedy="Publish it to everybody.", field="share")
        self._require_restored()
        with self._records.exclusive("draft"):
            self._allow(self._drafts.standing(draft))
            how = Publishing(principal.id, why, share, by_person=True, action=Action.RELEASE_TRIED)
            return self._drafts.publish(draft, how)

    def widen(self, principal: Principal, share: float, why: str = "", *, draft: str | None = None) -> HeadMove:
        """Change the share of the conversations that read the release on trial; at 1 it is the one that everybody reads.

        Raises Forbidden, or InvalidRequest when none is on trial, or another than that of `draft`, or when the share is not above 0 and at
        most 1.
        """
        traffic, canary = self._on_trial(principal, draft)
        if not 0 < share <= 1:
            raise InvalidRequest("A share is above 0 and at most 1.", remedy="Send 0.5 for half of the conversations.", field="share")
        whole = HeadMove(at=self._now(), number=canary, actor=principal.id, reason=why)
        part = whole.model_copy(update={"number": traffic.number, "canary": canary, "share": share})
        move = self._move(whole if share == 1 else part, Action.RELEASE_WIDENED, canary, trial=canary)
        self._published()
        return move

    def take_back(self, principal: Principal, why: str = "", *, draft: str | None = None) -> HeadMove:
        """Let nobody read the release on trial any more. It is undone like a rollback: see there. Raises what `widen` raises."""
        traffic, canary = self._on_trial(principal, draft)
        move = HeadMove(at=self._now(), number=traffic.number, actor=principal.id, reason=why)
        return self._move(move, Action.RELEASE_TAKEN_BACK, canary, trial=canary, undoes=True)

    def rollback(self, principal: Principal, number: int, why: str = "") -> HeadMove:
        """Let everybody read release `number` from now on. Nothing publishes itself until a person has published.

        Its state becomes a release of its own, from which the next ones start, with `restore`: call it afterwards, or leave it to the
        next sync. It ends a trial, so it takes the right to end that too. Raises Forbidden, UnknownRelease (never published, or not kept),
        or InvalidRequest when it is what is read.
        """
        _check_person(principal)
        kept_release(self._records, number, "release")
        traffic = self._records.traffic()
        if traffic.number == number and traffic.canary is None:
            raise InvalidRequest(f"Release {number} is what is read.", remedy="Choose another.", field="release")
        if not principal.operator:
            self._may(principal, self._sources_between(number, traffic.number))
            if traffic.canary is not None:
                self._on_trial(principal, None)
        move = HeadMove(at=self._now(), number=number, actor=principal.id, reason=why)
        return self._move(move, Action.RELEASE_ROLLED_BACK, number, undoes=True)

    def restore(self, progress: Progress | None = None) -> Release | None:
        """Finish a rollback: what is read becomes the newest release. None when it is. Raises DraftConflict while drafts are in use."""
        with self._records.exclusive("draft"):
            return self._restorer.run(progress or Silent())

    def split(self, principal: Principal, draft: str, sources: Collection[str], why: str = "") -> Draft:
        """Move what a draft holds of `sources` into a draft of its own that is held. Raises Forbidden, NotFound or DraftConflict."""
        holding = self._sources_of(draft)
        self._may(principal, holding)
        if not set(sources) < set(holding):
            raise InvalidRequest(
                "The draft has to keep some of its sources.", remedy=f"Choose out of {', '.join(holding)}.", field="sources"
            )
        with self._records.exclusive("draft"):
            return self._drafts.split(draft, sources, [why] if why else [], principal.id)

    def discard(self, principal: Principal, draft: str, why: str = "") -> Draft:
        """Undo a draft. What its syncs brought is brought again by the next ones. Raises Forbidden, NotFound or DraftConflict."""
        self._may(principal, self._sources_of(draft))
        with self._records.exclusive("draft"):
            return self._drafts.discard(draft, principal.id, why)

    def pin(self, principal: Principal, number: int, why: str = "") -> Release:
        """Keep a release whatever the retention says. Raises Forbidden, or UnknownRelease when it is not there any more."""
        return self._pinned(principal, number, Action.RELEASE_PINNED, why, pinned=True)

    def unpin(self, principal: Principal, number: int, why: str = "") -> Release:
        """Leave a release to the retention. Raises Forbidden or UnknownRelease."""
        return self._pinned(principal, number, Action.RELEASE_UNPINNED, why, pinned=False)

    def retain(self, by: str, progress: Progress | None = None) -> Swept:
        """Retire the releases that need not be kept, and delete what only they read. Raises DraftConflict while drafts are in use."""
        with self._records.exclusive("draft"):
            return self._sweeper.run(by, progress or Silent())

    def compare(self, principal: Principal) -> Comparison:
        """The answers of the release on trial beside those of the one that the others read. Raises Forbidden or InvalidRequest."""
        _check_person(principal)
        return comparison(self._records, self._records.traffic())

    def _require_restored(self) -> None:
        """While a rollback is restored the draft is in use; that says less than why."""
        traffic = self._records.traffic()
        if traffic.restoring:
            raise NotRestored(
                f"Release {traffic.newest} was rolled back to {traffic.number}, which is being restored.",
                remedy="Nothing is lost: try again when that is done. The service does it in the background, the next sync otherwise.",
            )

    def _release(self, number: int) -> Release:
        release = self._records.release(number)
        if release is None:
            raise UnknownRelease(f"There is no release {number}.", remedy="List the releases.", field="release")
        return release

    def _pinned(self, principal: Principal, number: int, action: Action, why: str, *, pinned: bool) -> Release:
        self._may(principal, ())
        with self._records.writing() as tx:
            tx.held_traffic()  # so that it is not retired meanwhile
            kept_release(self._records, number, "release")
            changed = self._release(number).model_copy(update={"pinned": pinned})
            tx.put_release(changed)
            self._audit(tx, principal.id, action, number, {"why": why})
        return changed

    def _on_trial(self, principal: Principal, draft: str | None) -> tuple[Traffic, int]:
        _check_person(principal)
        traffic = self._records.traffic()
        if traffic.canary is None:
            raise InvalidRequest("No release is on trial.", remedy="Publish a draft to a share of the conversations first.")
        release = self._records.release(traffic.canary)
        if draft is not None and (release is None or release.draft != draft):
            raise InvalidRequest(f"Release {traffic.canary} is on trial, and not of this draft.", remedy="Name its draft.", field="draft")
        self._may(principal, sorted(release.sources) if release else ())
        return traffic, traffic.canary

    def _move(self, move: HeadMove, action: Action, subject: int, *, trial: int | None = None, undoes: bool = False) -> HeadMove:
        with self._records.writing() as tx:
            if trial is not None and tx.held_traffic().canary != trial:
                raise DraftConflict(f"Somebody else has decided about release {trial} just now.", remedy="See what is read, and try again.")
            move = tx.move_head(move)
            if undoes:
                tx.hold_publishing(True)
                self._overtake(tx)
            detail: dict[str, JsonValue] = {"number": move.number, "canary": move.canary, "share": move.share, "why": move.reason}
            self._audit(tx, move.actor, action, subject, detail)
        return move

    def _overtake(self, tx: RecordWriter) -> None:
        """Drafts stand on a release that is no longer read."""
        for draft in tx.held_drafts():
            if draft.kind is not ReleaseKind.ROLLBACK:
                tx.put_draft(draft.model_copy(update={"stale": True}))

    def _audit(self, tx: RecordWriter, by: str, action: Action, number: int, detail: dict[str, JsonValue]) -> None:
        tx.audit(AuditEntry(at=self._now(), actor=by, action=action, subject=f"release:{number}", detail=detail))

    def _sources_of(self, draft: str) -> list[str]:
        found = self._drafts.found(draft)
        touched = self._records.touched_documents(found.number)
        newest = self._records.traffic().newest
        states = [*self._records.states_of(touched, found.number).values(), *self._records.states_of(touched, newest).values()]
        return sorted({state.source for state in states})

    def _sources_between(self, left: int, right: int) -> list[str]:
        differing = self._records.differing(left, right)
        states = [*self._records.states_of(differing, left).values(), *self._records.states_of(differing, right).values()]
        return sorted({state.source for state in states})

    def _may(self, principal: Principal, sources: Sequence[str]) -> None:
        """Operators may, and persons who answer for every one of `sources`."""
        _check_person(principal)
        declared = self._declarations.sources
        owners = [source in declared and answers_for(principal, declared[source]) for source in sources]
        if not principal.operator and not (owners and all(owners)):
            raise Forbidden("You do not answer for everything that this changes.", remedy="Ask an operator.")


def _check_person(principal: Principal) -> None:
    if principal.kind is not PrincipalKind.PERSON:
        raise Forbidden("Releases are for people.", remedy="Use the key of a person.")
