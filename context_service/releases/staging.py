"""A workspace's edits as rows of its draft: always those of the newest release, changed, whatever the draft held before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from context_service.ingest.drafts import Drafts
from context_service.ingest.indexing import missing_texts
from context_service.ingest.prepare import Prepared
from context_service.ingest.progress import Silent
from context_service.model.release import Draft, ReleaseKind
from context_service.model.workspace import DocumentEdit, WorkflowSettings, Workspace
from context_service.releases.edit_checks import EditChecks, Tools
from context_service.releases.overrides import edited, merged, settings_document, settings_state
from context_service.retrieval.as_set import settings_of


class Staging:
    """Writes workspaces into drafts. The caller holds `exclusive("draft")`."""

    def __init__(self, tools: Tools, checks: EditChecks, drafts: Drafts) -> None:
        self._tools = tools
        self._records = tools.records
        self._checks = checks
        self._drafts = drafts

    def draft_of(self, workspace: Workspace) -> Draft | None:
        """The draft that stands for a workspace."""
        draft = self._records.draft(workspace.draft) if workspace.draft else None
        return draft if draft and draft.state.standing else None

    def stage(self, workspace: Workspace) -> Draft:
        """Write the edits and look for what they contradict. Raises TextChanged or NotFound where an edit no longer fits.

        A kill leaves either what stood or what was written; an edit that does not fit leaves what stood.
        """
        for placed in workspace.edits:
            self._checks.still(placed)
        draft = self.draft_of(workspace) or self._opened(workspace)
        self._write(workspace, draft, *self._states(workspace, draft.number))
        return self._drafts.check(draft.id, Silent())

    def _opened(self, workspace: Workspace) -> Draft:
        with self._records.writing() as tx:
            draft = tx.open_draft(self._tools.new_id(), ReleaseKind.WORKSPACE, self._tools.now(), workspace.last_editor)
            held = tx.held_workspace(workspace.id) or workspace
            tx.put_workspace(held.model_copy(update={"draft": draft.id}))
        return draft

    def _write(self, workspace: Workspace, draft: Draft, states: Sequence[Prepared], gone: Sequence[str]) -> None:
        embedder = self._tools.embedder
        texts = missing_texts(self._records, embedder, [chunk for state in states for chunk in state.chunks])
        vectors = embedder.embed_documents(list(texts.values()))
        with self._records.writing() as tx:
            tx.put_vectors(embedder.model_id, dict(zip(texts, vectors, strict=True)))
            tx.undo(draft.number, self._records.touched_documents(draft.number))
            for state in states:
                # Which rule binds today is the sync's to say: a tighter one may be waiting in another draft.
                tx.put_revision(state.revision, state.version, state.chunks, binds=False)
            for document in gone:
                tx.remove_document(document, draft.number)
            held = tx.held_draft(draft.id)
            editors = held.editors | {one.by for one in workspace.edits}
            sources = frozenset(state.revision.source for state in states)
            update = {"editors": editors, "sources": sources, "checked": False, "stale": False, "gates": {}, "reasons": ()}
            tx.put_draft(held.model_copy(update=update))

    def _states(self, workspace: Workspace, draft: int) -> tuple[list[Prepared], list[str]]:
        """What the draft holds: new states, and settings that are taken back altogether."""
        documents: dict[str, list[DocumentEdit]] = defaultdict(list)
        for placed in workspace.edits:
            if isinstance(placed.edit, DocumentEdit):
                documents[placed.edit.document].append(placed.edit)
        changed = [self._edited(ref, edits, draft) for ref, edits in documents.items()]
        settings = [one.edit for one in workspace.edits if isinstance(one.edit, WorkflowSettings)]
        states, gone = [state for state in changed if state], []
        for edit in settings:
            before = settings_of(self._records, edit.workflow, self._records.traffic().newest)
            after = merged(before, edit.settings)
            if after.model_dump(exclude_none=True):
                states.append(settings_state(edit.workflow, after, draft))
            elif before != after:
                gone.append(settings_document(edit.workflow))
        return states, gone

    def _edited(self, ref: str, edits: Sequence[DocumentEdit], draft: int) -> Prepared | None:
        """A document's new state; None where the edits leave it as it is."""
        stands = self._checks.state(ref)
        new = edited(stands, edits, draft, self._tools.declarations.company, self._tools.embedder.count_tokens)
        return None if new.revision.content == stands.revision.content else new
