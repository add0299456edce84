"""What differs between two numbers: releases, drafts, or one of each. Only what the reader may see, a page of documents at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from context_service.conflicts.lasting import conflict_id
from context_service.errors import InvalidRequest, NotFound, UnknownRelease
from context_service.ingest.conflicts import Texts
from context_service.ingest.indexing import batches
from context_service.model.access import Principal
from context_service.model.base import digest
from context_service.model.document import Chunk, Revision
from context_service.model.rivalry import Rivalry, RivalryKind
from context_service.model.source import Source
from context_service.model.workspace import Settings
from context_service.records.protocol import RecordStore
from context_service.releases.compare import Said, content_digest, document_change, field_changes, text_parts, with_chunks, with_claims
from context_service.releases.reader import Reader, require_person
from context_service.releases.shown import shown_draft
from context_service.releases.views import ChangeKind, ConflictChange, Counts, Diff, DocumentChange, SettingsChange, TextDiff
from context_service.retrieval.as_set import SETTINGS_SOURCE

PAGE = 50
MOST_PER_PAGE = 500
MOST_CONFLICTS = 200
"""Conflicts of each kind that a diff names."""

DOCUMENTS_AT_ONCE = 500

MOST_COMPARED = 5_000
"""Changed documents that a diff looks at; it counts the rest."""


@dataclass(frozen=True)
class States:
    """A document's two states; None where a number does not hold it."""

    before: Revision | None
    after: Revision | None

    @property
    def shown(self) -> Revision:
        """The later one that there is."""
        state = self.after or self.before
        assert state is not None  # noqa: S101 - one of the two numbers holds it
        return state

    @property
    def differ(self) -> bool:
        """Whether they say something different."""
        return content_digest(self.before) != content_digest(self.after)

    @property
    def digest(self) -> str:
        """Names what changes."""
        return digest(self.shown.document, content_digest(self.before), content_digest(self.after))


