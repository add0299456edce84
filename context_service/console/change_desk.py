"""What the pages of change control share: who is concerned, what is shown of a source, and an action that is refused."""

from __future__ import annotations

from collections.abc import Iterable

from context_service.app import App
from context_service.console.forms import Options
from context_service.errors import ContextServiceError, InvalidRequest
from context_service.model.access import Principal
from context_service.model.release import Draft, Release
from context_service.policy import owns
from context_service.policy.sources import answers_for, may_see


def refusal(error: ContextServiceError) -> ContextServiceError:
    """The error, to be shown where it came up. Raises it again when nobody but an operator can mend it."""
    if error.status >= 500:
        raise error
    return error


def changes_things(person: Principal) -> bool:
    """Whether a person answers for anything, and so may be offered to change something."""
    return person.operator or bool(person.teams)


def seen_sources(app: App, person: Principal, sources: Iterable[str]) -> list[str]:
    """The titles of those out of `sources` that a person may know of."""
    declared = app.declarations.sources
    return [declared[name].title for name in sorted(sources) if name in declared and may_see(person, declared[name])]


def answers_for_some(app: App, person: Principal, sources: Iterable[str]) -> bool:
    """Whether a person answers for one of `sources`."""
    declared = app.declarations.sources
    return person.operator or any(name in declared and answers_for(person, declared[name]) for name in sources)


def concerned(app: App, person: Principal, one: Draft | Release, base: int) -> bool:
    """Whether a person may be told why a draft waits and what its gates say, which names documents: operators, who edited it, and who
    answers for some of what it changes.
    """
    if answers_for_some(app, person, one.sources) or (isinstance(one, Draft) and edits(person, one)):
        return True
    return bool(person.teams) and any(owns(person, states.shown.resource) for states in app.control.differ.states(base, one.number))


def edits(person: Principal, draft: Draft) -> bool:
    """Whether a person has a hand in a draft."""
    return person.id in draft.editors | {draft.opened_by}


def readable_numbers(app: App, person: Principal) -> Options:
    """What can be compared and asked: the drafts that stand and the releases that are kept, the newest first."""
    drafts = [(str(draft.number), f"Draft {draft.number}") for draft in reversed(app.releases.drafts(person))]
    kept = [(str(one.number), f"Release {one.number}") for one in app.releases.releases(person) if one.retired_at is None]
    return [*drafts, *kept]


def share_of(percent: str) -> float:
    """The share that a number of percent names. Raises InvalidRequest for what is none."""
    try:
        share = float(percent.strip().removesuffix("%").replace(",", ".")) / 100
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise InvalidRequest("That is no share of the conversations.", remedy="Give a number above 0 and up to 100.", field="share")
    return share
