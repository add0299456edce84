"""From a workspace's edits to the states that its draft holds. Pure: what stands comes in, what would stand goes out."""

from __future__ import annotations

from collections.abc import Iterable

from context_service.errors import InvalidRequest, TextChanged
from context_service.ingest.overridden import CountTokens, as_at_source, find_cuts, in_draft, overridden, pieces_of, shortened
from context_service.ingest.prepare import Prepared, assembled, document_id, version_of
from context_service.model.base import canonical_json
from context_service.model.change import MOST_TEXTS, OwnerOverrides, Replacement
from context_service.model.document import Governance, Revision
from context_service.model.source import Company
from context_service.model.workspace import DocumentEdit, SetApplicability, SetAuthority, SetEffective, SetStatus, Settings, TextOverride
from context_service.retrieval.as_set import SETTINGS_SOURCE

WORKSPACE = "workspace"
"""Stands for the parser and the sync of what no source brought."""


def edited(state: Prepared, edits: Iterable[DocumentEdit], draft: int, company: Company, count_tokens: CountTokens) -> Prepared:
    """A document's state in `draft` with some edits above what its owner has said before.

    Raises TextChanged when a passage that is to be replaced is not there to be replaced.
    """
    asked = list(edits)
    overrides = with_edits(overrides_of(state.revision), asked)
    if len(overrides.texts) > MOST_TEXTS:
        what = f"{state.revision.ref} would have more than {MOST_TEXTS} replacements."
        raise InvalidRequest(what, remedy="Change the text at its source.", field="passage")
    source = as_at_source(in_draft(state, draft))
    _check_passages(source, overrides, [one for one in asked if isinstance(one, TextOverride)])
    return overridden(source, overrides, company, count_tokens)


def overrides_of(revision: Revision) -> OwnerOverrides:
    """What a document's owner has said of it."""
    return revision.overridden.overrides if revision.overridden else OwnerOverrides()


def with_edits(overrides: OwnerOverrides, edits: Iterable[DocumentEdit]) -> OwnerOverrides:
    """What an owner says after some edits."""
    for edit in edits:
        overrides = overrides.model_copy(update=_update(overrides, edit))
    return overrides


def _update(overrides: OwnerOverrides, edit: DocumentEdit) -> dict[str, object]:
    match edit:
        case SetAuthority():
            return {"authority": edit.authority}
        case SetApplicability():
            return {"applicability": edit.applicability}
        case SetEffective():
            return {"effective": edit.effective}
        case SetStatus():
            return {"status": edit.status}
        case TextOverride():
            others = tuple(one for one in overrides.texts if one.bound != _bound(edit))
            new = () if edit.replacement is None else (Replacement(passage=edit.passage, replacement=edit.replacement),)
            return {"texts": (*others, *new)}


def _bound(edit: TextOverride) -> str:
    return " ".join(edit.passage.split())


def _check_passages(source: Prepared, overrides: OwnerOverrides, edits: Iterable[TextOverride]) -> None:
    _, lost = find_cuts(source.version.text, pieces_of(source.version, source.chunks), overrides.texts)
    unplaced = {one.bound for one in lost}
    for edit in edits:
        if edit.replacement is not None and _bound(edit) in unplaced:
            raise _not_there(edit)


def _not_there(edit: TextOverride) -> TextChanged:
    return TextChanged(
        f"The text of {edit.document} does not say “{shortened(_bound(edit))}” where it could be replaced.",
        remedy="Read the document again: its source may have changed, the words may be a heading, or another replacement covers them.",
        field="passage",
    )


def settings_state(workflow: str, settings: Settings, draft: int) -> Prepared:
    """The settings of a workflow as the state of a document without chunks, so that they belong to releases like any other."""
    facts = settings.model_dump(mode="json", exclude_none=True)
    version = version_of(canonical_json(facts))
    revision = Revision(
        id="",
        document=settings_document(workflow),
        source=SETTINGS_SOURCE,
        key=workflow,
        version=version.id,
        title=f"Settings of {workflow}",
        url="",
        media_type="application/json",
        parser=WORKSPACE,
        parser_version="1",
        run=WORKSPACE,
        governance=Governance(owner=SETTINGS_SOURCE, authority="", rank=0, access=None),
        facts=facts,
        added_in=draft,
    )
    return assembled(revision, version, ())


def settings_document(workflow: str) -> str:
    """The id under which a workflow's settings are stored."""
    return document_id(SETTINGS_SOURCE, workflow)


def merged(standing: Settings, new: Settings | None) -> Settings:
    """Settings after an edit: what it leaves out stays; None takes all back."""
    if new is None:
        return Settings()
    return standing.model_copy(update={name: value for name in Settings.model_fields if (value := getattr(new, name)) is not None})
