"""From a parsed item to the rows that stand for it: version, revision, chunks. Pure; time and numbers are passed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from context_service.chunking.chunker import Piece, chunk
from context_service.chunking.layout import lay_out
from context_service.declarations.governance import govern, moment
from context_service.model.base import canonical_json, digest
from context_service.model.document import Chunk, Content, Governance, Parsed, Revision, Version
from context_service.model.source import Company, Source
from context_service.policy.injection import FLAG, instructing_sentences

PREPARE_VERSION = "8"
"""Changes whenever the same parsed item would become other rows, its claims included; items are then processed again."""


@dataclass(frozen=True)
class Prepared:
    """Everything to store for one document."""

    revision: Revision
    version: Version
    chunks: tuple[Chunk, ...]


def document_id(source: str, key: str) -> str:
    """The stable name of the item `key` of `source`."""
    return digest(source, key)


def prepare(
    company: Company, source: Source, content: Content, parsed: Parsed, *, draft: int, run: str, count_tokens: Callable[[str], int]
) -> Prepared:
    """Lay out, chunk and label one document for `draft`, as its source gives it (`overridden()` puts an owner's changes above that).

    Raises TerminalSourceError when its front matter is wrong.
    """
    title, governance = govern(company, source, content, parsed)
    layout = lay_out(parsed.elements)
    version = version_of(layout.text)
    revision = _revision(source, content, parsed, governance, title, version, draft, run)
    return assembled(revision, version, chunk(layout, count_tokens))


def assembled(revision: Revision, version: Version, pieces: Sequence[Piece]) -> Prepared:
    """A state made of pieces of its text: named, and its chunks labelled by its governance."""
    revision = revision.model_copy(update={"version": version.id})
    named = revision.model_copy(update={"id": _revision_id(revision)})
    return Prepared(named, version, tuple(_chunk(named, piece, ordinal) for ordinal, piece in enumerate(pieces)))


def version_of(text: str) -> Version:
    """The version that a text is."""
    return Version(id=digest(text), text=text)


def _revision_id(revision: Revision) -> str:
    overridden = [canonical_json(revision.overridden)] if revision.overridden else []
    governance = canonical_json(revision.governance)
    return digest(revision.document, str(revision.added_in), revision.version, revision.title, governance, *overridden)


def _revision(
    source: Source, content: Content, parsed: Parsed, governance: Governance, title: str, version: Version, draft: int, run: str
) -> Revision:
    document = document_id(source.id, content.key)
    return Revision(
        id="",
        document=document,
        source=source.id,
        key=content.key,
        version=version.id,
        title=title,
        url=content.url,
        media_type=content.media_type,
        parser=parsed.parser,
        parser_version=parsed.parser_version,
        run=run,
        author=content.author,
        changed_at=moment(content.modified or parsed.modified),
        governance=governance,
        facts=parsed.facts,
        notes=parsed.notes,
        added_in=draft,
    )


def _chunk(revision: Revision, piece: Piece, ordinal: int) -> Chunk:
    header = context_header(revision, piece)
    return Chunk(
        id=digest(revision.id, str(ordinal)),
        document=revision.document,
        revision=revision.id,
        version=revision.version,
        source=revision.source,
        ordinal=ordinal,
        kind=piece.kind,
        heading_path=piece.heading_path,
        table_head=piece.table_head,
        header=header,
        text=piece.text,
        span=piece.span,
        tokens=piece.tokens,
        embedding_key=digest(f"{header}\n{piece.text}"),
        flags=frozenset({FLAG} if instructing_sentences(piece.text) else ()),
        label=revision.resource.label,
        facet=revision.governance.facet.key,
        effective=revision.governance.effective,
        added_in=revision.added_in,
    )


def context_header(revision: Revision, piece: Piece) -> str:
    """What a reader of the chunk alone would not know: the document, the headings, for whom it holds, the columns of a cut table."""
    path = piece.heading_path[1:] if piece.heading_path[:1] == (revision.title,) else piece.heading_path
    lines = [" › ".join((revision.title, *path))]
    if revision.governance.access and revision.governance.access.customer:
        lines.append(_in_first_person(revision))
    conditions = revision.governance.applicability.conditions()
    if conditions:
        lines.append("Applies to " + "; ".join(f"{name} {', '.join(sorted(values))}" for name, values in sorted(conditions.items())))
    if piece.table_head:
        lines.append(piece.table_head)
    return "\n".join(lines)


def _in_first_person(revision: Revision) -> str:
    """Customers ask about themselves in the first person; a record is written in the third."""
    names = [name.replace("_", " ") for name in revision.facts]
    if not names:
        return "My own record."
    return f"My own record. What I have: {', '.join(f'my {name}' for name in names)}. Which {', which '.join(names)} do I have?"
