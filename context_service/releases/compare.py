"""What differs between two states of a document, field by field and sentence by sentence. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from pydantic import JsonValue

from context_service.model.base import canonical_json, digest
from context_service.model.claim import Modality
from context_service.model.document import Chunk, Revision
from context_service.releases.access import access_change
from context_service.releases.views import ChangeKind, DirectiveChange, DocumentChange, FieldChange, TextPart
from context_service.text import sentences

GOVERNED = ("owner", "authority", "access", "applicability", "effective", "status", "supersedes", "language", "reviewed", "modified")
BESIDES = ("title", "url", "author", "facts")

MOST_SENTENCES = 2_000
"""Sentences of a document that are compared one by one; a longer one is shown as replaced."""

MOST_DIRECTIVES = 50
"""Directives of a document that a diff names."""

DIRECTING = (Modality.MUST, Modality.MUST_NOT, Modality.MAY)

SAME, REMOVED, ADDED = "same", "removed", "added"


class Said(NamedTuple):
    """What a claim says: its words with the values masked, its words, and how they are meant."""

    signature: str
    words: str
    modality: Modality


def content_digest(revision: Revision | None) -> str:
    """Names what a state says and for whom, whichever draft and run brought it."""
    return "" if revision is None else digest(canonical_json(revision.content))


def document_change(before: Revision | None, after: Revision | None) -> DocumentChange | None:
    """What happens to a document, its chunks not counted; None when both states say the same to the same people."""
    shown = after or before
    if shown is None or content_digest(before) == content_digest(after):
        return None
    kind = ChangeKind.CHANGED if before and after else ChangeKind.ADDED if after else ChangeKind.REMOVED
    both = before is not None and after is not None
    return DocumentChange(
        document=shown.ref,
        source=shown.source,
        title=shown.title,
        owner=shown.governance.owner,
        kind=kind,
        text=not both or before.version != after.version,  # type: ignore[union-attr]  # `both` says so
        fields=tuple(_fields(before, after)) if before and after else (),
        access=access_change(before.resource, after.resource) if before and after else None,
        orphans=after.overridden.orphans if after and after.overridden else (),
    )


def with_chunks(change: DocumentChange, before: Sequence[Chunk], after: Sequence[Chunk]) -> DocumentChange:
    """The change with its chunks counted: one that says the same to the same people is kept."""
    were, are = {_said(one) for one in before}, {_said(one) for one in after}
    return change.model_copy(update={"chunks_added": len(are - were), "chunks_removed": len(were - are), "chunks_kept": len(were & are)})


def with_claims(change: DocumentChange, before: Sequence[Said], after: Sequence[Said]) -> DocumentChange:
    """The change with its claims counted, and with those of them named that tell what has to, may or must not be done."""
    were, are = set(before), set(after)
    gone = [one for one in dict.fromkeys(before) if one not in are]
    come = [one for one in dict.fromkeys(after) if one not in were]
    directives = [
        DirectiveChange(modality=one.modality, comes=comes, text=one.words)
        for comes, those in ((False, gone), (True, come))
        for one in those
        if one.modality in DIRECTING and one.words
    ]
    counted = {"claims_added": len(come), "claims_removed": len(gone), "directives": tuple(directives[:MOST_DIRECTIVES])}
    return change.model_copy(update=counted)


def text_parts(before: str, after: str) -> tuple[TextPart, ...]:
    """Both texts by sentence, stretches that both have told once."""
    old, new = _sentences(before), _sentences(after)
    if max(len(old), len(new)) > MOST_SENTENCES:
        old, new = [before] if before else [], [after] if after else []
    parts: list[TextPart] = []
    for kind, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            parts.append(TextPart(kind=SAME, text="\n".join(old[old_from:old_to])))
            continue
        if old_to > old_from:
            parts.append(TextPart(kind=REMOVED, text="\n".join(old[old_from:old_to])))
        if new_to > new_from:
            parts.append(TextPart(kind=ADDED, text="\n".join(new[new_from:new_to])))
    return tuple(parts)


def field_changes(before: dict[str, JsonValue], after: dict[str, JsonValue], names: Sequence[str]) -> Iterator[FieldChange]:
    """The fields out of `names` whose values differ."""
    for name in names:
        if before.get(name) != after.get(name):
            yield FieldChange(field=name, before=before.get(name), after=after.get(name))


def _fields(before: Revision, after: Revision) -> Iterator[FieldChange]:
    yield from field_changes(before.governance.model_dump(mode="json"), after.governance.model_dump(mode="json"), GOVERNED)
    yield from field_changes(before.model_dump(mode="json"), after.model_dump(mode="json"), BESIDES)


def _said(chunk: Chunk) -> tuple[object, ...]:
    return chunk.embedding_key, chunk.label, chunk.facet, canonical_json(chunk.effective)


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]
