"""The index on a Qdrant server or cluster, for when one machine is not enough.

Where it differs from the embedded index: the server takes the term statistics of BM25 from the whole collection (of each shard), because it
cannot take them from the admitted points. So a text that may not be read can move a score there, though it is never returned, and a later
release can move the lexical scores of an earlier one. The average length is fixed. Dense results are the same but for rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from context_service.errors import StoreError
from context_service.index.analysis import ANALYSIS_VERSION
from context_service.index.bm25 import saturation, term_counts
from context_service.index.protocol import FOREVER, Hit, Point, SearchFilter
from context_service.index.vectors import question, stacked

OLDEST_SERVER = (1, 16)
"""The oldest release that the contract suite has passed on; older ones ignore fields they do not know, in silence."""
DENSE = "dense"
TERMS = f"terms-{ANALYSIS_VERSION}"
"""Name of the sparse vector; a collection built under another analysis has none of this name."""
AVERAGE_LENGTH = 80.0
"""Terms of a usual chunk. Fixed, as weights are stored with the points and every later point would move a measured average."""
BATCH = 256
SCROLL = 1000
RANGE_FIELDS = ["chunk", "added_in", "removed_in"]
SPARE_HITS = 32
"""Asked for beyond the limit, so that equal scores at the limit are cut by chunk id and not by the server's mood."""
TIMEOUT_SECONDS = 30
REMEDY = "Check that the server runs and that CONTEXT_INDEX_URL and CONTEXT_INDEX_API_KEY are right, then try again."
POINT_IDS = UUID("4f0c8f0e-6d0b-5d0c-9a3e-2f6c1a5b7e90")
KEYWORD = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD)
RANGE = models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=False, range=True)
PAYLOAD_INDEXES: dict[str, models.PayloadSchemaParams] = {
    "label": KEYWORD,
    "facet": KEYWORD,
    "added_in": RANGE,
    "removed_in": RANGE,
    "effective_from": RANGE,
    "effective_to": RANGE,
}


