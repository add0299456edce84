"""Which release or draft a request reads, and whose rulings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from context_service.errors import DraftConflict, Forbidden, InvalidRequest, NotReady, StaleDraft, UnknownRelease
from context_service.model.access import Principal, PrincipalKind
from context_service.model.context import ContextRequest, Standpoint
from context_service.model.release import HIGHEST, HeadMove, View
from context_service.records.protocol import RecordStore


def pin_release(records: RecordStore, request: ContextRequest, now: datetime, context: str) -> int:
    """The number every read of this request uses. While a release is tried on a share of the conversations, the conversation decides, or
    the id of the answer (`context`) where there is none.

    Raises what `named_number` raises.
    """
    traffic = records.traffic()
    named = named_number(records, request.standpoint, now)
    return traffic.release_for(request.conversation_id or context) if named is None else named


def named_number(records: RecordStore, at: Standpoint, now: datetime) -> int | None:
    """The release or draft that is named; None when it is what is served.

    Raises NotReady before the first release, InvalidRequest, UnknownRelease, or StaleDraft for a draft that is not whole.
    """
    if records.head() == 0:
        raise NotReady("Nothing has been published yet.", remedy="Run `context-service ingest` first.")
    named = [field for field in ("release", "as_of", "draft") if getattr(at, field) is not None]
    if len(named) > 1:
        both = " and ".join(f"`{field}`" for field in named)
        raise InvalidRequest(f"{both} are set together.", remedy="Send one of them.", field=named[-1])
    if at.release is not None:
        return kept_release(records, at.release, "release")
    if at.as_of is not None:
        return kept_release(records, _served_at(records, at.as_of, now), "as_of")
    return _whole_draft(records, at.draft) if at.draft is not None else None


def check_reader(principal: Principal, at: Standpoint) -> None:
    """Raise Forbidden for an agent that asks for a draft: what is not published is for people."""
    if at.draft is not None and principal.kind is not PrincipalKind.PERSON:
        raise Forbidden("Drafts are for people.", remedy="Leave `draft` out, or use the key of a person.", field="draft")


def ruled_at(records: RecordStore, at: Standpoint, release: int, now: datetime) -> datetime:
    """The moment whose rulings are read: now for a release that is served and for drafts, `as_of` for that, the end of its last service
    for another.
    """
    if at.as_of is not None:
        return at.as_of
    return _service_end(records.head_moves(), release) or now if at.release else now


@dataclass(frozen=True)
class DraftState:
    """What is another once a draft is carried to a higher number, written to or published, or another is published."""

    view: View
    whole: bool

    @classmethod
    def of(cls, records: RecordStore, number: int) -> DraftState:
        """That of the draft with this number."""
        return cls(records.view(number), any(draft.checked for draft in records.drafts() if draft.number == number))


def state_of_named(records: RecordStore, number: int) -> DraftState:
    """The state of the draft that a request named, which was pinned to `number`. Raises DraftConflict when it has changed since."""
    state = DraftState.of(records, number)
    if state.view.draft is None or not state.whole:
        raise _moved()
    return state


def require_unmoved(records: RecordStore, number: int, state: DraftState | None) -> None:
    """Raise DraftConflict when the draft that was read is not as it was: then what was read may be of two states."""
    if state and DraftState.of(records, number) != state:
        raise _moved()


def notices_at(at: Standpoint, number: int) -> tuple[str, ...]:
    """What has to be said with an answer that does not read what is served."""
    if at.draft is not None:
        return (f"This reads draft {number}, which is not published. Who may read what is decided by today's rules.",)
    if at.release is not None or at.as_of is not None:
        return (f"This reads release {number}. Who may read what is decided by today's rules.",)
    return ()


def kept_release(records: RecordStore, number: int, field: str) -> int:
    """The number itself. Raises UnknownRelease when no release of it can be read any more, naming `field`."""
    release = records.release(number) if number <= HIGHEST else None
    if release is None:
        raise UnknownRelease(f"There is no release {number}.", remedy=f"The current release is {records.head()}.", field=field)
    if release.retired_at:
        since = release.retired_at.isoformat()
        raise UnknownRelease(
            f"Release {number} is not kept any more, since {since}.",
            remedy="Pin a release to keep it; list those that are kept.",
            field=field,
        )
    return number


def _moved() -> DraftConflict:
    return DraftConflict("The draft was changed, or another was published, while it was read.", remedy="Try again.", field="draft")


def _whole_draft(records: RecordStore, name: str) -> int:
    """The number of a draft that stands. One that was written to since it was compared may be indexed in part only."""
    draft = records.draft(name)
    if draft is None or not draft.state.standing:
        raise UnknownRelease("There is no draft of that id that stands.", remedy="List the drafts.", field="draft")
    if not draft.checked:
        raise StaleDraft("The draft was changed since it was checked.", remedy="Check it again, then read it.", field="draft")
    return draft.number


def _service_end(moves: Sequence[HeadMove], release: int) -> datetime | None:
    """When `release` was last replaced; None while it is read, by however few, and when it never was."""
    reading = [place for place, move in enumerate(moves) if release in (move.number, move.canary)]
    following = moves[reading[-1] + 1 : reading[-1] + 2] if reading else ()
    return next((move.at for move in following), None)


def _served_at(records: RecordStore, moment: datetime, now: datetime) -> int:
    if moment.tzinfo is None:
        raise InvalidRequest("`as_of` has no time zone.", remedy="Add one, such as `2026-05-01T12:00:00Z`.", field="as_of")
    if _before_all_time(moment):
        raise InvalidRequest("`as_of` lies before the first year.", remedy="Send a later moment.", field="as_of")
    if moment > now:
        raise InvalidRequest("`as_of` lies in the future.", remedy="Send a past moment; `effective_on` looks ahead.", field="as_of")
    number = records.release_at(moment)
    if number is None:
        first = records.head_moves()[0].at.isoformat()
        raise UnknownRelease(f"Nothing was published at {moment.isoformat()}.", remedy=f"The first release is of {first}.", field="as_of")
    return number


def _before_all_time(moment: datetime) -> bool:
    """Whether the moment has no UTC form: its year there would be 0."""
    try:
        moment.astimezone(UTC)
    except OverflowError:
        return True
    return False
