"""What one person is told of drafts and releases. Gates and reasons name documents, so they are for who answers for some of a draft."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from context_service.model.access import Principal
from context_service.model.release import Draft, Release
from context_service.model.source import Source
from context_service.policy.sources import answers_for, may_see


def shown_draft(principal: Principal, declared: Mapping[str, Source], draft: Draft) -> Draft | None:
    """The draft as this person may see it; None when it is about nothing that the person may know of."""
    visible = _visible(principal, declared, draft.sources)
    if principal.id in draft.editors | {draft.opened_by} or _concerned(principal, declared, draft.sources):
        return draft.model_copy(update={"sources": visible})
    return draft.model_copy(update={"sources": visible, "reasons": (), "gates": {}, "notes": {}}) if visible else None


def shown_release(principal: Principal, declared: Mapping[str, Source], release: Release) -> Release:
    """The release as this person may see it."""
    update: dict[str, object] = {"sources": _visible(principal, declared, release.sources)}
    if not _concerned(principal, declared, release.sources):
        update["gates"] = {}
    return release.model_copy(update=update)


def _visible(principal: Principal, declared: Mapping[str, Source], sources: Iterable[str]) -> frozenset[str]:
    """Those of `sources` that the person may know of. Operators are told of those that are no longer declared, too."""
    return frozenset(one for one in sources if principal.operator or (one in declared and may_see(principal, declared[one])))


def _concerned(principal: Principal, declared: Mapping[str, Source], sources: Iterable[str]) -> bool:
    return principal.operator or any(one in declared and answers_for(principal, declared[one]) for one in sources)
