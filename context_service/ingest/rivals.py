"""Finding rivals among what a draft adds: each new claim is compared with its nearest only, so the cost follows the change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from context_service.conflicts.candidates import keys, worth_comparing
from context_service.conflicts.copies import Copy, compare_copies
from context_service.conflicts.detect import Place, Side, detect, title_rivals
from context_service.conflicts.extract import CELL_BREAK, Source, extract
from context_service.conflicts.words import Vocabulary, content_words
from context_service.ingest.indexing import BATCH, batches
from context_service.model.access import BOUND
from context_service.model.claim import Claim, ValueKind
from context_service.model.document import Chunk, Revision
from context_service.model.rivalry import Rivalry
from context_service.model.source import Company
from context_service.policy.applies import Regions, conditions
from context_service.records.protocol import KeyedClaim, RecordStore

NEIGHBOURS = 40
"""Nearest claims that a new claim is compared with."""

REGION = "region"

Report = Callable[[int, int], None]


def vocabulary(company: Company) -> Vocabulary:
    """The company's own words, for telling what a sentence is about."""
    members = (member for group in company.regions.values() for member in group)
    regions = dict.fromkeys([*company.regions, *members])
    return Vocabulary({"plan": company.plans, "product": company.products, "region": tuple(regions)}, company.aliases)


class RivalFinder:
    """Compares the chunks a draft adds with what the draft will hold. Customers' own records are nobody's rivals."""

    def __init__(self, records: RecordStore, company: Company) -> None:
        self._records = records
        self._words = vocabulary(company)
        self._regions = Regions(company.regions)

    def run(self, draft: int, report: Report) -> int:
        """Store the claims and rivalries of every chunk that `draft` adds; returns how many rivalries. Repeating it changes nothing."""
        shared = {rule.label for rule in self._records.rules() if rule.access is None or rule.access.customer != BOUND}
        total = 0
        for ids in batches(self._added(draft), BATCH):
            self._store_claims(chunk for chunk in self._records.chunks(ids).values() if chunk.label in shared)
            total += len(ids)
        found: set[str] = set()
        for done, ids in enumerate(batches(self._added(draft), BATCH)):
            rivalries = {rivalry.id: rivalry for rivalry in self.among(self._records.claims_of(ids), draft)}
            with self._records.writing() as tx:
                tx.put_rivalries(rivalries.values())
            found.update(rivalries)
            report(done * BATCH + len(ids), total)
        return len(found)

    def _added(self, draft: int) -> Iterator[str]:
        """The chunks that a draft adds. They are read as they are asked for: a first ingest may add a million."""
        return (row.chunk for row in self._records.chunk_ranges(draft) if row.added_in == draft)

    def _store_claims(self, chunks: Iterable[Chunk]) -> None:
        every = list(chunks)
        revisions = self._records.revisions([chunk.revision for chunk in every])
        read = [claim for chunk in every for claim in extract(_source(chunk, revisions[chunk.revision].title), self._words)]
        with self._records.writing() as tx:
            tx.put_claims(KeyedClaim(claim, keys(claim)) for claim in read)

    def among(self, claims: Sequence[Claim], draft: int) -> Iterator[Rivalry]:
        """The rivalries of some stored claims with their nearest in the draft."""
        for _, group in groupby(claims, key=lambda claim: claim.chunk):
            yield from title_rivals(group)
        pairs = list(self._pairs(claims, draft))
        places = self._places(sorted({claim.chunk for pair in pairs for claim in pair}))
        rivals: set[tuple[str, str]] = set()
        for claim, other in pairs:
            if rivalry := detect(self._side(claim, places), self._side(other, places)):
                rivals.add((claim.chunk, other.chunk))
                yield rivalry
        alike = {(claim.chunk, other.chunk) for claim, other in pairs if claim.signature == other.signature}
        yield from self._copies(sorted(alike - rivals))

    def _pairs(self, claims: Sequence[Claim], draft: int) -> Iterator[tuple[Claim, Claim]]:
        """Each claim with its nearest in the draft."""
        near = self._records.kindred([keys(claim) for claim in claims], draft, NEIGHBOURS)
        others = self._records.claims(sorted({number for numbers in near for number in numbers}))
        for claim, numbers in zip(claims, near, strict=True):
            yield from ((claim, others[number]) for number in numbers if worth_comparing(claim, others[number]))

    def _copies(self, pairs: Sequence[tuple[str, str]]) -> Iterator[Rivalry]:
        ids = sorted({chunk for pair in pairs for chunk in pair})
        chunks, places = self._records.chunks(ids), self._places(ids)
        revisions = self._records.revisions([chunk.revision for chunk in chunks.values()])
        claims = {chunk: list(group) for chunk, group in groupby(self._records.claims_of(ids), key=lambda claim: claim.chunk)}
        copies = {name: _copy(chunk, revisions[chunk.revision], places[name], claims.get(name, ())) for name, chunk in chunks.items()}
        yield from (rivalry for left, right in pairs if (rivalry := compare_copies(copies[left], copies[right])))

    def _side(self, claim: Claim, places: Mapping[str, Place]) -> Side:
        place = places[claim.chunk]
        return Side(claim, place, {**place.conditions, **place.names, **self._expanded(claim.applies)})

    def _expanded(self, names: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        """Names with region groups expanded, so that sets can be compared."""
        regions = names.get(REGION, frozenset())
        wide = {REGION: frozenset().union(*(self._regions.expand(region) for region in regions))} if regions else {}
        return {**names, **wide}

    def _places(self, ids: Sequence[str]) -> dict[str, Place]:
        chunks = self._records.chunks(ids)
        revisions = self._records.revisions([chunk.revision for chunk in chunks.values()])
        return {name: self._place(chunk, revisions[chunk.revision]) for name, chunk in chunks.items()}

    def _place(self, chunk: Chunk, revision: Revision) -> Place:
        applicability = revision.governance.applicability
        return Place(
            document=chunk.document,
            names=self._expanded(self._words.mentioned(" ; ".join([revision.title, *chunk.heading_path]))),
            conditions=conditions(applicability, self._regions),
            explained=self._words.explain(value for values in applicability.conditions().values() for value in values),
            effective=revision.governance.effective,
            title=_topic(chunk, revision),
        )


def _topic(chunk: Chunk, revision: Revision) -> frozenset[str]:
    """What the title names and the text speaks of: `Repair desk` may be a place to read it, the desk is not what it is about."""
    return content_words(revision.title) & content_words(chunk.text)


def _copy(chunk: Chunk, revision: Revision, place: Place, claims: Iterable[Claim]) -> Copy:
    governance = revision.governance
    every = list(claims)
    values = frozenset((value.measure, value.canonical) for claim in every for value in claim.values if value.kind is not ValueKind.LIST)
    told = [place.names, *(claim.applies for claim in every)]
    names = frozenset(name for some in told for these in some.values() for name in these).union(*(claim.models for claim in every))
    dated = governance.effective.since or (governance.modified.date() if governance.modified else None)
    return Copy(chunk.id, chunk.document, chunk.text, values, names, dated, _topic(chunk, revision))


def _source(chunk: Chunk, title: str) -> Source:
    head = chunk.header.rsplit("\n", 1)[-1]
    return Source(chunk.id, chunk.document, chunk.text, title, chunk.heading_path, head if CELL_BREAK in head else "")