class Differ:
    """Compares numbers for readers. Safe to share between threads."""

    def __init__(self, records: RecordStore, declared: Mapping[str, Source], now: Callable[[], datetime]) -> None:
        self._records = records
        self._declared = declared
        self._now = now

    def diff(self, principal: Principal, base: int, number: int, *, after: str | None = None, limit: int = PAGE) -> Diff:
        """What `number` changes of `base`. `after` is where a page begins (`Diff.next`).

        Conflicts and settings are told with the first page. Raises Forbidden for an agent, UnknownRelease for a number that is neither a
        kept release nor a standing draft that this person may know of, InvalidRequest for a limit out of bounds.
        """
        require_person(principal)
        if not 1 <= limit <= MOST_PER_PAGE:
            raise InvalidRequest("The page is too large or empty.", remedy=f"Ask for 1 to {MOST_PER_PAGE}.", field="limit")
        self.require(principal, base, number)
        reader = Reader(self._records, principal, self._now())
        differing = self._records.differing(base, number)
        changed, hidden = self._readable(reader, base, number, differing[:MOST_COMPARED])
        changes = {states.shown.ref: change for states in changed if (change := document_change(states.before, states.after))}
        page = [states for states in changed if after is None or states.shown.ref > after][: limit + 1]
        more = len(page) > limit
        first = after is None
        documents = page[:limit]
        return Diff(
            base=base,
            number=number,
            counts=_counts(changes.values(), hidden, max(0, len(differing) - MOST_COMPARED)),
            documents=tuple(self._counted(changes[one.shown.ref], one, base, number) for one in documents),
            next=documents[-1].shown.ref if more else None,
            conflicts_opened=self._conflicts(reader, changed, base, number) if first else (),
            conflicts_closed=self._conflicts(reader, changed, number, base) if first else (),
            settings=self._settings(base, number) if first else (),
        )

    def counts(self, principal: Principal, base: int, number: int) -> Counts:
        """How much `number` changes of `base`, without a look at texts and conflicts. Raises Forbidden or UnknownRelease."""
        require_person(principal)
        self.require(principal, base, number)
        differing = self._records.differing(base, number)
        changed, hidden = self._readable(Reader(self._records, principal, self._now()), base, number, differing[:MOST_COMPARED])
        changes = (document_change(states.before, states.after) for states in changed)
        return _counts((one for one in changes if one), hidden, max(0, len(differing) - MOST_COMPARED))

    def document(self, principal: Principal, source: str, key: str, base: int, number: int) -> TextDiff:
        """One document's text in both, by sentence. Raises Forbidden, NotFound or UnknownRelease."""
        require_person(principal)
        self.require(principal, base, number)
        pair = States(self._records.revision_of(source, key, base), self._records.revision_of(source, key, number))
        states = [one for one in (pair.before, pair.after) if one]
        reader = Reader(self._records, principal, self._now())
        if not states or source == SETTINGS_SOURCE or len(reader.readable(states)) < len(states):
            raise NotFound(f"No document `{source}:{key}` that you may read.", remedy="Check its source and key.", field="document")
        change = document_change(pair.before, pair.after)
        return TextDiff(
            document=f"{source}:{key}",
            base=base,
            number=number,
            change=self._counted(change, pair, base, number) if change else None,
            parts=text_parts(self._text(pair.before), self._text(pair.after)),
        )

    def require(self, principal: Principal, base: int, number: int) -> None:
        """Raise UnknownRelease unless both are kept releases or standing drafts that this person may know of."""
        self._check_number(principal, base, "base")
        self._check_number(principal, number, "number")

    def digest(self, base: int, number: int) -> str:
        """Names exactly what `number` changes of `base`, whoever reads it: what an approval is about."""
        return digest("diff", *(states.digest for states in self.states(base, number)))

    def states(self, base: int, number: int) -> Iterator[States]:
        """Documents whose states in the two say something different, settings included; by id, a batch in memory at a time."""
        return self._states(base, number, self._records.differing(base, number))

    def _states(self, base: int, number: int, documents: Sequence[str]) -> Iterator[States]:
        for ids in batches(documents, DOCUMENTS_AT_ONCE):
            before, after = self._records.states_of(ids, base), self._records.states_of(ids, number)
            pairs = (States(before.get(document), after.get(document)) for document in ids)
            yield from (states for states in pairs if states.differ)

    def _check_number(self, principal: Principal, number: int, field: str) -> None:
        release = self._records.release(number)
        if release is not None and release.retired_at is None:
            return
        drafts = (draft for draft in self._records.drafts() if draft.number == number)
        if not any(shown_draft(principal, self._declared, draft) for draft in drafts):
            raise UnknownRelease(f"There is no release or draft {number}.", remedy="List the releases and the drafts.", field=field)

    def _readable(self, reader: Reader, base: int, number: int, documents: Sequence[str]) -> tuple[list[States], int]:
        """What the reader may see in every state it has, by name; and how many more documents change, which operators are told."""
        every = [one for one in self._states(base, number, documents) if one.shown.source != SETTINGS_SOURCE]
        both = [state for one in every for state in (one.before, one.after) if state]
        seen = {id(state) for state in reader.readable(both)}
        visible = [one for one in every if all(id(state) in seen for state in (one.before, one.after) if state)]
        hidden = len(every) - len(visible) if reader.principal.operator else 0
        return sorted(visible, key=lambda one: one.shown.ref), hidden

    def _counted(self, change: DocumentChange, states: States, base: int, number: int) -> DocumentChange:
        document = states.shown.document
        before = self._records.chunks_of(document, base) if states.before else []
        after = self._records.chunks_of(document, number) if states.after else []
        return with_claims(with_chunks(change, before, after), self._claims(before), self._claims(after))

    def _claims(self, chunks: Sequence[Chunk]) -> list[Said]:
        """What the chunks claim, in their words and order."""
        texts = {chunk.id: chunk.text for chunk in chunks}
        places = {chunk.id: chunk.ordinal for chunk in chunks}
        claims = sorted(self._records.claims_of(list(texts)), key=lambda claim: (places[claim.chunk], claim.start, claim.signature))
        return [Said(claim.signature, texts[claim.chunk][claim.start : claim.end], claim.modality) for claim in claims]

    def _conflicts(self, reader: Reader, changed: Sequence[States], without: int, number: int) -> tuple[ConflictChange, ...]:
        """Conflicts of the changed documents that live in `number` and not in `without`, between documents that the reader may see."""
        documents = [states.shown.document for states in changed]
        living = self._living(documents, number)
        there = set(self._living(documents, without))
        found = [self._conflict(name, rivalries) for name, rivalries in sorted(living.items()) if name not in there]
        sides = {side for _, ids in found for side in ids}
        readable = reader.readable_refs(sorted(sides), (number,))
        return tuple(one for one, _ in found if set(one.documents) <= readable)[:MOST_CONFLICTS]

    def _living(self, documents: Sequence[str], number: int) -> dict[str, list[Rivalry]]:
        chunks = [chunk.id for document in documents for chunk in self._records.chunks_of(document, number)]
        disputes = [one for one in self._records.rivalries(chunks, number) if one.kind is not RivalryKind.DUPLICATE]
        texts = self._texts(disputes)
        found: dict[str, list[Rivalry]] = defaultdict(list)
        for one in disputes:
            found[conflict_id(one.kind, [texts.about(one.left), texts.about(one.right)])].append(one)
        return found

    def _texts(self, rivalries: Iterable[Rivalry]) -> Texts:
        chunks = self._records.chunks(sorted({side.chunk for one in rivalries for side in (one.left, one.right)}))
        return Texts(chunks, self._records.revisions(sorted({chunk.revision for chunk in chunks.values()})))

    def _conflict(self, name: str, rivalries: Sequence[Rivalry]) -> tuple[ConflictChange, set[str]]:
        texts = self._texts(rivalries)
        sides = texts.sides(rivalries)
        change = ConflictChange(
            conflict=name,
            kind=rivalries[0].kind.value,
            documents=tuple(dict.fromkeys(side.ref for side in sides)),
            about=texts.words(sides[0].passages[0]),
        )
        return change, {side.document for side in sides}

    def _settings(self, base: int, number: int) -> tuple[SettingsChange, ...]:
        before, after = ({one.document: one for one in self._records.revisions_in(each, SETTINGS_SOURCE)} for each in (base, number))
        pairs = [States(before.get(document), after.get(document)) for document in before.keys() | after.keys()]
        found = [one for one in pairs if one.differ]
        names = tuple(Settings.model_fields)
        return tuple(
            SettingsChange(workflow=one.shown.key, fields=tuple(field_changes(_facts(one.before), _facts(one.after), names)))
            for one in sorted(found, key=lambda one: one.shown.key)
        )

    def _text(self, state: Revision | None) -> str:
        version = self._records.version(state.version) if state else None
        return version.text if version else ""


def _facts(state: Revision | None) -> dict[str, JsonValue]:
    return dict(state.facts) if state else {}


def _counts(changes: Iterable[DocumentChange], hidden: int, beyond: int) -> Counts:
    kinds: dict[ChangeKind, int] = defaultdict(int)
    widened = tightened = 0
    for change in changes:
        kinds[change.kind] += 1
        widened += bool(change.access and change.access.gains)
        tightened += bool(change.access and change.access.loses)
    return Counts(
        added=kinds[ChangeKind.ADDED],
        removed=kinds[ChangeKind.REMOVED],
        changed=kinds[ChangeKind.CHANGED],
        widened=widened,
        tightened=tightened,
        hidden=hidden,
        beyond=beyond,
    )
