"""What connectors bring and what the records keep: content, elements, versions, revisions, chunks."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from pydantic import Field, JsonValue

from context_service.model.access import Access, Resource
from context_service.model.applicability import Applicability, Facet, Status, Window
from context_service.model.base import NameSet, Value
from context_service.model.change import OwnerOverrides


class ElementKind(StrEnum):
    """What a piece of a parsed document is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    TABLE_HEAD = "table_head"
    TABLE_ROW = "table_row"
    CODE = "code"


class Element(Value):
    """A piece of a parsed document in reading order. `level` is a heading's depth from 1; a table row's text joins its cells by ` | `."""

    kind: ElementKind
    text: str
    level: int | None = None
    page: int | None = None


class Parsed(Value):
    """A document as a parser understood it. `facts` are a record's fields; `notes` tell the owner what was odd (such as a scanned page)."""

    title: str
    elements: tuple[Element, ...]
    parser: str
    parser_version: str
    front_matter: dict[str, JsonValue] = {}
    facts: dict[str, JsonValue] = {}
    notes: tuple[str, ...] = ()
    modified: datetime | None = None


class Content(Value):
    """The bytes of one item as fetched, with what the source says about them. `options` are the source's own, for the parser."""

    key: str
    raw: bytes
    media_type: str
    url: str
    fingerprint: str
    modified: datetime | None = None
    author: str | None = None
    customer: str | None = None
    options: dict[str, JsonValue] = {}


class Governance(Value):
    """The rules that stand for one document: declared by its source, its rules, its front matter, in rising priority."""

    owner: str
    authority: str
    rank: int
    access: Access | None
    applicability: Applicability = Applicability()
    effective: Window = Window()
    status: Status = Status.CURRENT
    supersedes: tuple[str, ...] = ()
    language: str = "en"
    reviewed: date | None = None
    modified: datetime | None = None

    @property
    def facet(self) -> Facet:
        """What the index files this document's chunks under besides access."""
        return Facet(applicability=self.applicability, status=self.status)


class Version(Value):
    """An immutable text, named by its hash. Every span counts characters (code points) of `text`."""

    id: str
    text: str


class Span(Value):
    """Characters `start` to `end` (end excluded) of a version's text, and the pages they lie on where there are pages."""

    start: int
    end: int
    page_from: int | None = None
    page_to: int | None = None


class ChunkKind(StrEnum):
    """Whether a chunk is running text or rows of a table."""

    PROSE = "prose"
    TABLE = "table"


class SourcePiece(Value):
    """Where a chunk stands in the text that the source gives."""

    kind: ChunkKind
    span: Span
    heading_path: tuple[str, ...]
    table_head: str
    tokens: int


class Overridden(Value):
    """What an owner's overrides did to a state, and what the source gives without them: enough to take them back without the source."""

    overrides: OwnerOverrides
    governance: Governance
    text: str | None = Field(None, description="The source's own text; null where nothing of it is changed.")
    pieces: tuple[SourcePiece, ...] = Field((), description="The chunks of that text.")
    orphans: tuple[str, ...] = Field((), description="What is not applied and why, in words for the owner.")


class Revision(Value):
    """One document as it stands over a range of releases: its version plus its governance.

    `governed_by` names the rules and the code that it was processed under.
    """

    id: str
    document: str
    source: str
    key: str
    version: str
    title: str
    url: str
    media_type: str
    parser: str
    parser_version: str
    run: str
    author: str | None = None
    changed_at: datetime | None = None
    """When the item was changed, as its source says; `governance.modified` is what its owner says."""
    governance: Governance
    facts: dict[str, JsonValue] = {}
    notes: tuple[str, ...] = ()
    overridden: Overridden | None = None
    added_in: int
    removed_in: int | None = None

    @property
    def ref(self) -> str:
        """How people name the document: `source:key`."""
        return f"{self.source}:{self.key}"

    @property
    def content(self) -> Revision:
        """What two states of a document share when a reader cannot tell them apart: nothing of when and how they came."""
        return self.model_copy(update={"id": "", "run": "", "added_in": 0, "removed_in": None})

    @property
    def resource(self) -> Resource:
        """What an access decision about it looks at."""
        return Resource(source=self.source, owner=self.governance.owner, access=self.governance.access)


class Chunk(Value):
    """A contextual piece of a version. `header` goes into embedding and BM25, never into the answer; `text` is exactly the span's text."""

    id: str
    document: str
    revision: str
    version: str
    source: str
    ordinal: int
    kind: ChunkKind
    heading_path: tuple[str, ...]
    table_head: str = ""
    header: str
    text: str
    span: Span
    tokens: int
    embedding_key: str
    flags: NameSet = frozenset()
    label: str
    facet: str
    effective: Window = Window()
    added_in: int
    removed_in: int | None = None

    @property
    def indexed_text(self) -> str:
        """What is embedded and what BM25 reads: the context header, then the text."""
        return f"{self.header}\n{self.text}"


class OutcomeKind(StrEnum):
    """How an item ended in a sync run."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    FAILED_TRANSIENT = "failed_transient"
    FAILED_TERMINAL = "failed_terminal"


class Outcome(Value):
    """How one item ended in one run, with the reason where it failed."""

    key: str
    kind: OutcomeKind
    reason: str | None = None


class RunState(StrEnum):
    """Where a sync run stands; `interrupted` is found at the next start."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class SyncRun(Value):
    """One pull of one source."""

    id: str
    source: str
    started_at: datetime
    finished_at: datetime | None = None
    state: RunState = RunState.RUNNING
    counts: dict[str, int] = {}
    reason: str | None = None


class ItemMark(Value):
    """What is remembered of an item between syncs: enough to see that nothing changed.

    `fingerprint` is the connector's own quick mark (size and time, an ETag), `content_hash` names the bytes,
    `governance_hash` the rules and code versions they were processed under.
    """

    key: str
    document: str
    fingerprint: str
    content_hash: str
    governance_hash: str
    failing_since: datetime | None = None
    reason: str | None = None