class QdrantIndex:
    """The IndexStore on a Qdrant collection. Every method raises StoreError when the server cannot be reached or refuses.

    Writes go in batches, and what a broken connection interrupts is written in part; repeating the call completes it.
    """

    def __init__(self, client: QdrantClient, url: str, dimension: int, collection: str) -> None:
        self._client = client
        self._url = url
        self._dimension = dimension
        self._collection = collection
        with self._guarded():
            self._fits = self._prepare()

    def upsert(self, points: Sequence[Point]) -> None:
        """See IndexStore.upsert."""
        vectors = stacked(points, self._dimension)
        structs = [_struct(point, vector) for point, vector in zip(points, vectors, strict=True)]
        with self._asking():
            for start in range(0, len(structs), BATCH):
                _done(self._client.upsert(self._collection, structs[start : start + BATCH], wait=True))

    def remove(self, removed_in: Mapping[str, int]) -> None:
        """See IndexStore.remove."""
        with self._asking():
            for release in sorted(set(removed_in.values())):
                chunks = [chunk for chunk, wanted in removed_in.items() if wanted == release]
                for held in _selections(chunks):
                    _done(self._client.set_payload(self._collection, {"removed_in": release}, held, wait=True))

    def discard(self, chunks: Sequence[str]) -> None:
        """See IndexStore.discard."""
        with self._asking():
            for held in _selections(chunks):
                _done(self._client.delete(self._collection, held, wait=True))

    def dense(self, vector: NDArray[np.float32], where: SearchFilter, limit: int) -> list[Hit]:
        """See IndexStore.dense. Scores are of single precision, so near ones may stand in another order than in the embedded index."""
        return self._search(question(vector, self._dimension).tolist(), DENSE, where, limit)

    def lexical(self, text: str, where: SearchFilter, limit: int) -> list[Hit]:
        """See IndexStore.lexical. Statistics are those of the collection."""
        weights = {key: float(count) for key, count in term_counts(text).items()}
        return self._search(_sparse(weights), TERMS, where, limit) if weights else []

    def chunks(self, touched_in: int | None = None, *, after: int | None = None) -> dict[str, tuple[int, int]]:
        """See IndexStore.chunks."""
        wanted = [models.Range(gte=touched_in, lte=touched_in)] if touched_in is not None else []
        wanted += [models.Range(gt=after, lt=FOREVER)] if after is not None else []
        condition = models.Filter(must=[_touched(span) for span in wanted]) if wanted else None
        found: dict[str, tuple[int, int]] = {}
        with self._asking():
            for payload in self._payloads(condition):
                found[payload["chunk"]] = (payload["added_in"], payload["removed_in"])
        return found

    def ranges(self, touched_in: int | None = None, *, after: int | None = None) -> Iterator[tuple[str, int, int]]:
        """See IndexStore.ranges. The server keeps no order of texts, so all are held here."""
        for chunk, (added_in, removed_in) in sorted(self.chunks(touched_in, after=after).items()):
            yield chunk, added_in, removed_in

    def clear(self) -> None:
        """See IndexStore.clear."""
        with self._guarded():
            self._client.delete_collection(self._collection)
            self._fits = self._prepare()

    def check(self) -> str:
        """See IndexStore.check."""
        with self._asking():
            version = self._client.info().version
            count = self._client.count(self._collection).count
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_SERVER:
            raise StoreError(
                f"The Qdrant server at {self._url} is of version {version}.",
                remedy=f"Upgrade it to {'.'.join(map(str, OLDEST_SERVER))} or later.",
            )
        return f"Qdrant {version} at {self._url}, collection {self._collection}: {count} points of {self._dimension} numbers"

    def close(self) -> None:
        """See IndexStore.close."""
        self._client.close()

    def _search(self, query: list[float] | models.SparseVector, using: str, where: SearchFilter, limit: int) -> list[Hit]:
        if not where.labels or not where.facets:
            return []
        with self._asking():
            found = self._client.query_points(
                self._collection,
                query=query,
                using=using,
                query_filter=_filter(where),
                search_params=models.SearchParams(exact=True),
                limit=limit + SPARE_HITS,
                with_payload=["chunk"],
            )
        hits = [Hit(point.payload["chunk"], point.score) for point in found.points if point.payload]
        return sorted(hits, key=lambda hit: (-hit.score, hit.chunk))[:limit]

    def _prepare(self) -> bool:
        """Create what is missing; returns whether the collection has this dimension and analysis."""
        if not self._client.collection_exists(self._collection):
            self._create()
        collection = self._client.get_collection(self._collection)
        params = collection.config.params
        dense = params.vectors.get(DENSE) if isinstance(params.vectors, dict) else None
        if dense is None or dense.size != self._dimension or TERMS not in (params.sparse_vectors or {}):
            return False
        for key in PAYLOAD_INDEXES.keys() - collection.payload_schema.keys():
            self._client.create_payload_index(self._collection, key, PAYLOAD_INDEXES[key], wait=True)
        return True

    def _create(self) -> None:
        try:
            self._client.create_collection(
                self._collection,
                vectors_config={DENSE: models.VectorParams(size=self._dimension, distance=models.Distance.DOT)},
                sparse_vectors_config={TERMS: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                # Every search is exact, so no graph is built.
                hnsw_config=models.HnswConfigDiff(m=0),
            )
        except UnexpectedResponse as refusal:
            if refusal.status_code != HTTPStatus.CONFLICT:  # another process has just created it
                raise

    def _payloads(self, condition: models.Filter | None) -> Iterator[models.Payload]:
        following: models.ExtendedPointId | None = None
        while True:
            records, following = self._client.scroll(self._collection, condition, limit=SCROLL, offset=following, with_payload=RANGE_FIELDS)
            yield from (record.payload for record in records if record.payload)
            if following is None:
                return

    @contextmanager
    def _asking(self) -> Iterator[None]:
        if not self._fits:
            raise StoreError(
                f"The collection {self._collection} at {self._url} was built with another dimension or analysis.",
                remedy="Run `context-service reindex`.",
            )
        with self._guarded():
            yield

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (ApiException, QdrantException) as problem:
            raise StoreError(
                f"The Qdrant server at {self._url} could not be used: {problem}.",
                remedy=REMEDY,
            ) from problem


def open_qdrant_index(url: str, api_key: str, dimension: int, collection: str = "context") -> QdrantIndex:
    """The index in a collection of the server at `url`, created where there is none; an empty `api_key` sends none.

    An index built with another dimension or analysis opens, and every call but `clear` raises StoreError until it is cleared.
    """
    try:
        client = QdrantClient(url=url, api_key=api_key or None, timeout=TIMEOUT_SECONDS, check_compatibility=False)
    except ValueError as problem:
        raise StoreError(f"{url} is no URL of a Qdrant server: {problem}.", remedy=REMEDY) from problem
    return QdrantIndex(client, url, dimension, collection)


def _point_id(chunk: str) -> str:
    return str(uuid5(POINT_IDS, chunk))


def _struct(point: Point, vector: NDArray[np.float32]) -> models.PointStruct:
    counts = term_counts(point.text)
    length = float(sum(counts.values()))
    weights = {key: saturation(float(count), length, AVERAGE_LENGTH) for key, count in counts.items()}
    payload = {
        "chunk": point.chunk,
        "label": point.label,
        "facet": point.facet,
        "added_in": point.added_in,
        "removed_in": point.removed_in,
        "effective_from": point.effective_from,
        "effective_to": point.effective_to,
    }
    return models.PointStruct(id=_point_id(point.chunk), vector={DENSE: vector.tolist(), TERMS: _sparse(weights)}, payload=payload)


def _sparse(weights: Mapping[int, float]) -> models.SparseVector:
    """Qdrant names a term by 32 bits; where two terms share them, their weights add up."""
    folded: dict[int, float] = {}
    for key, weight in sorted(weights.items()):
        folded[key & 0xFFFFFFFF] = folded.get(key & 0xFFFFFFFF, 0.0) + weight
    return models.SparseVector(indices=list(folded), values=list(folded.values()))


def _filter(where: SearchFilter) -> models.Filter:
    """Every part in `must`. The caller has refused empty sets: Qdrant would read them as no condition at all."""
    conditions: list[models.Condition] = [
        models.FieldCondition(key="label", match=models.MatchAny(any=sorted(where.labels))),
        models.FieldCondition(key="facet", match=models.MatchAny(any=sorted(where.facets))),
        *_in_release(where),
    ]
    if where.effective_on is not None:
        day = where.effective_on.toordinal()
        conditions.append(models.FieldCondition(key="effective_from", range=models.Range(lte=day)))
        conditions.append(models.FieldCondition(key="effective_to", range=models.Range(gte=day)))
    return models.Filter(must=[*conditions])


def _in_release(where: SearchFilter) -> list[models.Condition]:
    added = models.FieldCondition(key="added_in", range=models.Range(lte=where.release))
    kept = models.FieldCondition(key="removed_in", range=models.Range(gt=where.release))
    if where.draft is None:
        return [added, kept]
    only = models.Range(gte=where.draft, lte=where.draft)
    own = models.FieldCondition(key="added_in", range=only)
    ended = models.FieldCondition(key="removed_in", range=only)
    return [models.Filter(should=[added, own]), models.Filter(must=[kept], must_not=[ended])]


def _touched(releases: models.Range) -> models.Filter:
    return models.Filter(should=[models.FieldCondition(key=key, range=releases) for key in ("added_in", "removed_in")])


def _selections(chunks: Sequence[str]) -> Iterator[models.Filter]:
    """Points of these chunks that exist; naming the ids outright would fail on an unknown one."""
    for start in range(0, len(chunks), BATCH):
        ids = [_point_id(chunk) for chunk in chunks[start : start + BATCH]]
        yield models.Filter(must=[models.HasIdCondition(has_id=[*ids])])


def _done(result: models.UpdateResult) -> None:
    """A server that ran out of time accepts a write and applies it later; that is not yet written."""
    if result.status != models.UpdateStatus.COMPLETED:
        raise StoreError(f"The Qdrant server has not finished a write: {result.status.value}.", remedy="Try again when it is less busy.")
